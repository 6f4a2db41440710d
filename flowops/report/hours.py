"""Say when the calls of a plan would be sent, hour by hour. Pure: whoever asks brings the time of the plan."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600
#: The last hour that a `datetime` can name.
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(hours=1)


class PlanClock(NamedTuple):
    """When a plan was made, and how many requests a second its environment lets through (None: no limit)."""

    at: datetime
    rate: float | None


class Ready(NamedTuple):
    """From when on a call may be sent: `at` has an offset; None for at once, and for an opening that is not known."""

    at: datetime | None
    deferred: bool


class Hour(NamedTuple):
    """What would be sent within an hour: `start` is its beginning in UTC, None where no time is known."""

    start: datetime | None
    placed: int
    deferred: int


class Hours(NamedTuple):
    """The hours in which something would be sent, in order; `clock` is None for a plan that tells no time."""

    clock: PlanClock | None = None
    rows: tuple[Hour, ...] = ()


def hours_of(ready: Mapping[Ready, int], clock: PlanClock | None) -> Hours:
    """Spread calls, counted by when they may be sent, over the hours at the environment's rate.

    What may be sent at once begins with the plan; every other call waits for its opening, and for its turn then.
    """
    known: Counter[tuple[int, bool]] = Counter()
    queue: Counter[tuple[float, bool]] = Counter()
    unknown: Counter[bool] = Counter()
    for (at, deferred), calls in ready.items():
        if clock is not None and (at is not None or not deferred):
            queue[_seconds(max(at or clock.at, clock.at)), deferred] += calls
        elif at is not None:
            known[_hour(_seconds(at)), deferred] += calls
        else:
            unknown[deferred] += calls
    turn = float("-inf")
    for (seconds, deferred), calls in sorted(queue.items()):
        start = max(seconds, turn)
        rate = clock.rate if clock is not None else None
        turn = start + calls / rate if rate else start
        for hour, sent in _spread(start, calls, rate):
            known[hour, deferred] += sent
    timed = [
        Hour(_EPOCH + timedelta(hours=hour), known[hour, False], known[hour, True])
        for hour in sorted({hour for hour, _ in known})
    ]
    timeless = [Hour(None, calls * (not deferred), calls * deferred) for deferred, calls in sorted(unknown.items())]
    return Hours(clock, (*timeless, *timed))


def _spread(start: float, calls: int, rate: float | None) -> Iterator[tuple[int, int]]:
    """Yield calls one after the other from a second on: the hours, and how many requests begin in each."""
    sent = 0
    while sent < calls:
        hour = _hour(start + sent / rate if rate else start)
        # The n-th request begins at start + n / rate; the last hour there is takes what is left.
        most = calls if rate is None or hour == _LAST else min(calls, math.ceil(((hour + 1) * _HOUR - start) * rate))
        most = max(most, sent + 1)
        yield hour, most - sent
        sent = most


def _hour(seconds: float) -> int:
    return min(int(seconds // _HOUR), _LAST)


def _seconds(at: datetime) -> float:
    return (at - _EPOCH).total_seconds()
