"""Runs of the ledger that follow each other for as long as a process lives: how long it waits for the next one."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.apply.control import ShutdownRequest

#: Seconds before a run that had to end is followed by another one; twice as long each time, up to the longest.
PAUSE, LONGEST_PAUSE = 5.0, 300.0
#: Seconds between two looks whether to go on.
LOOK = 1.0


class Pauses:
    """How long to wait behind each run: the longer, the more of them have ended soon, up to the `longest`."""

    def __init__(self, longest: float = LONGEST_PAUSE) -> None:
        self._longest = longest
        self._last = PAUSE / 2

    def behind(self, lived: float) -> float:
        """Return how many seconds to wait behind a run that has lived so many."""
        self._last = PAUSE if lived > self._longest else min(2 * self._last, self._longest)
        return self._last


async def sleep(shutdown: ShutdownRequest, seconds: float, looked: Callable[[], None]) -> None:
    """Wait so long, or until a signal comes, and say each second that it goes on."""
    until = time.monotonic() + seconds
    woken = asyncio.Event()
    shutdown.when_requested(woken.set)
    try:
        while not woken.is_set() and (left := until - time.monotonic()) > 0:
            looked()
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), min(left, LOOK))
    finally:
        shutdown.forget(woken.set)
