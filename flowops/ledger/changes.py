"""What a change makes of a row: pure, so that every race can be replayed with values."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from flowops.ledger.legs import SealedLeg, complete, merged, sealed_callees
from flowops.ledger.states import IllegalStep, step
from flowops.model.ledger import Happening, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Actor, Value

#: Happenings that speak of one attempt only: from a run that no longer has the call they say nothing.
ABOUT_THE_ATTEMPT = frozenset(
    {Happening.UNSENT, Happening.THROTTLED, Happening.REFUSED, Happening.UNAUTHORIZED, Happening.UNCLEAR}
)
#: Happenings that prove a placed call, and say which of its legs have ended.
PROOFS = frozenset({Happening.ACCEPTED, Happening.CALLED_BACK, Happening.RECORDED})


_NO_DATA: Mapping[str, Value] = MappingProxyType({})


class CallRow(NamedTuple):
    """A call as the ledger keeps it: what stands in its row, in the order of the columns, and its legs.

    `state` is None for a call that was claimed and proven unsent: such a row only counts attempts.
    `body` is canonical JSON text, `fingerprint` is veiled, `serial` is the last event's.
    """

    reference_id: str
    state: State | None
    before_claim: State | None
    fingerprint: str
    body: str
    attempts: int
    run: str | None
    error: str | None
    claimed_at: str
    updated_at: str
    purged: bool
    serial: int
    legs: tuple[SealedLeg, ...] = ()


class Change(NamedTuple):
    """Something that happened to a call, on its way into the ledger.

    `run` is the run that says so, if a run does. `to` asks the state machine for a less usual target.
    `body` and `fingerprint` (veiled) come with claims and imports. `data` is kept with the event.
    """

    reference_id: str
    happening: Happening
    at: str
    actor: Actor
    run: str | None = None
    legs: tuple[SealedLeg, ...] = ()
    detail: str | None = None
    to: State | None = None
    body: str = "{}"
    fingerprint: str = ""
    data: Mapping[str, Value] = _NO_DATA


def decide(row: CallRow | None, change: Change, serial: int = 0) -> CallRow:
    """The row behind a change; the row itself when nothing changes, so when there is nothing to write.

    `serial` is the number of the event that tells of it.

    Raises `IllegalStep` when this cannot happen to the call.
    """
    state = row.state if row else None
    happening = change.happening
    if happening is Happening.CLAIMED:
        return _claimed(row, change, serial)
    if happening is Happening.IMPORTED:
        step(state, happening, to=change.to)
        return _imported(row, change, serial)
    if row is None:
        raise IllegalStep(None, happening)
    if happening is Happening.PURGED:
        step(state, happening)
        return _purged(row, change.at, serial)
    if happening in ABOUT_THE_ATTEMPT and row.run != change.run:
        raise IllegalStep(state, happening)
    return _settled(row, change, serial)


def _claimed(row: CallRow | None, change: Change, serial: int) -> CallRow:
    state = row.state if row else None
    return CallRow(
        reference_id=change.reference_id,
        state=step(state, Happening.CLAIMED),
        before_claim=state,
        fingerprint=change.fingerprint,
        body=change.body,
        attempts=(row.attempts if row else 0) + 1,
        run=change.run,
        error=None,
        claimed_at=change.at,
        updated_at=change.at,
        purged=False,
        serial=serial,
    )


def _imported(row: CallRow | None, change: Change, serial: int) -> CallRow:
    return CallRow(
        reference_id=change.reference_id,
        state=step(row.state if row else None, Happening.IMPORTED, to=change.to),
        before_claim=None,
        fingerprint=change.fingerprint,
        body="{}",
        legs=change.legs,
        attempts=row.attempts if row else 0,
        run=None,
        error=change.detail,
        claimed_at=str(change.data.get("placed_at") or change.at),
        updated_at=change.at,
        purged=False,
        serial=serial,
    )


def _purged(row: CallRow, at: str, serial: int) -> CallRow:
    """The tombstone: that the call was placed, and how its legs ended."""
    legs = tuple(SealedLeg(None, None, code=leg.code) for leg in row.legs)
    return row._replace(fingerprint="", body="{}", legs=legs, error=None, updated_at=at, purged=True, serial=serial)


def _settled(row: CallRow, change: Change, serial: int) -> CallRow:
    legs, to = row.legs, change.to
    if change.legs and not row.purged:
        legs = merged(legs or _expected(row, change), change.legs)
    if change.happening in PROOFS and row.state is not State.FINISHED:
        ended = legs if not row.purged else change.legs
        to = State.FINISHED if complete(ended) else State.PLACED
    state = step(row.state, change.happening, row.before_claim, to=to)
    if state is None:  # proven unsent: the row only counts attempts now
        return row._replace(
            state=None,
            before_claim=None,
            fingerprint="",
            body="{}",
            error=change.detail,
            updated_at=change.at,
            serial=serial,
        )
    if state in (State.PLACED, State.FINISHED) and not legs:
        legs = sealed_callees(json.loads(row.body))  # whom it rang, even when only that is known
    error = None if row.purged else _error(row, change, state)
    if (state, legs, error) == (row.state, row.legs, row.error):
        return row
    return row._replace(state=state, legs=legs, error=error, updated_at=change.at, serial=serial)


def _error(row: CallRow, change: Change, state: State) -> str | None:
    """What stands between a call and being placed, in words."""
    if state in (State.PLACED, State.FINISHED):
        return None
    attempted = change.happening in ABOUT_THE_ATTEMPT or change.happening is Happening.ABANDONED
    return change.detail if attempted else row.error


def _expected(row: CallRow, change: Change) -> tuple[SealedLeg, ...]:
    """The callees of the request, when a callback or a record comes before the answer has named them."""
    return sealed_callees(json.loads(row.body)) if change.happening is not Happening.ACCEPTED else ()
