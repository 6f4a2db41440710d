"""One connection of the sandbox's own HTTP/1.1 server.

A server of its own, because faults need the socket: no ASGI server lets an application reset a
connection or stop in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import h11

from flowops.sandbox.exchange import Refusal, Reply, Request
from flowops.sandbox.placing import BODY_LIMIT
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Respond = Callable[[Request], Awaitable[Reply]]

_READ = 1 << 16
_HEADER_LIMIT = 1 << 16
#: A body is read to its end, so that its sender can read why it was too long; but not for ever.
_SKIP_LIMIT = 64 * BODY_LIMIT


class _Over(Exception):
    """The connection has served its purpose, or has lost it."""


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond) -> None:
    """Answer the requests of a connection one after the other, until either side has had enough."""
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADER_LIMIT)
    try:
        # A connection that breaks is an end like any other: the requests on it have all been dealt with.
        with suppress(ConnectionError):
            await _answer_all(http, reader, writer, respond)
            writer.close()
            await writer.wait_closed()
    finally:
        writer.transport.abort()


async def _answer_all(
    http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
) -> None:
    try:
        while True:
            request = await _read(http, reader, writer)
            reply = await respond(request)
            if reply.delay:
                await asyncio.sleep(reply.delay)
            await _write(http, reader, writer, reply, head=request.method == "HEAD")
            if h11.MUST_CLOSE in (http.our_state, http.their_state):
                return
            http.start_next_cycle()
    except h11.RemoteProtocolError as error:
        with suppress(_Over):
            await _write(http, reader, writer, Refusal(error.error_status_hint, "this is not HTTP").reply())
    except _Over:
        return


async def _read(http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    """The next request with its body, of which no more than one byte beyond the limit is kept."""
    head: h11.Request | None = None
    body = bytearray()
    length = 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            if http.they_are_waiting_for_100_continue:
                writer.write(http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            http.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            length += len(event.data)
            body += event.data[: BODY_LIMIT + 1 - len(body)]
            if length > _SKIP_LIMIT:
                raise _Over
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            raise _Over


def _request(head: h11.Request, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for name, value in head.headers:
        text = value.decode("utf-8", "surrogateescape")
        before = headers.get(name.decode("ascii"))
        headers[name.decode("ascii")] = text if before is None else f"{before}, {text}"
    path, _, query = head.target.decode("ascii").partition("?")
    return Request(head.method.decode("ascii"), path, query, headers, body)


async def _write(
    http: h11.Connection,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    reply: Reply,
    *,
    head: bool = False,
) -> None:
    """Send a reply, or what its fault leaves of it."""
    match reply.fault:
        case FaultKind.DROP:
            raise _Over
        case FaultKind.RESET:
            _reset(writer)
            raise _Over
        case FaultKind.STALL:
            while await reader.read(_READ):
                pass  # until the other side loses its patience
            raise _Over
    if http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        raise _Over
    headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
    sent = http.send(h11.Response(status_code=reply.status, headers=headers))
    sent += b"" if head else http.send(h11.Data(data=reply.body)) or b""
    if reply.fault is FaultKind.HALF:
        writer.write(sent[: len(sent) - len(reply.body) // 2 - 1])
        await writer.drain()
        raise _Over
    writer.write(sent + (http.send(h11.EndOfMessage()) or b""))
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST: lingering switched on, for no time at all (socket(7))."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
