"""The state machine against a table that was written by hand from the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowops.ledger.states import TRANSITIONS, IllegalStep, claimable, step
from flowops.model.ledger import EventType, State

_TABLE = Path(__file__).parents[2] / "cases" / "ledger" / "001-states" / "table.txt"


def _read() -> dict[tuple[State | None, EventType], list[str]]:
    lines = [line.split() for line in _TABLE.read_text().splitlines() if not line.startswith("#")]
    states = [None if name == "none" else State(name) for name in lines[0][1:]]
    return {
        (state, EventType(event_type)): [] if cell == "-" else cell.split("|")
        for event_type, *cells in lines[1:]
        for state, cell in zip(states, cells, strict=True)
    }


TABLE = _read()
PAIRS = [pytest.param(*pair, id=f"{pair[0]}+{pair[1]}") for pair in TABLE]


def _target(cell: str, before_claim: State | None) -> State | None:
    if cell == "before":
        return before_claim
    return None if cell == "none" else State(cell)


def test_every_pair_of_state_and_event_stands_in_the_table() -> None:
    assert TABLE.keys() == {(state, event_type) for state in (None, *State) for event_type in EventType}


def test_every_row_of_the_state_machine_is_tested() -> None:
    assert TRANSITIONS.keys() == {pair for pair, cells in TABLE.items() if cells}


@pytest.mark.parametrize("before_claim", [None, State.REJECTED])
@pytest.mark.parametrize(("state", "event_type"), PAIRS)
def test_a_step_leads_where_the_table_says(
    state: State | None, event_type: EventType, before_claim: State | None
) -> None:
    cells = TABLE[state, event_type]
    if not cells:
        with pytest.raises(IllegalStep):
            step(state, event_type, before_claim)
        return
    assert step(state, event_type, before_claim) == _target(cells[0], before_claim)


@pytest.mark.parametrize("to", list(State))
@pytest.mark.parametrize(("state", "event_type"), PAIRS)
def test_only_the_targets_of_the_table_can_be_asked_for(state: State | None, event_type: EventType, to: State) -> None:
    if str(to) in TABLE[state, event_type]:
        assert step(state, event_type, to=to) is to
    else:
        with pytest.raises(IllegalStep):
            step(state, event_type, to=to)


def test_only_a_new_or_a_rejected_call_may_be_claimed() -> None:
    assert {state for state in (None, *State) if claimable(state)} == {None, State.REJECTED}


def test_nothing_but_proof_or_an_operator_makes_a_call_placeable_again() -> None:
    back = {
        (state, event_type)
        for (state, event_type), cells in TABLE.items()
        if state not in (None, State.REJECTED) and {"before", "rejected", "none"} & set(cells)
    }
    assert back == {
        (State.IN_FLIGHT, EventType.UNSENT),
        (State.IN_FLIGHT, EventType.THROTTLED),
        (State.IN_FLIGHT, EventType.REFUSED),
        (State.IN_FLIGHT, EventType.UNAUTHORIZED),
        (State.IN_DOUBT, EventType.RESOLVED_NOT_PLACED),
    }


def test_a_call_that_is_placed_stays_placed() -> None:
    for (state, _), cells in TABLE.items():
        if state in (State.PLACED, State.FINISHED):
            assert set(cells) <= {"placed", "finished"}


@pytest.mark.parametrize(
    ("state", "event_type", "told"),
    [
        (State.PLACED, EventType.CLAIMED, "claimed cannot happen to a call that is placed"),
        (None, EventType.ACCEPTED, "accepted cannot happen to a call that is not in the ledger"),
    ],
)
def test_an_illegal_step_says_what_cannot_happen(state: State | None, event_type: EventType, told: str) -> None:
    with pytest.raises(IllegalStep) as raised:
        step(state, event_type)
    assert str(raised.value) == told
