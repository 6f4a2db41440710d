"""Results and the exit code: what wins when several hold."""

from __future__ import annotations

import itertools
import signal

import pytest

from flowops.apply import exit_code, nothing_sent
from flowops.apply.outcome import sent
from flowops.model import Action, CallResult, Happening, Leg, Outcome, Result, State, Verdict, Written

PLACED = CallResult("placed", Outcome.PLACED, ("1",), 1)
PARTLY = CallResult("partly", Outcome.PLACED, ("1",), 1, "the API refused 1 of 2 callees", 1)
REJECTED = CallResult("rejected", Outcome.REJECTED, (), 1, "400")
TRIED = CallResult("tried", Outcome.NOT_ATTEMPTED, (), 3, "Connection refused")
UNTRIED = CallResult("untried", Outcome.NOT_ATTEMPTED, (), 0, "another run had it refused")
IN_DOUBT = CallResult("in-doubt", Outcome.IN_DOUBT, (), 1)
BLOCKED = CallResult("blocked", Outcome.BLOCKED)
DEFERRED = CallResult("deferred", Outcome.DEFERRED)
UNCHANGED = CallResult("unchanged", Outcome.UNCHANGED)

DISK, REFUSAL = "disk full", "the API answered 401 Unauthorized"


def code(kit, *calls, interrupted=None, failure=None):
    return exit_code(kit.plan_of(), Result("test", None, "sha256:00", calls, interrupted, failure))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((), 0),
        ((PLACED, UNCHANGED, DEFERRED), 0),
        ((PLACED, BLOCKED), 4),
        ((BLOCKED, REJECTED), 6),
        ((PARTLY,), 6),
        ((TRIED,), 6),
        ((UNTRIED, PLACED), 6),
        ((IN_DOUBT, REJECTED, BLOCKED), 7),
    ],
)
def test_the_worst_outcome_decides(kit, calls, expected):
    for order in itertools.permutations(calls):
        assert code(kit, *order) == expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [((UNTRIED, PLACED, BLOCKED), 5), ((UNTRIED, REJECTED), 6), ((UNTRIED, TRIED), 6), ((UNTRIED, IN_DOUBT), 7)],
)
def test_a_failed_ledger_is_5_unless_something_worse_holds(kit, calls, expected):
    assert code(kit, *calls, failure=DISK) == expected


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_told_unless_a_call_is_in_doubt(kit, number, expected):
    assert code(kit, PLACED, UNTRIED, interrupted=number) == expected
    assert code(kit, PLACED, REJECTED, UNTRIED, interrupted=number) == expected
    assert code(kit, PLACED, IN_DOUBT, UNTRIED, interrupted=number) == 7
    assert code(kit, PLACED, UNTRIED, interrupted=number, failure=DISK) == 5


def test_conflicts_are_3_unless_a_call_is_in_doubt(kit):
    plan = kit.plan_of(kit.planned("a", Action.CONFLICT))
    assert exit_code(plan, Result("test", None, "sha256:00", (UNTRIED,))) == 3


def test_a_plan_in_conflict_gives_a_result_in_which_nothing_was_sent(kit):
    plan = kit.plan_of("a", kit.planned("b", Action.CONFLICT), kit.planned("c", Action.UNCHANGED))
    result = nothing_sent(plan, "nothing is placed while a call is in conflict")
    assert [call.reference_id for call in result.calls] == ["a", "b", "c"]
    assert (result.calls[0].outcome, result.calls[2].outcome) == (Outcome.NOT_ATTEMPTED, Outcome.UNCHANGED)
    assert exit_code(plan, result) == 3


LEGS = (Leg("+442079460001", "1"),)


@pytest.mark.parametrize(
    ("happening", "state", "outcome"),
    [
        (Happening.ACCEPTED, State.PLACED, Outcome.PLACED),
        (Happening.ACCEPTED, State.FINISHED, Outcome.PLACED),
        (Happening.REFUSED, State.REJECTED, Outcome.REJECTED),
        (Happening.UNAUTHORIZED, State.REJECTED, Outcome.REJECTED),
        (Happening.UNCLEAR, State.IN_DOUBT, Outcome.IN_DOUBT),
        # The ledger has the last word.
        (Happening.UNCLEAR, State.FINISHED, Outcome.PLACED),
        (Happening.REFUSED, State.IN_DOUBT, Outcome.IN_DOUBT),
        (Happening.REFUSED, State.PLACED, Outcome.PLACED),
        (Happening.UNSENT, State.IN_DOUBT, Outcome.IN_DOUBT),
        (Happening.UNSENT, None, Outcome.NOT_ATTEMPTED),
        (Happening.UNSENT, State.REJECTED, Outcome.NOT_ATTEMPTED),
        (Happening.THROTTLED, None, Outcome.NOT_ATTEMPTED),
    ],
)
def test_the_outcome_of_a_sent_call(happening, state, outcome):
    verdict = Verdict(happening, LEGS if happening is Happening.ACCEPTED else ())
    assert sent("a", verdict, 1, Written(True, state)).outcome is outcome


@pytest.mark.parametrize("happening", [Happening.ACCEPTED, Happening.REFUSED, Happening.UNCLEAR, Happening.UNSENT])
def test_what_the_ledger_does_not_know_is_in_doubt(happening):
    assert sent("a", Verdict(happening), 1, None).outcome is Outcome.IN_DOUBT
