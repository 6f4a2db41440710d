"""What a reviewer reads of a plan as a whole: what its windows make of it, and what looks wrong."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.common.duplicates import repeats
from flowops.common.masking import mask_number
from flowops.common.text import count
from flowops.model.call import callees_of
from flowops.policy.reading import moment_text
from flowops.policy.rule import Block, Defer, format_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Value
    from flowops.policy.policy import Policy
    from flowops.policy.rule import CallContext
    from flowops.policy.rules.windows import Clocks, Windows

NEVER = datetime.max.replace(tzinfo=UTC)
#: How many openings, numbers and references one line names.
NAMED = 5


class WindowSummary:
    """For each window how many calls it lets pass now, and when the rest; a window counts the calls it is for.

    Calls that another rule holds back are not added, so that the counts are those of the plan.
    """

    def __init__(self, policy: Policy, at: datetime) -> None:
        self._at = at
        #: How many calls hang on which clocks, by rule; None stands for those that hang on none.
        self._calls: list[tuple[Windows, Counter[Clocks | None]]] = [(rule, Counter()) for rule in _windows_of(policy)]

    def add(self, contexts: Iterable[CallContext]) -> None:
        """Take in more calls; those that are alike may share a context."""
        if not self._calls:
            return
        counted = Counter(contexts)
        for rule, calls in self._calls:
            for context, number in counted.items():
                clocks = rule.clocks(context)
                calls[None if isinstance(clocks, str) else clocks] += number

    def lines(self) -> list[str]:
        """Return what a reviewer reads, a line for each window."""
        return [line for rule, calls in self._calls for line in self._lines(rule, calls)]

    def _lines(self, rule: Windows, calls: Counter[Clocks | None]) -> Iterator[str]:
        # By the line of the window; what no window is for is reported at the rule itself.
        now: Counter[int] = Counter()
        never: Counter[int] = Counter()
        later: dict[int, Counter[datetime]] = defaultdict(Counter)
        for clocks, number in calls.items():
            where = rule.place.line if clocks is None else clocks[0].windows[0].place.line
            finding = Block("") if clocks is None else rule.finding(clocks, self._at)
            if isinstance(finding, Defer) and finding.until is not None:
                later[where][finding.until] += number
            elif isinstance(finding, Block):
                never[where] += number
            else:
                now[where] += number
        for line in sorted({*now, *never, *later}):
            yield _window_line(f"{rule.place.file}:{line}", now[line], later[line], never[line])


class RepeatedCallees:
    """Which numbers more than one call of a plan rings, in twelve bytes a call."""

    def __init__(self) -> None:
        # A number has at most fifteen digits. Numbers are kept in parts, so that few are looked at at a time.
        self._numbers = array("Q")
        self._calls = array("I")

    def add(self, calls: Sequence[int], bodies: Sequence[Mapping[str, Value]]) -> None:
        """Take in the numbers that some calls ring; `calls` are their positions in the plan."""
        single = [body["callee"] for body in bodies if "callees" not in body]
        if len(single) == len(bodies):
            self._numbers.extend(map(int, single))
            self._calls.extend(calls)
            return
        for call, body in zip(calls, bodies, strict=True):
            numbers = dict.fromkeys(callees_of(body))
            self._numbers.extend(map(int, numbers))
            self._calls.extend([call] * len(numbers))

    def warnings(self, reference: Callable[[int], str]) -> list[str]:
        """Return a warning for each; `reference` gives the reference-id of the call at a position."""
        repeated = repeats(self._numbers)
        if not repeated:
            return []
        named: dict[int, list[int]] = {}
        for number, call in zip(self._numbers, self._calls, strict=True):
            if number in named:
                named[number].append(call)
            elif len(named) < NAMED and number in repeated:
                named[number] = [call]
        warnings = []
        for number, calls in named.items():
            named_calls = ", ".join(map(reference, calls[:NAMED]))
            more = f" and {len(calls) - NAMED:,} more" if len(calls) > NAMED else ""
            shown = mask_number(f"+{number}")
            warnings.append(f"{shown} is called by {len(calls):,} calls of this plan: {named_calls}{more}")
        if len(repeated) > NAMED:
            warnings.append(f"{len(repeated) - NAMED:,} more numbers are called more than once")
        return warnings


class CapacityCheck:
    """Phones whose turn, at the rate of the environment, comes after their window has closed or they have expired."""

    def __init__(self, policy: Policy, at: datetime, rate: float | None) -> None:
        self._windows = _windows_of(policy)
        self._at = at
        self._rate = rate
        self._phones = 0
        self._late: Counter[tuple[str, datetime]] = Counter()

    def add_endless(self, phones: int) -> None:
        """Take in more phones that may be rung now, and at any later time."""
        self._phones += phones

    def add(self, passed: Iterable[CallContext]) -> None:
        """Take in more calls that may be placed now; those that are alike may share a context."""
        if self._rate is None:
            return
        contexts = list(passed)
        ends = {context: (*self._end(context), len(context.call.callees)) for context in set(contexts)}
        # Nobody of these comes too late when the last of them does not.
        last = self._phones + sum(ends[context][2] for context in contexts)
        if all(why is None or last / self._rate < self._left(end) for end, why, _ in ends.values()):
            self._phones = last
            return
        for context in contexts:
            end, why, phones = ends[context]
            if why is not None and self._phones / self._rate >= self._left(end):
                self._late[why, end] += phones
            self._phones += phones

    def _left(self, end: datetime) -> float:
        """Return the seconds up to a time."""
        return (end - self._at).total_seconds()

    def _end(self, context: CallContext) -> tuple[datetime, str | None]:
        """Return when a call may no longer be placed, and what is said of one that comes too late, if any can."""
        first = NEVER
        why: str | None = None
        for rule in self._windows:
            clocks = rule.clocks(context)
            closes = None if isinstance(clocks, str) else rule.change(clocks, self._at, to=False)
            if closes is not None and closes < first:
                first, why = closes, format_reason(rule, "the hours are too few")
        if context.call.terms.expires is not None:
            from flowops.policy.terms import Expires, moment, rules_of

            end = moment(context.call, context.callees, end=True)
            if not isinstance(end, str) and end < first:
                (own,) = (each for each in rules_of(context.call) if isinstance(each, Expires))
                first, why = end, format_reason(own, "the time is too short")
        return first, why

    def warnings(self) -> list[str]:
        """Return a warning for those that come too late."""
        if self._rate is None:
            return []
        of_all = f"of {count(self._phones, 'phone')} at {_rate(self._rate)}"
        return [
            f"{why}: {late:,} {of_all} do not fit before {moment_text(end)}"
            for (why, end), late in sorted(self._late.items(), key=lambda item: item[0][1])
        ]


def _windows_of(policy: Policy) -> list[Windows]:
    """Return the windows of a policy. Their classes are imported only where there is one."""
    if not policy.rules:
        return []
    from flowops.policy.rules.windows import Windows

    return [rule for rule in policy.rules if isinstance(rule, Windows)]


def _window_line(where: str, now: int, later: Counter[datetime], never: int) -> str:
    total = now + later.total() + never
    parts = [f"{now:,} of {count(total, 'call')} {'is' if total == 1 else 'are'} within their hours now"]
    openings = sorted(later.items())
    parts += [f"{later_on:,} from {moment_text(until)}" for until, later_on in openings[:NAMED]]
    rest = openings[NAMED:]
    if rest:
        parts.append(f"{sum(number for _, number in rest):,} later, the last from {moment_text(rest[-1][0])}")
    if never:
        parts.append(f"{never:,} at no time")
    return f"windows ({where}): {', '.join(parts)}"


def _rate(rate: float) -> str:
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3_600)):
        if rate * seconds >= 1:
            return f"{rate * seconds:g}/{unit}"
    return f"{rate * 86_400:g} a day"
