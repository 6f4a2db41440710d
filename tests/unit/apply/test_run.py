"""A run against a ledger in memory and an API that does as it is told."""

from __future__ import annotations

import asyncio

import pytest
from support.runs import REFUSED, UNAUTHORIZED, UNCLEAR, UNSENT, always, outcomes

from flowops.apply.group import COMPANY
from flowops.apply.outcome import exit_code
from flowops.apply.run import RunFailed
from flowops.common.times import now
from flowops.model.ledger import EventType, Leg, State
from flowops.model.plan import Action, Decision
from flowops.model.result import Outcome, Verdict


def test_every_call_of_the_plan_is_placed_once_and_told_in_its_order(given, kit):
    names = [f"call-{number}" for number in range(50)]
    plan = kit.plan_of(*names)
    result = given.run(plan)
    assert [call.reference_id for call in result.calls] == names
    assert {call.outcome for call in result.calls} == {Outcome.PLACED}
    assert result.calls[7].call_ids == ("call-call-7",)
    assert sorted(given.api.references) == sorted(names)
    assert sorted(call.reference_id for call in given.told) == sorted(names)
    assert (given.api.workers, given.api.most_in_flight <= 4) == (4, True)
    assert exit_code(result) == 0


def test_a_call_is_claimed_on_disk_before_it_is_sent(given, kit):
    async def script(body, attempt):
        assert given.ledger.database.rows[body["instruction-id"]].state is State.IN_FLIGHT
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of("a", "b"))
    assert set(outcomes(result).values()) == {Outcome.PLACED}


def test_only_place_and_retry_are_sent(given, kit):
    given.ledger.database.rows["e"] = kit.Row(State.IN_DOUBT, "v1:sha256:e", "gone", error="no answer")
    given.ledger.database.rows["f"] = kit.Row(State.REJECTED, "v1:sha256:f", "gone")
    actions = {"a": Action.PLACE, "b": Action.UNCHANGED, "c": Action.DEFERRED, "d": Action.BLOCKED}
    plan = kit.plan_of(
        *(kit.planned(name, action) for name, action in actions.items()),
        kit.planned("e", Action.IN_DOUBT),
        kit.planned("f", Action.RETRY),
    )
    result = given.run(plan)
    assert given.api.references == ["a", "f"]
    assert outcomes(result) == {
        "a": Outcome.PLACED, "b": Outcome.UNCHANGED, "c": Outcome.DEFERRED, "d": Outcome.BLOCKED,
        "e": Outcome.IN_DOUBT, "f": Outcome.PLACED,
    }  # fmt: skip
    assert exit_code(result) == 7


def test_a_call_in_conflict_is_left_out_and_the_others_are_placed(given, kit):
    result = given.run(kit.plan_of("a", kit.planned("b", Action.CONFLICT)))
    assert given.api.references == ["a"]
    assert outcomes(result) == {"a": Outcome.PLACED, "b": Outcome.CONFLICT}
    assert exit_code(result) == 9


def test_nothing_to_do_is_done(given, kit):
    plan = kit.plan_of()
    result = given.run(plan)
    assert (result.calls, exit_code(result)) == ((), 0)


def test_an_unsent_call_is_tried_again_up_to_the_cap(given, kit):
    async def script(body, attempt):
        return kit.accepted(body) if body["instruction-id"] == "b" and attempt == 3 else UNSENT

    given.api.script = script
    plan = kit.plan_of("a", "b")
    result = given.run(plan)
    assert [(call.outcome, call.attempts, call.error) for call in result.calls] == [
        (Outcome.NOT_ATTEMPTED, 3, "Connection refused"),
        (Outcome.PLACED, 3, None),
    ]
    assert given.ledger.log.count(("a", "claimed")) == given.ledger.log.count(("a", "unsent")) == 3
    assert "a" not in given.ledger.database.rows
    assert exit_code(result) == 6


@pytest.mark.parametrize("verdict", [UNCLEAR, REFUSED], ids=lambda verdict: verdict.event_type)
def test_what_may_have_been_sent_or_was_refused_is_not_tried_again(given, kit, verdict):
    given.api.script = always(verdict)
    plan = kit.plan_of("a")
    [call] = given.run(plan).calls
    assert given.api.references == ["a"]
    assert (call.attempts, call.error) == (1, verdict.detail)


def test_a_call_in_doubt_freezes_itself_alone(given, kit):
    async def script(body, attempt):
        return UNCLEAR if body["instruction-id"] == "b" else kit.accepted(body)

    given.api.script = script
    plan = kit.plan_of("a", "b", "c")
    result = given.run(plan)
    assert outcomes(result) == {"a": Outcome.PLACED, "b": Outcome.IN_DOUBT, "c": Outcome.PLACED}
    assert given.ledger.database.rows["b"].state is State.IN_DOUBT
    assert exit_code(result) == 7


def test_one_refused_callee_among_placed_ones_is_told(given, kit):
    legs = (Leg("+442079460001", "1"), Leg("+442079460002", None, "no route"))
    given.api.script = always(Verdict(EventType.ACCEPTED, legs, "the API refused 1 of 2 callees: no route"))
    plan = kit.plan_of("a")
    result = given.run(plan)
    [call] = result.calls
    assert (call.outcome, call.call_ids, call.refused_callees) == (Outcome.PLACED, ("1",), 1)
    assert call.error == "the API refused 1 of 2 callees: no route"
    assert exit_code(result) == 6


def test_three_answers_of_403_in_a_row_end_the_run(given, kit):
    given.api.script = always(Verdict(EventType.FORBIDDEN, detail="the API answered 403 Forbidden"))
    result = given.run(kit.plan_of(*(f"call-{number}" for number in range(100))))
    assert 3 <= len(given.api.sent) <= 6
    assert len(given.api.references) == len(set(given.api.references)), "one was tried again"
    assert result.counts()[Outcome.NOT_ATTEMPTED] == 100
    assert "403" in (result.failure or "")
    assert exit_code(result) == 6


def test_an_unauthorized_run_stops_claiming(given, kit):
    given.api.script = always(UNAUTHORIZED)
    plan = kit.plan_of(*(f"call-{number}" for number in range(100)))
    result = given.run(plan)
    assert len(given.api.sent) <= 4
    assert result.counts()[Outcome.NOT_ATTEMPTED] == 100
    assert "401" in (result.failure or "")
    assert exit_code(result) == 6


def test_an_api_that_cannot_be_reached_ends_the_run_early(given, kit):
    given.api.script = always(UNSENT)
    plan = kit.plan_of(*(f"call-{number}" for number in range(1000)))
    result = given.run(plan)
    assert len(set(given.api.references)) <= 10
    assert result.counts()[Outcome.NOT_ATTEMPTED] == 1000
    assert "Connection refused" in (result.failure or "")
    assert given.ledger.database.rows == {}
    assert exit_code(result) == 6


def test_a_run_of_doubtful_answers_ends_before_everything_is_frozen(given, kit):
    given.api.script = always(UNCLEAR)
    plan = kit.plan_of(*(f"call-{number}" for number in range(1000)))
    result = given.run(plan)
    assert 24 <= result.counts()[Outcome.IN_DOUBT] <= 28
    assert exit_code(result) == 7


def test_a_throttled_call_waits_as_long_as_the_api_asks(given, kit):
    async def script(body, attempt):
        return kit.accepted(body) if attempt > 1 else Verdict(EventType.THROTTLED, retry_after=0.01)

    given.api.script = script
    [call] = given.run(kit.plan_of("a")).calls
    assert (call.outcome, call.attempts) == (Outcome.PLACED, 2)


def test_a_run_ends_when_the_api_asks_for_too_long_a_pause(given, kit):
    given.api.script = always(Verdict(EventType.THROTTLED, detail="429", retry_after=3600.0))
    plan = kit.plan_of("a", "b", "c", "d", "e", "f")
    result = given.run(plan, concurrency=1)
    assert given.api.references == ["a"]
    assert "3600 s" in (result.failure or "")
    assert exit_code(result) == 6


def test_our_callback_address_is_sent_where_the_call_has_none(given, kit):
    own = kit.planned("b", **{"callback-url": "https://example.org/own"})
    plan = kit.plan_of("a", own)
    given.run(plan, concurrency=1, callback_url=lambda call: f"https://hooks.example.org/{call.reference_id}")
    assert [body["callback-url"] for body in given.api.sent] == [
        "https://hooks.example.org/a",
        "https://example.org/own",
    ]
    assert "callback-url" not in plan.calls[0].call.body


def test_the_policy_is_asked_right_before_each_claim(given, kit):
    async def check(planned):
        assert planned.call.reference_id not in given.ledger.database.rows
        late = Decision(Action.BLOCKED, reasons=("too late in the evening",))
        return late if planned.call.reference_id == "b" else None

    plan = kit.plan_of("a", "b")
    result = given.run(plan, check=check)
    assert [(call.outcome, call.error) for call in result.calls] == [
        (Outcome.PLACED, None),
        (Outcome.BLOCKED, "too late in the evening"),
    ]
    assert given.api.references == ["a"]
    assert exit_code(result) == 0


def test_an_answer_and_the_next_claim_of_its_worker_go_into_one_commit(given, kit):
    async def script(body, attempt):
        await asyncio.sleep(1.1 * COMPANY)  # so long that nothing is claimed ahead of one connection
        return kit.accepted(body)

    given.api.script = script
    given.run(kit.plan_of(*"abc"), concurrency=1)
    assert [len(batch) for batch in given.ledger.batches] == [1, 2, 2, 1]
    assert given.ledger.log == [
        ("a", "claimed"), ("a", "accepted"), ("b", "claimed"), ("b", "accepted"), ("c", "claimed"), ("c", "accepted"),
    ]  # fmt: skip


@pytest.mark.parametrize("event_type", [EventType.REFUSED, EventType.UNCLEAR, EventType.UNSENT])
def test_anything_but_a_placed_call_is_on_disk_before_its_worker_claims_again(given, kit, event_type):
    async def script(body, attempt):
        return Verdict(event_type, detail="why")

    given.api.script = script
    given.run(kit.plan_of(*"ab"), concurrency=1)
    assert {len(batch) for batch in given.ledger.batches} == {1}


def test_the_ledger_is_used_from_one_thread(given, kit):
    given.run(kit.plan_of(*"abcdefghij"))
    assert len(given.ledger.threads) == 1


def test_a_run_that_has_lost_its_lease_records_what_it_has_and_claims_nothing_more(given, kit):
    async def script(body, attempt):
        given.ledger.lost = "the lease is lost"
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of("a", "b", "c"), concurrency=1)
    assert outcomes(result) == {"a": Outcome.PLACED, "b": Outcome.NOT_ATTEMPTED, "c": Outcome.NOT_ATTEMPTED}
    assert result.failure == "the lease is lost"
    assert len(given.api.sent) == 1
    assert exit_code(result) == 5


def test_a_claim_that_has_grown_old_is_not_sent_on(given, kit):
    given.hurry(stale=-1.0)
    [call] = given.run(kit.plan_of("a")).calls
    assert (call.outcome, call.attempts, given.api.sent) == (Outcome.NOT_ATTEMPTED, 0, [])
    assert given.ledger.database.rows == {}


def test_a_claim_that_waited_for_too_long_is_made_again_and_that_is_no_try(given, kit):
    async def script(body, attempt):
        if body["instruction-id"] in "ab":
            await asyncio.sleep(0.2)
        return kit.accepted(body)

    given.hurry(stale=0.05)
    given.api.script = script
    calls = given.run(kit.plan_of("a", "b", "c"), concurrency=2).calls
    assert {(call.outcome, call.attempts) for call in calls} == {(Outcome.PLACED, 1)}
    assert sorted(given.api.references) == ["a", "b", "c"]
    assert ("c", "unsent") in given.ledger.log


def test_a_run_does_not_wait_for_the_end_of_a_pause_that_nobody_needs(given, kit):
    given.api.script = always(Verdict(EventType.THROTTLED, detail="429", retry_after=60.0))
    given.hurry(longest_pause=300.0)
    ran = asyncio.wait_for(given.apply(kit.plan_of("a"), concurrency=3, attempts_cap=1), 20)
    assert outcomes(asyncio.run(ran)) == {"a": Outcome.NOT_ATTEMPTED}


def test_the_last_word_of_the_api_to_wait_is_told_to_all_runs(given, kit):
    given.api.script = always(Verdict(EventType.THROTTLED, detail="429", retry_after=60.0))
    given.hurry(longest_pause=300.0)
    given.run(kit.plan_of("a"), attempts_cap=1)
    assert 50 < given.ledger.database.paused_until - now() <= 60


def test_a_second_claim_that_ends_the_run_does_not_hide_the_request_before_it(given, kit):
    async def script(body, attempt):
        given.ledger.lost = "the lease is lost"
        return Verdict(EventType.THROTTLED, detail="the API answered 429", retry_after=0.01)

    given.api.script = script
    [call] = given.run(kit.plan_of("a")).calls
    assert (call.outcome, call.attempts, call.error) == (Outcome.NOT_ATTEMPTED, 1, "the API answered 429")


def test_a_sender_that_is_cancelled_by_nobody_leaves_its_call_in_doubt(given, kit):
    async def script(body, attempt):
        if body["instruction-id"] == "a":
            raise asyncio.CancelledError
        return kit.accepted(body)

    given.api.script = script
    with pytest.raises(RunFailed) as caught:
        asyncio.run(asyncio.wait_for(given.apply(kit.plan_of("a", "b"), concurrency=1), 20))
    assert outcomes(caught.value.result) == {"a": Outcome.IN_DOUBT, "b": Outcome.NOT_ATTEMPTED}


def test_a_defect_behind_the_request_leaves_its_call_in_doubt(given, kit):
    given.api.script = always(None)  # no verdict at all
    with pytest.raises(RunFailed) as caught:
        asyncio.run(asyncio.wait_for(given.apply(kit.plan_of("a", "b"), concurrency=1), 20))
    assert outcomes(caught.value.result) == {"a": Outcome.IN_DOUBT, "b": Outcome.NOT_ATTEMPTED}


def test_an_address_for_callbacks_that_cannot_be_made_ends_the_run(given, kit):
    def fails(_call):
        raise ValueError("no address")

    with pytest.raises(RunFailed, match="no address"):
        asyncio.run(asyncio.wait_for(given.apply(kit.plan_of("a", "b"), callback_url=fails), 20))


def test_what_is_claimed_when_a_pause_begins_is_sent_in_its_order(given, kit):
    async def script(body, attempt):
        await asyncio.sleep(0)
        if body["instruction-id"] == "call-0" and attempt == 1:
            return Verdict(EventType.THROTTLED, retry_after=0.1)
        return kit.accepted(body)

    given.api.script = script
    given.run(kit.plan_of(*(f"call-{number}" for number in range(8))), concurrency=2)
    order = [int(reference[5:]) for reference in given.api.references if reference != "call-0"]
    assert order == sorted(order)


def test_a_run_that_is_over_hears_of_no_signal(given, kit):
    given.run(kit.plan_of("a"))
    assert (given.shutdown._on_stop, given.shutdown._on_abort) == ([], [])


def test_a_defect_in_the_sender_leaves_its_call_in_doubt_and_is_raised_when_all_is_recorded(given, kit):
    async def script(body, attempt):
        await asyncio.sleep(0)
        if body["instruction-id"] == "a":
            raise KeyError("oops")
        await asyncio.sleep(0.01)
        return kit.accepted(body)

    given.api.script = script
    with pytest.raises(RunFailed, match="KeyError: 'oops'") as caught:
        given.run(kit.plan_of("a", "b", "c"), concurrency=2)
    assert outcomes(caught.value.result) == {
        "a": Outcome.IN_DOUBT, "b": Outcome.PLACED, "c": Outcome.NOT_ATTEMPTED,
    }  # fmt: skip
    states = {name: row.state for name, row in given.ledger.database.rows.items()}
    assert states == {"a": State.IN_DOUBT, "b": State.PLACED}


def test_a_terminal_that_is_gone_does_not_leave_calls_in_doubt(given, kit):
    def gone(_result):
        raise BrokenPipeError

    with pytest.raises(RunFailed, match="BrokenPipeError") as caught:
        given.run(kit.plan_of(*"abcdefgh"), progress=gone, concurrency=2)
    assert caught.value.result.counts()[Outcome.PLACED] == len(given.api.sent)
    assert {row.state for row in given.ledger.database.rows.values()} == {State.PLACED}
    assert len(given.api.sent) < 8


def test_a_callback_that_overtakes_a_lost_answer_settles_the_call(given, kit):
    async def script(body, attempt):
        given.ledger.database.rows[body["instruction-id"]].state = State.FINISHED
        return UNCLEAR

    given.api.script = script
    plan = kit.plan_of("a")
    result = given.run(plan)
    assert (result.calls[0].outcome, result.calls[0].error) == (Outcome.PLACED, None)
    assert exit_code(result) == 0
