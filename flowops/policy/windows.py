"""The rules about time: windows, and the moments that a call itself names.

When a window is open, on the wall clocks of everybody who would be called.

Whether it is open at an instant is asked of the local time there, so a day with 23 or 25 hours needs no rule of
its own. The next change is looked for among the instants at which one can happen: the local times of the window's
edges, both readings where a clock shows a time twice, and the turns of the clock themselves.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.policy.rule import Block, Finding, Later
from flowops.policy.times import moment_text, read_moment, zone

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from flowops.model import Place
    from flowops.policy.numbers import Callee
    from flowops.policy.rule import Facts, Subject, Tally


class Holidays(StrEnum):
    """Which holidays close a window: none, those of the whole country, or also those of any of its regions."""

    OPEN = "open"
    NATIONAL = "national"
    ANY_REGION = "any-region"


@lru_cache(maxsize=256)
def knows(country: str) -> bool:
    """Whether there is a calendar for a country."""
    from holidays import list_supported_countries

    return country in list_supported_countries()


def is_holiday(country: str, day: date, which: Holidays) -> bool:
    """Whether a day closes a window in a country that `knows`."""
    return which is not Holidays.OPEN and day in _of_year(country, day.year, which)


@lru_cache(maxsize=1_024)
def _of_year(country: str, year: int, which: Holidays) -> frozenset[date]:
    from holidays import country_holidays

    calendar = country_holidays(country, years=year)
    found = set(calendar)
    if which is Holidays.ANY_REGION:
        for region in calendar.subdivisions:
            found.update(country_holidays(country, subdiv=region, years=year))
    return frozenset(found)


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


def zone_names(subject: Subject, callee: Callee) -> tuple[str, ...]:
    """The zones that a callee may be in: the call's own word, else what the number says."""
    own = subject.call.terms.timezone
    return (own,) if isinstance(own, str) else callee.zones


def zones_of(subject: Subject) -> list[ZoneInfo]:
    """The zones of all callees; empty when one of them is not known."""
    found = [[zone(name) for name in zone_names(subject, callee)] for callee in subject.callees]
    if not all(found):
        return []
    known = [each for zones in found for each in zones]
    return [each for each in known if each is not None] if None not in known else []


@dataclass(frozen=True, slots=True)
class Windows:
    """Calls ring within these hours only, where the callee is."""

    windows: tuple[Window, ...]
    place: Place
    name: str = "windows"
    _clocks: dict[tuple[str | None, str], Clock | str] = field(default_factory=dict, compare=False, repr=False)
    _changes: dict[Hashable, datetime | None] = field(default_factory=dict, compare=False, repr=False)

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Open when all zones of all callees say so."""
        clocks = self.clocks(subject)
        if isinstance(clocks, str):
            return Block(clocks)
        if all_open(clocks, at):
            return None
        opens = self.change(clocks, at, to=True)
        where = clocks[0].zone.key if len(clocks) == 1 else f"one of the callee's {len(clocks)} time zones"
        if opens is None:
            return Block(f"is not open at once in all of the callee's {len(clocks)} time zones: give it a timezone")
        return Later(opens, f"it is {moment_text(at, clocks[0].zone.key)}, closed in {where}")

    def clocks(self, subject: Subject) -> tuple[Clock, ...] | str:
        """The clocks that decide, or why that is not known."""
        found: list[Clock] = []
        for callee in subject.callees:
            names = zone_names(subject, callee)
            if not names:
                return f"the time zone of {subject.named(callee)} is not known: give the call a timezone"
            for name in names:
                clock = self._clock(callee.country, name)
                if isinstance(clock, str):
                    return clock
                found.append(clock)
        return tuple(dict.fromkeys(found))

    def change(self, clocks: tuple[Clock, ...], at: datetime, *, to: bool) -> datetime | None:
        """`next_change`, looked for once for all calls that have the same clocks."""
        key = (clocks, at, to)
        if key not in self._changes:
            if len(self._changes) >= _KEPT:
                self._changes.clear()
            self._changes[key] = next_change(clocks, at, to=to)
        return self._changes[key]

    def _clock(self, country: str | None, name: str) -> Clock | str:
        found = self._clocks.get((country, name))
        if found is None:
            found = self._clocks[country, name] = self._make_clock(country, name)
        return found

    def _make_clock(self, country: str | None, name: str) -> Clock | str:
        known = zone(name)
        if known is None:
            return f"the time zone {name} is not known on this machine"
        windows = tuple(each for each in self.windows if country in each.countries)
        windows = windows or tuple(each for each in self.windows if not each.countries)
        if not windows:
            return f"there is no window for callees in {country or 'an unknown country'}"
        if any(each.holidays is not Holidays.OPEN for each in windows) and not (country and knows(country)):
            return f"the public holidays of {country or 'an unknown country'} are not known"
        return Clock(known, country, windows)


#: How many answers of `next_change` are kept: one for each set of clocks and instant.
_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class NotBefore:
    """The call's own `not-before`."""

    place: Place
    name: str = "not-before"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Deferred until then."""
        until = moment(subject, end=False)
        if isinstance(until, str):
            return Block(until)
        return Later(until, "the call says so") if at < until else None


@dataclass(frozen=True, slots=True)
class Expires:
    """The call's own `expires`."""

    place: Place
    name: str = "expires"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocked from then on."""
        end = moment(subject, end=True)
        if isinstance(end, str):
            return Block(end)
        return Block(f"the call has expired at {moment_text(end)}") if end <= at else None


def moment(subject: Subject, *, end: bool) -> datetime | str:
    """The moment that the call names as its `end` (`expires`), else as its beginning; or why it is not known."""
    terms = subject.call.terms
    text = terms.expires if end else terms.not_before
    try:
        return read_moment(str(text), zones_of(subject), end=end)
    except ValueError as error:
        return f"{str(text)[:40]!r} {error}"
