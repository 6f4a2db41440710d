"""What ends a run early: a ledger that fails, and signals."""

from __future__ import annotations

import asyncio
import signal

from support.runs import UNSENT, outcomes

from flowops.apply.outcome import exit_code
from flowops.errors import LedgerError
from flowops.model.claims import Claim, Record
from flowops.model.ledger import EventType, State
from flowops.model.result import Outcome, Verdict


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
