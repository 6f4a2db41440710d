"""Results and the exit code: what wins when several hold."""

from __future__ import annotations

import itertools
import signal
from hashlib import sha256

import pytest

from flowops.apply.outcome import (
    elsewhere,
    exit_code,
    held_back,
    in_plan_order,
    may_follow,
    nothing_sent,
    planned_only,
    record_of,
    sent,
    unsent,
)
from flowops.common.exit_codes import ExitCode
from flowops.model.call import FINGERPRINT
from flowops.model.claims import Record, Written
from flowops.model.ledger import Entry, EventType, Leg, State
from flowops.model.plan import Action, Decision, Guard
from flowops.model.result import CallResult, Outcome, Result, Verdict

PLACED = CallResult("placed", Outcome.PLACED, ("1",), 1)
PARTLY = CallResult("partly", Outcome.PLACED, ("1",), 1, "the API refused 1 of 2 callees", 1)
REJECTED = CallResult("rejected", Outcome.REJECTED, (), 1, "400")
TRIED = CallResult("tried", Outcome.NOT_ATTEMPTED, (), 3, "Connection refused")
UNTRIED = CallResult("untried", Outcome.NOT_ATTEMPTED, (), 0, "another run had it refused")
IN_DOUBT = CallResult("in-doubt", Outcome.IN_DOUBT, (), 1)
CONFLICT = CallResult("conflict", Outcome.CONFLICT)
IN_FLIGHT = CallResult("in-flight", Outcome.IN_FLIGHT)
BLOCKED = CallResult("blocked", Outcome.BLOCKED)
DEFERRED = CallResult("deferred", Outcome.DEFERRED)
UNCHANGED = CallResult("unchanged", Outcome.UNCHANGED)

DISK, REFUSAL = "disk full", "the API answered 401 Unauthorized"


STOP = (Guard("stop", "stopped"),)


def code(*calls, interrupted=None, failure=None, guards=(), asked=()):
    return exit_code(Result("test", None, "sha256:00", calls, interrupted, failure, guards=guards), asked)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((), 0),
        ((PLACED, UNCHANGED, DEFERRED, BLOCKED, IN_FLIGHT), 0),
        ((BLOCKED, REJECTED), 6),
        ((PLACED, CONFLICT), 9),
        ((CONFLICT, REJECTED), 6),
        ((CONFLICT, IN_DOUBT), 7),
        ((PARTLY,), 6),
        ((TRIED,), 6),
        ((UNTRIED, PLACED), 6),
        ((IN_DOUBT, REJECTED, BLOCKED), 7),
    ],
)
def test_the_worst_outcome_decides(calls, expected):
    for order in itertools.permutations(calls):
        assert code(*order) == expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [((UNTRIED, PLACED, BLOCKED), 5), ((UNTRIED, REJECTED), 6), ((UNTRIED, TRIED), 6), ((UNTRIED, IN_DOUBT), 7)],
)
def test_a_failed_ledger_is_5_unless_something_worse_holds(calls, expected):
    assert code(*calls, failure=DISK) == expected


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_told_unless_a_call_is_in_doubt(number, expected):
    assert code(PLACED, UNTRIED, interrupted=number) == expected
    assert code(PLACED, REJECTED, UNTRIED, interrupted=number) == expected
    assert code(PLACED, IN_DOUBT, UNTRIED, interrupted=number) == 7
    assert code(PLACED, UNTRIED, interrupted=number, failure=DISK) == 5


def test_a_guard_that_tripped_is_4_unless_something_worse_holds():
    assert code(UNTRIED, guards=STOP) == 4
    assert code(UNTRIED, CONFLICT, guards=STOP) == 4
    assert code(UNTRIED, PLACED, failure=DISK, guards=STOP) == 5
    assert code(UNTRIED, REJECTED, guards=STOP) == 6
    assert code(UNTRIED, IN_DOUBT, guards=STOP) == 7


def test_what_somebody_asked_for_counts_beside_what_fails_anyhow():
    assert code(PLACED, BLOCKED, asked={ExitCode.GUARD}) == 4
    assert code(CONFLICT, BLOCKED, asked={ExitCode.GUARD}) == 4
    assert code(REJECTED, BLOCKED, asked={ExitCode.GUARD}) == 6


LEGS = (Leg("+442079460001", "1"),)


@pytest.mark.parametrize(
    ("event_type", "state", "outcome"),
    [
        (EventType.ACCEPTED, State.PLACED, Outcome.PLACED),
        (EventType.ACCEPTED, State.FINISHED, Outcome.PLACED),
        (EventType.REFUSED, State.REJECTED, Outcome.REJECTED),
        (EventType.UNAUTHORIZED, State.REJECTED, Outcome.NOT_ATTEMPTED),
        (EventType.UNAUTHORIZED, None, Outcome.NOT_ATTEMPTED),
        (EventType.FORBIDDEN, None, Outcome.NOT_ATTEMPTED),
        (EventType.UNCLEAR, State.IN_DOUBT, Outcome.IN_DOUBT),
        # The ledger has the last word.
        (EventType.UNCLEAR, State.FINISHED, Outcome.PLACED),
        (EventType.REFUSED, State.IN_DOUBT, Outcome.IN_DOUBT),
        (EventType.REFUSED, State.PLACED, Outcome.PLACED),
        (EventType.UNSENT, State.IN_DOUBT, Outcome.IN_DOUBT),
        (EventType.UNCLEAR, State.REJECTED, Outcome.REJECTED),
        # Another run has the call by now; what this one was told of its own attempt is all it knows.
        (EventType.REFUSED, State.IN_FLIGHT, Outcome.REJECTED),
        (EventType.UNAUTHORIZED, State.IN_FLIGHT, Outcome.NOT_ATTEMPTED),
        (EventType.UNSENT, State.IN_FLIGHT, Outcome.NOT_ATTEMPTED),
        (EventType.UNCLEAR, State.IN_FLIGHT, Outcome.IN_DOUBT),
        (EventType.UNSENT, None, Outcome.NOT_ATTEMPTED),
        (EventType.UNSENT, State.REJECTED, Outcome.NOT_ATTEMPTED),
        (EventType.THROTTLED, None, Outcome.NOT_ATTEMPTED),
    ],
)
def test_the_outcome_of_a_sent_call(event_type, state, outcome):
    verdict = Verdict(event_type, LEGS if event_type is EventType.ACCEPTED else ())
    assert sent("a", verdict, 1, Written(True, state)).outcome is outcome


@pytest.mark.parametrize("event_type", [EventType.ACCEPTED, EventType.REFUSED, EventType.UNCLEAR, EventType.UNSENT])
def test_what_the_ledger_does_not_know_is_in_doubt(event_type):
    assert sent("a", Verdict(event_type), 1, None).outcome is Outcome.IN_DOUBT


def test_a_sent_call_tells_its_ids_its_attempts_and_what_the_api_said():
    legs = (Leg("+442079460001", "1"), Leg("+442079460002", None, error="busy"), Leg("+442079460003", "3"))
    verdict = Verdict(EventType.ACCEPTED, legs, "the API refused 1 of 3 callees")
    placed = CallResult("a", Outcome.PLACED, ("1", "3"), 2, "the API refused 1 of 3 callees", 1)
    assert sent("a", verdict, 2, Written(True, State.PLACED)) == placed
    refused = sent("a", Verdict(EventType.REFUSED, legs[1:2], "400"), 1, Written(True, State.REJECTED))
    assert refused == CallResult("a", Outcome.REJECTED, (), 1, "400", 0)


def test_a_doubt_that_a_callback_has_settled_is_no_error_any_more():
    verdict = Verdict(EventType.UNCLEAR, detail="time-out")
    assert sent("a", verdict, 1, Written(True, State.FINISHED)).error is None
    assert sent("a", verdict, 1, Written(True, State.IN_DOUBT)).error == "time-out"
    assert sent("a", Verdict(EventType.REFUSED, detail="400"), 1, Written(True, State.PLACED)).error == "400"


@pytest.mark.parametrize(("detail", "told"), [("400 Bad Request", "400 Bad Request"), (None, "refused")])
def test_what_the_api_said_is_told_although_it_could_not_be_recorded(detail, told):
    result = sent("a", Verdict(EventType.REFUSED, detail=detail), 3, None)
    assert (result.attempts, result.error) == (3, f"the ledger could not record the answer ({told})")


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("event_type", list(EventType))
def test_another_attempt_may_follow_only_what_was_proven_unsent_and_is_as_before_the_claim(event_type, state):
    verdict = Verdict(event_type)
    proven = event_type in (EventType.UNSENT, EventType.THROTTLED)
    assert may_follow(verdict, Written(True, state)) == (proven and state in (None, State.REJECTED))


def test_a_verdict_is_recorded_whole():
    verdict = Verdict(EventType.ACCEPTED, LEGS, "said")
    assert record_of("a", verdict) == Record("a", EventType.ACCEPTED, LEGS, "said")


def test_a_call_that_was_not_sent_says_why_and_how_often_it_was_tried(kit):
    assert unsent(kit.planned("a"), "no route", 3) == CallResult(
        "a", Outcome.NOT_ATTEMPTED, attempts=3, error="no route"
    )
    assert unsent(kit.planned("a"), "no route").attempts == 0


@pytest.mark.parametrize(
    ("action", "outcome"), [(Action.DEFERRED, Outcome.DEFERRED), (Action.BLOCKED, Outcome.BLOCKED)]
)
def test_what_the_policy_says_is_the_outcome(kit, action, outcome):
    decision = Decision(action, reasons=("windows: closed", "expires: over"))
    assert held_back(kit.planned("a"), decision, 2) == CallResult(
        "a", outcome, attempts=2, error="windows: closed; expires: over"
    )
    assert held_back(kit.planned("a"), decision).attempts == 0


@pytest.mark.parametrize(
    ("action", "outcome", "error"),
    [
        (Action.UNCHANGED, Outcome.UNCHANGED, None),
        (Action.DEFERRED, Outcome.DEFERRED, "in flight in another run"),
        (Action.BLOCKED, Outcome.BLOCKED, "in flight in another run"),
        (Action.CONFLICT, Outcome.CONFLICT, "in flight in another run"),
        (Action.IN_FLIGHT, Outcome.IN_FLIGHT, "in flight in another run"),
        (Action.IN_DOUBT, Outcome.IN_DOUBT, "in flight in another run"),
    ],
)
def test_what_the_plan_does_not_send_has_the_plans_own_outcome(kit, action, outcome, error):
    assert planned_only(kit.planned("a", action)) == CallResult("a", outcome, error=error)


#: The one that the kit gives to the call of that name.
FINGERPRINT_OF_A = FINGERPRINT + sha256(b"a").hexdigest()


def entry(state, *, fingerprint=FINGERPRINT_OF_A, error=None, live=False):
    legs = (Leg(None, "7"), Leg(None, None, error="busy"))
    return Entry("test", "a", state, fingerprint, {}, legs, 1, live, error, "", "")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, (Outcome.NOT_ATTEMPTED, (), "another run had it and did not place it; run apply again")),
        (entry(State.REJECTED, error="400"), (Outcome.NOT_ATTEMPTED, (), "another run had it refused: 400")),
        (entry(State.REJECTED), (Outcome.NOT_ATTEMPTED, (), "another run had it refused: no reason given")),
        (entry(State.PLACED), (Outcome.UNCHANGED, ("7",), None)),
        (entry(State.FINISHED), (Outcome.UNCHANGED, ("7",), None)),
        (entry(State.PLACED, fingerprint=""), (Outcome.UNCHANGED, ("7",), None)),
        (entry(State.IN_FLIGHT, live=True), (Outcome.IN_FLIGHT, (), "still in flight in another run")),
        (entry(State.IN_FLIGHT), (Outcome.IN_DOUBT, ("7",), "in flight in another run")),
        (entry(State.IN_DOUBT, error="time-out"), (Outcome.IN_DOUBT, ("7",), "time-out")),
        (entry(State.IN_DOUBT), (Outcome.IN_DOUBT, ("7",), "in flight in another run")),
    ],
)
def test_a_call_of_another_run_comes_to_what_the_ledger_says(kit, found, expected):
    outcome, ids, error = expected
    assert elsewhere(kit.planned("a"), found) == CallResult("a", outcome, ids, error=error)


@pytest.mark.parametrize("state", [State.PLACED, State.FINISHED])
def test_another_run_that_placed_something_else_is_not_taken_for_ours(kit, state):
    result = elsewhere(kit.planned("a"), entry(state, fingerprint="v1:sha256:other"))
    assert (result.reference_id, result.outcome, result.call_ids) == ("a", Outcome.CONFLICT, ("7",))
    assert (
        result.error
        == "another run placed this reference-id with other content; give it a new reference-id, or accept the edit"
    )


def test_every_call_of_the_plan_is_told_once_in_its_order(kit):
    plan = kit.plan_of("a", kit.planned("b", Action.UNCHANGED), "c", kit.planned("d", Action.DEFERRED))
    done = CallResult("c", Outcome.PLACED, ("1",), 1)
    assert in_plan_order(plan, {"c": done}, "the run ended") == (
        CallResult("a", Outcome.NOT_ATTEMPTED, error="the run ended"),
        CallResult("b", Outcome.UNCHANGED),
        done,
        CallResult("d", Outcome.DEFERRED, error="in flight in another run"),
    )


def test_nothing_sent_names_the_plan_and_the_reason(kit):
    plan = kit.plan_of("a")
    result = nothing_sent(plan, (Guard("max-change", "too many"), Guard("stop", "stopped")))
    assert (result.environment, result.revision, result.digest) == (plan.environment, plan.revision, plan.digest)
    assert result.calls == (CallResult("a", Outcome.NOT_ATTEMPTED, error="too many; stopped"),)
    assert [guard.name for guard in result.guards] == ["max-change", "stop"]
    assert exit_code(result) == 4


def test_a_doubt_that_the_ledger_has_no_state_for_stays_one():
    assert sent("a", Verdict(EventType.UNCLEAR), 1, Written(True, None)).outcome is Outcome.IN_DOUBT


def test_several_reasons_are_told_one_after_the_other(kit):
    planned = kit.planned("a", Action.IN_DOUBT)._replace(reasons=("first", "second"))
    assert planned_only(planned).error == "first; second"
    assert elsewhere(planned, entry(State.IN_DOUBT)).error == "first; second"
