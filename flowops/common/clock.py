"""The clock for waits within a process."""

from __future__ import annotations

import time


def now() -> float:
    """Return the seconds of a clock that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
