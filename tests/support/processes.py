"""Other processes, as /proc knows them: only where there is one."""

from __future__ import annotations

import time
from pathlib import Path

PROC = Path("/proc")


def wait_until_left(directory: Path) -> None:
    """Wait until no process works in a directory any more."""
    deadline = time.monotonic() + 30
    while any(_works_in(process, directory) for process in PROC.glob("[0-9]*")):
        assert time.monotonic() < deadline, "a process is still there"
        time.sleep(0.002)


def _works_in(process: Path, directory: Path) -> bool:
    try:
        return (process / "cwd").readlink() == directory
    except OSError:
        return False
