"""The callbacks of the sandbox, as they arrive."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest

from flowops.common.addresses import is_loopback
from flowops.sandbox.server import serve
from flowops.sandbox.settings import CallbackFaults, Settings, Span

TOKEN = "11111111-2222-4333-8444-555555555555"


class Ear:
    """A server that takes every POST and remembers its body."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[dict] = asyncio.Queue()
        self.url = ""

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        self.heard.put_nowait(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def open(self):
        server = await asyncio.start_server(self._listen, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/secret-path"
        async with server:
            yield self


async def place(sandbox, body) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{sandbox.url}/FlowBuilder", json=body, headers={"X-CM-PRODUCTTOKEN": TOKEN})
        return answer.status_code


def run(scenario, **settings):
    async def main():
        settled = Settings(token=TOKEN, **settings)
        async with asyncio.timeout(30), Ear().open() as ear, serve(settled) as sandbox:
            await scenario(sandbox, ear)

    asyncio.run(main())


def test_a_call_that_has_finished_is_called_back(instruction):
    async def scenario(sandbox, ear):
        assert await place(sandbox, instruction("a", callback_url=ear.url)) == 200
        event = await ear.heard.get()
        assert (event["type"], event["instruction-id"], event["result"]["code"]) == ("call-finished", "a", 10)

    run(scenario, ring=Span(0.01, 0.05))


def test_a_callback_may_come_before_the_answer(instruction):
    async def scenario(sandbox, ear):
        request = asyncio.create_task(place(sandbox, instruction("a", callback_url=ear.url)))
        assert (await ear.heard.get())["instruction-id"] == "a"
        assert not request.done()
        assert await request == 200

    run(scenario, latency=Span(0.3, 0.3), callbacks=CallbackFaults(early=1))


def test_callbacks_that_are_due_are_sent_before_the_sandbox_ends(instruction, tmp_path):
    log = tmp_path / "log"

    async def main():
        async with Ear().open() as ear:
            async with serve(Settings(token=TOKEN, log=log)) as sandbox:
                await place(sandbox, instruction("a", callback_url=ear.url))
            assert ear.heard.qsize() == 1

    asyncio.run(main())
    assert '"outcome": "delivered", "status": 200' in log.read_text()


def test_calls_that_still_ring_are_forgotten_when_the_sandbox_ends(instruction, tmp_path):
    log = tmp_path / "log"

    async def scenario(sandbox, ear):
        await place(sandbox, instruction("a", callback_url=ear.url))

    run(scenario, log=log, ring=Span(3600, 3600))
    assert "not sent: the sandbox stopped while the call was ringing" in log.read_text()


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/",
        "https://hooks.example.org/finished",
        "http://127.0.0.1@hooks.example.org/",
        "http://127.0.0.1.example.org/",
        "http://0.0.0.0/",
    ],
)
def test_nobody_is_called_back_elsewhere(instruction, tmp_path, url, monkeypatch):
    log = tmp_path / "log"

    async def no_request(*args: object, **kwargs: object) -> None:
        pytest.fail("a request was sent")

    async def scenario(sandbox, ear):
        assert await place(sandbox, instruction("a", callback_url=url)) == 200
        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", no_request)
        while '"callback"' not in log.read_text():
            await asyncio.sleep(0.01)

    run(scenario, log=log, ring=Span(0.1, 0.1))
    told = log.read_text()
    assert "not sent: the callback-url is not on this machine's loopback" in told
    assert not any(part in told for part in ("hooks", "example", "192.0.2.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_what_the_loopback_is(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "127.1", "0x7f000001", "localhost.example.org", "::2"]
)
def test_what_the_loopback_is_not(host):
    assert not is_loopback(host)


def test_a_callback_that_nobody_takes_is_logged_without_its_address(instruction, tmp_path):
    log = tmp_path / "log"

    async def scenario(sandbox, ear):
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await place(sandbox, instruction("a", callback_url=f"http://127.0.0.1:{port}/secret-path"))

    run(scenario, log=log)
    assert "not delivered: ConnectError" in log.read_text()
    assert "secret-path" not in log.read_text()
