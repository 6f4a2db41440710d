"""Decisions about many calls, packed: what is asked for is what was decided."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plans import planned_calls

from flowops.model import (
    FINGERPRINT,
    SENDING,
    Action,
    Call,
    Change,
    Decision,
    Document,
    Origin,
    PlannedCall,
    PlannedCalls,
    SourceMap,
    decision_line,
)

AT = datetime(2026, 11, 25, tzinfo=UTC)
PLACES = [Document("calls/a.yaml", "CallSet", {}, SourceMap(line, 1, 0, 0), "") for line in (1, 9)]


def planned(number: int, action: Action, place: int = 0) -> PlannedCall:
    reference = f"r-{number}"
    call = Call(reference, {"instruction-id": reference}, None, frozenset(), Origin(PLACES[place], {}))
    change = (Change("/a", 1, 2),) if action is Action.CONFLICT else ()
    until = AT if action is Action.DEFERRED else None
    fingerprint = FINGERPRINT + sha256(reference.encode()).hexdigest()
    return PlannedCall(call, fingerprint, action, change, (f"why {number}",) if change or until else (), until)


CALLS = st.lists(st.tuples(st.sampled_from(Action), st.integers(0, 1)), max_size=30).map(
    lambda drawn: [planned(number, *each) for number, each in enumerate(drawn)]
)


@given(CALLS)
def test_the_calls_come_back_as_they_were_planned(calls: list[PlannedCall]) -> None:
    packed = planned_calls(calls)
    assert list(packed) == calls
    assert len(packed) == len(calls)
    assert [packed[index] for index in range(len(calls))] == calls
    assert packed.counts() == {action: sum(item.action is action for item in calls) for action in Action}
    assert list(packed.having(*SENDING)) == [item for item in calls if item.action.sends]
    assert list(packed.lines()) == [
        decision_line(item.call.reference_id, item.fingerprint, item.action) for item in calls
    ]


def test_there_is_no_call_behind_the_last() -> None:
    with pytest.raises(IndexError):
        planned_calls([planned(1, Action.PLACE)])[1]


@given(CALLS, st.sets(st.integers(0, 30)))
def test_only_calls_that_would_be_sent_can_be_decided_otherwise(calls: list[PlannedCall], held: set[int]) -> None:
    asked: list[str] = []

    def decide(item: PlannedCall) -> Decision | None:
        asked.append(item.call.reference_id)
        number = int(item.call.reference_id.removeprefix("r-"))
        return Decision(Action.DEFERRED, (), ("later",), AT) if number in held else None

    before = planned_calls(calls)
    after = before.decided(decide)
    expected = [
        PlannedCall(item.call, item.fingerprint, Action.DEFERRED, (), ("later",), AT)
        if item.action.sends and number in held
        else item
        for number, item in enumerate(calls)
    ]
    assert asked == [item.call.reference_id for item in calls if item.action.sends]
    assert list(after) == expected
    assert list(after.lines()) == list(planned_calls(expected).lines())
    assert list(before) == calls, "the plan that was there stays as it is"


def test_nothing_is_made_anew_that_nobody_asks_for() -> None:
    class Watched:
        place, scripts = PLACES[0].place(), frozenset()

        def __len__(self) -> int:
            return 3

        def __iter__(self):
            raise AssertionError("all calls are asked for")

        def pick(self, indices):
            assert list(indices) == [1]
            return iter([planned(1, Action.PLACE).call])

    packed = planned_calls([planned(0, Action.UNCHANGED), planned(1, Action.PLACE), planned(2, Action.UNCHANGED)])
    from dataclasses import replace

    watched = PlannedCalls([replace(packed.batches[0], calls=Watched())])
    assert [item.call.reference_id for item in watched.having(Action.PLACE)] == ["r-1"]
    assert list(watched.having(Action.BLOCKED)) == []
    assert watched.counts()[Action.UNCHANGED] == 2
