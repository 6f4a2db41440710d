"""Random bytes for many small uses."""

from __future__ import annotations

import os

_FETCHED = 1024


class Randomness:
    """The operating system's random bytes, fetched many at a time: each fetch lets another thread run first.

    For the duration of one piece of work: a copy in a forked process would give the same bytes again.
    """

    def __init__(self) -> None:
        self._bytes = b""

    def take(self, count: int) -> bytes:
        """So many bytes that were not given before."""
        if len(self._bytes) < count:
            self._bytes = os.urandom(max(_FETCHED, count))
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken
