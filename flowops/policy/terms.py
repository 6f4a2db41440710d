"""What a call itself says of when it may be placed: the rules that it brings, and what is wrong with its terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from flowops.common.numbers import info
from flowops.common.zones import zone, zone_hint
from flowops.policy.reading import moment_text, read_moment, zone_names
from flowops.policy.rule import Block, Defer, Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from flowops.common.numbers import NumberInfo
    from flowops.model.call import Call
    from flowops.model.document import Place, Problem
    from flowops.policy.rule import CallContext

CODE = "terms"


@dataclass(frozen=True, slots=True)
class NotBefore(Rule):
    """The call's own `not-before`."""

    place: Place
    name: ClassVar[str] = "not-before"
    foreseeable: ClassVar[bool] = True

    def evaluate(self, context: CallContext) -> Finding:
        """Defer until then."""
        until = moment(context.call, context.callees, end=False)
        if isinstance(until, str):
            return Block(until)
        return Defer(until, "the call says so") if context.at < until else None


@dataclass(frozen=True, slots=True)
class Expires(Rule):
    """The call's own `expires`."""

    place: Place
    name: ClassVar[str] = "expires"
    foreseeable: ClassVar[bool] = True

    def evaluate(self, context: CallContext) -> Finding:
        """Block from then on."""
        end = moment(context.call, context.callees, end=True)
        if isinstance(end, str):
            return Block(end)
        return Block(f"the call has expired at {moment_text(end)}") if end <= context.at else None


#: What a policy may allow that is refused as a rule.
TIMEZONE_MISMATCH = "timezone-mismatch"


@dataclass(frozen=True, slots=True)
class TimezoneMismatch(Rule):
    """The call's own `timezone`, where none of its clocks could be the callee's: it would open a closed window."""

    place: Place
    name: ClassVar[str] = "timezone"
    foreseeable: ClassVar[bool] = True

    def evaluate(self, context: CallContext) -> Finding:
        """Block when a number says where it is, and that has another time."""
        own = str(context.call.terms.timezone)
        for callee in context.callees:
            if callee.zones and not any(_same_time(own, name, context.at.year) for name in callee.zones):
                where = " or ".join(callee.zones[:2])
                return Block(
                    f"{own} is not the time where {context.named(callee)} is by its number ({where}); if it is right, "
                    f"the policy can allow it: allow: [{TIMEZONE_MISMATCH}]"
                )
        return None


@lru_cache(maxsize=4_096)
def _same_time(one: str, other: str, year: int) -> bool:
    """Return whether two zones have the same time, in winter and in summer."""
    zones = zone(one), zone(other)
    seasons = (datetime(year, month, 1, 12, tzinfo=UTC) for month in (1, 7))
    return (
        one == other
        or None in zones
        or all(len({at.astimezone(each).utcoffset() for each in zones}) == 1 for at in seasons)
    )


def rules_of(call: Call, allowed: frozenset[str] = frozenset()) -> list[Rule]:
    """Return the rules that a call brings with it, but for what its policy has `allowed`."""
    rules: list[Rule] = []
    if call.terms.timezone is not None and TIMEZONE_MISMATCH not in allowed:
        rules.append(TimezoneMismatch(call.origin.place(("timezone",))))
    if call.terms.not_before is not None:
        rules.append(NotBefore(call.origin.place(("not-before",))))
    if call.terms.expires is not None:
        rules.append(Expires(call.origin.place(("expires",))))
    return rules


def moment(call: Call, callees: Sequence[NumberInfo], *, end: bool) -> datetime | str:
    """Return the moment that a call names as its `end` (`expires`), else as its beginning; or why it is not known."""
    text = call.terms.expires if end else call.terms.not_before
    try:
        return read_moment(str(text), zones_of(call, callees), end=end)
    except ValueError as error:
        return f"{call.shown(('expires' if end else 'not-before',), text)} {error}"


def zones_of(call: Call, callees: Sequence[NumberInfo]) -> list[ZoneInfo]:
    """Return the zones of all callees; none when one of them is not known."""
    found = [[zone(name) for name in zone_names(call, callee)] for callee in callees]
    if not all(found):
        return []
    known = [each for zones in found for each in zones]
    return [each for each in known if each is not None] if None not in known else []


def check_terms(call: Call) -> list[Problem]:
    """Return problems with `timezone`, `not-before`, `expires` and `consent` of a rendered call; never their values."""
    terms = call.terms
    problems: list[Problem] = []
    if not isinstance(terms.consent, dict):
        problems.append(call.problem(("consent",), "consent: has to be a mapping", code=CODE))
    own = terms.timezone
    if own is not None and (not isinstance(own, str) or zone(own) is None):
        message = f"timezone: {call.shown(('timezone',), own)} is not a time zone of the IANA's list"
        problems.append(call.problem(("timezone",), message, code=CODE, hint=zone_hint(str(own))))
        # What else is wrong is reported as if it were some time zone.
        terms = terms._replace(timezone="UTC")
    known, callees = call._replace(terms=terms), [info(number) for number in call.callees]
    if not callees:  # those that are written are no numbers: where they are nobody knows, which is no mistake of a time
        return problems
    moments = {}
    for name, given in (("not-before", terms.not_before), ("expires", terms.expires)):
        if given is None:
            continue
        found = moment(known, callees, end=name == "expires")
        if isinstance(found, str):
            problems.append(call.problem((name,), f"{name}: {found}", code=CODE))
        else:
            moments[name] = found
    if len(moments) == len(("not-before", "expires")) and moments["expires"] <= moments["not-before"]:
        problems.append(call.problem(("expires",), "expires: is not after not-before", code=CODE))
    return problems
