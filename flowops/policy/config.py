"""A policy: its rules, side by side, what stops a run, and how both are read.

From the `policy` of a Project document, which fits its schema, to a `Policy`; what else is wrong are problems.

An environment's policy stands beside the project's: both count. What an environment says can therefore only be
stricter; where it would be looser it has no effect, and that is told as a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from flowops.common.spans import read_span
from flowops.model import Problem
from flowops.policy.limits import MaxChange, PerCallee, PerDay, PerDocument, PerRun
from flowops.policy.numbers import ORDINARY, countries
from flowops.policy.people import Callers, Consent, Countries, DoNotCall, NumberTypes
from flowops.policy.times import zone
from flowops.policy.windows import DAY, Expires, Holidays, NotBefore, Window, Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from flowops.model import Call, Document, Path, Place, Value
    from flowops.policy.rule import Rule


@dataclass(frozen=True, slots=True)
class StopOn:
    """End a run when more than a share of its calls was refused, once so many have been answered."""

    share: float
    after: int
    place: Place
    name: str = "stop-on"

    def reached(self, refused: int, answered: int) -> str | None:
        """Why the run ends, None while it may go on."""
        if answered < self.after or refused <= self.share * answered:
            return None
        return f"{refused:,} of {answered:,} calls were refused, the limit is {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that all have to keep silent for a call to be placed. No rule at all lets everything pass."""

    rules: tuple[Rule, ...] = ()
    stop_on: tuple[StopOn, ...] = ()

    def of_call(self, call: Call) -> tuple[Rule, ...]:
        """The rules for a call: the policy's, and those that the call brings with it."""
        own: list[Rule] = []
        if call.terms.not_before is not None:
            own.append(NotBefore(call.origin.place(("not-before",))))
        if call.terms.expires is not None:
            own.append(Expires(call.origin.place(("expires",))))
        return (*self.rules, *own)


def told(rule: Rule | StopOn, why: str) -> str:
    """A reason as it is given to people: the rule, where it is written, and why."""
    return f"{rule.name} ({rule.place.file}:{rule.place.line}): {why}"


CODE = "policy"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_T = TypeVar("_T")


def read_policy(document: Document | None, environment: str) -> tuple[Policy | None, list[Problem]]:
    """The policy for an environment, and what is wrong with it; None where neither it nor the project has one."""
    if document is None:
        return None, []
    reading = _Reading(document)
    reading.read(("policy",), document.value.get("policy"))
    written = (document.value.get("environments") or {}).get(environment) or {}
    reading.read(("environments", environment, "policy"), written.get("policy"))
    policy = Policy(tuple(reading.rules), tuple(reading.stop_on)) if reading.found else None
    return policy, reading.problems


class _Reading:
    """Collects the rules of one or two policies."""

    def __init__(self, document: Document) -> None:
        self.found = False
        self.rules: list[Rule] = []
        self.stop_on: list[StopOn] = []
        self.problems: list[Problem] = []
        self._document = document

    def read(self, at: Path, written: Mapping[str, Value] | None) -> None:
        """Take in a policy; the first one of all has the defaults for what it leaves out."""
        if written is None:
            return
        place = self._document.key_place(at)
        before = list(self.rules)
        if not self.found:
            if "countries" not in written:
                self.rules.append(Countries(None, place))
            if "number-types" not in written:
                self.rules.append(NumberTypes(ORDINARY, place))
        self.found = True
        for name, value in written.items():
            _READERS[name](self, (*at, name), value)
        for rule in self.rules[len(before) :]:
            self._hold_against(rule, before)

    def key(self, at: Path) -> Place:
        """Where the last key of a path stands; of an item in a list, where the item begins."""
        return self._document.place(at) if isinstance(at[-1], int) else self._document.key_place(at)

    def note(self, at: Path, message: str, hint: str | None = None) -> None:
        """A problem with the value at a path."""
        name = next(str(step) for step in reversed(at) if isinstance(step, str))
        self.problems.append(Problem(self._document.place(at), None, f"{name}: {message}", CODE, hint))

    def checked(self, at: Path, value: str, read: Callable[[str], _T]) -> _T | None:
        """What a reader makes of a value; None, and a problem, when it raises."""
        try:
            return read(value)
        except ValueError as error:
            self.note(at, f"'{value[:40]}' {error}")
            return None

    def span(self, at: Path, holder: Mapping[str, Value], name: str) -> timedelta | None:
        """A span of time under a key, None when there is none."""
        return self.checked((*at, name), holder[name], read_span) if name in holder else None

    def countries(self, at: Path, value: list[str]) -> frozenset[str]:
        """Country codes that exist."""
        for index, code in enumerate(value):
            if code not in countries():
                hint = "it is GB" if code == "UK" else "write two capital letters of ISO 3166-1, such as GB"
                self.note((*at, index), f"'{code[:10]}' is not a country with phone numbers", hint)
        return frozenset(value)

    def max_calls(self, at: Path, value: Value) -> None:
        """``500``, or a mapping."""
        if isinstance(value, int):
            self.rules.append(PerRun(value, self.key(at)))
            return
        limits: Mapping[str, Value] = value
        if "per-run" in limits:
            self.rules.append(PerRun(limits["per-run"], self.key((*at, "per-run"))))
        if "per-document" in limits:
            self.rules.append(PerDocument(limits["per-document"], self.key((*at, "per-document"))))
        timezone = limits.get("timezone", "UTC")
        if zone(timezone) is None:
            self.note((*at, "timezone"), f"'{timezone[:40]}' is not a time zone", "write one such as Europe/London")
        elif "per-day" in limits:
            self.rules.append(PerDay(limits["per-day"], timezone, self.key((*at, "per-day"))))

    def max_change(self, at: Path, value: str) -> None:
        """``20%``."""
        self.rules.append(MaxChange(_share(value), self.key(at)))

    def countries_rule(self, at: Path, value: list[str]) -> None:
        """A list of countries."""
        self.rules.append(Countries(self.countries(at, value), self.key(at)))

    def number_types(self, at: Path, value: list[str]) -> None:
        """A list of kinds."""
        self.rules.append(NumberTypes(frozenset(value), self.key(at)))

    def callers(self, at: Path, value: list[str]) -> None:
        """A list of numbers."""
        self.rules.append(Callers(frozenset(value), self.key(at)))

    def windows(self, at: Path, value: list[dict[str, Value]]) -> None:
        """A list of windows, one rule together: a call has to be inside of one."""
        windows = []
        for index, fields in enumerate(value):
            here = (*at, index)
            hours = fields["hours"]
            several = isinstance(hours, list)
            written = [(hour, (*here, "hours", number)) for number, hour in enumerate(hours)] if several else []
            spans = [self.checked(place, hour, _hours) for hour, place in written or [(hours, (*here, "hours"))]]
            days = fields.get("days", list(DAYS))
            windows.append(
                Window(
                    days=frozenset(day for word in ([days] if isinstance(days, str) else days) for day in _days(word)),
                    spans=tuple(span for span in spans if span is not None),
                    countries=self.countries((*here, "countries"), fields.get("countries", [])),
                    holidays=Holidays(fields.get("holidays", Holidays.OPEN)),
                    place=self.key(here),
                )
            )
        self.rules.append(Windows(tuple(windows), self.key(at)))

    def do_not_call(self, at: Path, value: Value) -> None:
        """A file, a mapping, or a list of these."""
        for where, item in _each(at, value):
            fields: Mapping[str, Value] = {"file": item} if isinstance(item, str) else item
            key = fields["key"]["env"] if "key" in fields else None
            self.rules.append(DoNotCall(fields["file"], self.span(where, fields, "max-age"), key, self.key(where)))

    def per_callee(self, at: Path, value: Value) -> None:
        """A mapping, or a list of these."""
        for where, fields in _each(at, value):
            within = self.span(where, fields, "within")
            if within is not None:
                self.rules.append(PerCallee(fields["calls"], within, self.key(where)))

    def consent(self, at: Path, value: Value) -> None:
        """A list of keys, or a mapping."""
        fields = {"require": value} if isinstance(value, list) else value
        required = tuple(fields.get("require", ("basis", "date")))
        self.rules.append(Consent(required, self.span(at, fields, "max-age"), self.key(at)))

    def stop_on_rule(self, at: Path, value: Mapping[str, Value]) -> None:
        """A share of refusals."""
        self.stop_on.append(StopOn(_share(value["refused"]), value.get("after", 20), self.key(at)))

    def _hold_against(self, rule: Rule, before: list[Rule]) -> None:
        """Tell of a rule that looks as if it would allow more than one of the same kind before it."""
        for other in before:
            if type(other) is type(rule) and _looser(rule, other):
                message = f"{rule.name}: is looser than at line {other.place.line}, and has no effect"
                hint = "an environment's policy can only be stricter than the project's"
                self.problems.append(Problem(rule.place, None, message, CODE, hint))


def _looser(rule: Rule, other: Rule) -> bool:
    match rule, other:
        case (PerRun() | PerDocument() | PerDay(), PerRun() | PerDocument() | PerDay()):
            return rule.most > other.most
        case MaxChange(), MaxChange():
            return rule.share > other.share
        case NumberTypes(), NumberTypes():
            return not rule.allowed <= other.allowed
        case Callers(), Callers():
            return not rule.allowed <= other.allowed
        case Countries(allowed=frozenset() as some), Countries(allowed=frozenset() as all_):
            return not some <= all_
    return False


def _each(at: Path, value: Value) -> list[tuple[Path, Value]]:
    return [((*at, index), item) for index, item in enumerate(value)] if isinstance(value, list) else [(at, value)]


def _share(text: str) -> float:
    return float(text.removesuffix("%")) / 100


def _days(word: str) -> list[int]:
    """``mon`` or ``mon-fri``; ``sat-mon`` goes round."""
    first, _, last = word.partition("-")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [day % len(DAYS) for day in range(start, end + 1 if end >= start else end + 1 + len(DAYS))]


def _hours(text: str) -> tuple[int, int]:
    """``08:00-20:00`` as minutes of the day; ``24:00`` is its end. Raises ValueError."""
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
    if not start < end <= DAY:
        raise ValueError("ends before it begins: write the hours of one day, such as 08:00-20:00")
    return start, end


_READERS: dict[str, Callable[[_Reading, Path, Value], None]] = {
    "max-calls": _Reading.max_calls,
    "max-change": _Reading.max_change,
    "countries": _Reading.countries_rule,
    "number-types": _Reading.number_types,
    "callers": _Reading.callers,
    "windows": _Reading.windows,
    "do-not-call": _Reading.do_not_call,
    "per-callee": _Reading.per_callee,
    "consent": _Reading.consent,
    "stop-on": _Reading.stop_on_rule,
}
