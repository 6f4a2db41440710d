"""Other processes, as /proc knows them: only where there is one."""

from __future__ import annotations

import time
from pathlib import Path

PROC = Path("/proc")


def child_of(parent: int) -> int:
    """A process that another one has started; waits until it has."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for status in PROC.glob("[0-9]*/stat"):
            try:
                ancestor = int(status.read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if ancestor == parent:
                return int(status.parent.name)
        time.sleep(0.001)
    raise AssertionError("it has started nothing")


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
