"""The transport over real sockets: what it sends, when a connection is used again, and what it says has left."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from flowops.api.transport import IDLE, ON_SEND, Transport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
TIMES = {"connect": 5.0, "write": 5.0, "read": 5.0}


def plain() -> Transport:
    return Transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


class Asked:
    """One request after the other through one transport; `sent` says of the last one whether it has begun to leave."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.sent = False

    async def __call__(self, url: str, content: bytes = b"{}", **times: float) -> bytes:
        self.sent = False

        def on_send() -> None:
            self.sent = True

        extensions = {"timeout": {**TIMES, **times}, ON_SEND: on_send}
        request = httpx.Request("POST", url, content=content, extensions=extensions)
        response = await self.transport.handle_async_request(request)
        return await response.aread()


@asynccontextmanager
async def asking(transport: Transport | None = None) -> Any:
    async with transport or plain() as opened:
        yield Asked(opened)


def run(serving: Any, script: Any, main: Any, tls: Any = None, transport: Any = plain) -> Any:
    """What `main(ask, server)` gives, and the server that ran the script."""

    async def both() -> Any:
        async with serving(script, tls) as server, asking(transport()) as ask:
            return await main(ask, server), server

    return asyncio.run(both())


def half_close(peer: Any) -> None:
    """End the server's side of the TCP connection behind the back of its event loop, and of TLS."""
    with peer.writer.get_extra_info("socket").dup() as same:
        same.shutdown(socket.SHUT_WR)


async def always(peer: Any) -> None:
    while True:
        await peer.request()
        await peer.send(ANSWER)


def test_httpx_itself_can_use_it(serving):
    async def main() -> Any:
        async with serving(always) as server, httpx.AsyncClient(transport=plain()) as client:
            answers = [await client.post(server.address, json={"a": 1}) for _ in range(3)]
            answers += await asyncio.gather(*(client.post(server.address, json={}) for _ in range(5)))
            return answers, server

    answers, server = asyncio.run(main())
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 8
    assert server.connections == 5
    assert server.requests[0][1] == b'{"a":1}'


@pytest.mark.parametrize(
    "behind",
    [
        b"x",
        b"\r\n",
        ANSWER,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_comes_behind_an_answer_is_not_taken_for_the_next_one(serving, behind, at_once):
    answered, sent = asyncio.Event(), asyncio.Event()

    async def script(peer: Any) -> None:
        content = await peer.request()
        good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
        await peer.send(good + behind if at_once else good)
        if not at_once:
            await answered.wait()
            await peer.send(behind)
        sent.set()
        await peer.wait()

    async def main(ask: Any, server: Any) -> Any:
        answers = [await ask(server.address, b"1")]
        answered.set()
        await sent.wait()
        return [*answers, await ask(server.address, b"2")]

    answers, server = run(serving, script, main)
    assert answers == [b"1", b"2"]
    assert server.connections == 2


def test_bytes_that_the_event_loop_has_not_seen_yet_are_seen(serving):
    """The server closes, and the next request comes before the loop has looked at any socket."""
    peers = []

    async def script(peer: Any) -> None:
        peers.append(peer)
        await always(peer)

    async def main(ask: Any, server: Any) -> Any:
        await ask(server.address)
        half_close(peers[0])
        return await ask(server.address)

    answer, server = run(serving, script, main)
    assert (answer, server.connections) == (b"{}", 2)


@pytest.mark.parametrize("seconds", [IDLE + 0.1, IDLE - 1.0])
def test_a_connection_is_used_again_only_while_it_is_fresh(serving, monkeypatch, seconds):
    async def main(ask: Any, server: Any) -> None:
        await ask(server.address)
        loop = asyncio.get_running_loop()
        later = loop.time
        monkeypatch.setattr(loop, "time", lambda: later() + seconds)
        await ask(server.address)

    _, server = run(serving, always, main)
    assert server.connections == (2 if seconds > IDLE else 1)


def test_a_server_that_ends_its_side_gets_no_other_request(serving):
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.send(ANSWER)
        peer.writer.write_eof()
        await peer.wait()

    async def main(ask: Any, server: Any) -> Any:
        return [await ask(server.address) for _ in range(3)]

    answers, server = run(serving, script, main)
    assert (answers, server.connections) == ([b"{}"] * 3, 3)


def test_a_server_that_ends_its_side_before_it_answers_gives_no_answer(serving):
    async def script(peer: Any) -> None:
        await peer.request()
        peer.writer.write_eof()
        await peer.wait()

    async def main(ask: Any, server: Any) -> bool:
        with pytest.raises(httpx.RemoteProtocolError, match="closed without an answer"):
            await ask(server.address)
        return ask.sent

    sent, _ = run(serving, script, main)
    assert sent is True


@pytest.fixture
def tls(certificates: Any) -> Any:
    """The server's context, and what makes a transport that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    return context, lambda: Transport(ssl.create_default_context(cafile=certificates / "ca.pem"))


@pytest.mark.parametrize("said", [True, False])
def test_over_tls_a_body_without_a_length_is_whole_only_if_the_server_has_said_so(serving, tls, said):
    """Whoever can cut a TCP connection cannot say it in the server's name (RFC 9112, section 9.8)."""

    async def script(peer: Any) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n{}")
        if said:
            peer.writer.close()
        else:
            half_close(peer)
            await asyncio.sleep(0.2)
            peer.writer.transport.abort()

    async def main(ask: Any, server: Any) -> Any:
        try:
            return await ask(server.address)
        except httpx.TransportError:
            return None

    answer, _ = run(serving, script, main, *tls)
    assert answer == (b"{}" if said else None)


def test_the_cost_of_a_request_is_one_write_of_one_piece(serving, monkeypatch):
    """Head and content leave together: a server never sees one without the other for long."""
    segments = []

    async def script(peer: Any) -> None:
        segments.append(await peer.reader.read(65536))
        await peer.send(ANSWER)

    async def main(ask: Any, server: Any) -> None:
        await ask(server.address, b"x" * 1000)

    run(serving, script, main)
    [segment] = segments
    assert segment.startswith(b"POST /voiceapi/v2 HTTP/1.1\r\n")
    assert segment.endswith(b"Content-Length: 1000\r\n\r\n" + b"x" * 1000)


def test_a_long_request_is_sent_whole_while_the_server_reads_slowly(serving):
    async def script(peer: Any) -> None:
        await asyncio.sleep(0.05)
        await always(peer)

    async def main(ask: Any, server: Any) -> Any:
        return [await ask(server.address, b"x" * (8 << 20)), await ask(server.address)]

    answers, server = run(serving, script, main)
    assert answers == [b"{}", b"{}"]
    assert [len(content) for _, content in server.requests] == [8 << 20, 2]


def test_an_answer_that_comes_before_the_request_was_taken_ends_the_connection(serving):
    async def script(peer: Any) -> None:
        await peer.head()
        if peer.server.connections == 1:
            await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n{}")
            await asyncio.sleep(0.5)
        else:
            await peer.send(ANSWER)

    async def main(ask: Any, server: Any) -> Any:
        return [await ask(server.address, b"x" * (32 << 20)), await ask(server.address)]

    answers, server = run(serving, script, main)
    assert (answers, server.connections) == ([b"{}", b"{}"], 2)


@pytest.mark.parametrize(("time", "error"), [("write", httpx.WriteTimeout), ("read", httpx.ReadTimeout)])
def test_writing_and_waiting_have_their_time_outs(serving, time, error):
    async def script(peer: Any) -> None:
        if time == "read":
            await peer.request()
        peer.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async def main(ask: Any, server: Any) -> bool:
        with pytest.raises(error):
            await ask(server.address, b"x" * (32 << 20), **{time: 0.1})
        return ask.sent

    sent, server = run(serving, script, main)
    assert (sent, server.connections) == (True, 1)


def test_nothing_has_left_as_long_as_there_is_no_connection(serving, unused_port):
    async def hangs(peer: Any) -> None:
        await peer.wait()

    async def main(ask: Any, server: Any) -> Any:
        secure = server.address.replace("http:", "https:")
        with pytest.raises(httpx.ConnectTimeout):
            await ask(secure, connect=0.1)
        with pytest.raises(httpx.ConnectError):
            await ask(f"http://127.0.0.1:{unused_port}/")
        return ask.sent

    sent, _ = run(serving, hangs, main)
    assert sent is False


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "a\r\nX-B: b"), ("X-A", "a\n"), ("X-A", "a\0"), ("X A", "a"), ("X-A:", "a"), ("", "a"), ("X-A", " a")],
)
def test_a_header_that_would_be_two_is_not_sent(serving, name, value):
    async def main(ask: Any, server: Any) -> None:
        request = httpx.Request("POST", server.address, headers=[(name.encode(), value.encode())], content=b"")
        with pytest.raises(httpx.LocalProtocolError):
            await ask.transport.handle_async_request(request)

    _, server = run(serving, always, main)
    assert server.connections == 0


@pytest.mark.parametrize("stop", ["cancel", "close"])
def test_an_answer_that_is_not_read_to_its_end_ends_its_connection(serving, stop):
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{}")
        await peer.wait()

    async def main(ask: Any, server: Any) -> Any:
        response = await ask.transport.handle_async_request(httpx.Request("POST", server.address, content=b""))
        if stop == "close":
            await response.aclose()
        else:
            reading = asyncio.ensure_future(response.aread())
            await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        again = await ask.transport.handle_async_request(httpx.Request("POST", server.address, content=b""))
        await again.aclose()

    _, server = run(serving, script, main)
    assert server.connections == 2


def test_a_server_that_sends_faster_than_is_read_has_to_wait(serving):
    sent = 0

    async def script(peer: Any) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            await peer.send(b"x" * (1 << 20))
            sent += 1 << 20

    async def main(ask: Any, server: Any) -> Any:
        response = await ask.transport.handle_async_request(httpx.Request("POST", server.address, content=b""))
        await asyncio.sleep(0.3)
        before = sent
        return before, len(await response.aread())

    (before, length), _ = run(serving, script, main)
    assert before < 32 << 20
    assert length == 64 << 20


def test_a_proxy_may_itself_speak_tls(serving, certificates, tls):
    context, _ = tls

    async def pump(reader: Any, writer: Any) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def tunnel(peer: Any) -> None:
        target = (await peer.head()).split(b" ")[1].decode()
        peer.server.requests.append((target.encode(), b""))
        reader, writer = await asyncio.open_connection(*target.rsplit(":", 1))
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))

    async def main() -> Any:
        async with serving(always, context) as server, serving(tunnel, context) as between:
            trusted = ssl.create_default_context(cafile=certificates / "ca.pem")
            async with asking(Transport(trusted, f"https://127.0.0.1:{between.port}")) as ask:
                return [await ask(server.address) for _ in range(3)], server, between

    answers, server, between = asyncio.run(main())
    assert answers == [b"{}"] * 3
    assert (server.connections, between.requests) == (1, [(f"127.0.0.1:{server.port}".encode(), b"")])


@pytest.mark.parametrize("more", [b"x", b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_proxy_that_says_more_than_its_answer_is_not_trusted_with_a_request(serving, more):
    async def proxy(peer: Any) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n" + more)
        await peer.wait()

    async def main() -> Any:
        async with serving(proxy) as between:
            address = f"http://127.0.0.1:{between.port}"
            async with asking(Transport(ssl.create_default_context(), address)) as ask:
                with pytest.raises(httpx.ProxyError):
                    await ask("https://127.0.0.1:1/")
                return ask.sent

    assert asyncio.run(main()) is False


def test_methods_whose_answers_are_framed_otherwise_are_refused(serving):
    async def main(ask: Any, server: Any) -> None:
        for method in ("HEAD", "CONNECT"):
            with pytest.raises(httpx.UnsupportedProtocol):
                await ask.transport.handle_async_request(httpx.Request(method, server.address))

    _, server = run(serving, always, main)
    assert server.connections == 0
