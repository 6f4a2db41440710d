"""What ends or slows a run: signals, the policy's halt, failures in a row, the rate."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.model.plan import Guard
    from flowops.model.result import Verdict

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


#: Seconds within which a further request is the first one: GNU `timeout` signals a process and then its group, and
#: people press Ctrl-C twice.
ONE_REQUEST = 2.0


class ShutdownRequest:
    """Whether a run has been asked to end; `signal` is the number of the first request, None before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.signal: int | None = None
        self.aborted = False
        self._clock = clock
        self._requested_at = 0.0
        self._on_stop: list[Callable[[], None]] = []
        self._on_abort: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def request(self, number: int) -> None:
        """Stop claiming at the first request, give up the answers that are still awaited at one that comes later."""
        if self.signal is None:
            self.signal = number
            self._requested_at = self._clock()
            waiting = self._on_stop
        elif not self.aborted and self._clock() - self._requested_at >= ONE_REQUEST:
            self.aborted = True
            waiting = self._on_abort
        else:
            return
        for call in waiting:
            call()

    def request_from_outside(self, number: int = signal.SIGTERM) -> None:
        """Request it from another thread than that of the run, which may not have begun."""
        with self._lock:
            loop = self._loop
            if loop is None:
                self.request(number)
                return
        loop.call_soon_threadsafe(self.request, number)

    @contextmanager
    def heard_by(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Let requests from outside arrive in a loop, inside the block."""
        with self._lock:
            self._loop = loop
        try:
            yield
        finally:
            with self._lock:
                self._loop = None

    def when_requested(self, call: Callable[[], None]) -> None:
        """Call this at the first request, at once if it was made already."""
        self._on_stop.append(call)
        if self.signal is not None:
            call()

    def forget(self, call: Callable[[], None]) -> None:
        """Do not call this any more: whoever it was for no longer waits."""
        for waiting in (self._on_stop, self._on_abort):
            if call in waiting:
                waiting.remove(call)

    def when_aborted(self, call: Callable[[], None]) -> None:
        """Call this at the second request, at once if it was made already."""
        self._on_abort.append(call)
        if self.aborted:
            call()


@contextmanager
def with_signals(shutdown: ShutdownRequest) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into requests inside the block, which a loop runs.

    A signal that the process was started to ignore (``nohup``, a background job) stays ignored. Outside of the main
    thread signals are those of whoever runs that; `request_from_outside` works in any.
    """
    loop = asyncio.get_running_loop()
    with shutdown.heard_by(loop):
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with _signals(shutdown, loop):
            yield


@contextmanager
def _signals(shutdown: ShutdownRequest, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, shutdown.request, number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """The waits of a run, in seconds. Tests shorten them.

    `backoff` comes before the second attempt of a call and doubles before each further one. A claim older than `stale`
    is taken back and made again: the process was stopped, the machine slept, or the API let it wait; the run's lease
    lasts for as long as that.
    `longest_pause` is the most that a 429 may ask for; the run ends when it asks for more.
    Calls in flight in another run are looked up every `first_look` seconds, less and less often up to every
    `last_look`, for `patience` seconds in all.
    """

    backoff: float = 0.5
    stale: float = 15.0
    longest_pause: float = 300.0
    first_look: float = 0.2
    last_look: float = 5.0
    patience: float = 120.0

    def pause(self, verdict: Verdict, tries: int) -> float:
        """Return how long to wait before a call is tried again that was tried so often: as the API asks, if it does."""
        return self.backoff * 2.0 ** (tries - 1) if verdict.retry_after is None else verdict.retry_after


class Halt:
    """The policy's way to end a run: `guard` is the one that tripped, None while the run goes on."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self._listeners: list[Callable[[Guard], None]] = []

    def set(self, guard: Guard) -> None:
        """End the claiming of the run, in every round of it; only the first guard counts."""
        if self.guard is None:
            self.guard = guard
            for call in self._listeners:
                call(guard)

    def when_set(self, call: Callable[[Guard], None]) -> None:
        """Call this when it happens, at once if it has."""
        self._listeners.append(call)
        if self.guard is not None:
            call(self.guard)

    def forget(self, call: Callable[[Guard], None]) -> None:
        """Do not call this any more."""
        self._listeners.remove(call)


#: How many answers of 403 in a row end the claiming.
FORBIDDEN_LIMIT = 3
#: Of so many results in a row half may not be in doubt: then the claiming ends.
WATCHED_RESULTS = 40


def _same_beginning(one: str, other: str) -> int:
    """Return with how many characters two texts begin alike."""
    differs = (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differs, min(len(one), len(other)))


def _news(told: str, failure: str) -> str:
    """Return what a failure says that was not told yet: neither how it begins nor the hint with which it ends again."""
    begin = failure[: _same_beginning(told, failure)].rfind("; ")
    hint = failure.rfind(" (")
    end = hint if hint > begin >= 0 and told.endswith(failure[hint:]) else len(failure)
    return failure[begin + 2 : end] if begin >= 0 else failure


class CircuitBreaker:
    """Ends the claiming of all connections at once.

    `failure` is the error that ended it; `guard` is the guard of the run that tripped. After a signal both are None.
    `unauthorized` says that it was the API, or a proxy, that does not know who is asking: nobody else fares better.

    `unplaced_limit` calls in a row that the API did not take, or `doubtful_limit` in a row that ended in
    doubt, trip it: ten thousand more would fare the same, and each in doubt is one for an operator. So do doubts that
    are half of the last `WATCHED_RESULTS` results.
    """

    def __init__(self, shutdown: ShutdownRequest, *, unplaced_limit: int, doubtful_limit: int) -> None:
        self.failure: str | None = None
        self.guard: Guard | None = None
        self.unauthorized = False
        self._opened = asyncio.Event()
        self._unplaced_limit = unplaced_limit
        self._doubtful_limit = doubtful_limit
        self._unplaced = 0
        self._doubtful = 0
        self._forbidden = 0
        #: Of each of the last results, whether it is in doubt.
        self._results: deque[bool] = deque(maxlen=WATCHED_RESULTS)
        self._shutdown = shutdown
        shutdown.when_requested(self._opened.set)

    def close(self) -> None:
        """Hear of no signal any more."""
        self._shutdown.forget(self._opened.set)

    @property
    def is_open(self) -> bool:
        """Return whether no call may be claimed any more."""
        return self._opened.is_set()

    @property
    def reason(self) -> str:
        """Return why a call whose turn has not come is not attempted."""
        if self.failure is not None:
            return f"the run ended before its turn: {self.failure}"
        if self.guard is not None:
            return self.guard.reason
        return "interrupted before its turn" if self.is_open else "its turn has not come"

    def trip(self, failure: str) -> None:
        """End the claiming because of a failure; only the first one is reported."""
        if self.failure is None:
            _log.warning("no more calls are claimed: %(why)s", {"why": failure})
        self.failure = self.failure or failure
        self._opened.set()

    def halt(self, guard: Guard) -> None:
        """End the claiming because a guard of the run has tripped; only the first one is reported."""
        if self.guard is None:
            _log.warning("no more calls are claimed: %(why)s", {"why": guard.reason})
        self.guard = self.guard or guard
        self._opened.set()

    def add_failure(self, failure: str) -> None:
        """Report a failure that followed from the first one, unless it is the same again."""
        if self.failure is None:
            self.trip(failure)
        elif failure != self.failure:
            self.failure = f"{self.failure}; then: {_news(self.failure, failure)}"

    async def opened(self) -> None:
        """Wait until no call may be claimed any more."""
        await self._opened.wait()

    async def sleep(self, seconds: float) -> bool:
        """Wait that long; return False as soon as the claiming has ended."""
        try:
            async with asyncio.timeout(seconds):
                await self._opened.wait()
        except TimeoutError:
            return True
        return False

    def count(self, verdict: Verdict, *, final: bool) -> None:
        """Count how a request went; `final` says that the call is not tried again."""
        detail = verdict.detail or verdict.event_type
        if verdict.stop:
            self.unauthorized |= verdict.event_type is EventType.UNAUTHORIZED
            self.trip(detail)
        elif verdict.event_type is EventType.UNCLEAR:
            self.count_doubtful(detail)
        elif verdict.event_type is EventType.FORBIDDEN:
            self.count_forbidden(detail)
        elif not verdict.again:
            self.count_answered()
        elif final:
            self.count_unplaced(detail)

    def count_unplaced(self, detail: str) -> None:
        """Count a call that was tried as often as allowed, and that the API did not take."""
        self._unplaced += 1
        if self._unplaced >= self._unplaced_limit:
            self.trip(f"the API did not take any of the last {self._unplaced} calls ({detail})")

    def count_doubtful(self, detail: str) -> None:
        """Count a call that ended in doubt."""
        self._doubtful += 1
        if self._doubtful >= self._doubtful_limit:
            self.trip(f"the last {self._doubtful} calls all ended in doubt ({detail})")
        self._results.append(True)
        doubtful = sum(self._results)
        if len(self._results) == WATCHED_RESULTS and 2 * doubtful >= WATCHED_RESULTS:
            self.trip(f"{doubtful} of the last {WATCHED_RESULTS} calls ended in doubt ({detail})")

    def count_forbidden(self, detail: str) -> None:
        """Count a call that the API answered with 403: of several in a row it is the caller who may not."""
        self._forbidden += 1
        if self._forbidden >= FORBIDDEN_LIMIT:
            self.trip(detail)

    def count_answered(self) -> None:
        """Count a clear yes or no of the API: the calls in a row begin again."""
        self._unplaced = self._doubtful = self._forbidden = 0
        self._results.append(False)
