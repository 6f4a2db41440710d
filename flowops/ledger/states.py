"""The state machine of a call: contract, section 6, as one table.

Three rules stand behind the rows:

* Only proof that nothing was placed makes a call placeable again: a refusal or an unsent request while the
  call is in flight, or an operator's word on a call in doubt.
* Proof that it was placed (a valid answer, a callback, a Call Detail Record, an operator's word) always wins, also over
  an earlier refusal, because the other mistake would ring a phone twice.
* What comes late or twice changes nothing: a call in doubt stays in doubt when its run reports a refusal after
  the lease was lost, a placed call stays placed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowops.model.ledger import Happening, State

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_FLIGHT, PLACED, FINISHED, REJECTED, IN_DOUBT = (
    State.IN_FLIGHT,
    State.PLACED,
    State.FINISHED,
    State.REJECTED,
    State.IN_DOUBT,
)


class IllegalStep(ValueError):
    """This cannot happen to a call in that state; the ledger stays as it is."""

    def __init__(self, state: State | None, happening: Happening) -> None:
        super().__init__(f"{happening} cannot happen to a call that is {state or 'not in the ledger'}")


class _BeforeClaim:
    """Stands for the state that the call had before it was claimed."""


BEFORE_CLAIM: Final = _BeforeClaim()
Target = State | _BeforeClaim | None

#: Where a happening leads from a state. The first target is the usual one, the others are possible when
#: asked for (`to`): a callback that leaves other callees open leads to placed, an import says its state.
TRANSITIONS: Final[Mapping[tuple[State | None, Happening], tuple[Target, ...]]] = {
    (None, Happening.CLAIMED): (IN_FLIGHT,),
    (REJECTED, Happening.CLAIMED): (IN_FLIGHT,),
    # The answer, or the proof that there will be none, while the call is in flight.
    (IN_FLIGHT, Happening.UNSENT): (BEFORE_CLAIM,),
    (IN_FLIGHT, Happening.THROTTLED): (BEFORE_CLAIM,),
    (IN_FLIGHT, Happening.REFUSED): (REJECTED,),
    (IN_FLIGHT, Happening.UNAUTHORIZED): (REJECTED,),
    (IN_FLIGHT, Happening.ACCEPTED): (PLACED, FINISHED),
    (IN_FLIGHT, Happening.UNCLEAR): (IN_DOUBT,),
    (IN_FLIGHT, Happening.ABANDONED): (IN_DOUBT,),
    # The answer of a run that was taken for dead: what is good news counts, all else is noted.
    (IN_DOUBT, Happening.ACCEPTED): (PLACED, FINISHED),
    (IN_DOUBT, Happening.UNSENT): (IN_DOUBT,),
    (IN_DOUBT, Happening.THROTTLED): (IN_DOUBT,),
    (IN_DOUBT, Happening.REFUSED): (IN_DOUBT,),
    (IN_DOUBT, Happening.UNAUTHORIZED): (IN_DOUBT,),
    (IN_DOUBT, Happening.UNCLEAR): (IN_DOUBT,),
    # The answer behind the callback or the record that overtook it.
    (PLACED, Happening.ACCEPTED): (PLACED, FINISHED),
    (PLACED, Happening.UNSENT): (PLACED,),
    (PLACED, Happening.THROTTLED): (PLACED,),
    (PLACED, Happening.REFUSED): (PLACED,),
    (PLACED, Happening.UNAUTHORIZED): (PLACED,),
    (PLACED, Happening.UNCLEAR): (PLACED,),
    (FINISHED, Happening.ACCEPTED): (FINISHED,),
    (FINISHED, Happening.UNSENT): (FINISHED,),
    (FINISHED, Happening.THROTTLED): (FINISHED,),
    (FINISHED, Happening.REFUSED): (FINISHED,),
    (FINISHED, Happening.UNAUTHORIZED): (FINISHED,),
    (FINISHED, Happening.UNCLEAR): (FINISHED,),
    # An authentic callback.
    (IN_FLIGHT, Happening.CALLED_BACK): (FINISHED, PLACED),
    (PLACED, Happening.CALLED_BACK): (FINISHED, PLACED),
    (IN_DOUBT, Happening.CALLED_BACK): (FINISHED, PLACED),
    (FINISHED, Happening.CALLED_BACK): (FINISHED,),
    # A Call Detail Record.
    (IN_DOUBT, Happening.RECORDED): (PLACED, FINISHED),
    (IN_FLIGHT, Happening.RECORDED): (PLACED, FINISHED),
    (PLACED, Happening.RECORDED): (PLACED, FINISHED),
    (FINISHED, Happening.RECORDED): (FINISHED,),
    # Proof that a call was placed although it had been refused, or resolved as not placed.
    (REJECTED, Happening.ACCEPTED): (PLACED, FINISHED),
    (REJECTED, Happening.CALLED_BACK): (FINISHED, PLACED),
    (REJECTED, Happening.RECORDED): (PLACED, FINISHED),
    # An operator's word; not-placed can be taken back, as long as nobody placed the call since.
    (IN_DOUBT, Happening.RESOLVED_PLACED): (PLACED,),
    (REJECTED, Happening.RESOLVED_PLACED): (PLACED,),
    (IN_DOUBT, Happening.RESOLVED_NOT_PLACED): (REJECTED,),
    # Calls that were placed elsewhere, or that moved here from another ledger.
    (None, Happening.IMPORTED): (PLACED, FINISHED, IN_DOUBT, REJECTED),
    (REJECTED, Happening.IMPORTED): (PLACED, FINISHED, IN_DOUBT),
    # What is settled can be forgotten, but for the fact itself.
    (PLACED, Happening.PURGED): (PLACED,),
    (FINISHED, Happening.PURGED): (FINISHED,),
    (REJECTED, Happening.PURGED): (REJECTED,),
    (None, Happening.PURGED): (None,),
}


def step(
    state: State | None, happening: Happening, before_claim: State | None = None, *, to: State | None = None
) -> State | None:
    """The state behind a happening; `to` asks for one of the less usual targets.

    Raises `IllegalStep` for a pair that is not in the table, and for a target that it does not have.
    """
    targets = TRANSITIONS.get((state, happening))
    if targets is None or (to is not None and to not in targets):
        raise IllegalStep(state, happening)
    target = targets[0] if to is None else to
    return before_claim if isinstance(target, _BeforeClaim) else target


def claimable(state: State | None) -> bool:
    """Whether a call in this state may be claimed."""
    return (state, Happening.CLAIMED) in TRANSITIONS
