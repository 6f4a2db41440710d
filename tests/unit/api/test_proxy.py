"""A real proxy on the loopback: what it does before the request is proof that nothing was sent."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any

import pytest

from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.errors import ApiError
from flowops.model.ledger import EventType
from flowops.model.project import Connection
from flowops.model.result import Verdict

TOKEN = Secret("3f2a6c1e-0000-4000-8000-5b9d1c7e2f10")


async def tunnel(peer: Any) -> None:
    """A proxy: CONNECT joins the client with whom it asks for."""
    method, target, _ = (await peer.head()).split(b"\r\n")[0].decode().split(" ")
    peer.server.requests.append((f"{method} {target}".encode(), b""))
    host, port = target.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
    finally:
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def api(peer: Any) -> None:
    while True:
        await peer.accept()


def place(serving: Any, proxy: Any, body: Any, certificates: Any, user: str = "", **timeouts: float) -> Any:
    """The verdict of a call through a proxy to an API with TLS; the proxy, and the API."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

    async def main() -> Any:
        async with serving(api, context) as server, serving(proxy) as between:
            address = f"http://{user}127.0.0.1:{between.port}"
            connection = Connection(ca_file=str(certificates / "ca.pem"), proxy=address, **timeouts)
            async with FlowBuilder(server.address, TOKEN, connection).sender() as sender:
                return await sender.place(body), between, server

    return asyncio.run(main())


def test_a_call_goes_through_a_tunnel(serving, body, certificates):
    verdict, between, server = place(serving, tunnel, body, certificates)
    assert verdict.event_type is EventType.ACCEPTED
    assert between.requests == [(f"CONNECT 127.0.0.1:{server.port}".encode(), b"")]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "event_type", "stop"),
    [
        ("407 Proxy Authentication Required", EventType.UNAUTHORIZED, True),
        ("403 Forbidden", EventType.UNAUTHORIZED, True),
        ("502 Bad Gateway", EventType.UNSENT, False),
        ("503 Service Unavailable", EventType.UNSENT, False),
        ("429 Too Many Requests", EventType.UNSENT, False),
        ("302 Found", EventType.UNSENT, False),
    ],
)
def test_a_proxy_that_refuses_the_tunnel(serving, body, certificates, status, event_type, stop):
    async def proxy(peer: Any) -> None:
        await peer.head()
        await peer.answer(b"", status, "Location: http://127.0.0.1/")

    verdict, _, server = place(serving, proxy, body, certificates)
    assert verdict == Verdict(event_type, detail=f"the proxy answered {status}", stop=stop)
    assert server.connections == 0


async def closes_at_once(peer: Any) -> None:
    peer.writer.close()


async def closes_after_connect(peer: Any) -> None:
    await peer.head()


async def resets_after_connect(peer: Any) -> None:
    await peer.head()
    peer.reset()


async def speaks_another_protocol(peer: Any) -> None:
    await peer.head()
    await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")


async def closes_in_the_handshake(peer: Any) -> None:
    await peer.head()
    await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await peer.reader.read(100)


async def says_nothing(peer: Any) -> None:
    await peer.wait()


BEFORE = [
    closes_at_once, closes_after_connect, resets_after_connect, speaks_another_protocol, closes_in_the_handshake,
    says_nothing,
]  # fmt: skip


@pytest.mark.parametrize("proxy", BEFORE, ids=lambda proxy: proxy.__name__)
def test_a_proxy_that_breaks_before_the_request_is_proof_that_nothing_was_sent(serving, body, certificates, proxy):
    verdict, _, server = place(serving, proxy, body, certificates, answer_timeout=0.2)
    assert verdict.event_type is EventType.UNSENT
    assert server.requests == []


def test_a_proxy_that_nobody_serves_is_proof_that_nothing_was_sent(body, unused_port):
    async def main() -> Any:
        connection = Connection(proxy=f"http://127.0.0.1:{unused_port}")
        async with FlowBuilder("https://127.0.0.1:1/voiceapi/v2", TOKEN, connection).sender() as sender:
            return await sender.place(body)

    where = f"the proxy 127.0.0.1:{unused_port}"
    assert asyncio.run(main()) == Verdict(EventType.UNSENT, detail=f"{where}: Connection refused")


def test_a_tunnel_that_breaks_after_the_request_leaves_it_in_doubt(serving, body, certificates):
    async def proxy(peer: Any) -> None:
        head = await peer.head()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(head.split(b" ")[1].split(b":")[1]))
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = asyncio.create_task(pump(reader, peer.writer))
        # The client's part of the handshake, then its request, of which no answer gets back.
        for _ in range(2):
            writer.write(await peer.reader.read(65536))
        back.cancel()
        writer.write(await peer.reader.read(65536))
        await writer.drain()
        peer.reset()
        writer.close()

    verdict, _, _ = place(serving, proxy, body, certificates)
    assert verdict.event_type is EventType.UNCLEAR


def test_the_proxy_gets_its_password_and_never_the_token(serving, body, certificates):
    heads = []

    async def proxy(peer: Any) -> None:
        heads.append((await peer.head()).decode())

    place(serving, proxy, body, certificates, user="worker:s3cret@")
    [head] = heads
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'worker:s3cret').decode()}" in head.split("\r\n")
    assert TOKEN.reveal() not in head


def test_an_api_on_the_loopback_is_reached_through_a_proxy_on_the_loopback(serving, body):
    async def main() -> Any:
        async with serving(api) as proxy:
            connection = Connection(proxy=f"http://127.0.0.1:{proxy.port}")
            async with FlowBuilder("http://localhost:9/voiceapi/v2", TOKEN, connection).sender() as sender:
                return await sender.place(body), proxy

    verdict, proxy = asyncio.run(main())
    assert verdict.event_type is EventType.ACCEPTED
    assert proxy.heads[0][0] == "POST http://localhost:9/voiceapi/v2/FlowBuilder HTTP/1.1"


def test_the_token_does_not_travel_in_clear_to_a_proxy_elsewhere():
    with pytest.raises(ApiError, match="in clear"):
        FlowBuilder("http://127.0.0.1:9", TOKEN, Connection(proxy="http://proxy.example.org:3128"))


@pytest.mark.parametrize(
    "address",
    [
        "socks5://127.0.0.1:1080",
        "127.0.0.1:3128",
        "http://",
        "http://h:0",
        "http://h:99999",
        "http://h/path",
        "http://h?q",
        "",
    ],
)
def test_a_proxy_address_that_cannot_be_used_is_refused_without_being_shown(address):
    with pytest.raises(ApiError) as caught:
        FlowBuilder("https://api.example.org", TOKEN, Connection(proxy=address))
    assert not address or address not in str(caught.value)
