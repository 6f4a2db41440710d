"""What a run claims before there is a connection for it, and puts back."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from support.runs import outcomes

from flowops.apply.group import COMPANY
from flowops.apply.run import RunFailed
from flowops.common.times import now
from flowops.model.ledger import EventType, State
from flowops.model.result import Outcome, Verdict


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
