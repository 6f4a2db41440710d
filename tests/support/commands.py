"""The command line, run as a user runs it: a process of its own, no terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Ran:
    """A finished process."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed to stdout, as JSON."""
        return json.loads(self.out)


def environment(**extra: str) -> dict[str, str]:
    """A clean environment: nothing of a CI job or of the developer's shell that changes what flowops does."""
    kept = {
        key: os.environ[key] for key in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH") if key in os.environ
    }
    return {**kept, "PYTHONWARNINGS": "error", **extra}


def flowops(*args: str | Path, cwd: Path, env: dict[str, str] | None = None, stdin: str | None = None) -> Ran:
    """Run ``flowops ARGS`` in a directory and wait for it."""
    ran = subprocess.run(
        [sys.executable, "-m", "flowops", *map(str, args)],
        cwd=cwd,
        env=environment(**(env or {})),
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def start(*args: str | Path, cwd: Path, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start ``flowops ARGS`` and do not wait."""
    return subprocess.Popen(
        [sys.executable, "-m", "flowops", *map(str, args)],
        cwd=cwd,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def flowops_at(time: str, *args: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    """Run ``flowops ARGS`` with a ledger that takes a time (ISO 8601 in UTC, to the millisecond) for now."""
    program = (
        "import sys; from flowops.ledger import store; from flowops.cli.main import main; "
        "time = sys.argv.pop(1); store.now = lambda: time; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, time, *map(str, args)],
        cwd=cwd,
        env=environment(**(env or {})),
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return Ran(ran.returncode, ran.stdout, ran.stderr)
