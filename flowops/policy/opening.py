"""When a window is open, on the wall clocks of everybody who would be called.

Whether it is open at an instant is asked of the local time there, so a day with 23 or 25 hours needs no rule of
its own. The next change is looked for among the instants at which one can happen: the local times of the window's
edges, both readings where a clock shows a time twice, midnights, and the turns of the clock themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from flowops.policy.calendar import Holidays, is_holiday

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from flowops.model import Place

#: How far ahead an opening is looked for. Something is open within that, or there is a mistake.
HORIZON = timedelta(days=31)
DAY = 24 * 60
_SECOND = timedelta(seconds=1)


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

    def open(self, at: datetime) -> bool:
        """Whether one of the windows is open at an instant."""
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(
            local.weekday() in window.days
            and any(start <= minute < end for start, end in window.spans)
            and not (self.country and is_holiday(self.country, local.date(), window.holidays))
            for window in self.windows
        )

    def edges(self, day: date) -> Iterator[datetime]:
        """The instants of a local day at which something may open or close."""
        minutes = {0, *(edge for window in self.windows for span in window.spans for edge in span)}
        for minute in minutes:
            local = datetime.combine(day, time()) + timedelta(minutes=minute)
            yield local.replace(tzinfo=self.zone).astimezone(UTC)
            yield local.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        yield from _turn(self.zone, day)


def all_open(clocks: Sequence[Clock], at: datetime) -> bool:
    """Whether every clock says so."""
    return all(clock.open(at) for clock in clocks)


def next_change(clocks: Sequence[Clock], at: datetime, *, to: bool) -> datetime | None:
    """The first instant after `at` at which all are open (`to`), or not all any more; None within the horizon."""
    today = at.astimezone(UTC).date()
    for offset in range(HORIZON.days + 1):
        day = today + timedelta(days=offset)
        # A UTC day has parts of three local days: clocks are up to 14 hours ahead and 12 behind.
        local_days = (day - timedelta(days=1), day, day + timedelta(days=1))
        end = datetime.combine(local_days[2], time(), UTC)
        edges = {edge for clock in clocks for local_day in local_days for edge in clock.edges(local_day)}
        for edge in sorted(edges):
            if at < edge <= end and all_open(clocks, edge) is to:
                return edge
    return None


def _turn(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """The instant of a local day at which the clock is put forward or back, if there is one."""
    low, high = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    offset = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == offset:
        return
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    yield high.replace(microsecond=0)
