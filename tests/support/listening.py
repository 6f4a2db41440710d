"""`flowops listen` as a process, and the API that tells it how a call has ended."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from support.commands import start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: Where callbacks go as calls say it; `listen` is behind a proxy that takes this away.
HOOKS = "https://hooks.example.org/x"
SECRET = "a secret of more than 16 characters"
#: The lines of an environment in flowops.yaml.
CALLBACKS = f"    callbacks: {{url: '{HOOKS}', secret: {{env: FLOWOPS_CALLBACK_SECRET}}}}\n"


#: Below those that systems give to whoever asks for any: no test's connection or server takes one of these.
_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """Return a port of loopback that nothing uses, for a process that has to be told where it is to listen."""
    chosen = random.SystemRandom()
    while True:
        port = chosen.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def listening(
    root: Path, env: dict[str, str], environment: str = "production", hooks: Sequence[str] = ()
) -> Iterator[str]:
    """Listen for as long as the block lasts; the address is that of the receiver itself."""
    process = start_listening(root, env, environment, hooks)
    try:
        yield address_of(process)
    finally:
        process.terminate()
        process.communicate()


def start_listening(
    root: Path, env: dict[str, str], environment: str = "production", hooks: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start a receiver, which somebody else ends."""
    named = [word for name in hooks for word in ("--hook", name)]
    return start("listen", "--env", environment, "--port", "0", *named, cwd=root, env=env)


def address_of(process: subprocess.Popen[str]) -> str:
    """Wait until a receiver listens, and return its address; with hooks until it can place calls."""
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    if "--hook" in process.args:  # type: ignore[operator]
        until = time.monotonic() + 20
        while ask(f"{address}/readyz").status == 503 and time.monotonic() < until:
            time.sleep(0.02)
    return str(address)


class Answered(NamedTuple):
    """What was answered."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, timeout: float = 30) -> Answered:
    """Send a request, a POST where it has a body; return the answer, whatever it is."""
    request = Request(url, body, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urlopen(request, timeout=timeout) as answer:
            return Answered(answer.status, answer.read().decode(), dict(answer.headers))
    except HTTPError as error:
        with error:
            return Answered(error.code, error.read().decode(), dict(error.headers))


def call_back(address: str, body: Mapping[str, Any], code: int = 10) -> int:
    """Tell how the call of a body that was posted has ended; return the status of the answer."""
    told = {
        "instruction-id": body["instruction-id"],
        "call-id": f"id-{body['instruction-id']}-{body['callee'][-3:]}",
        "type": "call-finished",
        "caller": body["caller"],
        "callee": body["callee"],
        "result": {"code": code, "description": "Finished"},
    }
    path = body["callback-url"].removeprefix(HOOKS)
    request = Request(f"{address}{path}", json.dumps(told).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
