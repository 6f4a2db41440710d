"""A run against a ledger in memory and an API that does as it is told."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial

import pytest

from flowops.apply.group import COMPANY
from flowops.apply.outcome import exit_code
from flowops.apply.run import RunFailed
from flowops.common.times import now
from flowops.errors import LedgerError
from flowops.model.claims import Claim, Record
from flowops.model.ledger import EventType, Leg, State
from flowops.model.plan import Action, Decision
from flowops.model.result import Outcome, Verdict

UNSENT = Verdict(EventType.UNSENT, detail="Connection refused")
UNCLEAR = Verdict(EventType.UNCLEAR, detail="no whole answer within 30 s; the call may have been placed")
REFUSED = Verdict(EventType.REFUSED, detail="the API answered 400 Bad Request")
UNAUTHORIZED = Verdict(EventType.UNAUTHORIZED, detail="the API answered 401 Unauthorized", stop=True)


def always(verdict):
    async def script(body, attempt):
        return verdict

    return script


def outcomes(result):
    return {call.reference_id: call.outcome for call in result.calls}


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


def names(count):
    return [f"call-{number}" for number in range(count)]


@pytest.mark.parametrize(("rate", "claimed"), [(None, 12), (40.0, 28)])
def test_before_the_first_answer_a_few_calls_are_claimed_ahead_and_half_a_second_of_a_rate(given, kit, rate, claimed):
    seen = []

    async def script(body, attempt):
        first = len(given.api.sent) <= 8
        while first and (len(given.ledger.database.rows) < claimed or len(given.api.sent) < 8):
            await asyncio.sleep(0)
        if first:
            seen.append(sum(row.state is State.IN_FLIGHT for row in given.ledger.database.rows.values()))
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of(*names(40)), concurrency=8, rate=rate)
    assert set(outcomes(result).values()) == {Outcome.PLACED}
    assert max(seen) == claimed
    assert (given.api.most_in_flight, given.api.workers) == (8, 8)


def test_as_many_are_claimed_ahead_as_are_sent_while_a_write_waits_for_company(given, kit):
    """Then writes go together, though no connection waits for one."""
    seen = []

    async def script(body, attempt):
        await asyncio.sleep(COMPANY / 4)
        rows = given.ledger.database.rows.values()
        seen.append(sum(row.state is State.IN_FLIGHT for row in rows))
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of(*names(400)), concurrency=20)
    assert set(outcomes(result).values()) == {Outcome.PLACED}
    assert 30 < max(seen) <= 60  # never more than thrice the connections
    assert given.api.most_in_flight == 20
    sizes = [len(batch) for batch in given.ledger.batches]
    assert len(sizes) < 60, sizes  # of 400 claims and 400 records


def test_what_was_claimed_ahead_when_the_run_ends_is_put_back_and_not_sent(given, kit):
    async def script(body, attempt):
        while len(given.ledger.log) < 6 or len(given.api.sent) < 4:
            await asyncio.sleep(0)
        if given.shutdown.signal is None:
            given.shutdown.request(signal.SIGTERM)
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of(*names(20)), concurrency=4)
    assert len(given.api.sent) == 4
    assert Counter(outcomes(result).values()) == {Outcome.PLACED: 4, Outcome.NOT_ATTEMPTED: 16}
    assert Counter(step for _, step in given.ledger.log) == {"claimed": 6, "accepted": 4, "unsent": 2}


def test_a_call_of_which_nobody_can_be_told_that_it_is_claimed_is_put_back_and_not_sent(given, kit):
    def claimed(_reference):
        raise OSError("the file of events is gone")

    with pytest.raises(RunFailed) as failed:
        given.run(kit.plan_of(*names(20)), concurrency=4, claimed=claimed)
    assert given.api.sent == []
    assert set(outcomes(failed.value.result).values()) == {Outcome.NOT_ATTEMPTED}
    assert given.ledger.database.rows == {}


def test_what_was_claimed_ahead_is_put_back_while_answers_are_still_awaited(given, kit):
    async def script(body, attempt):
        while len(given.ledger.log) < 6 or len(given.api.sent) < 4:
            await asyncio.sleep(0)
        if given.shutdown.signal is None:
            given.shutdown.request(signal.SIGTERM)
        async with asyncio.timeout(10):
            while Counter(step for _, step in given.ledger.log)["unsent"] < 2:
                await asyncio.sleep(0.001)
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of(*names(20)), concurrency=4)
    assert Counter(outcomes(result).values()) == {Outcome.PLACED: 4, Outcome.NOT_ATTEMPTED: 16}


def test_what_was_claimed_ahead_of_a_run_that_is_cancelled_is_put_back(given, kit):
    async def script(body, attempt):
        await asyncio.Event().wait()

    async def main():
        run = asyncio.create_task(given.apply(kit.plan_of(*names(20)), concurrency=4))
        while len(given.ledger.log) < 6 or len(given.api.sent) < 4:
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    given.api.script = script
    asyncio.run(main())
    assert len(given.api.sent) == 4
    assert Counter(step for _, step in given.ledger.log) == {"claimed": 6, "unsent": 2}


def test_nothing_that_was_claimed_ahead_is_sent_while_the_api_has_asked_to_wait(given, kit):
    asked: list[float] = []
    early: list[str] = []

    async def script(body, attempt):
        if asked and now() < asked[0] + 0.2:
            early.append(body["instruction-id"])
        while len(given.ledger.log) < 6:
            await asyncio.sleep(0)
        if not asked:
            asked.append(now())
            return Verdict(EventType.THROTTLED, retry_after=0.2)
        return kit.accepted(body)

    given.api.script = script
    result = given.run(kit.plan_of(*names(12)), concurrency=4)
    assert set(outcomes(result).values()) == {Outcome.PLACED}
    assert early == []


def test_the_connection_that_was_used_last_is_the_next_one(given, kit):
    """A rate leaves most connections idle, and an idle one soon has to be opened anew."""
    used = []

    class Sender:
        async def place(self, body):
            used.append(self)
            return kit.accepted(body)

    @asynccontextmanager
    async def sender():
        yield Sender()

    given.api.sender = sender
    given.run(kit.plan_of(*names(10)), concurrency=5, rate=40.0)
    assert len(set(used)) < 5


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


# A ledger that fails.


def test_a_ledger_that_fails_at_the_start_sends_nothing(given, kit):
    def sweep():
        raise LedgerError("database is locked")

    given.ledger.sweep = sweep
    plan = kit.plan_of("a", "b")
    result = given.run(plan)
    assert (given.api.sent, result.failure) == ([], "database is locked")
    assert set(outcomes(result).values()) == {Outcome.NOT_ATTEMPTED}
    assert exit_code(result) == 5


def test_a_claim_that_fails_is_not_sent(given, kit):
    def fails(writes):
        if any(isinstance(write, Claim) and write.call.reference_id == "b" for write in writes):
            raise LedgerError("disk full")

    given.ledger.fails = fails
    plan = kit.plan_of("a", "b", "c")
    result = given.run(plan, concurrency=1)
    assert given.api.references == ["a"]
    assert outcomes(result) == {"a": Outcome.PLACED, "b": Outcome.NOT_ATTEMPTED, "c": Outcome.NOT_ATTEMPTED}
    assert exit_code(result) == 5


def test_a_claim_whose_commit_broke_after_all_is_taken_back(given, kit):
    def late(writes):
        given.ledger.late = lambda _writes: None
        raise LedgerError("connection lost during commit")

    given.ledger.late = late
    plan = kit.plan_of("a")
    result = given.run(plan)
    assert given.api.sent == []
    assert given.ledger.log == [("a", "claimed"), ("a", "unsent")]
    assert given.ledger.database.rows == {}
    assert exit_code(result) == 5


def test_a_failed_claim_takes_nothing_back_from_another_run(given, kit):
    def fails(writes):
        given.ledger.fails = lambda _writes: None
        given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
        raise LedgerError("disk full")

    given.ledger.fails = fails
    given.run(kit.plan_of("a"))
    assert given.ledger.database.rows["a"].run == "other"


def test_an_answer_that_could_not_be_recorded_is_recorded_at_the_end(given, kit):
    def fails(writes):
        if any(isinstance(write, Record) for write in writes):
            given.ledger.fails = lambda _writes: None
            raise LedgerError("database is locked")

    given.ledger.fails = fails
    plan = kit.plan_of("a", "b")
    result = given.run(plan, concurrency=1)
    assert given.ledger.database.rows["a"].state is State.PLACED
    assert outcomes(result) == {"a": Outcome.PLACED, "b": Outcome.NOT_ATTEMPTED}
    assert exit_code(result) == 5


def test_what_the_ledger_never_takes_is_in_doubt(given, kit):
    def fails(writes):
        if any(isinstance(write, Record) for write in writes):
            raise LedgerError("disk full", hint="make room")

    given.ledger.fails = fails
    plan = kit.plan_of(*"abcdefgh")
    result = given.run(plan, concurrency=2)
    sent = set(given.api.references)
    assert {name for name, outcome in outcomes(result).items() if outcome is Outcome.IN_DOUBT} == sent
    [call] = [call for call in result.calls if call.reference_id == "a"]
    assert call.call_ids == ("call-a",)
    assert call.error == "the ledger could not record the answer (accepted)"
    assert result.failure == "disk full (make room)"
    assert exit_code(result) == 7


def test_the_ledger_is_offered_every_answer_once_more_at_the_end(given, kit):
    def fails(writes):
        if any(isinstance(write, Record) for write in writes):
            raise LedgerError("disk full")

    given.ledger.fails = fails
    given.run(kit.plan_of(*"abcdefgh"), concurrency=2)
    offered = {write.reference_id for write in given.ledger.batches[-1] if write.event_type is EventType.ACCEPTED}
    assert offered == set(given.api.references)


# Signals.


def test_the_first_signal_stops_claiming_and_lets_what_is_in_flight_finish(given, kit):
    async def script(body, attempt):
        if given.shutdown.signal is None:
            given.shutdown.request(signal.SIGTERM)
        await asyncio.sleep(0.01)
        return kit.accepted(body)

    given.api.script = script
    plan = kit.plan_of(*"abcdefgh")
    result = given.run(plan, concurrency=2)
    assert result.interrupted == signal.SIGTERM
    sent = set(given.api.references)
    assert {name for name, outcome in outcomes(result).items() if outcome is Outcome.PLACED} == sent
    assert {row.state for row in given.ledger.database.rows.values()} == {State.PLACED}
    assert exit_code(result) == 143


def test_a_claim_that_lands_after_the_signal_is_put_back(given, kit):
    async def main():
        loop = asyncio.get_running_loop()

        def late(writes):
            given.ledger.late = lambda _writes: None
            loop.call_soon_threadsafe(given.shutdown.request, signal.SIGINT)

        given.ledger.late = late
        return await given.apply(plan)

    plan = kit.plan_of("a")
    result = asyncio.run(main())
    assert given.api.sent == []
    assert given.ledger.log == [("a", "claimed"), ("a", "unsent")]
    assert (result.calls[0].outcome, result.calls[0].attempts) == (Outcome.NOT_ATTEMPTED, 0)
    assert exit_code(result) == 130


def test_the_second_signal_leaves_what_is_in_flight_in_doubt(given, kit):
    async def script(body, attempt):
        await asyncio.sleep(0)
        given.shutdown.request(signal.SIGINT)
        await asyncio.Event().wait()

    given.api.script = script
    plan = kit.plan_of(*"abcd")
    result = given.run(plan, concurrency=2)
    assert set(outcomes(result).values()) == {Outcome.IN_DOUBT, Outcome.NOT_ATTEMPTED}
    assert {row.state for row in given.ledger.database.rows.values()} == {State.IN_DOUBT}
    assert result.interrupted == signal.SIGINT
    assert exit_code(result) == 7


def test_a_signal_ends_the_waits_for_a_slot_a_pause_and_another_attempt(given, kit):
    given.hurry(backoff=3600.0, longest_pause=7200.0)

    async def script(body, attempt):
        asyncio.get_running_loop().call_later(0.01, given.shutdown.request, signal.SIGINT)
        if body["instruction-id"] == "a":
            return Verdict(EventType.THROTTLED, detail="429", retry_after=3600.0)
        return UNSENT

    given.api.script = script
    plan = kit.plan_of("a", "b", "c", "d")
    result = given.run(plan, rate=0.5, concurrency=3)
    assert set(outcomes(result).values()) == {Outcome.NOT_ATTEMPTED}
    assert exit_code(result) == 130


# Other runs.


def test_a_call_that_another_run_places_meanwhile_is_unchanged(given, kit):
    other = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.rows["a"] = other
    given.ledger.database.live.add("other")
    looks = []

    def on_look():
        looks.append(1)
        if len(looks) == 3:
            other.state, other.legs = State.PLACED, (Leg(None, "call-1"),)

    given.ledger.on_look = on_look
    plan = kit.plan_of("a", "b")
    result = given.run(plan)
    assert [(call.outcome, call.call_ids) for call in result.calls] == [
        (Outcome.UNCHANGED, ("call-1",)),
        (Outcome.PLACED, ("call-b",)),
    ]
    assert given.api.references == ["b"]
    assert exit_code(result) == 0


def test_a_call_that_the_plan_saw_in_flight_elsewhere_is_waited_for(given, kit):
    other = given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.ledger.on_look = lambda: setattr(other, "state", State.FINISHED)
    plan = kit.plan_of(kit.planned("a", Action.IN_FLIGHT))
    result = given.run(plan)
    assert (outcomes(result), exit_code(result)) == ({"a": Outcome.UNCHANGED}, 0)


def test_a_call_whose_other_run_dies_is_in_doubt(given, kit):
    given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.ledger.on_look = lambda: given.ledger.database.live.discard("other")
    plan = kit.plan_of("a")
    result = given.run(plan)
    assert (outcomes(result), exit_code(result)) == ({"a": Outcome.IN_DOUBT}, 7)
    assert given.ledger.database.rows["a"].state is State.IN_DOUBT


@pytest.mark.parametrize(
    ("state", "fingerprint", "outcome", "code", "error"),
    [
        (
            State.PLACED,
            "v1:x",
            Outcome.CONFLICT,
            9,
            "another run placed this reference-id with other content; give it a new reference-id, or accept the edit",
        ),
        (State.REJECTED, "v1:a", Outcome.NOT_ATTEMPTED, 6, "another run had it refused: the API answered 400"),
        (None, "", Outcome.NOT_ATTEMPTED, 6, "another run had it and did not place it; run apply again"),
    ],
)
def test_a_call_that_another_run_did_not_place_so_is_told(given, kit, state, fingerprint, outcome, code, error):
    rows = given.ledger.database.rows
    rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")

    def on_look():
        rows.pop("a", None)
        if state is not None:
            rows["a"] = kit.Row(state, fingerprint, "other", error="the API answered 400")

    given.ledger.on_look = on_look
    plan = kit.plan_of("a")
    result = given.run(plan)
    assert [(call.outcome, call.error) for call in result.calls] == [(outcome, error)]
    assert exit_code(result) == code


def test_a_signal_ends_the_wait_for_other_runs(given, kit):
    given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.hurry(first_look=3600.0)

    async def main():
        given.ledger.on_look = partial(asyncio.get_running_loop().call_soon_threadsafe, given.shutdown.request, 15)
        return await given.apply(plan)

    plan = kit.plan_of("a")
    result = asyncio.run(main())
    [call] = result.calls
    assert (call.outcome, call.error) == (Outcome.IN_FLIGHT, "still in flight in another run")
    assert exit_code(result) == 143


def test_patience_with_other_runs_ends(given, kit):
    given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.hurry(patience=0.0)
    result = given.run(kit.plan_of("a"))
    [call] = result.calls
    assert (call.outcome, call.error) == (Outcome.IN_FLIGHT, "still in flight in another run")
    assert exit_code(result) == 0


def test_two_runs_at_once_post_each_call_once(kit):
    async def main():
        database, api = kit.Database(), kit.FakeApi()
        names = [f"call-{number}" for number in range(200)]
        runs = [kit.Given(kit.FakeLedger(database, name), api) for name in ("one", "two")]
        results = await asyncio.gather(*(run.apply(kit.plan_of(*names)) for run in runs))
        return names, api, results

    names, api, results = asyncio.run(main())
    assert sorted(api.references) == sorted(names)
    for result in results:
        assert {call.outcome for call in result.calls} <= {Outcome.PLACED, Outcome.UNCHANGED}
    assert sum(result.counts()[Outcome.PLACED] for result in results) == len(names)
