"""The rule about hours: when a call may ring, on the wall clocks of everybody who would be called.

Whether a window is open at an instant is asked of the local time there, so a day with 23 or 25 hours needs no rule of
its own. The next change is looked for among the instants at which one can happen: the local times of the window's
edges, both readings where a clock shows a time twice, and the turns of the clock themselves.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar

from flowops.common.zones import zone
from flowops.policy.reading import moment_text, zone_names
from flowops.policy.rule import COUNTRIES, Block, Defer, Finding, Rule, Schema, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from zoneinfo import ZoneInfo

    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader
    from flowops.policy.rule import CallContext


class Holidays(StrEnum):
    """Which holidays close a window: none, those of the whole country, or also those of any of its regions."""

    OPEN = "open"
    NATIONAL = "national"
    ANY_REGION = "any-region"


@lru_cache(maxsize=256)
def knows(country: str) -> bool:
    """Return whether there is a calendar for a country."""
    from holidays import list_supported_countries

    return country in list_supported_countries()


def is_holiday(country: str, day: date, which: Holidays) -> bool:
    """Return whether a day closes a window in a country that `knows`."""
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


_Key = TypeVar("_Key", bound="Hashable")
_Answer = TypeVar("_Answer")
#: How far ahead an opening is looked for. Something is open within that, or there is a mistake.
HORIZON = timedelta(days=31)
DAY = 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

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


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """A wall clock that decides: a zone, the country around it, and the windows that count there.

    A rule makes each once, so that clocks, and answers that are kept for them, are told apart at once.
    """

    zone: ZoneInfo
    country: str | None
    windows: tuple[Window, ...]

    def spans(self, day: date) -> Spans:
        """Return the minutes of a local day at which a window is open, in order, none touching the next."""
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
        """Return whether one of the windows is open at an instant."""
        return _open(self, at, Clock.spans)


Clocks: TypeAlias = tuple[Clock, ...]


def all_open(clocks: Sequence[Clock], at: datetime) -> bool:
    """Return whether every clock says so."""
    return all(clock.open(at) for clock in clocks)


def next_change(clocks: Sequence[Clock], at: datetime, *, to: bool) -> datetime | None:
    """Return the first instant after `at` at which all are open (`to`), or not all any more, within the horizon."""
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
    """Return the instants of some local days at which something may open or close."""
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
    """Yield the instant of a local day at which the clock is put forward or back, if there is one."""
    midnight = datetime.combine(day, time(), zone)
    low = midnight.astimezone(UTC)
    length = (datetime.combine(day + timedelta(days=1), time(), zone) - low) // timedelta(seconds=1)
    # Where midnight itself is skipped, this is the offset before, and the day begins with the turn.
    offset = midnight.utcoffset()

    def turned(second: int) -> bool:
        return (low + timedelta(seconds=second)).astimezone(zone).utcoffset() != offset

    if turned(length):
        yield low + timedelta(seconds=bisect(range(length), False, key=turned))


_DAYS: Schema = {
    "type": "string",
    "pattern": f"^(?:{'|'.join(DAYS)})(?:-(?:{'|'.join(DAYS)}))?$",
    "patternErrorMessage": "not days: write mon, or mon-fri",
}
_HOURS: Schema = {
    "type": "string",
    "pattern": "^(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
    "patternErrorMessage": "not hours of a day: write 08:00-20:00",
}


@dataclass(frozen=True, slots=True)
class Windows(Setting, Rule):
    """Calls ring within these hours only, where the callee is."""

    windows: tuple[Window, ...]
    place: Place
    key: ClassVar[str] = "windows"
    name: ClassVar[str] = "windows"
    by_nature: ClassVar[bool] = True
    foreseeable: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "description": "When calls may ring, on the callee's own clock. Outside of all of them a call is deferred.",
        "examples": [[{"days": "mon-fri", "hours": "08:00-20:00", "holidays": "national"}]],
        "items": {
            "type": "object",
            "required": ["hours"],
            "properties": {
                "days": {
                    "description": "Days of the week; without them, every day.",
                    "examples": ["mon-fri", ["sat", "sun"]],
                    "anyOf": [_DAYS, {"type": "array", "minItems": 1, "items": _DAYS}],
                },
                "hours": {
                    "description": "From, and up to, not included.",
                    "examples": ["08:00-20:00", ["10:00-13:00", "14:00-20:00"]],
                    "anyOf": [_HOURS, {"type": "array", "minItems": 1, "maxItems": 12, "items": _HOURS}],
                },
                "countries": {
                    **COUNTRIES,
                    "description": "The callees it is for; without it, all that no other window names.",
                    "examples": [["GB", "IE"]],
                },
                "holidays": {
                    "enum": [*map(str, Holidays)],
                    "default": "open",
                    "description": "Whether public holidays close it: no; those of the whole country; "
                    "also those of any region.",
                    "examples": ["national"],
                },
            },
            "additionalProperties": False,
        },
    }
    _clocks: dict[tuple[str | None, str], Clock | str] = field(default_factory=dict, compare=False, repr=False)
    #: The clocks of callees by their country and zones: of very many callees there are few.
    _sets: dict[tuple[str | None, tuple[str, ...]], Clocks | str] = field(
        default_factory=dict, compare=False, repr=False
    )
    _changes: dict[Hashable, datetime | None] = field(default_factory=dict, compare=False, repr=False)
    _findings: dict[tuple[Clocks, datetime], Finding] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield one rule of all windows in a list: a call has to be inside of one."""
        yield cls(tuple(_window(reader, (*at, index), fields) for index, fields in enumerate(value)), reader.place(at))

    def evaluate(self, context: CallContext) -> Finding:
        """Defer until all zones of all callees say that it is open."""
        clocks = self.clocks(context)
        return Block(clocks) if isinstance(clocks, str) else self.finding(clocks, context.at)

    def finding(self, clocks: Clocks, at: datetime) -> Finding:
        """Return what the rule has against all calls that these clocks decide about."""
        key = clocks, at
        return self._findings[key] if key in self._findings else _kept(self._findings, key, self._find(clocks, at))

    def _find(self, clocks: Clocks, at: datetime) -> Finding:
        if all_open(clocks, at):
            return None
        opens = self.change(clocks, at, to=True)
        where = "" if len(clocks) == 1 else f" in one of the callee's {len(clocks)} time zones"
        if opens is None:
            return Block(f"is not open at once in all of the callee's {len(clocks)} time zones: give it a timezone")
        return Defer(opens, f"outside calling hours{where}: it is {moment_text(at, clocks[0].zone.key)}")

    def clocks(self, context: CallContext) -> Clocks | str:
        """Return the clocks that decide, or why that is not known."""
        found: Clocks | str | None = context.known.get(id(self))
        if found is None:
            found = context.known[id(self)] = self._find_clocks(context)
        return found

    def _find_clocks(self, context: CallContext) -> Clocks | str:
        found: list[Clocks] = []
        for callee in context.callees:
            key = callee.region, zone_names(context.call, callee)
            clocks = self._sets[key] if key in self._sets else _kept(self._sets, key, self._clocks_of(*key))
            if isinstance(clocks, str):
                return clocks or f"the time zone of {context.named(callee)} is not known: give the call a timezone"
            found.append(clocks)
        return found[0] if len(found) == 1 else tuple(dict.fromkeys(chain.from_iterable(found)))

    def _clocks_of(self, country: str | None, names: tuple[str, ...]) -> Clocks | str:
        """Return the clocks of some zones, or what is wrong with one; nothing where there is no zone."""
        clocks: list[Clock] = []
        for name in names:
            clock = self._clock(country, name)
            if isinstance(clock, str):
                return clock
            clocks.append(clock)
        return tuple(clocks) or ""

    def change(self, clocks: Clocks, at: datetime, *, to: bool) -> datetime | None:
        """Return the `next_change`, looked for once for all calls that have the same clocks."""
        key = clocks, at, to
        return self._changes[key] if key in self._changes else _kept(self._changes, key, next_change(clocks, at, to=to))

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


#: How many answers of one kind are kept: one for each set of clocks, and perhaps instant.
_KEPT = 4_096


def _kept(known: dict[_Key, _Answer], key: _Key, answer: _Answer) -> _Answer:
    """Return an answer, which is known from now on."""
    if len(known) >= _KEPT:
        known.clear()
    known[key] = answer
    return answer


def _window(reader: PolicyReader, at: Path, fields: dict[str, Value]) -> Window:
    hours = fields["hours"]
    written = [(hours, (*at, "hours"))]
    if isinstance(hours, list):
        written = [(hour, (*at, "hours", number)) for number, hour in enumerate(hours)]
    spans = [reader.read(place, hour, _hours) for hour, place in written]
    days = fields.get("days", list(DAYS))
    return Window(
        days=frozenset(day for word in ([days] if isinstance(days, str) else days) for day in _days(word)),
        spans=tuple(span for span in spans if span is not None),
        countries=reader.countries((*at, "countries"), fields.get("countries", [])),
        holidays=Holidays(fields.get("holidays", Holidays.OPEN)),
        place=reader.place(at),
    )


def _days(word: str) -> list[int]:
    """Return the days of ``mon`` or ``mon-fri``; ``sat-mon`` goes round."""
    first, _, last = word.partition("-")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [day % len(DAYS) for day in range(start, end + 1 if end >= start else end + 1 + len(DAYS))]


def _hours(text: str) -> tuple[int, int]:
    """Return ``08:00-20:00`` as minutes of the day; ``24:00`` is its end. Raise ValueError."""
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
    if not start < end <= DAY:
        raise ValueError("ends before it begins: write the hours of one day, such as 08:00-20:00")
    return start, end
