"""When the next request may begin. Pure: whoever asks brings the time."""

from __future__ import annotations

#: A request that begins so late, in seconds, and no more than one interval, takes nothing from the next one's time:
#: event loops wake up late. After a longer quiet time the intervals begin anew.
SLACK = 0.01


class Pace:
    """Requests at even intervals, with no burst after a quiet time. `rate` is requests a second, None: no limit.

    Times are seconds of one monotonic clock. Ask `delay`, wait that long, ask again (a pause may have
    come), and `take` the slot when the delay is zero.
    """

    def __init__(self, rate: float | None) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._next = float("-inf")
        self._paused_until = float("-inf")

    def delay(self, now: float) -> float:
        """Seconds until a request may begin, 0.0 when it may begin now."""
        return max(self._next - now, self._paused_until - now, 0.0)

    def take(self, now: float) -> None:
        """A request begins now."""
        on_time = now - self._next <= min(self._interval, SLACK)
        self._next = (self._next if on_time else now) + self._interval

    def pause(self, now: float, seconds: float) -> None:
        """No request for so many seconds; a longer pause that is already on stays."""
        self._paused_until = max(self._paused_until, now + seconds)
