"""How far a request has come, and what importing costs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import httpx
import pytest

from flowops.api.wire import _Progress

POST, CONNECT = (SimpleNamespace(method=method) for method in (b"POST", b"CONNECT"))
BEGINS = "http11.send_request_headers.started"


def sent(*events):
    """Whether these trace events, each with its request, leave the request as sent."""

    async def main():
        async with asyncio.timeout(None) as deadline:
            progress = _Progress(deadline, 60.0)
            for event, request in events:
                await progress.trace(event, {"request": request} if request else {"return_value": None})
            return progress.sent

    return asyncio.run(main())


@pytest.mark.parametrize(
    "events",
    [
        [("connection.connect_tcp.started", POST)],
        [("connection.connect_tcp.started", POST), ("connection.connect_tcp.failed", None)],
        [("connection.connect_tcp.complete", None), ("connection.start_tls.started", POST)],
        [("connection.start_tls.failed", None)],
        [("connection.connect_tcp.complete", None), (BEGINS, CONNECT)],
        [(BEGINS, CONNECT), ("http11.receive_response_headers.started", CONNECT)],
        [(BEGINS, CONNECT), ("http11.response_closed.complete", None), ("proxy.start_tls.started", CONNECT)],
    ],
)
def test_as_long_as_connecting_goes_on_nothing_is_sent(events):
    assert sent(*events) is False


@pytest.mark.parametrize(
    "events",
    [
        [(BEGINS, POST)],
        [(BEGINS, None)],
        [("connection.connect_tcp.complete", None), (BEGINS, POST)],
        [(BEGINS, CONNECT), ("proxy.start_tls.complete", None), (BEGINS, POST)],
        [(BEGINS, POST), ("connection.connect_tcp.started", POST)],
        [("http11.response_closed.started", None)],
        [("http3.anything.started", POST)],
        [("connection.connect_tcp.complete", None), ("an.event.of.tomorrow", POST)],
    ],
)
def test_once_the_request_began_or_anything_unknown_happened_it_counts_as_sent(events):
    assert sent(*events) is True


def test_without_any_event_it_is_not_known():
    assert sent() is None


def test_httpcore_tells_what_is_relied_on(serving, body):
    """The events of a real exchange: connecting comes first, then the request's headers."""
    events = []

    async def script(peer):
        await peer.accept()

    async def trace(event, _info):
        events.append(event)

    async def main():
        async with serving(script) as server:
            request = httpx.Request("POST", server.address, json=body, extensions={"trace": trace})
            async with httpx.AsyncHTTPTransport() as transport:
                response = await transport.handle_async_request(request)
                await response.aread()

    asyncio.run(main())
    assert events[:3] == ["connection.connect_tcp.started", "connection.connect_tcp.complete", BEGINS]


def test_only_the_clients_import_httpx():
    code = "import sys, flowops.api, flowops.apply; sys.exit('httpx' in sys.modules or 'sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
