"""The command line on a pseudo-terminal, and somebody who answers its question."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from support.commands import environment

if TYPE_CHECKING:
    from pathlib import Path


def answered(*args: str, cwd: Path, answer: str, env: dict[str, str]) -> tuple[int, str]:
    """Run ``flowops ARGS`` on a terminal and type an answer; the exit code, and what stood on the terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowops", *args],
        cwd=cwd, env=environment(**env, TERM="xterm"), stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 4096):
            seen += chunk
            if b"to confirm:" in chunk:
                os.write(master, f"{answer}\n".encode())
    except OSError:  # the other end is closed: the process has ended
        pass
    os.close(master)
    return process.wait(timeout=30), seen.decode()
