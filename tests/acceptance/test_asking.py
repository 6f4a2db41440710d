"""On a terminal, apply shows the plan and asks; only `yes` places anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import environment, flowops
from support.server import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer


def answered(root: Path, answer: bytes) -> tuple[int, str]:
    """Run apply on a pseudo-terminal and type an answer; the exit code, and what stood on the terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowops", "apply", "--env", "production"],
        cwd=root, env=environment(FLOWOPS_TOKEN=TOKEN, TERM="xterm"), stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 4096):
            seen += chunk
            if b"to confirm:" in chunk:
                os.write(master, answer)
    except OSError:  # the other end is closed: the process has ended
        pass
    os.close(master)
    return process.wait(timeout=30), seen.decode()


@pytest.mark.parametrize(("answer", "code", "placed"), [(b"no\n", 1, 0), (b"yes\n", 0, 3)], ids=["no", "yes"])
def test_only_yes_places_calls(real: Path, api: ApiServer, answer: bytes, code: int, placed: int) -> None:
    assert flowops("ledger", "init", "--env", "production", cwd=real, env={"FLOWOPS_TOKEN": TOKEN}).code == 0
    ended, seen = answered(real, answer)
    assert (ended, api.received.total()) == (code, placed), seen
    assert "3 to place" in seen
    assert "Place 3 calls in production?" in seen
