"""flowops for a simulated machine, without the time of its start: a server that has it imported forks each process.

The command that a machine runs is a small client, which hands over its arguments, its environment and its three files,
and ends with the code of the process that the server forked: that is a process of its own, as it would be without.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import holidays

import flowops
from support.commands import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLIENT = """\
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
socket.send_fds(server, [b"."], [0, 1, 2])
server.sendall(json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode() + b"\\n")
sys.exit(int(server.makefile().readline() or 137))
"""


@contextmanager
def forked(broken: str = "") -> Iterator[list[str]]:
    """Yield the command by which flowops is run, for as long as the server lives; a rule of it may be broken."""
    with tempfile.TemporaryDirectory() as folder:
        address, client = Path(folder, "socket"), Path(folder, "client.py")
        client.write_text(_CLIENT)
        command = [sys.executable, "-m", "support.pipelines.forked", str(address), broken]
        server = subprocess.Popen(command, cwd=ROOT / "tests", env=environment(), stdout=subprocess.PIPE)
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
    gc.collect()
    gc.freeze()  # or each process would write into all that was imported, to collect it, and so copy it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(64)
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _serve(client)
            client.close()


def _serve(client: socket.socket) -> None:
    """Run one command in a process of its own, and tell its end; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    asked = json.loads(client.makefile().readline())
    process = os.fork()
    if process == 0:
        client.close()
        _be(files, *asked)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    with suppress(BrokenPipeError):  # the client was killed before it
        client.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
    os._exit(0)


def _be(files: list[int], arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    """Become the process of a command, at the time of its machine; never returns."""
    import time_machine

    from support.forks import end_with

    for number, descriptor in enumerate(files):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    Path(env["RUNNING"], str(os.getpid())).touch()
    time_machine.travel(datetime.fromisoformat(env["TEST_NOW"]), tick=True).start()
    sys.argv = ["flowops", *arguments]
    end_with(_flowops)


def _flowops() -> Any:
    from flowops.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
