"""``flowops`` under strace(1), which can kill it at any system call, or have the call fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from support.commands import Ran, environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from support.repository import Repository

#: A line of a log with ``-f``: the thread, and the call.
_LINE = re.compile(r"(\d+) +(\w+)\(")


@cache
def usable() -> bool:
    """Whether there is an strace here, and it may trace."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "true"], capture_output=True, check=False).returncode == 0


def run(here: Repository, args: Iterable[str], *, trace: str, inject: str | None = None, log: Path) -> Ran:
    """Run ``flowops ARGS`` and trace some calls; `inject` says what happens at which one, see strace(1).

    strace counts a call for each thread by itself. The code is negative when the process was killed.
    """
    options = ["-f", "-qq", "-o", str(log), "-e", f"trace={trace}", *(["-e", f"inject={inject}"] if inject else [])]
    ran = subprocess.run(
        ["strace", *options, sys.executable, "-m", "flowops", *args],
        cwd=here.root,
        env=environment(**here.env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def counted(log: Path) -> dict[str, int]:
    """How often the busiest thread made each call."""
    by_thread = Counter(match.groups() for line in log.read_text().splitlines() if (match := _LINE.match(line)))
    counts: dict[str, int] = {}
    for (_, call), count in by_thread.items():
        counts[call] = max(counts.get(call, 0), count)
    return counts
