"""The sandbox on a real port of the loopback, seen by plain sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowops.errors import FlowopsError, UsageError
from flowops.sandbox.handler import BODY_LIMIT
from flowops.sandbox.server import Sandbox, serve
from flowops.sandbox.settings import Fault, FaultKind, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "11111111-2222-4333-8444-555555555555"
ADA, BOB = "+442079460018", "+12125550143"


def post(body: bytes | dict, *more: str, path: str = "/voiceapi/v2/FlowBuilder") -> bytes:
    """The bytes of a request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: sandbox", f"X-CM-PRODUCTTOKEN: {TOKEN}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def connected(sandbox: Sandbox) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = sandbox.url.removeprefix("http://").partition("/")[0].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One whole answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def run(scenario, **settings):
    """Run a scenario against a sandbox with these settings."""

    async def main():
        async with serve(Settings(token=TOKEN, **settings)) as sandbox:
            return await asyncio.wait_for(scenario(sandbox), 30)

    return asyncio.run(main())


def log_of(file: Path, event: str = "request") -> list[dict]:
    return [line for line in map(json.loads, file.read_text().splitlines()) if line["event"] == event]


def test_one_connection_serves_one_request_after_the_other(instruction):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            # Both at once: the second has to wait its turn.
            writer.write(post(instruction("a")) + post(instruction("b")))
            return [json.loads((await answer(reader))[2])["instruction-id"] for _ in range(2)]

    assert run(scenario) == ["a", "b"]


@pytest.mark.parametrize("more", ["Connection: close", "Connection: keep-alive, close"])
def test_a_connection_ends_when_its_client_says_so(instruction, more):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(post(instruction("a"), more))
            status, _, _ = await answer(reader)
            return status, await reader.read()

    assert run(scenario) == (200, b"")


def test_a_body_in_chunks_is_read_whole(instruction):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            head, _, body = post(instruction("a"), "Transfer-Encoding: chunked").partition(b"\r\n\r\n")
            head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
            writer.write(head + b"\r\n\r\n")
            for start in range(0, len(body), 50):
                part = body[start : start + 50]
                writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            status, _, _ = await answer(reader)
            return status

    assert run(scenario) == 200


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(instruction):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            head, _, body = post(instruction("a"), "Expect: 100-continue").partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            interim = await reader.readuntil(b"\r\n\r\n")
            writer.write(body)
            status, _, _ = await answer(reader)
            return interim, status

    interim, status = run(scenario)
    assert interim.startswith(b"HTTP/1.1 100")
    assert status == 200


def test_a_body_that_is_too_long_can_still_read_the_answer():
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(post(b" " * (BODY_LIMIT * 3)))
            await writer.drain()
            status, _, _ = await answer(reader)
            return status

    assert run(scenario) == 413


@pytest.mark.parametrize(
    "garbage", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"]
)
def test_what_is_not_http_is_a_bad_request(garbage):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(garbage)
            status, _, _ = await answer(reader)
            rest = await reader.read()
            return status, rest

    assert run(scenario) == (400, b"")


def test_half_a_request_places_nothing(instruction, tmp_path):
    log = tmp_path / "log"

    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(post(instruction("a"))[:-10])
            writer.write_eof()
            return await reader.read()

    run(scenario, log=log)
    assert log_of(log) == []


@pytest.mark.parametrize(
    ("kind", "calls"), [(FaultKind.DROP, 1), (FaultKind.STALL, 1), (FaultKind.HALF, 1), (FaultKind.RESET, 0)]
)
def test_faults_are_seen_on_the_wire(instruction, tmp_path, kind, calls):
    log = tmp_path / "log"

    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(post(instruction("a")))
            await writer.drain()
            if kind is FaultKind.STALL:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.2)
                writer.close()
                return b""
            try:
                return await reader.read()
            finally:
                writer.close()

    if kind is FaultKind.RESET:
        with pytest.raises(ConnectionResetError):
            run(scenario, log=log, faults=(Fault(kind),))
    else:
        received = run(scenario, log=log, faults=(Fault(kind),))
        head, _, body = received.partition(b"\r\n\r\n")
        if kind is FaultKind.HALF:
            assert head.startswith(b"HTTP/1.1 200")
            assert 0 < len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        else:
            assert received == b""
    (line,) = log_of(log)
    assert line["fault"] == kind
    assert len(line["call_ids"]) == line["callees"] == calls


def test_the_log_has_a_line_a_request_and_no_numbers(instruction, tmp_path):
    log = tmp_path / "log"

    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            call_ids = []
            for reference in ("a", "b"):
                writer.write(post(instruction(reference, callee=None, callees=[ADA, BOB])))
                call_ids.append([event["call-id"] for event in json.loads((await answer(reader))[2])])
                assert len(log_of(log)) == len(call_ids), "the line is there before the answer"
            writer.write(post(instruction("c", callee="0207")))
            await answer(reader)
            writer.write(post(instruction("d"), path="/nowhere"))
            await answer(reader)
            return call_ids

    call_ids = run(scenario, log=log)
    lines = log_of(log)
    assert [(line["reference"], line["status"]) for line in lines] == [("a", 200), ("b", 200), ("c", 400), (None, 404)]
    assert [line["call_ids"] for line in lines] == [*call_ids, [], []]
    text = log.read_text()
    assert TOKEN not in text
    assert not any(number.lstrip("+") in text for number in (ADA, BOB, "442079460000"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org", ""])
def test_only_the_loopback_is_served(host):
    async def scenario():
        async with serve(Settings(host=host)):
            pytest.fail("it listens")

    with pytest.raises(UsageError):
        asyncio.run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "::1"])
def test_the_address_says_where_the_sandbox_is(instruction, host):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(post(instruction("a")))
            status, _, _ = await answer(reader)
            return sandbox.url, status

    url, status = run(scenario, host=host)
    assert url.startswith("http://")
    assert url.endswith("/voiceapi/v2")
    assert status == 200


def test_a_port_that_is_taken_is_told():
    async def scenario(sandbox):
        port = int(sandbox.url.split(":")[2].partition("/")[0])
        with pytest.raises(FlowopsError, match=f"port {port}: "):
            async with serve(Settings(port=port)):
                pytest.fail("it listens")

    run(scenario)
    with pytest.raises(FlowopsError, match="port 65536"):
        run(scenario, port=65536)


def test_a_log_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(FlowopsError, match="cannot be written: Is a directory"):
        run(None, log=tmp_path)


def test_a_connection_that_is_open_does_not_keep_the_sandbox_alive(instruction):
    async def main():
        async with asyncio.timeout(10), AsyncExitStack() as stack:
            async with serve(Settings(token=TOKEN)) as sandbox:
                connections = [await stack.enter_async_context(connected(sandbox)) for _ in range(3)]
                connections[0][1].write(post(instruction("a"))[:40])
                await asyncio.sleep(0.05)
            for reader, _ in connections:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""

    asyncio.run(main())


def test_nothing_of_it_is_printed(instruction, capfd):
    async def scenario(sandbox):
        async with connected(sandbox) as (reader, writer):
            writer.write(post(instruction("a")) + b"nonsense\r\n\r\n")
            await answer(reader)

    run(scenario)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program(number):
    program = (
        "from flowops.sandbox.server import run; from flowops.sandbox.settings import Settings;"
        "raise SystemExit(run(Settings(), lambda sandbox: print(sandbox.url, flush=True)))"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(20) == number
