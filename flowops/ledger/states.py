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

from typing import TYPE_CHECKING, Final

from flowops.model.ledger import EventType, State

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    # Proof that a call was placed although it had been refused, resolved as not placed, or cancelled; where another
    # ledger may have placed it, one that was refused is a doubt.
    (REJECTED, EventType.ACCEPTED): (PLACED, FINISHED),
    # Of a later attempt, whose claim the ledger has lost: see `flowops.ledger.changes.decide`.
    (REJECTED, EventType.UNCLEAR): (IN_DOUBT,),
    (REJECTED, EventType.CALLED_BACK): (FINISHED, PLACED),
    (REJECTED, EventType.RECORDED): (PLACED, FINISHED, IN_DOUBT),
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
    **{(state, EventType.PURGED): (state,) for state in (None, *State) if state is None or not state.is_unsettled},
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
