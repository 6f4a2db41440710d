"""The server that callbacks and the sandbox stand on: what strangers can do to it, and what it does for its friends."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.httpd import (
    BodyError,
    Limits,
    Response,
    WireFault,
    _Connections,
    open_listener,
    serving,
    text_response,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowops.httpd import Body, Request

BODY_LIMIT = 100


class App:
    """Tells what it was asked; a path says how it behaves."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.gate = asyncio.Event()

    async def __call__(self, request: Request, body: Body) -> Response:
        if request.path == "/unread":
            return text_response(404, "not found")
        content = await body.read(BODY_LIMIT)
        self.asked.append((request.method, request.path, request.query, content))
        match request.path:
            case "/bug":
                raise OSError("a bug")
            case "/slow":
                await self.gate.wait()
            case "/big":
                return Response(200, b"x" * 20_000_000)
            case "/half":
                return Response(200, b"0123456789", fault=WireFault.HALF)
        return text_response(413 if len(content) > BODY_LIMIT else 200, f"{len(content)}")


@asynccontextmanager
async def connected(
    port: int, source: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def run(scenario, **limits):
    """Run a scenario, given the application and the port, against the server."""

    async def main():
        app = App()
        with open_listener("127.0.0.1", 0) as listener:
            async with asyncio.timeout(30), serving(listener, app, Limits(**limits)):
                return await scenario(app, listener.getsockname()[1])

    return asyncio.run(main())


def exchange(sent: bytes, *, eof: bool = False, **limits) -> bytes:
    """Everything that comes back for some bytes, until the server ends the connection."""

    async def scenario(_app, port):
        async with connected(port) as (reader, writer):
            writer.write(sent)
            if eof:
                writer.write_eof()
            return await reader.read()

    return run(scenario, **limits)


def get(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: a", *more, "", ""]).encode()


def post(path: str, body: bytes, *more: str) -> bytes:
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *more, "", ""])
    return head.encode() + body


CLOSE = "Connection: close"


def test_a_request_reaches_the_application_and_its_answer_the_sender():
    async def scenario(app, port):
        async with connected(port) as (reader, writer):
            writer.write(post("/a%20b?x=1&y", b"body", CLOSE))
            return await reader.read(), app.asked

    answer, asked = run(scenario)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nDate: " in head
    assert b"server:" not in head.lower()
    assert body == b"4\n"
    assert asked == [("POST", "/a%20b", "x=1&y", b"body")]


def test_requests_sent_at_once_are_answered_one_after_the_other():
    answer = exchange(get("/1") + post("/2", b"body") + get("/3", CLOSE))
    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_an_answer_to_head_has_no_body():
    answer = exchange(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_http_1_0_ends_with_its_answer():
    assert exchange(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("length", [0, 5, BODY_LIMIT, BODY_LIMIT + 1, 50 * BODY_LIMIT])
def test_no_more_of_a_body_is_read_than_was_asked_for(length):
    async def scenario(app, port):
        async with connected(port) as (reader, writer):
            writer.write(post("/", b"x" * length, CLOSE))
            return await reader.read(), app.asked[0][3]

    answer, content = run(scenario)
    assert len(content) == min(length, BODY_LIMIT + 1)
    assert answer.startswith(b"HTTP/1.1 413 " if length > BODY_LIMIT else b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/", "/unread"])
def test_an_answer_can_be_read_behind_a_body_that_nobody_reads(path):
    """A sender that is reset in the middle of its body may never see why."""

    async def scenario(_app, port):
        async with connected(port) as (reader, writer):
            writer.write(post(path, b"x" * 3_000_000))
            await writer.drain()
            return await reader.read()

    answer = run(scenario)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"connection: close\r\n" in answer.lower()


def test_an_endless_body_is_not_read_to_its_end():
    async def scenario(_app, port):
        async with connected(port) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            with suppress(ConnectionError):
                while True:
                    writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.001)
            with suppress(ConnectionError):
                return await reader.read()
            return b""

    run(scenario, linger_seconds=0.2)


def test_who_asks_before_sending_is_told_to_go_on_only_if_the_body_is_wanted():
    expecting = ("Expect: 100-continue", "Content-Length: 4")

    async def scenario(_app, port):
        async with connected(port) as (reader, writer):
            writer.write(get("/", *expecting).replace(b"GET", b"POST"))
            interim = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"body")
            return interim + await reader.readuntil(b"4\n")

    assert run(scenario).startswith(b"HTTP/1.1 100 ")
    unread = exchange(get("/unread", *expecting).replace(b"GET", b"POST"), eof=True)
    assert unread.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n" + b"x", 200),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ],
)
def test_malformed_requests_get_a_clean_answer_and_no_other(sent, status, capfd, caplog):
    answer = exchange(sent, eof=True)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    b"GET ",
                    b"POST ",
                    b"/",
                    b" HTTP/1.1",
                    b" HTTP/1.0",
                    b" HTTP/9.9",
                    b"\r\n",
                    b"\n",
                    b"\r",
                    b"\r\n\r\n",
                ),
                *(
                    b"Host: a\r\n",
                    b"Content-Length: 3\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Expect: 100-continue\r\n",
                ),
                *(
                    b"Connection: close\r\n",
                    b"CONNECT ",
                    b"Upgrade: h2c\r\nConnection: upgrade\r\n",
                    b"abc",
                    b"3\r\nabc\r\n",
                    b"0\r\n\r\n",
                ),
                *(b"\0", b"\xff\xfe", b":", b" ", b"\t", get("/"), get("/unread"), post("/", b"abc"), b"x" * 20_000),
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_no_bytes_print_or_log_anything(caplog, sent):
    exchange(sent, eof=True, head_seconds=1, body_seconds=1)
    assert caplog.records == []


def test_a_silent_connection_ends_and_sooner_when_it_has_been_answered():
    async def scenario(_app, port):
        loop = asyncio.get_running_loop()
        async with connected(port) as (reader, writer):
            writer.write(get("/"))
            await reader.readuntil(b"0\n")
            start = loop.time()
            assert await reader.read() == b""
            return loop.time() - start

    assert 0.1 < run(scenario, idle_seconds=0.2, head_seconds=10) < 5


def test_a_body_that_trickles_is_told_so():
    assert exchange(post("/", b"x")[:-1], body_seconds=0.1).startswith(b"HTTP/1.1 408 ")


def test_who_does_not_take_an_answer_is_given_up():
    async def scenario(_app, port):
        async with connected(port) as (reader, writer):
            writer.write(get("/big"))
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.5)
            with suppress(ConnectionError):
                return len(await reader.read())
            return 0

    assert run(scenario, send_seconds=0.2) < 20_000_000


def test_connections_over_the_limit_are_turned_away_and_room_is_made_again():
    async def scenario(_app, port):
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(connected(port))
            await asyncio.sleep(0.05)
            async with connected(port) as (reader, writer):
                writer.write(get("/"))
                turned_away = await reader.read()
        await asyncio.sleep(0.05)
        async with connected(port) as (reader, writer):
            writer.write(get("/", CLOSE))
            return turned_away, await reader.read()

    turned_away, served = run(scenario, connections=2)
    assert turned_away.startswith(b"HTTP/1.1 503 ")
    assert served.startswith(b"HTTP/1.1 200 ")


def test_who_holds_connections_open_keeps_nobody_out():
    """Not those from elsewhere, nor their own next one, such as a proxy's; and those that are served are left alone."""

    async def scenario(app, port):
        async with AsyncExitStack() as stack:
            slow = await stack.enter_async_context(connected(port))
            slow[1].write(get("/slow"))
            held = [await stack.enter_async_context(connected(port)) for _ in range(3)]
            held[2][1].write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Half: ")
            await asyncio.sleep(0.3)
            answers = []
            for source in ("127.0.0.2", "127.0.0.1", "127.0.0.2"):
                reader, writer = await stack.enter_async_context(connected(port, source))
                writer.write(get("/", CLOSE))
                answers.append(await reader.read())
            app.gate.set()
            return [*answers, await slow[0].read(12), await held[0][0].read()]

    *served, ended = run(scenario, connections=4, per_source=4, crowded_seconds=0.2)
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in served)
    assert ended == b""


def test_one_source_has_so_many_connections_and_others_have_theirs():
    async def scenario(_app, port):
        async with AsyncExitStack() as stack:
            held = [await stack.enter_async_context(connected(port)) for _ in range(3)]
            await asyncio.sleep(0.1)
            gone = b""
            with suppress(ConnectionError):
                gone = await held[2][0].read()
            reader, writer = await stack.enter_async_context(connected(port, "127.0.0.2"))
            writer.write(get("/", CLOSE))
            return gone, await reader.read()

    gone, served = run(scenario, connections=4, per_source=2, crowded_seconds=10)
    assert gone == b""
    assert served.startswith(b"HTTP/1.1 200 ")


def test_connections_far_over_the_limit_get_no_answer():
    async def scenario(_app, port):
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(connected(port))
            await asyncio.sleep(0.05)
            async with connected(port) as (reader, _):
                with suppress(ConnectionError):
                    return await reader.read()
                return b""

    assert run(scenario, connections=1) == b""


def test_our_own_faults_are_logged_and_the_next_request_is_served(caplog):
    with caplog.at_level(logging.ERROR):
        answer = exchange(get("/bug") + get("/", CLOSE))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"HTTP/1.1 200 " in answer
    assert [record.getMessage() for record in caplog.records] == ["a request could not be answered"]


def test_at_the_end_what_is_dealt_with_is_answered_and_what_waits_is_closed():
    async def main():
        app = App()
        with open_listener("127.0.0.1", 0) as listener:
            async with asyncio.timeout(20), AsyncExitStack() as stack:
                async with serving(listener, app):
                    busy = await stack.enter_async_context(connected(listener.getsockname()[1]))
                    idle = await stack.enter_async_context(connected(listener.getsockname()[1]))
                    busy[1].write(get("/slow"))
                    idle[1].write(get("/")[:10])
                    while not app.asked:
                        await asyncio.sleep(0.01)
                    asyncio.get_running_loop().call_later(0.2, app.gate.set)
                return await busy[0].read(), await idle[0].read()

    busy, idle = asyncio.run(main())
    assert busy.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in busy.lower()
    assert idle == b""


def test_the_end_waits_no_longer_than_its_grace():
    async def main():
        app = App()
        with open_listener("127.0.0.1", 0) as listener:
            async with asyncio.timeout(20), AsyncExitStack() as stack:
                async with serving(listener, app, Limits(grace_seconds=0.1)):
                    reader, writer = await stack.enter_async_context(connected(listener.getsockname()[1]))
                    writer.write(get("/slow"))
                    while not app.asked:
                        await asyncio.sleep(0.01)
                return await reader.read()

    assert asyncio.run(main()) == b""


def test_half_an_answer_is_half_an_answer():
    head, _, body = exchange(get("/half")).partition(b"\r\n\r\n")
    assert b"Content-Length: 10\r\n" in head + b"\r\n"
    assert 0 < len(body) < 10


def test_a_client_that_resets_is_an_end_like_any_other(caplog):
    async def scenario(app, port):
        async with connected(port) as (_, writer):
            writer.write(post("/", b"x" * 50)[:-10])
            await writer.drain()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
        await asyncio.sleep(0.1)
        return app.asked

    assert run(scenario) == []
    assert caplog.records == []


def test_a_connection_that_comes_while_the_server_closes_is_closed():
    async def main():
        connections = _Connections(App(), Limits())
        closing: list[asyncio.Task[None]] = []

        def accept(reader, writer):
            closing.append(asyncio.create_task(connections.close()))
            connections.accept(reader, writer)  # served by a task that begins behind the other

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with asyncio.timeout(30), server, connected(server.sockets[0].getsockname()[1]) as (reader, _):
            with suppress(ConnectionError):
                assert await reader.read() == b""
            await closing[0]

    asyncio.run(main())


def test_every_error_of_a_body_has_an_answer():
    assert {error.status for error in BodyError.__subclasses__()} == {400, 408}
