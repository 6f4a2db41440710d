"""What a reviewer reads of a plan as a whole: what its windows make of it, and what looks wrong."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from flowops.common.duplicates import repeats
from flowops.common.masking import mask_number
from flowops.policy.rule import Block, CallContext, Defer, format_reason
from flowops.policy.terms import Expires, moment
from flowops.policy.times import moment_text
from flowops.policy.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flowops.model.call import Call
    from flowops.model.document import Value
    from flowops.policy.config import Policy

#: How many openings, numbers and references one line names.
NAMED = 5


class WindowSummary:
    """For each window how many calls it lets pass now, and when the rest; a window counts the calls it is for."""

    def __init__(self, policy: Policy, at: datetime) -> None:
        self._rules = [rule for rule in policy.rules if isinstance(rule, Windows)]
        self._at = at
        # By rule and by the line of the window that is reported.
        self._now: Counter[tuple[int, int]] = Counter()
        self._never: Counter[tuple[int, int]] = Counter()
        self._later: dict[tuple[int, int], Counter[datetime]] = defaultdict(Counter)

    def add(self, call: Call) -> None:
        """Take in one more call."""
        for number, rule in enumerate(self._rules):
            context = CallContext(call, self._at)
            clocks = rule.clocks(context)
            # What no window is for is reported at the rule itself.
            where = number, rule.place.line if isinstance(clocks, str) else clocks[0].windows[0].place.line
            finding = rule.evaluate(context)
            if isinstance(finding, Defer):
                self._later[where][finding.until] += 1
            elif isinstance(finding, Block):
                self._never[where] += 1
            else:
                self._now[where] += 1

    def lines(self) -> list[str]:
        """Return what a reviewer reads, a line for each window."""
        return [
            _window_line(
                f"{self._rules[number].place.file}:{line}",
                self._now[number, line],
                self._later[number, line],
                self._never[number, line],
            )
            for number, line in sorted({*self._now, *self._never, *self._later})
        ]


class RepeatedCallees:
    """Which numbers more than one call of a plan rings, in twelve bytes a call."""

    def __init__(self) -> None:
        # A number has at most fifteen digits. Numbers are kept in parts, so that few are looked at at a time.
        self._numbers = array("Q")
        self._calls = array("I")

    def add(self, calls: Sequence[int], bodies: Sequence[Mapping[str, Value]]) -> None:
        """Take in the numbers that some calls ring; `calls` are their positions in the plan."""
        for call, body in zip(calls, bodies, strict=True):
            if "callees" in body:
                numbers = dict.fromkeys(body["callees"])
                self._numbers.extend(int(number[1:]) for number in numbers)
                self._calls.extend([call] * len(numbers))
            else:
                self._numbers.append(int(body["callee"][1:]))
                self._calls.append(call)

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
    """Calls whose turn, at the rate of the environment, comes after their window has closed or they have expired."""

    def __init__(self, policy: Policy, at: datetime, rate: float | None) -> None:
        self._policy = policy
        self._at = at
        self._rate = rate
        self._calls = 0
        self._late: Counter[tuple[str, datetime]] = Counter()

    def add_endless(self, count: int) -> None:
        """Take in more calls that may be placed now, and at any later time."""
        self._calls += count

    def add(self, call: Call) -> None:
        """Take in one more call that may be placed now."""
        if self._rate is not None:
            ends = _ends(self._policy, call, self._at)
            if ends is not None and self._calls / self._rate >= (ends[1] - self._at).total_seconds():
                self._late[ends] += 1
        self._calls += 1

    def warnings(self) -> list[str]:
        """Return a warning for those that come too late."""
        if self._rate is None:
            return []
        of_all = f"of {self._calls:,} calls at {_rate(self._rate)}"
        return [
            f"{why}: {count:,} {of_all} do not fit before {moment_text(end)}"
            for (why, end), count in sorted(self._late.items(), key=lambda item: item[0][1])
        ]


def _ends(policy: Policy, call: Call, at: datetime) -> tuple[str, datetime] | None:
    """Return what ends first for a call that may be placed now, and when."""
    context = CallContext(call, at)
    ends: list[tuple[str, datetime]] = []
    for rule in policy.of_call(call):
        if isinstance(rule, Windows):
            clocks = rule.clocks(context)
            closes = None if isinstance(clocks, str) else rule.change(clocks, at, to=False)
            if closes is not None:
                ends.append((format_reason(rule, "the hours are too few"), closes))
        elif isinstance(rule, Expires):
            end = moment(call, context.callees, end=True)
            if not isinstance(end, str):
                ends.append((format_reason(rule, "the time is too short"), end))
    return min(ends, key=lambda item: item[1], default=None)


def _window_line(where: str, now: int, later: Counter[datetime], never: int) -> str:
    total = now + later.total() + never
    parts = [f"{now:,} of {total:,} calls may be placed now"]
    openings = sorted(later.items())
    parts += [f"{count:,} from {moment_text(until)}" for until, count in openings[:NAMED]]
    rest = openings[NAMED:]
    if rest:
        parts.append(f"{sum(count for _, count in rest):,} later, the last from {moment_text(rest[-1][0])}")
    if never:
        parts.append(f"{never:,} at no time")
    return f"windows ({where}): {', '.join(parts)}"


def _rate(rate: float) -> str:
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3_600)):
        if rate * seconds >= 1:
            return f"{rate * seconds:g}/{unit}"
    return f"{rate * 86_400:g} a day"
