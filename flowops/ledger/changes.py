"""What a change makes of the row of a call."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.ledger.legs import StoredLeg, are_of, complete, merged, stored_callees
from flowops.ledger.states import (
    ABOUT_THE_ATTEMPT,
    CANCELLED,
    FINISHED,
    IN_DOUBT,
    PLACED,
    PROOFS,
    IllegalStep,
    step,
)
from flowops.model.ledger import EventType, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flowops.model.document import Value
    from flowops.model.ledger import Actor


NO_DATA: Mapping[str, Value] = MappingProxyType({})
# Each change asks for these: a name of a module is found sooner than a member of an enumeration.
CLAIMED, ACCEPTED, RECORDED, ABANDONED, RESOLVED_OUTCOME = (
    EventType.CLAIMED,
    EventType.ACCEPTED,
    EventType.RECORDED,
    EventType.ABANDONED,
    EventType.RESOLVED_OUTCOME,
)


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


#: For how long calls are counted together by the time of their claims.
PERIOD = timedelta(minutes=10)


def period(at: str) -> str:
    """Return the ten minutes in which a time is, as the ledger writes it."""
    return at[:15]


def counts(changed: Iterable[tuple[CallRow | None, CallRow, int]]) -> dict[str, tuple[int, int]]:
    """Return by how many calls, and phones, some changes of rows change what is counted (`flowops_counts`).

    Each comes with how many phones the call rings behind it.
    """
    calls, phones = Counter[str](), Counter[str]()
    # Most of them are alike.
    for both, number in Counter([_counted(*each) for each in changed]).items():
        for counted, times in zip(both, (-number, number), strict=True):
            if counted is None:
                continue
            state, cancelled_from, time, ringing = counted
            may_have_rung = state.may_have_rung or cancelled_from is IN_DOUBT
            for name in (state.value, time) if may_have_rung else (state.value,):
                calls[name] += times
                phones[name] += times * ringing
    return {name: (calls[name], phones[name]) for name in calls if calls[name] or phones[name]}


#: What decides as what a call counts; None where it does not.
_Counted = tuple[State, State | None, str, int] | None


def _counted(before: CallRow | None, after: CallRow, ringing: int) -> tuple[_Counted, _Counted]:
    """Return as what a call counted before a change, and as what it counts behind it."""
    counts = None if after.state is None else (after.state, after.cancelled_from, period(after.claimed_at), ringing)
    if before is None or before.state is None:
        return None, counts
    if before.body is not after.body:
        ringing = phones_of(before)
    return (before.state, before.cancelled_from, period(before.claimed_at), ringing), counts


def phones_of(row: CallRow) -> int:
    """Return how many phones the request of a call rings."""
    if '"callees"' not in row.body:
        return 1
    callees = json.loads(row.body).get("callees")
    return len(callees) if isinstance(callees, list) else 1


class Change(NamedTuple):
    """Something that happened to a call, on its way into the ledger; `words` and `naming` come with claims.

    `run` is the run that says so, if a run does. `to` asks the state machine for a less usual target.
    `body` (canonical JSON in UTF-8) and `fingerprint` (blinded) come with claims and imports. `data` is kept with the
    event. `moved_from` is the reference that the same occasion had before: whoever claims or moves a call lets that one
    become this one. `labels` are those that its document gives a call, as canonical JSON: the event has them with who
    has acted.
    """

    reference_id: str
    event_type: EventType
    at: str
    actor: Actor
    run: str | None = None
    legs: tuple[StoredLeg, ...] = ()
    detail: str | None = None
    to: State | None = None
    body: bytes = b"{}"
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
    return _DECIDED.get(change.event_type, _told_of)(row, change, serial)


def _told_of(row: CallRow | None, change: Change, serial: int) -> CallRow:
    """Return the row of a call behind what is told of it: by its run, the API, or an operator."""
    if row is None or row.state is None:
        row = _unknown(change, attempts=row.attempts if row else 0)
    elif change.event_type in ABOUT_THE_ATTEMPT and not _is_of_attempt(row, change):
        raise IllegalStep(row.state, change.event_type)
    return _settled(row, change, serial)


def _is_of_attempt(row: CallRow, change: Change) -> bool:
    """Return whether what a run says of its attempt says something of this call.

    A refused one may have been claimed again by a run whose claim is not known here, since an older copy was put back:
    then it may have rung. What the run that was refused says late is nothing new.
    """
    if row.state is State.REJECTED:
        return change.event_type is EventType.UNCLEAR and row.run != change.run and change.at > row.claimed_at
    return row.run == change.run


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
    purged, error, renamed, cancelled_from, refused = False, None, None, None, 0
    legs: tuple[StoredLeg, ...] = ()
    return CallRow._make(
        (
            change.reference_id,
            step(state, CLAIMED),
            state,
            change.fingerprint,
            serial,
            (row.attempts if row else 0) + 1,
            change.run,
            error,
            change.at,
            renamed,
            change.words,
            change.naming,
            purged,
            cancelled_from,
            refused,
            serial,
            change.at,
            change.body.decode(),
            legs,
        )
    )


def _imported(row: CallRow | None, change: Change, serial: int) -> CallRow:
    return CallRow(
        reference_id=change.reference_id,
        state=step(row.state if row else None, EventType.IMPORTED, to=change.to),
        before_claim=None,
        fingerprint=change.fingerprint,
        claim=serial if change.labels or "max_attempts" in change.data else 0,
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


def _cancelled(row: CallRow | None, change: Change, serial: int) -> CallRow:
    """Return a call that is never to be placed, with all that is known of it. Whom it may have rung stays counted."""
    row = row or _unknown(change, attempts=0)
    state = step(row.state, EventType.CANCELLED)
    legs = row.legs or (stored_callees(json.loads(row.body)) if row.state is IN_DOUBT else ())
    return row._replace(state=state, cancelled_from=row.state, legs=legs, updated_at=change.at, serial=serial)


def _given_back(row: CallRow | None, change: Change, serial: int) -> CallRow:
    """Return a cancelled call as it was before."""
    if row is None:
        raise IllegalStep(None, change.event_type)
    state = step(row.state, EventType.CANCEL_UNDONE, row.cancelled_from)
    # Where nothing else was known, the one who cancelled it has taken the callees out of the body.
    legs = () if row.legs == stored_callees(json.loads(row.body)) else row.legs
    return row._replace(state=state, cancelled_from=None, legs=legs, updated_at=change.at, serial=serial)


def _accepted(row: CallRow | None, change: Change, serial: int) -> CallRow:
    """Return a call whose files say what was meant, with the fingerprint that they give it now."""
    if row is None:
        raise IllegalStep(None, change.event_type)
    step(row.state, change.event_type)
    fingerprint = change.fingerprint or row.fingerprint
    return row._replace(fingerprint=fingerprint, refused=0, updated_at=change.at, serial=serial)


def _moved(row: CallRow | None, change: Change, _serial: int) -> CallRow:
    """Refuse: what moves takes the row of another reference, see `moved`."""
    raise IllegalStep(row.state if row else None, change.event_type)


def _purged(row: CallRow | None, change: Change, serial: int) -> CallRow:
    """Return the tombstone: that the call was placed, and how its legs ended."""
    if row is None:
        raise IllegalStep(None, change.event_type)
    step(row.state, change.event_type)
    legs = tuple(StoredLeg(None, None, code=leg.code) for leg in row.legs)
    return row._replace(
        fingerprint="",
        words=None,
        naming=None,
        claim=0,
        body="{}",
        legs=legs,
        error=None,
        updated_at=change.at,
        purged=True,
        refused=0,
        serial=serial,
    )


def _settled(row: CallRow, change: Change, serial: int) -> CallRow:
    event_type, legs, to = change.event_type, row.legs, change.to
    if event_type is RESOLVED_OUTCOME and row.state is PLACED:
        legs = _ended(legs or stored_callees(json.loads(row.body)), change.legs[0])
        to = FINISHED if complete(legs) else PLACED
    elif change.legs and not row.purged:
        legs = merged(legs or _expected(row, change), _told(row, change))
    if event_type in PROOFS and row.state is not FINISHED and to is not IN_DOUBT:
        ended = legs if not row.purged else change.legs
        to = FINISHED if complete(ended) else PLACED
    state = step(row.state, event_type, row.before_claim, to=to)
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
    is_placed = state.is_placed
    if is_placed and not legs:
        legs = stored_callees(json.loads(row.body))  # whom it rang, even when only that is known
    error = None if row.purged or is_placed else _error(row, change)
    if (state, legs, error) == (row.state, row.legs, row.error):
        return row
    cancelled_from = row.cancelled_from if state is CANCELLED else None
    refused = _refused(row, change, legs) if is_placed else 0
    # By the places of the columns: by their names it takes several times as long, and each call is answered once.
    known, since = row[_FINGERPRINT:_ERROR], row[_CLAIMED_AT:_CANCELLED_FROM]
    said = cancelled_from, refused, serial, change.at, row.body, legs
    return CallRow._make((row.reference_id, state, row.before_claim, *known, error, *since, *said))


#: Where the columns begin, and end, that an answer leaves as they are.
_FINGERPRINT, _ERROR, _CLAIMED_AT, _CANCELLED_FROM = map(
    CallRow._fields.index, ("fingerprint", "error", "claimed_at", "cancelled_from")
)


def _told(row: CallRow, change: Change) -> tuple[StoredLeg, ...]:
    """Return what is told of the legs of a call.

    An account may serve others that use the same references. So a record with another call-id than those of a placed
    call is that of another call, or of another leg than this request's: it says nothing of this one. Raises
    `IllegalStep` where nothing is left.
    """
    if change.event_type is not RECORDED or row.state is None or not row.state.is_placed:
        return change.legs
    known = row.legs or _expected(row, change)
    told = tuple(leg for leg in change.legs if not known or are_of(known, [leg]))
    if not told:
        raise IllegalStep(row.state, change.event_type)
    return told


def _ended(legs: Iterable[StoredLeg], word: StoredLeg) -> tuple[StoredLeg, ...]:
    """Return legs of which an operator says how they ended: those that are open, of one call-id where one is named."""
    return tuple(
        leg._replace(code=word.code) if leg.is_open and word.call_id in (None, leg.call_id) else leg
        for leg in tuple(legs) or (StoredLeg(None, None),)
    )


def _refused(row: CallRow, change: Change, legs: Iterable[StoredLeg]) -> int:
    """Return how many callees the API has refused among others: its answer says so, and a callback may know better."""
    refused = sum([leg.error is not None and leg.code is None for leg in legs])
    return refused if change.event_type is ACCEPTED else min(row.refused, refused)


def _error(row: CallRow, change: Change) -> str | None:
    """Return what stands between a call that is not placed and being placed, in words."""
    attempted = change.event_type in ABOUT_THE_ATTEMPT or change.event_type is ABANDONED
    return change.detail if attempted else row.error


def _expected(row: CallRow, change: Change) -> tuple[StoredLeg, ...]:
    """Return the callees of the request, when a callback or a record comes before the answer has named them."""
    return stored_callees(json.loads(row.body)) if change.event_type is not ACCEPTED else ()


#: What decides on a change, by its event; on all others, what is told of a call.
_DECIDED: Mapping[EventType, Callable[[CallRow | None, Change, int], CallRow]] = {
    CLAIMED: _claimed,
    EventType.IMPORTED: _imported,
    EventType.PURGED: _purged,
    EventType.RENAMED: _tombstone,
    EventType.MOVED: _moved,
    EventType.CANCELLED: _cancelled,
    EventType.CANCEL_UNDONE: _given_back,
    EventType.EDIT_ACCEPTED: _accepted,
}
