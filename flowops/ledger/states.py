"""The state machine of a call: contract, section 6, as one table.

Three rules stand behind the rows:

* Only proof that nothing was placed makes a call placeable again: a refusal or an unsent request while the
  call is in flight, or an operator's word on a call in doubt.
* Proof that it was placed (a valid answer, a callback, a Call Detail Record, an operator's word) always wins, also over
  an earlier refusal and where the ledger does not know the call, because the other mistake would ring a phone twice.
* What comes late or twice changes nothing: a call in doubt stays in doubt when its run reports a refusal after
  the lease was lost, a placed call stays placed.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from flowops.model.ledger import PSEUDONYM, SHOWN, EventType, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model.document import Value
    from flowops.model.ledger import Actor

IN_FLIGHT, PLACED, FINISHED, REJECTED, IN_DOUBT = (
    State.IN_FLIGHT,
    State.PLACED,
    State.FINISHED,
    State.REJECTED,
    State.IN_DOUBT,
)
RENAMED = State.RENAMED


class IllegalStep(ValueError):
    """This cannot happen to a call in that state; the ledger stays as it is."""

    def __init__(self, state: State | None, event_type: EventType) -> None:
        super().__init__(f"{event_type} cannot happen to a call that is {state or 'not in the ledger'}")


class _BeforeClaim:
    """Stands for the state that the call had before it was claimed."""


BEFORE_CLAIM: Final = _BeforeClaim()
Target = State | _BeforeClaim | None

#: Where an event leads from a state. The first target is the usual one, the others are possible when
#: asked for (`to`): a callback that leaves other callees open leads to placed, an import says its state.
TRANSITIONS: Final[Mapping[tuple[State | None, EventType], tuple[Target, ...]]] = {
    (None, EventType.CLAIMED): (IN_FLIGHT,),
    (REJECTED, EventType.CLAIMED): (IN_FLIGHT,),
    # The answer, or the proof that there will be none, while the call is in flight.
    (IN_FLIGHT, EventType.UNSENT): (BEFORE_CLAIM,),
    (IN_FLIGHT, EventType.THROTTLED): (BEFORE_CLAIM,),
    (IN_FLIGHT, EventType.REFUSED): (REJECTED,),
    (IN_FLIGHT, EventType.UNAUTHORIZED): (BEFORE_CLAIM,),
    (IN_FLIGHT, EventType.FORBIDDEN): (BEFORE_CLAIM,),
    (IN_FLIGHT, EventType.ACCEPTED): (PLACED, FINISHED),
    (IN_FLIGHT, EventType.UNCLEAR): (IN_DOUBT,),
    (IN_FLIGHT, EventType.ABANDONED): (IN_DOUBT,),
    # The answer of a run that was taken for dead: what is good news counts, all else is noted.
    (IN_DOUBT, EventType.ACCEPTED): (PLACED, FINISHED),
    (IN_DOUBT, EventType.UNSENT): (IN_DOUBT,),
    (IN_DOUBT, EventType.THROTTLED): (IN_DOUBT,),
    (IN_DOUBT, EventType.REFUSED): (IN_DOUBT,),
    (IN_DOUBT, EventType.UNAUTHORIZED): (IN_DOUBT,),
    (IN_DOUBT, EventType.FORBIDDEN): (IN_DOUBT,),
    (IN_DOUBT, EventType.UNCLEAR): (IN_DOUBT,),
    # The answer behind the callback or the record that overtook it.
    (PLACED, EventType.ACCEPTED): (PLACED, FINISHED),
    (PLACED, EventType.UNSENT): (PLACED,),
    (PLACED, EventType.THROTTLED): (PLACED,),
    (PLACED, EventType.REFUSED): (PLACED,),
    (PLACED, EventType.UNAUTHORIZED): (PLACED,),
    (PLACED, EventType.FORBIDDEN): (PLACED,),
    (PLACED, EventType.UNCLEAR): (PLACED,),
    (FINISHED, EventType.ACCEPTED): (FINISHED,),
    (FINISHED, EventType.UNSENT): (FINISHED,),
    (FINISHED, EventType.THROTTLED): (FINISHED,),
    (FINISHED, EventType.REFUSED): (FINISHED,),
    (FINISHED, EventType.UNAUTHORIZED): (FINISHED,),
    (FINISHED, EventType.FORBIDDEN): (FINISHED,),
    (FINISHED, EventType.UNCLEAR): (FINISHED,),
    # An authentic callback.
    (IN_FLIGHT, EventType.CALLED_BACK): (FINISHED, PLACED),
    (PLACED, EventType.CALLED_BACK): (FINISHED, PLACED),
    (IN_DOUBT, EventType.CALLED_BACK): (FINISHED, PLACED),
    (FINISHED, EventType.CALLED_BACK): (FINISHED,),
    # A Call Detail Record.
    (IN_DOUBT, EventType.RECORDED): (PLACED, FINISHED),
    (IN_FLIGHT, EventType.RECORDED): (PLACED, FINISHED),
    (PLACED, EventType.RECORDED): (PLACED, FINISHED),
    (FINISHED, EventType.RECORDED): (FINISHED,),
    # Proof that a call was placed although it had been refused, or resolved as not placed.
    (REJECTED, EventType.ACCEPTED): (PLACED, FINISHED),
    (REJECTED, EventType.CALLED_BACK): (FINISHED, PLACED),
    (REJECTED, EventType.RECORDED): (PLACED, FINISHED),
    # Evidence of a call that the ledger does not know, or of which it only counts attempts: it lost its tail, or
    # another one has the call. What a run could only keep beside the ledger, a callback and an operator's word are
    # believed. A record may be of another program's call: it makes a doubt, unless somebody asks for more.
    (None, EventType.ACCEPTED): (PLACED, FINISHED),
    (None, EventType.UNCLEAR): (IN_DOUBT,),
    (None, EventType.CALLED_BACK): (FINISHED, PLACED),
    (None, EventType.RESOLVED_PLACED): (PLACED,),
    (None, EventType.RECORDED): (IN_DOUBT, PLACED, FINISHED),
    # An operator's word; not-placed can be taken back, as long as nobody placed the call since.
    (IN_DOUBT, EventType.RESOLVED_PLACED): (PLACED,),
    (REJECTED, EventType.RESOLVED_PLACED): (PLACED,),
    (IN_DOUBT, EventType.RESOLVED_NOT_PLACED): (REJECTED,),
    # Calls that were placed elsewhere, or that moved here from another ledger.
    (None, EventType.IMPORTED): (PLACED, FINISHED, IN_DOUBT, REJECTED, RENAMED),
    (REJECTED, EventType.IMPORTED): (PLACED, FINISHED, IN_DOUBT),
    # A call goes on under another reference-id; the old one is never placed again. Also one that nobody has placed.
    (None, EventType.RENAMED): (RENAMED,),
    (REJECTED, EventType.RENAMED): (RENAMED,),
    (PLACED, EventType.RENAMED): (RENAMED,),
    (FINISHED, EventType.RENAMED): (RENAMED,),
    # Under the new one it is what it was.
    (None, EventType.MOVED): (PLACED, FINISHED, REJECTED),
    (REJECTED, EventType.MOVED): (PLACED, FINISHED, REJECTED),
    # What is settled can be forgotten, but for the fact itself.
    (PLACED, EventType.PURGED): (PLACED,),
    (FINISHED, EventType.PURGED): (FINISHED,),
    (REJECTED, EventType.PURGED): (REJECTED,),
    (None, EventType.PURGED): (None,),
    (RENAMED, EventType.PURGED): (RENAMED,),
    # The words of another call, said to whoever rehearses them: an event, and never a call.
    (None, EventType.REHEARSED): (None,),
}


def step(
    state: State | None, event_type: EventType, before_claim: State | None = None, *, to: State | None = None
) -> State | None:
    """Return the state behind an event; `to` asks for one of the less usual targets.

    Raises `IllegalStep` for a pair that is not in the table, and for a target that it does not have.
    """
    targets = TRANSITIONS.get((state, event_type))
    if targets is None or (to is not None and to not in targets):
        raise IllegalStep(state, event_type)
    target = targets[0] if to is None else to
    return before_claim if isinstance(target, _BeforeClaim) else target


def claimable(state: State | None) -> bool:
    """Return whether a call in this state may be claimed."""
    return (state, EventType.CLAIMED) in TRANSITIONS


class StoredLeg(NamedTuple):
    """One callee of a call as the ledger keeps it, in the order of its columns; `callee` is the keyed hash."""

    callee: str | None
    shown: str | None
    call_id: str | None = None
    error: str | None = None
    code: int | None = None
    description: str | None = None


def phones_of(row: CallRow) -> int:
    """Return how many phones the request of a call rings."""
    if '"callees"' not in row.body:
        return 1
    callees = json.loads(row.body).get("callees")
    return len(callees) if isinstance(callees, list) else 1


def stored_callees(body: Mapping[str, Value]) -> tuple[StoredLeg, ...]:
    """Return the callees of a body with pseudonyms as legs of which nothing is known yet."""
    listed = body["callees"] if body.get("callees") else [body.get("callee")]
    return tuple(
        StoredLeg(leaf[PSEUDONYM], leaf[SHOWN]) for leaf in listed if isinstance(leaf, dict) and PSEUDONYM in leaf
    )


def merged(known: Iterable[StoredLeg], told: Iterable[StoredLeg]) -> tuple[StoredLeg, ...]:
    """Return legs with what was told of them: matched by call-id, else by callee; what matches nothing is added.

    What is known already stays: a second callback with another code changes nothing.
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
        )
    return tuple(legs)


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
    taken = [leg for leg in legs if leg.error is None or leg.code is not None]
    return bool(taken) and all(leg.code is not None for leg in taken)


#: Events that speak of one attempt only: from a run that no longer has the call they say nothing.
ABOUT_THE_ATTEMPT = frozenset(
    {
        EventType.UNSENT,
        EventType.THROTTLED,
        EventType.REFUSED,
        EventType.UNAUTHORIZED,
        EventType.FORBIDDEN,
        EventType.UNCLEAR,
    }
)
#: Events that are not about the reference-id that they name, but about the call: where another one stands for it now,
#: they happen to that one. What a run only says of its own attempt is none of them, unless the call may have rung.
FOLLOW_THE_CALL = frozenset(EventType) - {
    EventType.CLAIMED,
    *(ABOUT_THE_ATTEMPT - {EventType.UNCLEAR}),
    EventType.ABANDONED,
    EventType.IMPORTED,
    EventType.PURGED,
    EventType.RENAMED,
    EventType.MOVED,
}
#: Events that prove a placed call, and say which of its legs have ended.
PROOFS = frozenset({EventType.ACCEPTED, EventType.CALLED_BACK, EventType.RECORDED})


_NO_DATA: Mapping[str, Value] = MappingProxyType({})


class CallRow(NamedTuple):
    """A call as the ledger keeps it: what stands in its row, in the order of the columns, and its legs.

    `state` is None for a call that was claimed and proven unsent: such a row only counts attempts.
    `renamed` is the reference under which it was posted where that is another one; where `state` is RENAMED, it is the
    reference that stands for the call now. `fingerprint` is blinded, `claim` and `serial` are the numbers of the event
    of its claim (0 for none) and of the last one. `words` is a keyed hash of all that was sent but the reference,
    `naming` one of what the document says of that. `updated_at` and `body` (canonical JSON text) are kept with those.
    """

    reference_id: str
    state: State | None
    before_claim: State | None
    fingerprint: str
    claim: int
    attempts: int
    run: str | None
    error: str | None
    claimed_at: str
    renamed: str | None
    words: int | None
    naming: int | None
    purged: bool
    serial: int
    updated_at: str
    body: str = "{}"
    legs: tuple[StoredLeg, ...] = ()


class Change(NamedTuple):
    """Something that happened to a call, on its way into the ledger; `words` and `naming` come with claims.

    `run` is the run that says so, if a run does. `to` asks the state machine for a less usual target.
    `body` and `fingerprint` (blinded) come with claims and imports. `data` is kept with the event. `moved_from` is the
    reference that the same occasion had before: whoever claims or moves a call lets that one become this one.
    """

    reference_id: str
    event_type: EventType
    at: str
    actor: Actor
    run: str | None = None
    legs: tuple[StoredLeg, ...] = ()
    detail: str | None = None
    to: State | None = None
    body: str = "{}"
    fingerprint: str = ""
    data: Mapping[str, Value] = _NO_DATA
    moved_from: str | None = None
    words: int | None = None
    naming: int | None = None


def decide(row: CallRow | None, change: Change, serial: int = 0) -> CallRow:
    """Return the row behind a change; the row itself when nothing changes, so when there is nothing to write.

    `serial` is the number of the event that tells of it.

    Raises `IllegalStep` when this cannot happen to the call.
    """
    state = row.state if row else None
    event_type = change.event_type
    if event_type is EventType.CLAIMED:
        return _claimed(row, change, serial)
    if event_type is EventType.IMPORTED:
        step(state, event_type, to=change.to)
        return _imported(row, change, serial)
    if event_type is EventType.PURGED:
        if row is None:
            raise IllegalStep(None, event_type)
        step(state, event_type)
        return _purged(row, change.at, serial)
    if event_type is EventType.RENAMED:
        return _tombstone(row, change, serial)
    if event_type is EventType.MOVED:  # takes the row of another reference: see `moved`
        raise IllegalStep(state, event_type)
    if event_type in ABOUT_THE_ATTEMPT and state is not None and row is not None and row.run != change.run:
        raise IllegalStep(state, event_type)
    if row is None or state is None:
        row = _unknown(change, attempts=row.attempts if row else 0)
    return _settled(row, change, serial)


def _unknown(change: Change, attempts: int) -> CallRow:
    """Return the row that a call has before evidence of it comes, where the ledger has no claim of it."""
    return CallRow(
        reference_id=change.reference_id,
        state=None,
        before_claim=None,
        fingerprint=change.fingerprint,
        claim=0,
        attempts=attempts,
        run=change.run,
        error=None,
        claimed_at=change.at,
        renamed=None,
        words=None,
        naming=None,
        updated_at=change.at,
        purged=False,
        serial=0,
    )


def _tombstone(row: CallRow | None, change: Change, serial: int) -> CallRow:
    """Return what stays of a reference that becomes another one."""
    return _unknown(change, attempts=row.attempts if row else 0)._replace(
        state=step(row.state if row else None, EventType.RENAMED),
        fingerprint="",
        run=None,
        claimed_at=row.claimed_at if row else change.at,
        renamed=str(change.data["to"]),
        serial=serial,
    )


def moved(row: CallRow | None, before: CallRow, change: Change, serial: int) -> CallRow:
    """Return the row of a call that another reference had `before`; `row` is what its own has so far.

    Raises `IllegalStep` when the two cannot be one call.
    """
    state = step(row.state if row else None, EventType.MOVED, to=before.state)
    return before._replace(
        reference_id=change.reference_id,
        state=state,
        renamed=before.renamed or before.reference_id,
        naming=None,  # nobody says how it would be called today
        updated_at=change.at,
        serial=serial,
    )


def _claimed(row: CallRow | None, change: Change, serial: int) -> CallRow:
    state = row.state if row else None
    return CallRow(
        reference_id=change.reference_id,
        state=step(state, EventType.CLAIMED),
        before_claim=state,
        fingerprint=change.fingerprint,
        claim=serial,
        attempts=(row.attempts if row else 0) + 1,
        run=change.run,
        error=None,
        claimed_at=change.at,
        renamed=None,
        words=change.words,
        naming=change.naming,
        updated_at=change.at,
        purged=False,
        serial=serial,
        body=change.body,
    )


def _imported(row: CallRow | None, change: Change, serial: int) -> CallRow:
    return CallRow(
        reference_id=change.reference_id,
        state=step(row.state if row else None, EventType.IMPORTED, to=change.to),
        before_claim=None,
        fingerprint=change.fingerprint,
        claim=0,
        legs=change.legs,
        attempts=row.attempts if row else 0,
        run=None,
        error=change.detail,
        claimed_at=str(change.data.get("placed_at") or change.at),
        renamed=change.data.get("renamed"),
        words=None,
        naming=None,
        updated_at=change.at,
        purged=False,
        serial=serial,
    )


def _purged(row: CallRow, at: str, serial: int) -> CallRow:
    """Return the tombstone: that the call was placed, and how its legs ended."""
    legs = tuple(StoredLeg(None, None, code=leg.code) for leg in row.legs)
    return row._replace(
        fingerprint="",
        words=None,
        naming=None,
        claim=0,
        body="{}",
        legs=legs,
        error=None,
        updated_at=at,
        purged=True,
        serial=serial,
    )


def _settled(row: CallRow, change: Change, serial: int) -> CallRow:
    legs, to = row.legs, change.to
    if change.legs and not row.purged:
        legs = merged(legs or _expected(row, change), change.legs)
    if change.event_type in PROOFS and row.state is not State.FINISHED and change.to is not State.IN_DOUBT:
        ended = legs if not row.purged else change.legs
        to = State.FINISHED if complete(ended) else State.PLACED
    state = step(row.state, change.event_type, row.before_claim, to=to)
    if state is None:  # proven unsent: the row only counts attempts now
        return row._replace(
            state=None,
            before_claim=None,
            fingerprint="",
            words=None,
            naming=None,
            claim=0,
            body="{}",
            error=change.detail,
            updated_at=change.at,
            serial=serial,
        )
    if state.is_placed and not legs:
        legs = stored_callees(json.loads(row.body))  # whom it rang, even when only that is known
    error = None if row.purged else _error(row, change, state)
    if (state, legs, error) == (row.state, row.legs, row.error):
        return row
    return row._replace(state=state, legs=legs, error=error, updated_at=change.at, serial=serial)


def _error(row: CallRow, change: Change, state: State) -> str | None:
    """Return what stands between a call and being placed, in words."""
    if state.is_placed:
        return None
    attempted = change.event_type in ABOUT_THE_ATTEMPT or change.event_type is EventType.ABANDONED
    return change.detail if attempted else row.error


def _expected(row: CallRow, change: Change) -> tuple[StoredLeg, ...]:
    """Return the callees of the request, when a callback or a record comes before the answer has named them."""
    return stored_callees(json.loads(row.body)) if change.event_type is not EventType.ACCEPTED else ()
