"""The state machine: the table of states and events, and what each change makes of a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowops.ledger.changes import CallRow, Change, decide
from flowops.ledger.legs import StoredLeg, complete, merged
from flowops.ledger.states import TRANSITIONS, IllegalStep, claimable, step
from flowops.model.ledger import Actor, EventType, State

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


def _target(cell: str, before: State | None) -> State | None:
    if cell == "before":
        return before
    return None if cell == "none" else State(cell)


def test_every_pair_of_state_and_event_stands_in_the_table() -> None:
    assert TABLE.keys() == {(state, event_type) for state in (None, *State) for event_type in EventType}


def test_every_row_of_the_state_machine_is_tested() -> None:
    assert TRANSITIONS.keys() == {pair for pair, cells in TABLE.items() if cells}


@pytest.mark.parametrize("before", [None, State.REJECTED])
@pytest.mark.parametrize(("state", "event_type"), PAIRS)
def test_a_step_leads_where_the_table_says(state: State | None, event_type: EventType, before: State | None) -> None:
    cells = TABLE[state, event_type]
    if not cells:
        with pytest.raises(IllegalStep):
            step(state, event_type, before)
        return
    assert step(state, event_type, before) == _target(cells[0], before)


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
        (State.IN_FLIGHT, EventType.FORBIDDEN),
        (State.IN_DOUBT, EventType.RESOLVED_NOT_PLACED),
        # A cancelled call goes back to what it was: that of a doubt is a doubt again.
        (State.CANCELLED, EventType.CANCEL_UNDONE),
    }


def test_a_call_that_is_placed_stays_placed() -> None:
    placed = {str(state) for state in State if state.is_placed}
    assert {"placed", "finished"} <= placed
    for (state, _), cells in TABLE.items():
        if state is not None and state.is_placed:
            assert set(cells) <= {*placed, "renamed"}, "or is known by another name, and not placed either"


@pytest.mark.parametrize(
    ("state", "event_type", "told"),
    [
        (State.PLACED, EventType.CLAIMED, "claimed cannot happen to a call that is placed"),
        (None, EventType.REFUSED, "refused cannot happen to a call that is not in the ledger"),
    ],
)
def test_an_illegal_step_says_what_cannot_happen(state: State | None, event_type: EventType, told: str) -> None:
    with pytest.raises(IllegalStep) as raised:
        step(state, event_type)
    assert str(raised.value) == told


ADA = Actor("ada", "host")
T0, T1, T2 = "2026-11-23T10:00:00.000Z", "2026-11-23T10:00:01.000Z", "2026-11-23T10:00:02.000Z"
BODY = '{"callees":[{"$pseudonym":"aa","shown":"+44 ••"},{"$pseudonym":"bb","shown":"+1 ••"}]}'


def change(event_type: EventType, *legs: StoredLeg, run: str | None = "one", **rest: object) -> Change:
    values = {"at": T1, "legs": legs, "run": run, **rest}
    return Change("a", event_type, actor=ADA, **values)  # type: ignore[arg-type]


def claimed(run: str = "one") -> CallRow:
    return decide(None, change(EventType.CLAIMED, run=run, at=T0, body=BODY.encode(), fingerprint="blinded"))


def in_doubt() -> CallRow:
    return decide(claimed(), change(EventType.ABANDONED, run=None, detail="gone"))


def leg(callee: str, call_id: str | None = None, code: int | None = None, **rest: str) -> StoredLeg:
    return StoredLeg(callee, f"shown {callee}", call_id, code=code, **rest)


def test_a_claim_notes_the_run_the_body_and_the_attempt() -> None:
    row = claimed()
    assert (row.state, row.run, row.body, row.fingerprint, row.attempts) == (
        State.IN_FLIGHT,
        "one",
        BODY,
        "blinded",
        1,
    )
    assert (row.claimed_at, row.updated_at) == (T0, T0)


def test_an_unsent_call_leaves_nothing_but_its_count_of_attempts() -> None:
    row = decide(claimed(), change(EventType.UNSENT, detail="connection refused"))
    assert (row.state, row.body, row.fingerprint, row.legs) == (None, "{}", "", ())
    again = decide(row, change(EventType.CLAIMED, body=BODY.encode()))
    assert (again.state, again.before_claim, again.attempts) == (State.IN_FLIGHT, None, 2)


def test_an_unsent_retry_of_a_rejected_call_is_rejected_as_before() -> None:
    rejected = decide(claimed(), change(EventType.REFUSED, detail="bad caller"))
    assert (rejected.state, rejected.error) == (State.REJECTED, "bad caller")
    retried = decide(rejected, change(EventType.CLAIMED, body=BODY.encode()))
    assert (retried.state, retried.before_claim, retried.error) == (State.IN_FLIGHT, State.REJECTED, None)
    assert decide(retried, change(EventType.THROTTLED)).state is State.REJECTED


@pytest.mark.parametrize(
    "event_type",
    [EventType.UNSENT, EventType.THROTTLED, EventType.REFUSED, EventType.UNAUTHORIZED, EventType.UNCLEAR],
)
def test_a_run_that_no_longer_has_the_call_cannot_speak_of_its_attempt(event_type: EventType) -> None:
    resolved = decide(in_doubt(), change(EventType.RESOLVED_NOT_PLACED, run=None))
    other = decide(resolved, change(EventType.CLAIMED, run="two", body=BODY.encode()))
    with pytest.raises(IllegalStep):
        decide(other, change(event_type, run="one"))


def test_a_valid_answer_counts_whoever_has_the_call() -> None:
    resolved = decide(in_doubt(), change(EventType.RESOLVED_NOT_PLACED, run=None))
    other = decide(resolved, change(EventType.CLAIMED, run="two", body=BODY.encode()))
    row = decide(other, change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb", "id-2"), run="one"))
    assert row.state is State.PLACED
    # The second run's own answer is put beside it: two calls were placed, and both are on record.
    both = decide(row, change(EventType.ACCEPTED, leg("aa", "id-3"), leg("bb", "id-4"), run="two"))
    assert [found.call_id for found in both.legs] == ["id-1", "id-2", "id-3", "id-4"]


def test_a_late_refusal_is_noted_and_leaves_the_call_in_doubt() -> None:
    row = decide(in_doubt(), change(EventType.REFUSED, detail="bad caller", at=T2))
    assert (row.state, row.error, row.updated_at) == (State.IN_DOUBT, "bad caller", T2)


def test_what_changes_nothing_gives_the_same_row() -> None:
    placed = decide(claimed(), change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb", "id-2")))
    assert decide(placed, change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb", "id-2"), at=T2)) is placed
    assert decide(placed, change(EventType.REFUSED, detail="late", at=T2)) is placed


def test_a_callback_before_the_answer_knows_the_callees_of_the_request() -> None:
    row = decide(claimed(), change(EventType.CALLED_BACK, leg("bb", "id-2", 10), run=None))
    assert row.state is State.PLACED, "the other callee is still open"
    assert [(found.callee, found.code) for found in row.legs] == [("aa", None), ("bb", 10)]
    done = decide(row, change(EventType.CALLED_BACK, leg("aa", "id-1", 9), run=None))
    assert (done.state, complete(done.legs)) == (State.FINISHED, True)
    late = decide(done, change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb", "id-2")))
    assert late is done


def test_a_record_with_another_call_id_is_not_one_of_a_placed_call() -> None:
    placed = decide(claimed(), change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb", "id-2")))
    finished = decide(placed, change(EventType.CALLED_BACK, leg("aa", "id-1", 10), leg("bb", "id-2", 9), run=None))
    for row in (placed, finished):
        for other in (leg("aa", "id-9", 10), leg("cc", "id-9", 10), leg("cc")):
            with pytest.raises(IllegalStep):
                decide(row, change(EventType.RECORDED, other, run=None))
    # What is its own among them counts.
    both = decide(placed, change(EventType.RECORDED, leg("aa", "id-9", 9), leg("aa", "id-1", 10), run=None))
    assert [(found.call_id, found.code) for found in both.legs] == [("id-1", 10), ("id-2", None)]
    # One without a call-id is that of its callee.
    nameless = decide(placed, change(EventType.RECORDED, leg("bb", None, 10), run=None))
    assert [found.code for found in nameless.legs] == [None, 10]


def test_an_answer_that_refuses_the_open_callee_finishes_the_call() -> None:
    row = decide(claimed(), change(EventType.CALLED_BACK, leg("bb", "id-2", 10), run=None))
    done = decide(row, change(EventType.ACCEPTED, leg("aa", error="not allowed"), leg("bb", "id-2")))
    assert done.state is State.FINISHED
    assert done.legs[0].error == "not allowed"


def test_a_second_callback_with_another_code_is_noted_beside_the_first_and_once() -> None:
    row = decide(claimed(), change(EventType.CALLED_BACK, leg("aa", "id-1", 9), leg("bb", "id-2", 10), run=None))
    again = change(EventType.CALLED_BACK, leg("aa", "id-1", 11), run=None)
    noted = decide(row, again)
    assert (noted.state, noted.legs[0].code, noted.legs[0].later, noted.legs[1].later) == (State.FINISHED, 9, 11, None)
    assert decide(noted, again) is noted
    # That somebody has answered outweighs every other word.
    answered = decide(noted, change(EventType.CALLED_BACK, leg("aa", "id-1", 10), run=None))
    assert answered.legs[0].later == 10
    assert decide(answered, again) is answered


def test_an_operator_says_how_a_placed_call_has_ended_of_all_callees_or_of_one() -> None:
    row = decide(claimed(), change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb", "id-2")))
    one = decide(row, change(EventType.RESOLVED_OUTCOME, StoredLeg(None, None, "id-2", code=9), run=None))
    assert (one.state, [each.code for each in one.legs]) == (State.PLACED, [None, 9])
    both = decide(one, change(EventType.RESOLVED_OUTCOME, StoredLeg(None, None, code=10), run=None))
    assert (both.state, [each.code for each in both.legs]) == (State.FINISHED, [10, 9])
    with pytest.raises(IllegalStep):
        decide(both, change(EventType.RESOLVED_OUTCOME, StoredLeg(None, None, code=9), run=None))


@pytest.mark.parametrize("doubtful", [True, False], ids=["in-doubt", "rejected"])
def test_taking_a_cancellation_back_gives_back_exactly_the_row_before(doubtful: bool) -> None:
    row = in_doubt() if doubtful else decide(claimed(), change(EventType.REFUSED, detail="no such number"))
    cancelled = decide(row, change(EventType.CANCELLED, run=None))
    assert (cancelled.state, cancelled.cancelled_from) == (State.CANCELLED, row.state)
    assert cancelled.may_have_rung == doubtful
    assert bool(cancelled.legs) == doubtful
    back = decide(cancelled, change(EventType.CANCEL_UNDONE, run=None))
    assert back._replace(serial=row.serial, updated_at=row.updated_at) == row


def test_proof_that_a_cancelled_call_was_placed_wins() -> None:
    cancelled = decide(in_doubt(), change(EventType.CANCELLED, run=None))
    placed = decide(cancelled, change(EventType.RECORDED, run=None))
    assert (placed.state, placed.cancelled_from) == (State.PLACED, None)


def test_a_call_that_nobody_knows_is_cancelled_and_given_back() -> None:
    cancelled = decide(None, change(EventType.CANCELLED, run=None), 3)
    assert (cancelled.state, cancelled.cancelled_from, cancelled.may_have_rung) == (State.CANCELLED, None, False)
    back = decide(cancelled, change(EventType.CANCEL_UNDONE, run=None), 4)
    assert (back.state, claimable(back.state)) == (None, True)


def test_a_callee_refused_among_others_is_counted_until_that_is_accepted_or_it_was_called() -> None:
    answer = change(EventType.ACCEPTED, leg("aa", "id-1"), leg("bb")._replace(error="not allowed"))
    row = decide(claimed(), answer)
    assert (row.state, row.refused) == (State.PLACED, 1)
    accepted = decide(row, change(EventType.EDIT_ACCEPTED, run=None))
    assert (accepted.refused, accepted.fingerprint) == (0, row.fingerprint)
    assert decide(accepted, change(EventType.CALLED_BACK, leg("aa", "id-1", 10), run=None)).refused == 0
    assert decide(row, change(EventType.CALLED_BACK, leg("bb", None, 10), run=None)).refused == 0


def test_a_callback_for_a_rejected_call_proves_that_it_was_placed() -> None:
    rejected = decide(claimed(), change(EventType.REFUSED))
    row = decide(rejected, change(EventType.CALLED_BACK, leg("aa", "x", 10), leg("bb", "y", 9), run=None))
    assert (row.state, row.error) == (State.FINISHED, None)


def test_a_record_without_a_code_says_placed_and_with_one_finished() -> None:
    assert decide(in_doubt(), change(EventType.RECORDED, run=None)).state is State.PLACED
    both = leg("aa", "id-1", 10), leg("bb", "id-2", 10)
    assert decide(in_doubt(), change(EventType.RECORDED, *both, run=None)).state is State.FINISHED


def test_an_operators_call_id_goes_to_the_only_callee() -> None:
    row = in_doubt()._replace(body='{"callee":{"$pseudonym":"aa","shown":"+44 ••"}}')
    placed = decide(row, change(EventType.RESOLVED_PLACED, StoredLeg(None, None, "id-9"), run=None))
    assert placed.legs == (StoredLeg("aa", "+44 ••", "id-9"),)


def test_a_purged_call_keeps_its_state_and_codes_and_nothing_else() -> None:
    done = decide(claimed(), change(EventType.CALLED_BACK, leg("aa", "x", 10), leg("bb", "y", 9), run=None))
    row = decide(done, change(EventType.PURGED, run=None, at=T2))
    assert (row.state, row.fingerprint, row.body, row.purged) == (State.FINISHED, "", "{}", True)
    assert row.legs == (StoredLeg(None, None, code=10), StoredLeg(None, None, code=9))
    with pytest.raises(IllegalStep):
        decide(row, change(EventType.CLAIMED))


def test_a_late_callback_of_a_purged_call_brings_no_data_back() -> None:
    placed = decide(claimed(), change(EventType.ACCEPTED, leg("aa", "x"), leg("bb", "y")))
    purged = decide(placed, change(EventType.PURGED, run=None))
    row = decide(purged, change(EventType.CALLED_BACK, leg("aa", "x", 10), run=None, at=T2))
    assert row.state is State.FINISHED
    assert row.legs == purged.legs


def test_a_purged_rejected_call_may_be_claimed_again() -> None:
    purged = decide(decide(claimed(), change(EventType.REFUSED)), change(EventType.PURGED, run=None))
    row = decide(purged, change(EventType.CLAIMED, body=BODY.encode()))
    assert (row.state, row.purged, row.body) == (State.IN_FLIGHT, False, BODY)


EVIDENCE = {
    EventType.ACCEPTED: State.PLACED,
    EventType.UNCLEAR: State.IN_DOUBT,
    EventType.CALLED_BACK: State.FINISHED,
    EventType.RECORDED: State.IN_DOUBT,
    EventType.RESOLVED_PLACED: State.PLACED,
}


def test_evidence_makes_a_row_of_a_call_that_is_not_there() -> None:
    for event_type, state in EVIDENCE.items():
        asked = {"to": State.IN_DOUBT} if event_type is EventType.RECORDED else {}
        row = decide(None, change(event_type, leg("aa", "1", 10 if state is State.FINISHED else None), **asked), 7)
        assert (row.state, row.serial, row.attempts) == (state, 7, 0)


def test_nothing_else_can_happen_to_a_call_that_is_not_there() -> None:
    excluded = {EventType.CLAIMED, EventType.IMPORTED, EventType.RENAMED, EventType.REHEARSED, EventType.CANCELLED}
    for event_type in set(EventType) - excluded - EVIDENCE.keys():
        with pytest.raises(IllegalStep):
            decide(None, change(event_type))


def test_a_rehearsal_leaves_no_call() -> None:
    row = decide(None, change(EventType.REHEARSED))
    assert (row.state, row.fingerprint, row.attempts) == (None, "", 0)
    again = decide(row, change(EventType.REHEARSED, at=T2))
    assert (again.state, again.updated_at) == (None, T2)
    for state_row in (claimed(), decide(claimed(), change(EventType.ACCEPTED))):
        with pytest.raises(IllegalStep):
            decide(state_row, change(EventType.REHEARSED))


class TestLegs:
    def test_they_are_matched_by_call_id_before_the_callee(self) -> None:
        known = [leg("aa", "1"), leg("aa", "2")]
        assert [found.code for found in merged(known, [leg("aa", "2", 10)])] == [None, 10]

    def test_one_number_twice_in_a_request_gives_two_legs(self) -> None:
        known = [leg("aa"), leg("aa")]
        first = merged(known, [leg("aa", "1", 10)])
        assert [found.call_id for found in merged(first, [leg("aa", "2", 9)])] == ["1", "2"]

    def test_a_leg_without_call_id_goes_to_the_open_one_of_its_callee(self) -> None:
        known = [leg("aa", "1", 10), leg("aa", "2")]
        assert [found.code for found in merged(known, [leg("aa", None, 9)])] == [10, 9]

    def test_a_leg_that_says_nothing_of_whose_it_is_goes_to_an_only_one(self) -> None:
        nameless = StoredLeg(None, None, code=10)
        assert merged([leg("aa", "1")], [nameless]) == (leg("aa", "1", 10),)
        assert len(merged([leg("aa", "1"), leg("bb", "2")], [nameless])) == 3

    def test_a_call_is_complete_when_every_leg_the_api_took_has_ended(self) -> None:
        refused = leg("aa", error="no")
        assert not complete([])
        assert not complete([refused])
        assert not complete([leg("aa", "1", 10), leg("bb", "2")])
        assert complete([leg("aa", "1", 10), leg("bb", error="no")])
