"""flowops for a simulated machine, without the time of its start: the server of `support.warm` forks each process.

The command that a machine runs is a small client, which hands over its arguments, its environment and its three files,
and ends with the code of the process that the server forked: that is a process of its own, as it would be without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import holidays

import flowops
from support.commands import ROOT, environment
from support.warm import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLIENT = """\
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
socket.send_fds(server, [b"."], [0, 1, 2])
server.sendall(json.dumps({"args": sys.argv[2:], "cwd": os.getcwd(), "env": dict(os.environ)}).encode() + b"\\n")
code = int(server.makefile().readline() or -9)
sys.exit(code if code >= 0 else 128 - code)
"""


@contextmanager
def forked(broken: str = "") -> Iterator[list[str]]:
    """Yield the command by which flowops is run, for as long as the server lives; a rule of it may be broken."""
    with tempfile.TemporaryDirectory() as folder:
        address, client = Path(folder, "socket"), Path(folder, "client.py")
        client.write_text(_CLIENT)
        command = [sys.executable, "-m", "support.pipelines.forked", str(address), broken]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        server = subprocess.Popen(command, cwd=ROOT / "tests", env=environment(), **pipes)
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield [sys.executable, "-I", "-S", str(client), str(address)]
        finally:
            server.kill()
            server.communicate()


def main() -> None:
    """Serve until the end."""
    from support.forks import warm_up
    from support.pipelines.breaks import IN_FLOWOPS

    warm_up()
    # What a command imports only where it needs it would be imported again by each process.
    for module in walk_packages(flowops.__path__, "flowops."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    holidays.country_holidays("GB", years=2026)
    if sys.argv[2]:
        IN_FLOWOPS[sys.argv[2]]()
    serve(sys.argv[1], _be)


def _be(asked: dict[str, Any]) -> None:
    """Be the process of a command, at the time of its machine."""
    import time_machine

    from flowops.cli.main import main as command

    Path(os.environ["RUNNING"], str(os.getpid())).touch()
    time_machine.travel(datetime.fromisoformat(os.environ["TEST_NOW"]), tick=True).start()
    sys.argv = ["flowops", *asked["args"]]
    command()


if __name__ == "__main__":
    main()
