"""The rules about how many: of a run, of a day, of a document, of what is known, and of one callee."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from flowops.common.text import count
from flowops.common.times import span_text
from flowops.common.zones import zone
from flowops.policy.rule import (
    SHARE,
    Block,
    Defer,
    Finding,
    Rule,
    RunGuard,
    Schema,
    Setting,
    each,
    read_share,
    span_schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader
    from flowops.policy.rule import CallContext, CallGroup, PolicyContext


class MaxCalls(Setting):
    """Not more than so many phones: of a plan, of a document, of a day."""

    __slots__ = ()

    key: ClassVar[str] = "max-calls"
    liftable: ClassVar[bool] = True
    most: int
    schema: ClassVar[Schema] = {
        "description": "How many phones may be rung: three callees of a call are three. A number counts for each run.",
        "examples": [500, {"per-run": 500, "per-day": 2000}],
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "per-run": {
                        "type": "integer",
                        "minimum": 0,
                        "description": "Nothing of a plan with more phones is placed.",
                        "examples": [500],
                    },
                    "per-document": {
                        "type": "integer",
                        "minimum": 0,
                        "description": "Nothing is placed while a document has more phones.",
                        "examples": [200],
                    },
                    "per-day": {
                        "type": "integer",
                        "minimum": 0,
                        "description": "What is more is deferred to the next day; all runs of the environment count.",
                        "examples": [2000],
                    },
                    "timezone": {
                        "type": "string",
                        "minLength": 1,
                        "default": "UTC",
                        "description": "Where the day of per-day begins.",
                        "examples": ["Europe/London"],
                    },
                },
                "additionalProperties": False,
            },
        ],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield a rule for each of the limits; a number is that of a run."""
        if isinstance(value, int):
            yield PerRun(value, reader.place(at))
            return
        limits: Mapping[str, Value] = value
        if "per-run" in limits:
            yield PerRun(limits["per-run"], reader.place((*at, "per-run")))
        if "per-document" in limits:
            yield PerDocument(limits["per-document"], reader.place((*at, "per-document")))
        timezone = limits.get("timezone", "UTC")
        if zone(timezone) is None:
            hint = "write one such as Europe/London"
            reader.add_problem((*at, "timezone"), f"'{timezone[:40]}' is not a time zone", hint)
        elif "per-day" in limits:
            yield PerDay(limits["per-day"], timezone, reader.place((*at, "per-day")))

    def is_looser_than(self, other: Any) -> bool:
        """Return whether the limit is higher."""
        return bool(self.most > other.most)


@dataclass(frozen=True, slots=True)
class PerRun(MaxCalls, RunGuard):
    """No plan of more than so many phones. What other rules hold back counts too: it is the size of the change."""

    most: int
    place: Place
    name: ClassVar[str] = "max-calls.per-run"

    def check(self, facts: PolicyContext, at: datetime) -> str | None:  # noqa: ARG002 (at any time)
        """Return how much too large the plan is."""
        if facts.phones <= self.most:
            return None
        return f"the plan has {count(facts.phones, 'phone')} to ring, the limit is {self.most:,}"


@dataclass(frozen=True, slots=True)
class PerDocument(MaxCalls, RunGuard):
    """No document of more than so many phones to ring."""

    most: int
    place: Place
    name: ClassVar[str] = "max-calls.per-document"

    def check(self, facts: PolicyContext, at: datetime) -> str | None:  # noqa: ARG002 (at any time)
        """Return which document is how much too large."""
        large = [(document, phones) for document, phones in facts.by_document.items() if phones > self.most]
        if not large:
            return None
        (document, phones), *others = large
        more = f"; others with too many: {len(others):,}" if others else ""
        return f"{document.file}:{document.line} has {count(phones, 'phone')} to ring, the limit is {self.most:,}{more}"


@dataclass(frozen=True, slots=True)
class PerDay(MaxCalls, Rule):
    """Not more than so many phones a day, over all runs; the day is that of a zone."""

    most: int
    timezone: str
    place: Place
    name: ClassVar[str] = "max-calls.per-day"
    foreseeable: ClassVar[bool] = True
    counted: ClassVar[bool] = True

    def evaluate(self, context: CallContext) -> Finding:
        """Defer to the next day what is too much for this one."""
        phones = len(context.call.callees)
        if self.most == 0:
            return Block("the limit is 0")
        if phones > self.most:
            return Block(f"the call rings {phones:,} phones, the limit is {self.most:,} a day")
        known = zone(self.timezone)
        if known is None:
            return Block(f"the time zone {self.timezone} is not known on this machine")
        begin, claimed = _begin(context.at, known), context.facts.claimed
        if begin not in claimed:
            # Of a day to come nothing is used up; any other one has to be counted.
            return None if any(day < begin for day in claimed) else Block("the phones of the day were not counted")
        used = claimed[begin] + context.counts.passed
        if used + phones <= self.most:
            return None
        why = f"{count(used, 'phone')} today, the limit is {self.most:,}"
        return Defer(_begin(begin + timedelta(hours=36), known), why)

    def suspects(self, group: CallGroup) -> Iterable[int]:
        """Return all calls, unless all of their phones are within the limit."""
        known = zone(self.timezone)
        used = None if known is None else group.facts.claimed.get(_begin(group.at, known))
        is_enough = used is not None and used + group.counts.passed + len(group.numbers) <= self.most
        return () if is_enough else group.calls

    def day(self, at: datetime) -> datetime | None:
        """Return when the day of an instant began; None when the zone is not known."""
        known = zone(self.timezone)
        return None if known is None else _begin(at, known)


def _begin(at: datetime, where: ZoneInfo) -> datetime:
    """Return when the day of an instant began, in UTC."""
    return datetime.combine(at.astimezone(where).date(), time(), where).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class MaxChange(Setting, RunGuard):
    """No plan that adds more than a share of the phones that the ledger knows."""

    share: float
    place: Place
    key: ClassVar[str] = "max-change"
    name: ClassVar[str] = "max-change"
    liftable: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        **SHARE,
        "description": "A plan may not ring more than this share of the phones that the ledger knows. "
        "The first one needs `apply --override max-change`.",
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule for ``20%``."""
        yield cls(read_share(value), reader.place(at))

    def check(self, facts: PolicyContext, at: datetime) -> str | None:  # noqa: ARG002 (at any time)
        """Return how much too large the plan is; of the first one of all there is no share."""
        if facts.phones <= self.share * facts.known:
            return None
        if facts.known == 0:
            return "the ledger knows no call yet, so that every plan is a large one"
        share = facts.phones / facts.known
        ring = f"{count(facts.phones, 'phone')} to ring {'is' if facts.phones == 1 else 'are'}"
        return f"{ring} {share:.0%} of the {facts.known:,} that the ledger knows, the limit is {self.share:.0%}"

    def is_looser_than(self, other: Any) -> bool:
        """Return whether the share is larger."""
        return bool(self.share > other.share)


_PER_CALLEE: Schema = {
    "type": "object",
    "required": ["calls", "within"],
    "properties": {
        "calls": {"type": "integer", "minimum": 1, "description": "How many calls, at most.", "examples": [3]},
        "within": span_schema("Within this time."),
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class PerCallee(Setting, Rule):
    """Not more than so many calls to one number within a span, over all references and runs."""

    most: int
    within: timedelta
    place: Place
    key: ClassVar[str] = "per-callee"
    name: ClassVar[str] = "per-callee"
    foreseeable: ClassVar[bool] = True
    counted: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "description": "How often one number may be called, over all references and runs.",
        "examples": [{"calls": 3, "within": "7d"}, [{"calls": 1, "within": "1d"}, {"calls": 5, "within": "30d"}]],
        "anyOf": [_PER_CALLEE, {"type": "array", "minItems": 1, "items": _PER_CALLEE}],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule of a mapping, or of each in a list."""
        for where, fields in each(at, value):
            within = reader.span(where, fields, "within")
            if within is not None:
                yield cls(fields["calls"], within, reader.place(where))

    def span(self) -> timedelta:
        """Return how long ago calls to a number count."""
        return self.within

    def evaluate(self, context: CallContext) -> Finding:
        """Defer until enough of the earlier calls are long enough ago."""
        later: list[Defer] = []
        callees = context.callees
        for callee, rings in ((callees[0], 1),) if len(callees) == 1 else Counter(callees).items():
            if rings > self.most:
                return Block(f"the call rings {context.named(callee)} {rings} times, the limit is {self.most}")
            before, passed = context.facts.rung.get(callee.number, ()), context.counts.rings(callee.number)
            room = self.most - rings
            if len(before) + len(passed) <= room:
                continue
            recent = sorted(time for time in (*before, *passed) if time > context.at - self.within)
            if len(recent) > room:
                free = recent[len(recent) - room - 1] + self.within
                many = f"{len(recent)} in the last {span_text(self.within)} to {context.named(callee)}"
                later.append(Defer(free, f"{many}, the limit is {self.most}"))
        return max(later, default=None)

    def suspects(self, group: CallGroup) -> Iterable[int]:
        """Return the calls to numbers that these calls, and those before them, may ring too often."""
        rings = Counter(group.digits)
        for earlier in group.counts.rung.values():
            for digits in rings.keys() & earlier.keys():
                rings[digits] += earlier[digits]
        for number, times in group.facts.rung.items():
            rings[int(number)] += len(times)
        if max(rings.values(), default=0) <= self.most:
            return ()
        return [call for call, digits in zip(group.calls, group.digits, strict=True) if rings[digits] > self.most]


@dataclass(frozen=True, slots=True)
class StopOn(Setting):
    """End a run when more than a share of its phones was refused, once so many have been answered."""

    share: float
    after: int
    place: Place
    key: ClassVar[str] = "stop-on"
    name: ClassVar[str] = "stop-on"
    schema: ClassVar[Schema] = {
        "type": "object",
        "required": ["refused"],
        "description": "End a run when too many of its calls are refused.",
        "examples": [{"refused": "20%", "after": 20}],
        "properties": {
            "refused": {**SHARE, "description": "The share of answered phones that may be refused."},
            "after": {
                "type": "integer",
                "minimum": 1,
                "default": 20,
                "description": "How many phones have to be answered before the share counts.",
                "examples": [20],
            },
        },
        "additionalProperties": False,
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the share of refusals that ends a run."""
        yield cls(read_share(value["refused"]), value.get("after", 20), reader.place(at))

    def reached(self, refused: int, answered: int) -> str | None:
        """Return why the run ends, None while it may go on."""
        if answered < self.after or refused <= self.share * answered:
            return None
        phones = f"{count(answered, 'phone')} {'was' if answered == 1 else 'were'}"
        return f"{refused:,} of {phones} refused, the limit is {self.share:.0%}"
