"""A ledger in memory says what was put into it, in the words of any other ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.values import document_at

from flowops.ledger.memory import GivenCall, MemoryDatabase
from flowops.model.call import Call, Origin
from flowops.model.ledger import STATES, State

if TYPE_CHECKING:
    from flowops.model.document import Value

AT = datetime(2026, 11, 30, 18, tzinfo=UTC)
FINGERPRINT = "v1:sha256:" + "ab" * 32
NUMBER = "+442079460101"


def call(reference: str, **fields: Value) -> Call:
    body = {"instruction-id": reference, **(fields or {"callee": NUMBER})}
    origin = Origin(document_at("a.yaml", "Call"), {})
    return Call(reference, body, None, frozenset({("callee",), ("callees",)}), origin)


@pytest.mark.parametrize("state", [state for state in State if STATES[state].reached_by is not None])
def test_a_call_can_be_given_in_every_state(state: State) -> None:
    ledger = MemoryDatabase().ledger("production", [GivenCall(call("a"), FINGERPRINT, state, AT, code=9)])
    entry = ledger.look_up(["a"])["a"]
    assert (entry.state, entry.fingerprint, entry.claimed_at) == (state, FINGERPRINT, "2026-11-30T18:00:00.000Z")
    assert entry.live == (state is State.IN_FLIGHT)
    assert ledger.count()[state] == 1
    assert [leg.code for leg in entry.legs] == ([9] if state is State.FINISHED else [None] * state.is_placed)


def test_it_is_counted_when_and_whom_it_rang() -> None:
    given = [
        GivenCall(call("a"), FINGERPRINT, State.FINISHED, AT, code=10),
        GivenCall(call("b", callees=[NUMBER, "+442079460102"]), FINGERPRINT, State.PLACED, AT + timedelta(days=1)),
        GivenCall(call("c"), FINGERPRINT, State.REJECTED, AT),
    ]
    ledger = MemoryDatabase().ledger("production", given)
    assert ledger.rung_since([NUMBER], AT) == {NUMBER: (AT, AT + timedelta(days=1))}
    assert ledger.claimed_since(AT + timedelta(hours=1)) == 2
    assert ledger.verify() is None


def test_each_knows_of_its_own_calls_only() -> None:
    ledgers = MemoryDatabase()
    first = ledgers.ledger("production", [GivenCall(call("a"), FINGERPRINT, State.IN_FLIGHT, AT)])
    second = ledgers.ledger("production", [GivenCall(call("b"), FINGERPRINT, State.REJECTED, AT)])
    for ledger, known, state in ((first, "a", State.IN_FLIGHT), (second, "b", State.REJECTED)):
        assert list(ledger.look_up(["a", "b"])) == [known]
        assert {each: count for each, count in ledger.count().items() if count} == {state: 1}
        assert ledger.rung_since([NUMBER], AT) == ({NUMBER: (AT,)} if ledger is first else {})
        assert [run.run for run in ledger.runs()] == [ledger.run]
        assert ledger.verify() is None


def test_nothing_more_is_written_into_it() -> None:
    ledger = MemoryDatabase().ledger("production", [])
    with pytest.raises(Exception, match="read"):
        ledger.stop("no reason")


def test_only_a_call_that_goes_by_another_name_cannot_be_given() -> None:
    assert [state for state in State if STATES[state].reached_by is None] == [State.RENAMED]
