"""A run ends at a signal, and requests keep their rate."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.apply.control import (
    SLACK,
    WATCHED_RESULTS,
    CircuitBreaker,
    RateLimiter,
    ShutdownRequest,
    with_signals,
)


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


def starts(limiter, rests):
    """The times at which requests begin when each asks so long after the one before began."""
    now, times = 1000.0, []
    for rest in rests:
        now += rest
        while (delay := limiter.delay(now)) > 0.0:
            now += delay
        limiter.take(now)
        times.append(now)
    return times


def test_the_first_request_begins_at_once_and_the_rest_at_even_intervals():
    assert starts(RateLimiter(10.0), [0.0] * 4) == pytest.approx([1000.0, 1000.1, 1000.2, 1000.3])


def test_without_a_rate_nobody_waits():
    assert starts(RateLimiter(None), [0.0] * 4) == [1000.0] * 4


def test_a_quiet_time_is_not_caught_up_with_a_burst():
    first, second, third = starts(RateLimiter(2.0), [0.0, 60.0, 0.0])
    assert (second - first, third - second) == pytest.approx((60.0, 0.5))


def test_a_late_wake_up_costs_no_throughput():
    limiter, now, times = RateLimiter(1000.0), 0.0, []
    for _ in range(1000):
        now += limiter.delay(now) + 0.0003  # the event loop wakes up a little late, each time
        limiter.take(now)
        times.append(now)
    assert times[-1] - times[0] < 1.01


def test_a_pause_holds_everybody_and_the_longer_one_counts():
    limiter = RateLimiter(10.0)
    limiter.pause(1000.0, 7.0)
    limiter.pause(1000.0, 3.0)
    assert limiter.delay(1001.0) == pytest.approx(6.0)
    assert starts(limiter, [0.0, 0.0, 0.0]) == pytest.approx([1007.0, 1007.1, 1007.2])


@given(rate=st.floats(0.01, 5000), rests=WAITS)
def test_no_stretch_of_time_sees_more_than_its_share(rate, rests):
    times = starts(RateLimiter(rate), rests)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first <= (times[last] - start + min(SLACK, 1 / rate)) * rate + 1e-3


@given(rate=st.floats(0.01, 5000), rests=WAITS)
def test_nobody_waits_longer_than_one_interval_for_a_free_slot(rate, rests):
    limiter, now = RateLimiter(rate), 1000.0
    for rest in rests:
        now += rest
        delay = limiter.delay(now)
        assert delay <= 1 / rate + 1e-6
        now += delay
        limiter.take(now)


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
