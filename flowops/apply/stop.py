"""Ending a run by signal: the first one stops claiming, the second one gives up what is in flight."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """What a run asks whether it shall end; `signal` is the number of the first request, None before."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.aborted = False
        self._on_stop: list[Callable[[], None]] = []
        self._on_abort: list[Callable[[], None]] = []

    def request(self, number: int) -> None:
        """The first request stops claiming, the second gives up the answers that are still awaited."""
        if self.signal is None:
            self.signal = number
            waiting = self._on_stop
        elif not self.aborted:
            self.aborted = True
            waiting = self._on_abort
        else:
            return
        for call in waiting:
            call()

    def when_stopped(self, call: Callable[[], None]) -> None:
        """Call this at the first request, at once if it was made already."""
        self._on_stop.append(call)
        if self.signal is not None:
            call()

    def when_aborted(self, call: Callable[[], None]) -> None:
        """Call this at the second request, at once if it was made already."""
        self._on_abort.append(call)
        if self.aborted:
            call()


@contextmanager
def with_signals(stop: Stop) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP go to `stop` inside the block; inside a running loop, in the main thread.

    A signal that the process was started to ignore (``nohup``, a background job) stays ignored.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, stop.request, number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
