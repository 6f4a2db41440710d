"""The callees of a call as the ledger keeps them: whom its request rings, and how each of them ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.model.ledger import PSEUDONYM, SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model.document import Value


class StoredLeg(NamedTuple):
    """One callee of a call as the ledger keeps it, in the order of its columns; `callee` is the keyed hash."""

    callee: str | None
    shown: str | None
    call_id: str | None = None
    error: str | None = None
    code: int | None = None
    description: str | None = None
    later: int | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the API has taken it, and it is still to come how it ends."""
        return self.error is None and self.code is None

    @property
    def says_anything(self) -> bool:
        """Return whether anything but the callee is known of it."""
        return any(value is not None for value in (self.call_id, self.error, self.code, self.description))


def stored_callees(body: Mapping[str, Value]) -> tuple[StoredLeg, ...]:
    """Return the callees of a body with pseudonyms as legs of which nothing is known yet."""
    listed = body["callees"] if body.get("callees") else [body.get("callee")]
    return tuple(
        StoredLeg(leaf[PSEUDONYM], leaf[SHOWN]) for leaf in listed if isinstance(leaf, dict) and PSEUDONYM in leaf
    )


def merged(known: Iterable[StoredLeg], told: Iterable[StoredLeg]) -> tuple[StoredLeg, ...]:
    """Return legs with what was told of them: matched by call-id, else by callee; what matches nothing is added.

    What is known already stays; a second callback with another code is noted beside it.
    """
    legs = list(known)
    for leg in told:
        at = _match(legs, leg) if legs else None
        if at is None:
            legs.append(leg)
            continue
        old = legs[at]
        legs[at] = StoredLeg(
            callee=old.callee or leg.callee,
            shown=old.shown or leg.shown,
            call_id=old.call_id or leg.call_id,
            error=old.error or leg.error,
            code=leg.code if old.code is None else old.code,
            description=old.description or leg.description,
            later=_later(old, leg.code),
        )
    return tuple(legs)


def are_of(known: Iterable[StoredLeg], told: Iterable[StoredLeg]) -> bool:
    """Return whether what was told of some legs can be of a call with those that are known."""
    legs = list(known)
    return any(_match(legs, leg) is not None for leg in told)


#: The code of a completed call: no other word outweighs it.
_COMPLETED = 10


def _later(leg: StoredLeg, code: int | None) -> int | None:
    """Return which code contradicts the first one that was told of a leg, now that another is told."""
    if leg.code is None or code in (None, leg.code):
        return leg.later
    return code if leg.later is None or code == _COMPLETED else leg.later


def _match(legs: list[StoredLeg], leg: StoredLeg) -> int | None:
    if leg.call_id is not None:
        for at, known in enumerate(legs):
            if known.call_id == leg.call_id:
                return at
    same = [at for at, known in enumerate(legs) if leg.callee is not None and known.callee == leg.callee]
    # One number may ring twice in one request: a leg that already has another call-id is another call.
    fitting = [at for at in same if leg.call_id is None or legs[at].call_id is None]
    open_ones = [at for at in fitting if legs[at].code is None]
    if open_ones or fitting:
        return (open_ones or fitting)[0]
    if leg.callee is None and len(legs) == 1 and None in (leg.call_id, legs[0].call_id):
        return 0
    return None


def complete(legs: Iterable[StoredLeg]) -> bool:
    """Return whether every leg that the API took has ended, and at least one has."""
    ended = False
    for leg in legs:
        if leg.code is not None:
            ended = True
        elif leg.error is None:
            return False
    return ended
