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

IN_FLIGHT, PLACED, FINISHED, REJECTED, IN_DOUBT, CANCELLED = (
    State.IN_FLIGHT,
    State.PLACED,
    State.FINISHED,
    State.REJECTED,
    State.IN_DOUBT,
    State.CANCELLED,
)
RENAMED = State.RENAMED


class IllegalStep(ValueError):
    """This cannot happen to a call in that state; the ledger stays as it is."""

    def __init__(self, state: State | None, event_type: EventType) -> None:
        super().__init__(f"{event_type} cannot happen to a call that is {state or 'not in the ledger'}")


class _Before:
    """Stands for the state that the call had before it was claimed, or before it was cancelled."""


BEFORE: Final = _Before()
Target = State | _Before | None

#: Where an event leads from a state. The first target is the usual one, the others are possible when
#: asked for (`to`): a callback that leaves other callees open leads to placed, an import says its state.
TRANSITIONS: Final[Mapping[tuple[State | None, EventType], tuple[Target, ...]]] = {
    (None, EventType.CLAIMED): (IN_FLIGHT,),
    (REJECTED, EventType.CLAIMED): (IN_FLIGHT,),
    # The answer, or the proof that there will be none, while the call is in flight.
    (IN_FLIGHT, EventType.UNSENT): (BEFORE,),
    (IN_FLIGHT, EventType.THROTTLED): (BEFORE,),
    (IN_FLIGHT, EventType.REFUSED): (REJECTED,),
    (IN_FLIGHT, EventType.UNAUTHORIZED): (BEFORE,),
    (IN_FLIGHT, EventType.FORBIDDEN): (BEFORE,),
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
    # The same of a call that was cancelled meanwhile.
    (CANCELLED, EventType.UNSENT): (CANCELLED,),
    (CANCELLED, EventType.THROTTLED): (CANCELLED,),
    (CANCELLED, EventType.REFUSED): (CANCELLED,),
    (CANCELLED, EventType.UNAUTHORIZED): (CANCELLED,),
    (CANCELLED, EventType.FORBIDDEN): (CANCELLED,),
    (CANCELLED, EventType.UNCLEAR): (CANCELLED,),
    # Proof that a call was placed although it had been refused, resolved as not placed, or cancelled.
    (REJECTED, EventType.ACCEPTED): (PLACED, FINISHED),
    (REJECTED, EventType.CALLED_BACK): (FINISHED, PLACED),
    (REJECTED, EventType.RECORDED): (PLACED, FINISHED),
    (CANCELLED, EventType.ACCEPTED): (PLACED, FINISHED),
    (CANCELLED, EventType.CALLED_BACK): (FINISHED, PLACED),
    (CANCELLED, EventType.RECORDED): (PLACED, FINISHED),
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
    (CANCELLED, EventType.RESOLVED_PLACED): (PLACED,),
    (IN_DOUBT, EventType.RESOLVED_NOT_PLACED): (REJECTED,),
    # How a placed call has ended, by an operator's word: of all its callees, or of one.
    (PLACED, EventType.RESOLVED_OUTCOME): (FINISHED, PLACED),
    # What the files say now is what was meant, and a callee that was refused among others is known of.
    (PLACED, EventType.EDIT_ACCEPTED): (PLACED,),
    (FINISHED, EventType.EDIT_ACCEPTED): (FINISHED,),
    # A call that is never to be placed. Taking that back gives back exactly what there was.
    (None, EventType.CANCELLED): (CANCELLED,),
    (REJECTED, EventType.CANCELLED): (CANCELLED,),
    (IN_DOUBT, EventType.CANCELLED): (CANCELLED,),
    (CANCELLED, EventType.CANCEL_UNDONE): (BEFORE,),
    # Calls that were placed elsewhere, or that moved here from another ledger.
    (None, EventType.IMPORTED): (PLACED, FINISHED, IN_DOUBT, REJECTED, RENAMED, CANCELLED),
    (REJECTED, EventType.IMPORTED): (PLACED, FINISHED, IN_DOUBT),
    (CANCELLED, EventType.IMPORTED): (PLACED, FINISHED),
    # A call goes on under another reference-id; the old one is never placed again. Also one that nobody has placed.
    (None, EventType.RENAMED): (RENAMED,),
    (REJECTED, EventType.RENAMED): (RENAMED,),
    (PLACED, EventType.RENAMED): (RENAMED,),
    (FINISHED, EventType.RENAMED): (RENAMED,),
    (CANCELLED, EventType.RENAMED): (RENAMED,),
    # Under the new one it is what it was.
    (None, EventType.MOVED): (PLACED, FINISHED, REJECTED, CANCELLED),
    (REJECTED, EventType.MOVED): (PLACED, FINISHED, REJECTED, CANCELLED),
    # What is settled can be forgotten, but for the fact itself.
    (PLACED, EventType.PURGED): (PLACED,),
    (FINISHED, EventType.PURGED): (FINISHED,),
    (REJECTED, EventType.PURGED): (REJECTED,),
    (CANCELLED, EventType.PURGED): (CANCELLED,),
    (None, EventType.PURGED): (None,),
    (RENAMED, EventType.PURGED): (RENAMED,),
    # The words of another call, said to whoever rehearses them: an event, and never a call.
    (None, EventType.REHEARSED): (None,),
}


def step(
    state: State | None, event_type: EventType, before: State | None = None, *, to: State | None = None
) -> State | None:
    """Return the state behind an event; `to` asks for one of the less usual targets, `before` is that of `BEFORE`.

    Raises `IllegalStep` for a pair that is not in the table, and for a target that it does not have.
    """
    targets = TRANSITIONS.get((state, event_type))
    if targets is None or (to is not None and to not in targets):
        raise IllegalStep(state, event_type)
    target = targets[0] if to is None else to
    return before if isinstance(target, _Before) else target


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
    later: int | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the API has taken it, and it is still to come how it ends."""
        return self.error is None and self.code is None

    @property
    def says_anything(self) -> bool:
        """Return whether anything but the callee is known of it."""
        return any(value is not None for value in (self.call_id, self.error, self.code, self.description))


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


NO_DATA: Mapping[str, Value] = MappingProxyType({})


class CallRow(NamedTuple):
    """A call as the ledger keeps it: what stands in its row, in the order of the columns, and its legs.

    `state` is None for a call that was claimed and proven unsent: such a row only counts attempts.
    `renamed` is the reference under which it was posted where that is another one; where `state` is RENAMED, it is the
    reference that stands for the call now. `cancelled_from` is the state that a cancelled call had before. `refused`
    counts its callees that the API refused among others, and that nobody has acknowledged. `fingerprint` is blinded,
    `claim` and `serial` are the numbers of the event of its claim, which has its body and its labels (0 for none), and
    of the last one. `words` is a keyed
    hash of all that was sent but the reference, `naming` one of what the document says of that. `updated_at` and `body`
    (canonical JSON text) are kept with those.
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
    cancelled_from: State | None
    refused: int
    serial: int
    updated_at: str
    body: str = "{}"
    legs: tuple[StoredLeg, ...] = ()

    @property
    def may_have_rung(self) -> bool:
        """Return whether a phone may have rung: of a cancelled call, if that was in doubt."""
        return self.state is not None and (self.state.may_have_rung or self.cancelled_from is IN_DOUBT)


class Change(NamedTuple):
    """Something that happened to a call, on its way into the ledger; `words` and `naming` come with claims.

    `run` is the run that says so, if a run does. `to` asks the state machine for a less usual target.
    `body` and `fingerprint` (blinded) come with claims and imports. `data` is kept with the event. `moved_from` is the
    reference that the same occasion had before: whoever claims or moves a call lets that one become this one. `labels`
    are those that its document gives a call, as canonical JSON: the event has them with who has acted.
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
    data: Mapping[str, Value] = NO_DATA
    moved_from: str | None = None
    words: int | None = None
    naming: int | None = None
    labels: str = ""


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
    if event_type is EventType.CANCELLED:
        return _cancelled(row or _unknown(change, attempts=0), change, serial)
    if event_type is EventType.CANCEL_UNDONE and row is not None:
        return _given_back(row, change, serial)
    if event_type is EventType.EDIT_ACCEPTED and row is not None:
        step(state, event_type)
        fingerprint = change.fingerprint or row.fingerprint
        return row._replace(fingerprint=fingerprint, refused=0, updated_at=change.at, serial=serial)
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
        cancelled_from=None,
        refused=0,
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
        cancelled_from=None,
        refused=0,
        serial=serial,
        body=change.body,
    )


def _imported(row: CallRow | None, change: Change, serial: int) -> CallRow:
    return CallRow(
        reference_id=change.reference_id,
        state=step(row.state if row else None, EventType.IMPORTED, to=change.to),
        before_claim=None,
        fingerprint=change.fingerprint,
        claim=serial if change.labels else 0,
        legs=change.legs,
        attempts=(row.attempts if row else 0) + change.data.get("attempts", 0),
        run=None,
        error=change.detail,
        claimed_at=str(change.data.get("placed_at") or change.at),
        renamed=change.data.get("renamed"),
        words=None,
        naming=None,
        updated_at=change.at,
        purged=False,
        cancelled_from=State(before) if (before := change.data.get("cancelled_from")) else None,
        refused=change.data.get("refused", 0),
        serial=serial,
    )


def _cancelled(row: CallRow, change: Change, serial: int) -> CallRow:
    """Return a call that is never to be placed, with all that is known of it. Whom it may have rung stays counted."""
    state = step(row.state, EventType.CANCELLED)
    legs = row.legs or (stored_callees(json.loads(row.body)) if row.state is IN_DOUBT else ())
    return row._replace(state=state, cancelled_from=row.state, legs=legs, updated_at=change.at, serial=serial)


def _given_back(row: CallRow, change: Change, serial: int) -> CallRow:
    """Return a cancelled call as it was before."""
    state = step(row.state, EventType.CANCEL_UNDONE, row.cancelled_from)
    # Where nothing else was known, the one who cancelled it has taken the callees out of the body.
    legs = () if row.legs == stored_callees(json.loads(row.body)) else row.legs
    return row._replace(state=state, cancelled_from=None, legs=legs, updated_at=change.at, serial=serial)


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
        refused=0,
        serial=serial,
    )


def _settled(row: CallRow, change: Change, serial: int) -> CallRow:
    legs, to = row.legs, change.to
    if change.event_type is EventType.RESOLVED_OUTCOME and row.state is PLACED:
        legs = _ended(legs or stored_callees(json.loads(row.body)), change.legs[0])
        to = State.FINISHED if complete(legs) else State.PLACED
    elif change.legs and not row.purged:
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
    return row._replace(
        state=state,
        legs=legs,
        error=error,
        cancelled_from=row.cancelled_from if state is CANCELLED else None,
        refused=_refused(row, change, legs) if state.is_placed else 0,
        updated_at=change.at,
        serial=serial,
    )


def _ended(legs: Iterable[StoredLeg], word: StoredLeg) -> tuple[StoredLeg, ...]:
    """Return legs of which an operator says how they ended: those that are open, of one call-id where one is named."""
    return tuple(
        leg._replace(code=word.code) if leg.is_open and word.call_id in (None, leg.call_id) else leg
        for leg in tuple(legs) or (StoredLeg(None, None),)
    )


def _refused(row: CallRow, change: Change, legs: Iterable[StoredLeg]) -> int:
    """Return how many callees the API has refused among others: its answer says so, and a callback may know better."""
    refused = sum(leg.error is not None and leg.code is None for leg in legs)
    return refused if change.event_type is EventType.ACCEPTED else min(row.refused, refused)


def _error(row: CallRow, change: Change, state: State) -> str | None:
    """Return what stands between a call and being placed, in words."""
    if state.is_placed:
        return None
    attempted = change.event_type in ABOUT_THE_ATTEMPT or change.event_type is EventType.ABANDONED
    return change.detail if attempted else row.error


def _expected(row: CallRow, change: Change) -> tuple[StoredLeg, ...]:
    """Return the callees of the request, when a callback or a record comes before the answer has named them."""
    return stored_callees(json.loads(row.body)) if change.event_type is not EventType.ACCEPTED else ()
