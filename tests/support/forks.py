"""``flowops`` commands in forked processes: each is a process of its own, but none has to import anything first.

Run as a program this module is the parent, that imports flowops once, has no threads, and forks a child for each
command that its standard input names. `Forks` is the test's end of it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from support.commands import EXAMPLES, ROOT, Ran, environment
from support.warm import end_with

if TYPE_CHECKING:
    from types import TracebackType

#: What a child does at its n-th event or at the n-th event of one name: see `support.failpoints`.
Failpoint = dict[str, Any]
#: What the parent imports for its children.
_NEEDED = (
    "anyio._backends._asyncio",
    "cryptography.hazmat.primitives.ciphers.aead",
    "dbos",
    "flowops.api.client",
    "flowops.apply.run",
    "flowops.callbacks.token",
    "flowops.cli.apply",
    "flowops.cli.ledger",
    "flowops.cli.services",
    "flowops.app.apply",
    "flowops.campaigns.dbos",
    "flowops.ledger.postgres",
    "flowops.report.writers.json",
    "flowops.report.terminal",
    "httpcore",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "support.failpoints",
    "support.workers",
)


@dataclass(frozen=True)
class Child:
    """A command that has been started; `pid` is a process of its own."""

    forks: Forks
    pid: int
    directory: Path

    def wait(self) -> Ran:
        """Wait for its end; `code` is negative for a signal, as in subprocess."""
        code = os.waitstatus_to_exitcode(self.forks.ask(wait=self.pid))
        ran = Ran(code, self._printed("out"), self._printed("err"))
        assert "Traceback" not in ran.err, ran.err
        return ran

    def said(self) -> str:
        """Return what it has printed to the standard error so far."""
        return self._printed("err")

    def _printed(self, ending: str) -> str:
        """Return what it has printed; it may not have come so far as to open the file."""
        file = self.directory / f"{self.pid}.{ending}"
        return file.read_text() if file.exists() else ""

    def wait_until_stopped(self) -> None:
        """Wait until it has stopped itself."""
        status = self.forks.ask(wait=self.pid, stopped=True)
        assert os.WIFSTOPPED(status), f"it has ended: {status:#x}"

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


class Forks:
    """A parent and its children; `directory` takes what they print."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "support.forks"],
            cwd=ROOT / "tests",
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.communicate()  # the end of its input is its end, and that of its children

    def start(
        self,
        *args: str | Path,
        cwd: Path,
        env: dict[str, str] | None = None,
        failpoint: Failpoint | None = None,
        largest_file: int | None = None,
        prepare: dict[str, Any] | None = None,
    ) -> Child:
        """Start ``flowops ARGS`` in a directory; `largest_file` is how far its files may grow, in bytes, and `prepare`
        what `support.workers.prepare` is given."""
        command = {
            "args": [str(arg) for arg in args],
            "cwd": str(cwd),
            "env": environment(**(env or {})),
            "output": str(self._directory),
            "failpoint": failpoint,
            "largest_file": largest_file,
            "prepare": prepare,
        }
        return Child(self, self.ask(start=command), self._directory)

    def run(self, *args: str | Path, cwd: Path, env: dict[str, str] | None = None, **options: Any) -> Ran:
        """Run ``flowops ARGS`` in a directory and wait for it."""
        return self.start(*args, cwd=cwd, env=env, **options).wait()

    def ask(self, **request: Any) -> int:
        """Ask the parent for one thing."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(request) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())


def main() -> None:
    """Serve requests until the input ends; then end the children that are left."""
    warm_up()
    running: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = os.fork()
            if answer == 0:
                _be(request["start"])
            running.add(answer)
        else:
            _, answer = os.waitpid(request["wait"], os.WUNTRACED if request.get("stopped") else 0)
            if not os.WIFSTOPPED(answer):
                running.discard(request["wait"])
        print(answer, flush=True)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def warm_up() -> None:
    """Import what `flowops apply` needs, and plan once, which fills the caches of patterns, schemas and templates."""
    for name in _NEEDED:
        import_module(name)
    from flowops import Project

    with Project(EXAMPLES / "clinic-reminders").plan():
        pass


def _be(command: dict[str, Any]) -> None:
    """Become the process of one command; never returns."""
    end_with(lambda: _flowops(command))


def _flowops(command: dict[str, Any]) -> None:
    """Run the command line as it was asked for."""
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    output = Path(command["output"])
    for number, name in ((0, os.devnull), (1, output / f"{os.getpid()}.out"), (2, output / f"{os.getpid()}.err")):
        # Numbers of processes come again, and so do these names: nothing of an earlier one may stay.
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = ["flowops", *command["args"]]
    if command["largest_file"] is not None:
        # Python ignores the signal that comes with it (SIGXFSZ), so that the write fails: EFBIG.
        resource.setrlimit(resource.RLIMIT_FSIZE, (command["largest_file"], resource.RLIM_INFINITY))
    if command["failpoint"] is not None:
        from support.failpoints import install

        install(**command["failpoint"])
    if command["prepare"] is not None:
        from support.workers import prepare

        prepare(**command["prepare"])
    from flowops.cli.main import main as flowops

    flowops()


if __name__ == "__main__":
    main()
