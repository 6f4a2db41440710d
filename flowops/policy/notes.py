"""What a reviewer is told of a plan as a whole: what its windows make of it, and what looks wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from flowops.model.masking import mask_number
from flowops.policy.hours import Windows, moment
from flowops.policy.policy import told
from flowops.policy.rule import Block, Facts, Later, Subject, Tally
from flowops.policy.times import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from flowops.model import Call
    from flowops.policy.policy import Policy

#: How many openings, numbers and references one note names.
NAMED = 5


def window_notes(policy: Policy, calls: Sequence[Call], at: datetime) -> list[str]:
    """For each window how many calls it lets pass now, and when the rest; a window counts the calls it is for."""
    notes = []
    for rule in policy.rules:
        if not isinstance(rule, Windows):
            continue
        now: Counter[int] = Counter()
        never: Counter[int] = Counter()
        later: dict[int, Counter[datetime]] = defaultdict(Counter)
        for call in calls:
            subject = Subject(call)
            clocks = rule.clocks(subject)
            # What no window is for is told at the rule itself.
            line = rule.place.line if isinstance(clocks, str) else clocks[0].windows[0].place.line
            finding = rule.look(subject, _NO_FACTS, _NO_TALLY, at)
            if isinstance(finding, Later):
                later[line][finding.until] += 1
            elif isinstance(finding, Block):
                never[line] += 1
            else:
                now[line] += 1
        notes += [
            _window_note(f"{rule.place.file}:{line}", now[line], later[line], never[line])
            for line in sorted({*now, *never, *later})
        ]
    return notes


def repeated_callees(calls: Iterable[Call]) -> list[str]:
    """Numbers that more than one call of the plan rings."""
    references: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        for number in dict.fromkeys(call.callees):
            references[number].append(call.reference_id)
    twice = {number: found for number, found in references.items() if len(found) > 1}
    warnings = []
    for number, found in list(twice.items())[:NAMED]:
        named = ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED:,} more" if len(found) > NAMED else "")
        warnings.append(f"{mask_number(number)} is called by {len(found):,} calls of this plan: {named}")
    if len(twice) > NAMED:
        warnings.append(f"{len(twice) - NAMED:,} more numbers are called more than once")
    return warnings


def does_not_fit(policy: Policy, calls: Sequence[Call], at: datetime, rate: float | None) -> list[str]:
    """Calls whose turn, at the rate of the environment, comes after their window has closed or they have expired."""
    if rate is None:
        return []
    late: Counter[tuple[str, datetime]] = Counter()
    for number, call in enumerate(calls):
        ends = _ends(policy, call, at)
        if ends is not None and number / rate >= (ends[1] - at).total_seconds():
            late[ends] += 1
    return [
        f"{why}: {count:,} of {len(calls):,} calls at {_rate(rate)} do not fit before {moment_text(end)}"
        for (why, end), count in sorted(late.items(), key=lambda item: item[0][1])
    ]


def _ends(policy: Policy, call: Call, at: datetime) -> tuple[str, datetime] | None:
    """What ends first for a call that may be placed now, and when."""
    subject = Subject(call)
    ends: list[tuple[str, datetime]] = []
    for rule in policy.of_call(call):
        if isinstance(rule, Windows):
            clocks = rule.clocks(subject)
            closes = None if isinstance(clocks, str) else rule.change(clocks, at, to=False)
            if closes is not None:
                ends.append((told(rule, "the hours are too few"), closes))
        elif rule.name == "expires":
            end = moment(subject, "expires")
            if not isinstance(end, str):
                ends.append((told(rule, "the time is too short"), end))
    return min(ends, key=lambda item: item[1], default=None)


def _window_note(where: str, now: int, later: Counter[datetime], never: int) -> str:
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


_NO_FACTS, _NO_TALLY = Facts(), Tally()
