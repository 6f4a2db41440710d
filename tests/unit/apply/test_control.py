"""A run ends at a signal, and one breaker ends the claiming of all workers."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from hypothesis import strategies as st

from flowops.apply.control import (
    WATCHED_RESULTS,
    CircuitBreaker,
    ShutdownRequest,
    Timing,
    with_signals,
)
from flowops.model.ledger import EventType
from flowops.model.result import Verdict


def recording(shutdown):
    told = []
    shutdown.when_requested(lambda: told.append("stop"))
    shutdown.when_aborted(lambda: told.append("abort"))
    return told


def test_the_first_request_stops_one_two_seconds_later_aborts_a_third_does_nothing():
    now = [100.0]
    shutdown = ShutdownRequest(lambda: now[0])
    told = recording(shutdown)
    assert (shutdown.signal, shutdown.aborted, told) == (None, False, [])
    shutdown.request(signal.SIGTERM)
    assert (shutdown.signal, shutdown.aborted, told) == (signal.SIGTERM, False, ["stop"])
    now[0] = 101.9
    shutdown.request(signal.SIGINT)
    assert (shutdown.signal, shutdown.aborted, told) == (signal.SIGTERM, False, ["stop"])
    now[0] = 102.0
    shutdown.request(signal.SIGINT)
    shutdown.request(signal.SIGINT)
    assert (shutdown.signal, shutdown.aborted, told) == (signal.SIGTERM, True, ["stop", "abort"])


def test_who_asks_late_is_told_at_once():
    times = iter([0.0, 2.0])
    shutdown = ShutdownRequest(lambda: next(times))
    shutdown.request(signal.SIGINT)
    shutdown.request(signal.SIGINT)
    assert recording(shutdown) == ["stop", "abort"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_arrive_and_the_handlers_of_before_come_back(number):
    def own(_number, _frame):
        raise AssertionError

    async def main():
        shutdown = ShutdownRequest()
        before = signal.signal(number, own)
        try:
            with with_signals(shutdown):
                os.kill(os.getpid(), number)
                while shutdown.signal is None:
                    await asyncio.sleep(0)
            assert signal.getsignal(number) is own
        finally:
            signal.signal(number, before)
        return shutdown.signal

    assert asyncio.run(main()) == number


def test_a_signal_that_is_ignored_stays_ignored():
    async def main():
        shutdown = ShutdownRequest()
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with with_signals(shutdown):
                os.kill(os.getpid(), signal.SIGHUP)
                os.kill(os.getpid(), signal.SIGTERM)
                while shutdown.signal is None:
                    await asyncio.sleep(0)
        finally:
            signal.signal(signal.SIGHUP, before)
        return shutdown.signal

    assert asyncio.run(main()) == signal.SIGTERM


WAITS = st.lists(st.floats(0, 3), min_size=1, max_size=60)


def test_half_of_the_last_forty_results_in_doubt_end_the_claiming() -> None:
    breaker = CircuitBreaker(ShutdownRequest(), unplaced_limit=30, doubtful_limit=30)
    for _ in range(WATCHED_RESULTS // 2):
        assert not breaker.is_open
        breaker.count_answered()
        breaker.count_doubtful("503")
    assert breaker.failure == "20 of the last 40 calls ended in doubt (503)"


def test_fewer_than_half_in_doubt_do_not_end_it() -> None:
    breaker = CircuitBreaker(ShutdownRequest(), unplaced_limit=30, doubtful_limit=30)
    for _ in range(WATCHED_RESULTS):
        breaker.count_answered()
        breaker.count_answered()
        breaker.count_doubtful("503")
    assert not breaker.is_open


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("it is gone; 1 result kept in spool (look)", "it is gone; 1 result kept in spool (look)"),
        (
            "it is gone; 4 results kept in spool (look)",
            "it is gone; 1 result kept in spool (look); then: 4 results kept in spool",
        ),
        (
            "it is full; 4 results kept (make room)",
            "it is gone; 1 result kept in spool (look); then: it is full; 4 results kept (make room)",
        ),
    ],
)
def test_what_follows_from_a_failure_repeats_none_of_it(then: str, told: str) -> None:
    breaker = CircuitBreaker(ShutdownRequest(), unplaced_limit=30, doubtful_limit=30)
    breaker.add_failure("it is gone; 1 result kept in spool (look)")
    breaker.add_failure(then)
    assert breaker.failure == told


def test_a_pause_is_what_the_api_asks_for_or_twice_as_long_for_each_further_try():
    timing = Timing(backoff=0.5)
    assert [timing.pause(Verdict(EventType.UNSENT), tries) for tries in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert [timing.pause(Verdict(EventType.THROTTLED, retry_after=7.0), tries) for tries in (1, 2)] == [7.0, 7.0]
