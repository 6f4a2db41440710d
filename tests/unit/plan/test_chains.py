"""Chains: the next attempt follows from what the document says, the attempts before, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.model.call import (
    COMPLETED,
    ONE_ATTEMPT,
    OUTCOME_CODES,
    OUTCOMES,
    REPEATABLE,
    Attempts,
    attempt_reference,
    read_attempts,
)
from flowops.model.call import split_reference as split
from flowops.model.ledger import State, Tried
from flowops.plan.chains import outcome_of, standing_of

BEGAN = datetime(2026, 12, 1, 9, tzinfo=UTC)
TWO = read_attempts({"max": 2, "on": ["no-answer", "failed"]})
THREE = read_attempts({"max": 3, "on": ["no-answer", "failed"], "after": ["30m", "2h"], "within": "1d"})


def ended(outcome: str, minutes: int = 2, attempts: Attempts = THREE) -> Tried:
    at = BEGAN + timedelta(minutes=minutes)
    return Tried(State.FINISHED, BEGAN.isoformat(), attempts, (OUTCOME_CODES[outcome],), at.isoformat())


def test_the_next_attempt_is_due_behind_the_finish_of_the_one_before() -> None:
    standing = standing_of(THREE, [ended("no-answer")])
    assert (standing.attempt, standing.most, standing.why) == (2, 3, "no answer 2026-12-01 09:02 UTC")
    assert standing.due == BEGAN + timedelta(minutes=32)
    standing = standing_of(THREE, [ended("no-answer"), ended("failed", 40)])
    assert (standing.attempt, standing.due) == (3, BEGAN + timedelta(minutes=160))


def test_one_time_is_for_all() -> None:
    hourly = Attempts(4, after=(timedelta(hours=1),))
    assert [hourly.pause(attempt) for attempt in (1, 2, 3)] == [timedelta(hours=1)] * 3


@pytest.mark.parametrize(
    ("tried", "why"),
    [
        ([ended("completed")], "completed at attempt 1"),
        ([ended("no-answer"), ended("completed", 40)], "completed at attempt 2"),
        ([ended("completed"), ended("no-answer", 40)], "completed at attempt 1"),  # the callback of 1 came late
        ([ended("declined")], "ended with declined 2026-12-01 09:02 UTC, which is not in `on`"),
        (
            [ended("no-answer"), ended("no-answer", 40), ended("failed", 200)],
            "3 of 3 attempts used: failed 2026-12-01 12:20 UTC",
        ),
        (
            [ended("no-answer", 24 * 60)],
            "ended with no answer 2026-12-02 09:00 UTC: the next attempt would be due later than `within`",
        ),
        (
            [ended("no-answer", attempts=ONE_ATTEMPT)],
            "no answer 2026-12-01 09:02 UTC",
        ),  # claimed while the document had no attempts
        (
            [ended("no-answer", attempts=TWO), ended("no-answer", 40)],
            "2 of 2 attempts used: no answer 2026-12-01 09:40 UTC",
        ),
    ],
)
def test_a_chain_that_has_ended_says_why(tried: list[Tried], why: str) -> None:
    standing = standing_of(THREE, tried)
    assert (standing.due, standing.why, standing.waits) == (None, why, False)


@pytest.mark.parametrize("state", [state for state in State if state is not State.FINISHED])
def test_a_chain_stands_at_an_attempt_that_has_not_finished(state: State) -> None:
    for tried in (
        [Tried(state, BEGAN.isoformat(), THREE)],
        [ended("no-answer"), Tried(state, BEGAN.isoformat(), THREE)],
    ):
        assert standing_of(THREE, tried).due is None
    # Whatever a later attempt came to: the call was cancelled or renamed as a whole.
    assert standing_of(THREE, [Tried(state, BEGAN.isoformat(), THREE, (9,)), ended("no-answer")]).due is None


def test_it_waits_for_an_outcome_that_may_come() -> None:
    assert standing_of(THREE, [Tried(State.PLACED, BEGAN.isoformat(), THREE)]).waits
    assert (
        standing_of(THREE, [Tried(State.PLACED, BEGAN.isoformat(), THREE)]).why == "waits for the outcome of attempt 1"
    )
    assert standing_of(THREE, [Tried(State.IN_DOUBT, BEGAN.isoformat(), THREE)]).waits
    assert not standing_of(THREE, [Tried(State.REJECTED, BEGAN.isoformat(), THREE)]).waits


def test_a_code_that_nobody_has_documented_is_not_repeated() -> None:
    assert outcome_of(Tried(State.FINISHED, BEGAN.isoformat(), THREE, (99,), BEGAN.isoformat())) == COMPLETED


def test_lowering_the_most_ends_and_raising_it_changes_nothing() -> None:
    assert standing_of(THREE._replace(most=1), [ended("no-answer")]).due is None
    assert standing_of(THREE._replace(most=9), [ended("no-answer"), ended("failed"), ended("failed")]).due is None


def test_what_was_said_when_the_call_was_claimed_counts_and_later_edits_do_not() -> None:
    edited = read_attempts({"max": 3, "on": ["declined"], "after": "1m", "within": "30d"})
    for tried in ([ended("no-answer")], [ended("declined")], [ended("no-answer"), ended("failed", 40)]):
        assert standing_of(edited, tried) == standing_of(THREE, tried)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(OUTCOMES)), st.integers(0, 5000)), min_size=1, max_size=6),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sets(st.sampled_from(REPEATABLE), min_size=1),
    st.sets(st.sampled_from(REPEATABLE), min_size=1),
)
def test_there_are_never_more_than_both_allow_and_none_behind_a_completed_one(
    told: list[tuple[int, int]], now: int, then: int, on: set[str], edited: set[str]
) -> None:
    tried = [
        Tried(
            State.FINISHED,
            BEGAN.isoformat(),
            Attempts(then, frozenset(on)),
            (code,),
            (BEGAN + timedelta(minutes=at)).isoformat(),
        )
        for code, at in told
    ]
    standing = standing_of(Attempts(now, frozenset(edited)), tried)
    if standing.due is not None:
        assert standing.attempt == len(tried) + 1 <= min(now, then)
        assert all(code != OUTCOME_CODES[COMPLETED] for code, _ in told)
        assert OUTCOMES[told[-1][0]] in on
        assert standing.due <= BEGAN + Attempts().within


@pytest.mark.parametrize(("root", "attempt"), list(product(["a", "a~1", "a~2", "~"], [1, 2, 10, 99])))
def test_the_name_of_an_attempt_leads_back_to_its_call(root: str, attempt: int) -> None:
    name = attempt_reference(root, attempt)
    assert split(name) == (split(root) if attempt == 1 else (root, attempt))


@pytest.mark.parametrize("name", ["a~1", "a~0", "a~100", "a~02", "~2", "a~x", "a~"])
def test_other_names_are_of_no_attempt(name: str) -> None:
    assert split(name) == (name, 1)


def test_the_times_of_a_list_are_one_for_each_further_attempt() -> None:
    with pytest.raises(ValueError, match="after: has 1 times, and max: 3 has 2 further attempts"):
        read_attempts({"max": 3, "after": ["1h"]})
