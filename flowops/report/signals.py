"""The names of signals."""

from __future__ import annotations

import signal


def signal_name(number: int) -> str:
    """``SIGINT`` for 2; the number itself where the system has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
