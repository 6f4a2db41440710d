"""When a window is open, on the wall clocks of everybody who would be called.

Whether it is open at an instant is asked of the local time there, so a day with 23 or 25 hours needs no rule of
its own. The next change is looked for among the instants at which one can happen: the local times of the window's
edges, both readings where a clock shows a time twice, and the turns of the clock themselves.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from flowops.policy.calendar import Holidays, is_holiday

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from zoneinfo import ZoneInfo

    from flowops.model import Place

#: How far ahead an opening is looked for. Something is open within that, or there is a mistake.
HORIZON = timedelta(days=31)
DAY = 24 * 60

#: Minutes of a day, from and up to.
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days: `days` count from Monday as 0, `spans` are minutes of the day, ends not included.

    `countries` are those of the callees it is meant for, empty for all that no other window names.
    """

    days: frozenset[int]
    spans: tuple[tuple[int, int], ...]
    countries: frozenset[str]
    holidays: Holidays
    place: Place


@dataclass(frozen=True, slots=True)
class Clock:
    """A wall clock that decides: a zone, the country around it, and the windows that count there."""

    zone: ZoneInfo
    country: str | None
    windows: tuple[Window, ...]

    def spans(self, day: date) -> Spans:
        """The minutes of a local day at which one of the windows is open, in order, none touching the next."""
        found: list[tuple[int, int]] = []
        for start, end in sorted(
            span
            for window in self.windows
            if day.weekday() in window.days and not (self.country and is_holiday(self.country, day, window.holidays))
            for span in window.spans
        ):
            if found and start <= found[-1][1]:
                found[-1] = found[-1][0], max(end, found[-1][1])
            else:
                found.append((start, end))
        return tuple(found)

    def open(self, at: datetime) -> bool:
        """Whether one of the windows is open at an instant."""
        return _open(self, at, Clock.spans)


def all_open(clocks: Sequence[Clock], at: datetime) -> bool:
    """Whether every clock says so."""
    return all(clock.open(at) for clock in clocks)


def next_change(clocks: Sequence[Clock], at: datetime, *, to: bool) -> datetime | None:
    """The first instant after `at` at which all are open (`to`), or not all any more; None within the horizon."""
    known: dict[tuple[int, date], Spans] = {}

    def spans(clock: Clock, day: date) -> Spans:
        key = id(clock), day
        if key not in known:
            known[key] = clock.spans(day)
        return known[key]

    today = at.astimezone(UTC).date()
    for offset in range(HORIZON.days + 1):
        day = today + timedelta(days=offset)
        # A UTC day has parts of three local days: clocks are up to 14 hours ahead and 12 behind.
        local_days = (day - timedelta(days=1), day, day + timedelta(days=1))
        end = datetime.combine(local_days[2], time(), UTC)
        begin = max(at, end - timedelta(days=1))
        for edge in sorted(edge for edge in _edges(clocks, local_days, spans) if begin < edge <= end):
            if all(_open(clock, edge, spans) for clock in clocks) is to:
                return edge
    return None


def _open(clock: Clock, at: datetime, spans: Callable[[Clock, date], Spans]) -> bool:
    local = at.astimezone(clock.zone)
    minute = local.hour * 60 + local.minute
    found = spans(clock, local.date())
    last = bisect(found, (minute, DAY)) - 1
    return last >= 0 and minute < found[last][1]


def _edges(clocks: Sequence[Clock], local_days: Sequence[date], spans: Callable[[Clock, date], Spans]) -> set[datetime]:
    """The instants of some local days at which something may open or close."""
    edges: set[datetime] = set()
    same: set[tuple[datetime, Spans]] = set()
    for clock in clocks:
        for day in local_days:
            found = spans(clock, day)
            midnight = datetime.combine(day, time(), clock.zone).astimezone(UTC)
            minutes = {edge for span in found for edge in span}
            turns = list(_turn(clock.zone, day))
            if turns:
                edges.update(turns)
                for minute in minutes:
                    local = datetime.combine(day, time()) + timedelta(minutes=minute)
                    edges.update(local.replace(tzinfo=clock.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
            elif (midnight, found) not in same:
                same.add((midnight, found))
                edges.update(midnight + timedelta(minutes=minute) for minute in minutes)
    return edges


def _turn(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """The instant of a local day at which the clock is put forward or back, if there is one."""
    midnight = datetime.combine(day, time(), zone)
    low = midnight.astimezone(UTC)
    length = (datetime.combine(day + timedelta(days=1), time(), zone) - low) // timedelta(seconds=1)
    # Where midnight itself is skipped, this is the offset before, and the day begins with the turn.
    offset = midnight.utcoffset()

    def turned(second: int) -> bool:
        return (low + timedelta(seconds=second)).astimezone(zone).utcoffset() != offset

    if turned(length):
        yield low + timedelta(seconds=bisect(range(length), False, key=turned))
