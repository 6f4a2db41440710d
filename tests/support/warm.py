"""A process for each command, without the time that Python and flowops take to start.

A server imports flowops once and forks a process for each command that it is asked for: that has its own directory,
environment and files, and ends as it would have ended. Whoever asks hands over the three files, over a Unix socket.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TESTS = Path(__file__).parent.parent
#: Seconds that a command may take.
PATIENCE = 120
#: More is not put into a pipe before somebody reads it.
_PIPE = 32_768
#: What a command exits with when something escapes from it.
_ESCAPED = 70


class Server:
    """The server of this process, and the commands that it is asked for."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm")
        self._address = str(Path(self._folder.name, "socket"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.warm", self._address],
            cwd=TESTS,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def run(self, command: dict[str, Any], stdin: str) -> tuple[int, str, str]:
        """Run a command; return its code (negative for a signal), and what it printed to stdout and to stderr."""
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            _holding(stdin) as given,
            socket.socket(socket.AF_UNIX) as server,
        ):
            server.settimeout(PATIENCE)
            server.connect(self._address)
            socket.send_fds(server, [b"."], [given.fileno(), out.fileno(), err.fileno()])
            server.sendall(json.dumps(command).encode() + b"\n")
            code = int(server.makefile().readline())
            return code, _read(out), _read(err)

    def close(self) -> None:
        """End it: it ends with its standard input."""
        self._process.communicate()
        self._folder.cleanup()


@cache
def server() -> Server:
    """Return the server of this process of tests, which starts with the first command."""
    from support.commands import environment

    started = Server(environment())
    atexit.register(started.close)
    return started


def _holding(text: str) -> IO[Any]:
    """Return what a command reads `text` from: a pipe, as a shell makes one, if it fits into one."""
    if len(data := text.encode()) <= _PIPE:
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        return os.fdopen(reading, "rb")
    file = tempfile.TemporaryFile()  # noqa: SIM115 (whoever asks closes it)
    file.write(data)
    file.seek(0)
    return file


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def serve(address: str, become: Callable[..., object]) -> None:
    """Fork a process for each command that is asked for, which becomes it; until the standard input ends."""
    gc.collect()
    gc.freeze()  # or each process would write into all that was imported, to collect it, and so copy it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            asking, _, _ = select.select([listener, sys.stdin], [], [])
            if listener not in asking:
                return
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _serve(client, become)
            client.close()


def _serve(client: socket.socket, become: Callable[..., object]) -> NoReturn:
    """Run one command in a process of its own, and tell its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    asked = json.loads(client.makefile().readline())
    process = os.fork()
    if process == 0:
        client.close()
        for number, descriptor in enumerate(files):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(asked["env"])
        os.chdir(asked["cwd"])
        end_with(lambda: become(asked))
    _, status = os.waitpid(process, 0)
    with suppress(BrokenPipeError):  # the client was killed before it
        client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def end_with(work: Callable[[], object]) -> NoReturn:
    """End this forked process with the code of its work, as Python ends: threads first, then what has asked for it."""
    code: Any = _ESCAPED
    try:
        work()
    except SystemExit as ending:
        code = ending.code
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        with suppress(BrokenPipeError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _command(asked: dict[str, Any]) -> None:
    """Be ``flowops`` with its arguments, at a time if one is given."""
    import flowops.__main__

    os.umask(asked["umask"])
    sys.modules["__main__"] = flowops.__main__  # where click looks for the name of the program
    sys.argv = [flowops.__main__.__file__, *asked["args"]]
    if asked["time"] is not None:
        from flowops.ledger import store

        store.now = lambda: asked["time"]
    flowops.__main__.main()


def main(arguments: Sequence[str]) -> None:
    """Serve at an address."""
    from support.forks import warm_up

    warm_up()
    serve(arguments[0], _command)


if __name__ == "__main__":
    main(sys.argv[1:])
