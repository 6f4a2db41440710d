"""The states of a call: one table says everything of them."""

from __future__ import annotations

import pytest

from flowops.ledger.states import TRANSITIONS
from flowops.model.ledger import STATES, EventType, State
from flowops.model.status import Totals
from flowops.report.layouts.marks import mark_of


def test_the_table_has_every_state() -> None:
    assert STATES.keys() == set(State)


@pytest.mark.parametrize("state", State)
def test_a_settled_call_can_be_purged_and_keeps_its_state_and_no_other_can(state: State) -> None:
    assert TRANSITIONS.get((state, EventType.PURGED)) == (None if state.is_unsettled else (state,))


@pytest.mark.parametrize("state", State)
def test_a_state_has_a_sign_and_a_name(state: State) -> None:
    assert mark_of(state).meaning == state.replace("-", " ")


@pytest.mark.parametrize("state", State)
def test_a_report_counts_every_call_once_but_those_that_go_by_another_name(state: State) -> None:
    totals = Totals({state: 3}, {})
    assert sum(totals.came_to.values()) == (0 if state is State.RENAMED else 3)
