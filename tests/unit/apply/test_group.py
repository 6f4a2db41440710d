"""Group commit: what is pending goes together, everybody gets their own answer, failures reach everybody."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flowops.apply.group import COMPANY, LARGEST_BATCH, ClaimsAhead, GroupCommit
from flowops.errors import LedgerError
from flowops.model.claims import Claim, Record, Written
from flowops.model.ledger import EventType, State


def claim(kit, name):
    return Claim(kit.planned(name).call, f"v1:sha256:{name}")


async def submit(commit, write):
    """The answer to a write."""
    answer = asyncio.get_running_loop().create_future()

    def answered(found):
        if answer.cancelled():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    commit.post(write, answered)
    return await answer


def test_what_gathers_during_a_commit_goes_into_the_next_one(kit):
    ledger, gate = kit.FakeLedger(), threading.Event()
    ledger.fails = lambda _writes: gate.wait(5)

    async def main():
        async with GroupCommit(ledger) as commit:
            first = asyncio.create_task(submit(commit, claim(kit, "first")))
            while not ledger.batches:
                await asyncio.sleep(0)
            rest = [asyncio.create_task(submit(commit, claim(kit, f"call-{number}"))) for number in range(100)]
            await asyncio.sleep(0)
            gate.set()
            return await asyncio.gather(first, *rest)

    answers = asyncio.run(main())
    assert [len(batch) for batch in ledger.batches] == [1, 100]
    assert answers == [Written(True, State.IN_FLIGHT)] * 101


def test_under_a_rate_writes_wait_a_moment_for_company(kit):
    ledger = kit.FakeLedger()

    async def main():
        async with GroupCommit(ledger, rate=100.0) as commit:
            first = asyncio.create_task(submit(commit, claim(kit, "first")))
            await asyncio.sleep(COMPANY / 10)
            second = asyncio.create_task(submit(commit, claim(kit, "second")))
            return await asyncio.gather(first, second)

    answers = asyncio.run(main())
    assert [len(batch) for batch in ledger.batches] == [2]
    assert answers[1].slot - answers[0].slot == pytest.approx(0.01, abs=0.005)


def test_without_a_rate_what_nobody_waits_for_gathers_until_somebody_does(kit):
    ledger = kit.FakeLedger()

    async def main():
        async with GroupCommit(ledger) as commit:
            commit.urgent.clear()
            first = asyncio.create_task(submit(commit, claim(kit, "first")))
            await asyncio.sleep(COMPANY / 10)
            second = asyncio.create_task(submit(commit, claim(kit, "second")))
            await asyncio.sleep(0)
            assert ledger.batches == []
            commit.urgent.set()
            return await asyncio.wait_for(asyncio.gather(first, second), COMPANY / 2)

    asyncio.run(main())
    assert [len(batch) for batch in ledger.batches] == [2]


def test_everybody_gets_their_own_answer(kit):
    ledger = kit.FakeLedger()
    ledger.database.rows["b"] = kit.Row(State.PLACED, "v1:sha256:b", "other")

    async def main():
        async with GroupCommit(ledger) as commit:
            return await asyncio.gather(*(submit(commit, claim(kit, name)) for name in "abc"))

    assert [answer.done for answer in asyncio.run(main())] == [True, False, True]
    assert len(ledger.batches) == 1


def test_a_batch_is_bounded(kit):
    ledger = kit.FakeLedger()

    async def main():
        async with GroupCommit(ledger) as commit:
            await asyncio.gather(*(submit(commit, claim(kit, f"call-{number}")) for number in range(LARGEST_BATCH + 1)))

    asyncio.run(main())
    assert [len(batch) for batch in ledger.batches] == [LARGEST_BATCH, 1]


def test_the_loop_goes_on_while_a_commit_is_written(kit):
    ledger, gate = kit.FakeLedger(), threading.Event()
    ledger.fails = lambda _writes: gate.wait(5)

    async def main():
        async with GroupCommit(ledger) as commit:
            waiting = asyncio.create_task(submit(commit, claim(kit, "a")))
            for _ in range(10):
                await asyncio.sleep(0)
            assert not waiting.done()
            gate.set()
            return await waiting

    assert asyncio.run(main()).done


@pytest.mark.parametrize("error", [LedgerError("disk full"), RuntimeError("a defect")])
def test_a_failure_reaches_everybody_and_nothing_is_written_after_it(kit, error):
    ledger = kit.FakeLedger()

    def fails(_writes):
        raise error

    ledger.fails = fails

    async def main():
        async with GroupCommit(ledger) as commit:
            answers = await asyncio.gather(*(submit(commit, claim(kit, name)) for name in "ab"), return_exceptions=True)
            assert answers == [error, error]
            with pytest.raises(LedgerError, match=str(error)):
                await submit(commit, claim(kit, "c"))
            ledger.fails = lambda _writes: None
            return await commit.retry()

    answers = asyncio.run(main())
    assert len(ledger.batches) == 2
    assert {record.event_type for record in ledger.batches[1]} == {EventType.UNSENT}
    assert set(answers) == {"a", "b", "c"}


def test_a_ledger_that_answers_too_little_keeps_nobody_waiting(kit):
    ledger = kit.FakeLedger()
    ledger.write = lambda _writes, **_rate: []

    async def main():
        async with GroupCommit(ledger) as commit:
            with pytest.raises(ValueError, match="0 of 1"):
                await submit(commit, Record("a", EventType.UNCLEAR))

    asyncio.run(main())


def test_a_waiter_that_is_cancelled_does_not_disturb_the_others(kit):
    ledger, gate = kit.FakeLedger(), threading.Event()
    ledger.fails = lambda _writes: gate.wait(5)

    async def main():
        async with GroupCommit(ledger) as commit:
            tasks = [asyncio.create_task(submit(commit, claim(kit, name))) for name in "ab"]
            while not ledger.batches:
                await asyncio.sleep(0)
            tasks[0].cancel()
            gate.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

    cancelled, answer = asyncio.run(main())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert answer == Written(True, State.IN_FLIGHT)


@pytest.mark.parametrize(("rate", "at_most"), [(None, 40), (100.0, 50)])
def test_no_more_is_claimed_ahead_than_goes_out_within_a_second(rate, at_most):
    """What is claimed hears of no stop any more, and of no number that is blocked."""
    for seconds, most in ((0.01, at_most), (2.0, 10), (5.0, 4), (30.0, 0)):
        ahead = ClaimsAhead(20, rate)
        ahead.learn(seconds)
        assert ahead.most == most
