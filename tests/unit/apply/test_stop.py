"""Signals: the first stops claiming, the second gives up what is in flight, both only inside the block."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from flowops.apply import Stop, with_signals


def recording(stop):
    told = []
    stop.when_stopped(lambda: told.append("stop"))
    stop.when_aborted(lambda: told.append("abort"))
    return told


def test_the_first_request_stops_the_second_aborts_a_third_does_nothing():
    stop = Stop()
    told = recording(stop)
    assert (stop.signal, stop.aborted, told) == (None, False, [])
    stop.request(signal.SIGTERM)
    assert (stop.signal, stop.aborted, told) == (signal.SIGTERM, False, ["stop"])
    stop.request(signal.SIGINT)
    stop.request(signal.SIGINT)
    assert (stop.signal, stop.aborted, told) == (signal.SIGTERM, True, ["stop", "abort"])


def test_who_asks_late_is_told_at_once():
    stop = Stop()
    stop.request(signal.SIGINT)
    stop.request(signal.SIGINT)
    assert recording(stop) == ["stop", "abort"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_arrive_and_the_handlers_of_before_come_back(number):
    def own(_number, _frame):
        raise AssertionError

    async def main():
        stop = Stop()
        before = signal.signal(number, own)
        try:
            with with_signals(stop):
                os.kill(os.getpid(), number)
                while stop.signal is None:
                    await asyncio.sleep(0)
            assert signal.getsignal(number) is own
        finally:
            signal.signal(number, before)
        return stop.signal

    assert asyncio.run(main()) == number


def test_a_signal_that_is_ignored_stays_ignored():
    async def main():
        stop = Stop()
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with with_signals(stop):
                os.kill(os.getpid(), signal.SIGHUP)
                os.kill(os.getpid(), signal.SIGTERM)
                while stop.signal is None:
                    await asyncio.sleep(0)
        finally:
            signal.signal(signal.SIGHUP, before)
        return stop.signal

    assert asyncio.run(main()) == signal.SIGTERM
