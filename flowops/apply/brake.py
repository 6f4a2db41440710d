"""Whether a run goes on claiming: until a signal, a failure, or too many calls in a row that came to nothing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.apply.stop import Stop

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """The waits of a run, in seconds. Tests shorten them.

    `backoff` comes before the second attempt of a call and doubles before each further one. `beat` lies
    between two renewals of the lease. A claim older than `stale` is not sent on: the process was stopped, or
    the machine slept. `longest_pause` is the most that a 429 may ask for; the run ends when it asks for more.
    Calls in flight in another run are looked at every `first_look` seconds, less and less often up to every
    `last_look`, for `patience` seconds in all.
    """

    backoff: float = 0.5
    beat: float = 10.0
    stale: float = 15.0
    longest_pause: float = 300.0
    first_look: float = 0.2
    last_look: float = 5.0
    patience: float = 120.0


class Held:
    """The policy's hand on the brake of a run: why it was ended, None while it goes on."""

    def __init__(self) -> None:
        self.why: str | None = None
        self._on_hold: list[Callable[[str], None]] = []

    def hold(self, why: str) -> None:
        """End the claiming of whatever run there is, and of any that comes; the first reason is the one told."""
        if self.why is None:
            self.why = why
            for call in self._on_hold:
                call(why)

    def when_held(self, call: Callable[[str], None]) -> None:
        """Call this when it happens, at once if it has."""
        self._on_hold.append(call)
        if self.why is not None:
            call(self.why)


class Brake:
    """Ends the claiming of all workers at once; `failure` says what ended it, unless it was a signal or the policy.

    `held` says what the policy, or somebody who has stopped the environment, has against going on.

    `unplaced_limit` calls in a row that the API did not take, or `doubtful_limit` in a row that ended in
    doubt, pull it: ten thousand more would fare the same, and each in doubt is one for an operator.
    """

    def __init__(self, stop: Stop, *, unplaced_limit: int, doubtful_limit: int) -> None:
        self.failure: str | None = None
        self.held: str | None = None
        self._stop = stop
        self._ended = asyncio.Event()
        self._unplaced_limit = unplaced_limit
        self._doubtful_limit = doubtful_limit
        self._unplaced = 0
        self._doubtful = 0
        stop.when_stopped(self._ended.set)

    @property
    def on(self) -> bool:
        """Whether no call may be claimed any more."""
        return self._ended.is_set()

    @property
    def why(self) -> str:
        """Why a call whose turn has not come is not attempted."""
        if self.failure is not None:
            return f"the run ended before its turn: {self.failure}"
        if self.held is not None:
            return self.held
        return "interrupted before its turn" if self.on else "its turn has not come"

    def pull(self, failure: str) -> None:
        """End the claiming; the first failure is the one that is told."""
        if self.failure is None:
            _log.warning("no more calls are claimed: %(why)s", {"why": failure})
        self.failure = self.failure or failure
        self._ended.set()

    def hold(self, why: str) -> None:
        """End the claiming because the rest may not be placed now; the first reason is the one that is told."""
        if self.held is None:
            _log.warning("no more calls are claimed: %(why)s", {"why": why})
        self.held = self.held or why
        self._ended.set()

    def add(self, failure: str) -> None:
        """Tell of a failure that followed from the first one, unless it is the same again."""
        if self.failure is None:
            self.pull(failure)
        elif failure != self.failure:
            self.failure = f"{self.failure}; then: {failure}"

    async def rest(self, seconds: float) -> bool:
        """Wait that long; False as soon as the claiming has ended."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return True
        return False

    def count_unplaced(self, detail: str) -> None:
        """A call was tried as often as may be, and the API did not take it."""
        self._unplaced += 1
        if self._unplaced >= self._unplaced_limit:
            self.pull(f"the API did not take any of the last {self._unplaced} calls ({detail})")

    def count_doubtful(self, detail: str) -> None:
        """A call ended in doubt."""
        self._doubtful += 1
        if self._doubtful >= self._doubtful_limit:
            self.pull(f"the last {self._doubtful} calls all ended in doubt ({detail})")

    def count_answered(self) -> None:
        """The API said a clear yes or no."""
        self._unplaced = self._doubtful = 0
