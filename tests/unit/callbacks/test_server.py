"""The receiver on a real port: strangers who are slow, long-winded or gone, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from flowops.callbacks.app import BODY_LIMIT
from flowops.errors import FlowopsError
from flowops.httpd import Limits, open_listener, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def run(receiver, scenario, **limits):
    """Run a scenario, given the port, against the receiver behind its real server."""

    async def main():
        with open_listener("127.0.0.1", 0) as listener:
            async with serving(listener, receiver.app, Limits(**limits)):
                return await asyncio.wait_for(scenario(listener.getsockname()[1]), 30)

    return asyncio.run(main())


def head(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: hooks\r\nContent-Length: {length}\r\n\r\n".encode()


def test_a_callback_over_the_wire(receiver, path_of, event):
    async def scenario(port):
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            answers = [await client.post(path_of(), json=event()) for _ in range(2)]
            metrics = await client.get("/metrics")
            return [(answer.status_code, answer.text) for answer in answers], metrics, await client.get("/healthz")

    answers, metrics, health = run(receiver, scenario)
    assert answers == [(200, "received\n")] * 2
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert metrics.text.endswith("\n")
    assert health.text == "ok\n"
    assert "server" not in health.headers


def test_a_body_that_is_too_long_is_told_so_and_changes_nothing(receiver, path_of):
    async def scenario(port):
        async with connected(port) as (reader, writer):
            writer.write(head(path_of(), BODY_LIMIT * 4) + b" " * BODY_LIMIT * 4)
            await writer.drain()
            return await reader.read()

    assert run(receiver, scenario).startswith(b"HTTP/1.1 413 ")
    assert receiver.ledger.calls == {"a": {}}


def test_a_body_that_trickles_is_given_up(receiver, path_of):
    async def scenario(port):
        async with connected(port) as (reader, writer):
            writer.write(head(path_of(), 100) + b"{")
            return await reader.read()

    assert run(receiver, scenario, body_seconds=0.2).startswith(b"HTTP/1.1 408 ")
    assert receiver.ledger.calls == {"a": {}}


@pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\nHost: ho"])
def test_a_head_that_trickles_is_cut_off(receiver, sent):
    async def scenario(port):
        async with connected(port) as (reader, writer):
            writer.write(sent)
            with suppress(ConnectionResetError):
                return await reader.read()
            return b""

    assert run(receiver, scenario, head_seconds=0.2) == b""
    assert receiver.log == []


def test_a_second_head_that_trickles_is_cut_off_too(receiver, path_of, event):
    body = json.dumps(event()).encode()

    async def scenario(port):
        async with connected(port) as (reader, writer):
            writer.write(head(path_of(), len(body)) + body)
            await reader.readuntil(b"received\n")
            with suppress(ConnectionError):
                for character in b"POST / HTTP/1.1\r\nX: " + b"x" * 1000:
                    writer.write(bytes([character]))
                    await writer.drain()
                    await asyncio.sleep(0.01)
                return False
            return True

    assert run(receiver, scenario, head_seconds=0.3)


def test_half_a_body_changes_nothing(receiver, path_of, event):
    body = json.dumps(event()).encode()

    async def scenario(port):
        async with connected(port) as (_, writer):
            writer.write(head(path_of(), len(body)) + body[:-1])
            await writer.drain()
        while not receiver.log:
            await asyncio.sleep(0.01)

    run(receiver, scenario)
    assert receiver.outcomes == ["cut-off"]
    assert receiver.ledger.calls == {"a": {}}


@pytest.mark.parametrize(
    ("garbage", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, b"431"),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"404"),
    ],
)
def test_what_is_not_http_is_answered_and_cut_off(receiver, garbage, status, capfd):
    async def scenario(port):
        async with connected(port) as (reader, writer):
            writer.write(garbage)
            await writer.drain()
            return await reader.read()

    answer = run(receiver, scenario)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer.lower()
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_told():
    with open_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(FlowopsError, match=f"cannot listen on 127.0.0.1, port {port}: "):
            open_listener("127.0.0.1", port)
    with pytest.raises(FlowopsError, match="port 65536"):
        open_listener("127.0.0.1", 65536)
    with pytest.raises(FlowopsError, match="cannot listen on no-such-host"):
        open_listener("no-such-host.invalid", 0)


PROGRAM = """
import sys, time
from flowops.callbacks.app import Endpoint, application
from flowops.httpd import run
from flowops.model.claims import Written
from flowops.model.ledger import State

class Slow:
    def called_back(self, callbacks):
        print("writing", flush=True)
        time.sleep(0.5)
        print("written", flush=True)
        return dict.fromkeys(callbacks, Written(True, State.FINISHED))
    def count(self):
        return {}
    def checkpoint(self):
        return None

app = application([Endpoint("production", ("a secret of more than 16 characters",), Slow(), "production")])
number = run("127.0.0.1", 0, app, lambda url: print(url, flush=True))
print("closed", flush=True)
sys.exit(number)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_was_received_be_written_and_answered(path_of, event, number):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().strip()
        sender = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, httpx; print(httpx.post(sys.argv[1], content=sys.argv[2], trust_env=False).status_code)",
                url + path_of(),
                json.dumps(event()),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        assert sender.communicate(timeout=20)[0] == "200\n"
        rest, log = process.communicate(timeout=20)
    assert rest == "written\nclosed\n"
    assert process.returncode == number
    assert [json.loads(line)["outcome"] for line in log.splitlines()] == ["recorded"]


def test_a_signal_that_comes_at_once_is_not_missed():
    program = textwrap.dedent(PROGRAM).replace(
        "lambda url: print(url, flush=True)", "lambda url: os.kill(os.getpid(), 15)"
    )
    done = subprocess.run([sys.executable, "-c", "import os\n" + program], cwd=ROOT, timeout=20, check=False)
    assert done.returncode == signal.SIGTERM
