"""The machine of one job, whatever the service: a checkout, temporary files, and bash with flowops in its path."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from support.commands import environment
from support.pipelines.clock import clock_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from support.git import Repository


class Machine:
    """A folder for a job: `work` is its workspace, `temp` what else it writes. `at` is the time on it.

    `flowops` is the command that flowops is run by; as a rule a new process of Python.
    """

    def __init__(self, folder: Path, at: datetime, flowops: Iterable[str] = ()) -> None:
        self.work, self.temp = folder / "work", folder / "temp"
        self.is_lost = False
        self._folder = folder
        self._at = at
        self._bin, self._running = self.temp / "bin", self.temp / "running"
        shutil.rmtree(folder, ignore_errors=True)
        for each in (self.work, self.temp, self._bin, self._running):
            each.mkdir(parents=True)
        command = [*flowops] or [sys.executable, "-m", "flowops"]
        # What it writes down is the number of the process of flowops: `exec` keeps it, as do its threads.
        self.put("flowops", f'#!/bin/sh\n: > "{self._running}/$$"\nexec {" ".join(map(repr, command))} "$@"\n')

    def put(self, name: str, program: str) -> Path:
        """Put a program where the machine finds it; return where that is."""
        file = self._bin / name
        file.write_text(program)
        file.chmod(0o755)
        return file

    def checkout(self, repository: Repository, commit: str, depth: int | None) -> str | None:
        """Check a commit out, as both services do: detached, with so many commits, or all. Return git's complaint."""
        source = repository.root.as_uri()
        deep = [] if depth is None else ["--depth", str(depth)]
        for command in (
            ["init", "-q"],
            ["fetch", "-q", *deep, source, commit],
            ["checkout", "-q", "--detach", "FETCH_HEAD"],
        ):
            ran = subprocess.run(["git", "-C", str(self.work), *command], capture_output=True, text=True, check=False)
            if ran.returncode:
                return ran.stderr
        return None

    def shell(self, script: str, env: Mapping[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a script by bash, which ends at its first failing line."""
        given = environment(PATH=f"{self._bin}:{os.environ['PATH']}", CI="true", RUNNING=str(self._running))
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=cwd or self.work,
            env={**given, **clock_of(self._at), **env},
            text=True,
            capture_output=True,
            check=False,
            timeout=600,
        )

    @property
    def is_busy(self) -> bool:
        """Whether flowops has been started on it."""
        return any(self._running.iterdir())

    def lose(self) -> None:
        """End it as a machine ends that loses its power: what runs is killed, and nothing more is run."""
        self.is_lost = True
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every flowops that runs on it."""
        for file in self._running.iterdir():
            with suppress(ProcessLookupError):
                os.kill(int(file.name), number)

    def remove(self) -> None:
        """Throw it away with all that is on it."""
        shutil.rmtree(self._folder)
