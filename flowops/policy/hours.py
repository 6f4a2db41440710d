"""The rules about time: windows, and the moments that a call itself names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.policy.calendar import Holidays, knows
from flowops.policy.opening import Clock, Window, all_open, next_change
from flowops.policy.rule import Block, Finding, Later
from flowops.policy.times import moment_text, read_moment, zone

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from flowops.model import Place
    from flowops.policy.numbers import Callee
    from flowops.policy.rule import Facts, Subject, Tally


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
