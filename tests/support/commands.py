"""The command line, run as a user runs it: a process of its own, no terminal; see `support.warm`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import warm

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        key: os.environ[key]
        for key in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "TZ")
        if key in os.environ
    }
    return {**kept, "PYTHONWARNINGS": "error", **extra}


#: What Python reads as it starts: with one of these a command has to be started.
_PYTHON = ("PYTHON", "LANG", "LC_", "TZ")


def flowops(*args: str | Path, cwd: Path, env: dict[str, str] | None = None, stdin: str | None = None) -> Ran:
    """Run ``flowops ARGS`` in a directory and wait for it."""
    return _run(args, cwd, env or {}, stdin or "")


def flowops_at(time: str, *args: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    """Run ``flowops ARGS`` with a ledger that takes a time (ISO 8601 in UTC, to the millisecond) for now."""
    return _run(args, cwd, env or {}, "", time)


def _run(args: Sequence[str | Path], cwd: Path, env: dict[str, str], stdin: str, time: str | None = None) -> Ran:
    """Run a command in a process of its own, which is forked from one that has flowops imported where it can be."""
    words = [str(arg) for arg in args]
    if any(name.startswith(_PYTHON) for name in env):
        assert time is None
        ran = subprocess.run(
            [sys.executable, "-m", "flowops", *words],
            cwd=cwd,
            env=environment(**env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=warm.PATIENCE,
            check=False,
        )
        code, out, err = ran.returncode, ran.stdout, ran.stderr
    else:
        os.umask(mask := os.umask(0))
        command = {"args": words, "cwd": str(cwd), "env": environment(**env), "time": time, "umask": mask}
        code, out, err = warm.server().run(command, stdin)
    assert "Traceback" not in err, err
    return Ran(code, out, err)


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
