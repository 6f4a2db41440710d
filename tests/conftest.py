"""What holds for all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let signals reach what the tests start: a shell's job in the background ignores some, and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
