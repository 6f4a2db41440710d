"""A small HTTP/1.1 server over h11: what `flowops listen` and the sandbox stand on.

It is meant to stand behind a proxy that does TLS, or on the loopback, but does not trust in one being there: what a
stranger can hold on to is bounded in bytes, in seconds and in number (`Limits`), and no bytes of theirs do more than
end their own connection. It writes no access log: addresses are secrets here.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from functools import partial
from ipaddress import IPv6Address
from math import inf
from typing import Protocol

import h11

from flowops.errors import FlowopsError

_log = logging.getLogger(__name__)

_CHUNK = 1 << 16
_BACKLOG = 1024
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what one stranger, and all of them together, can hold on to; times are in seconds.

    `head_bytes` and `head_seconds` bound the line and the headers of a request, `idle_seconds` the silence before
    another one on a kept connection, `body_seconds` its body, `send_seconds` the taking of an answer. An answer that
    is sent before the body has come is followed by `linger_seconds` in which the rest is read and thrown away, since
    a sender may read nothing before it has sent everything. `connections` are served at once, `per_source` from one
    address; for a further one that connection is ended which has waited longest for a request, at least
    `crowded_seconds`, of that address or of the one with the most. Where none has, further ones are turned away, with
    503 if others have them. So a stranger who holds many open keeps nobody out. `grace_seconds` is what requests that
    are being dealt with may still take when the server stops.
    """

    head_bytes: int = 16 << 10
    head_seconds: float = 10.0
    idle_seconds: float = 5.0
    body_seconds: float = 10.0
    send_seconds: float = 30.0
    linger_seconds: float = 2.0
    grace_seconds: float = 15.0
    connections: int = 512
    per_source: int = 256
    crowded_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request. Header names are in lower case; `query` is what stands behind the question mark."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


class Body(Protocol):
    """The body of a request, which is read when somebody asks for it."""

    async def read(self, limit: int) -> bytes:
        """Return the whole body, or its first `limit` + 1 bytes if it is longer. Raise BodyError if it is not had."""
        ...


class BodyError(Exception):
    """A body that did not arrive as it should have. A handler need not catch it: `status` is then the answer."""

    status = 400


class BodyTooSlow(BodyError):
    """A body that was not whole in time."""

    status = 408


class BodyMalformed(BodyError):
    """A body that is not framed as HTTP says."""


class BodyCutOff(BodyError):
    """A body whose sender went away. There is nobody left to answer."""


class WireFault(StrEnum):
    """How a response is spoiled on its way, for a sandbox that is told to misbehave."""

    DROP = "drop"
    HALF = "half"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered, and what goes wrong on its way."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: WireFault | None = None


Handler = Callable[[Request, Body], Awaitable[Response]]


def text_response(
    status: int, text: str, headers: Mapping[str, str] | None = None, *, kind: str = "text/plain; charset=utf-8"
) -> Response:
    """Return a response of a line of text."""
    return Response(status, f"{text}\n".encode(), {"Content-Type": kind, **(headers or {})})


def open_listener(host: str, port: int, *, who: str = "") -> socket.socket:
    """Return a socket that listens on a host and port (0: any). Raise FlowopsError when they cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    refused = f"{who}{' ' if who else ''}cannot listen on {host}, port {port}"
    if not 0 <= port <= _HIGHEST_PORT:
        raise FlowopsError(f"{refused}: there is no such port")
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise FlowopsError(f"{refused}: {error.strerror or error}") from None


def url_of(listener: socket.socket, host: str) -> str:
    """Return the address of a socket that listens on a host, without a path."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(listener: socket.socket, handler: Handler, limits: Limits | None = None) -> AsyncIterator[None]:
    """Serve in this loop for as long as the context lasts; at its end, finish the requests that are dealt with."""
    connections = _Connections(handler, limits or Limits())
    server = await asyncio.start_server(connections.accept, sock=listener, limit=_CHUNK, backlog=_BACKLOG)
    try:
        yield
    finally:
        server.close()
        await connections.close()
        await server.wait_closed()


def catch_signals() -> asyncio.Future[int]:
    """Return a future for the number of the SIGINT or SIGTERM that comes next, in the main thread's loop.

    SIGINT is caught once: somebody who presses the keys again does not want to wait.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        loop.remove_signal_handler(signal.SIGINT)
        if not stopped.done():
            stopped.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return stopped


def run(host: str, port: int, handler: Handler, ready: Callable[[str], None], limits: Limits | None = None) -> int:
    """Serve until SIGINT or SIGTERM comes, finish what has been received, and return the signal's number.

    `ready` is called with the address once the port is open. Raise FlowopsError when it cannot be had.
    """

    async def until_stopped(listener: socket.socket) -> int:
        stopped = catch_signals()
        async with serving(listener, handler, limits):
            ready(url_of(listener, host))
            return await stopped

    with open_listener(host, port) as listener:
        return asyncio.run(until_stopped(listener))


class _Connections:
    """The connections that are open, each served by a task of its own."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._open: dict[asyncio.Task[None], _Connection] = {}
        # The same by where they come from, oldest first.
        self._sources: dict[str, dict[asyncio.Task[None], _Connection]] = {}

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends or `close` ends it."""
        source, limits = _source_of(writer), self._limits
        turned_away = len(self._sources.get(source, ())) >= limits.per_source and not self._make_room(source)
        full = len(self._open) >= limits.connections and not self._make_room(self._most_crowded())
        if turned_away or len(self._open) >= 2 * limits.connections:
            writer.transport.abort()
            return
        connection = _Connection(reader, writer, _refuse if full else self._handler, limits)
        connection.keep = not full
        # A task of our own: those that asyncio starts for coroutines complain when they are cancelled.
        task = asyncio.create_task(connection.serve())
        self._open[task] = self._sources.setdefault(source, {})[task] = connection
        task.add_done_callback(partial(self._forget, source))
        # Also where it was cancelled before it began.
        task.add_done_callback(lambda _: writer.transport.abort())

    def _most_crowded(self) -> str:
        return max(self._sources, key=lambda source: len(self._sources[source]))

    def _make_room(self, source: str) -> bool:
        """End the connection of a source that has waited longest; return whether one has waited long enough."""
        before = asyncio.get_running_loop().time() - self._limits.crowded_seconds
        waiting = [(each.waits_since, task) for task, each in self._sources[source].items() if not each.busy]
        since, task = min(waiting, key=lambda one: one[0], default=(inf, None))
        if task is None or since > before:
            return False
        task.cancel()
        self._forget(source, task)
        return True

    def _forget(self, source: str, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)
        own = self._sources.get(source, {})
        own.pop(task, None)
        if not own:
            self._sources.pop(source, None)

    async def close(self) -> None:
        """End the connections that wait for a request at once, the others when they have answered."""
        for task, connection in self._open.items():
            connection.keep = False
            if not connection.busy:
                task.cancel()
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=self._limits.grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


async def _refuse(_request: Request, _body: Body) -> Response:
    return text_response(503, "there are too many connections")


def _source_of(writer: asyncio.StreamWriter) -> str:
    """Return where a connection comes from: an address, of IPv6 the 64 bits that one household has."""
    peer = writer.get_extra_info("peername")
    host = str(peer[0]).partition("%")[0] if peer else ""
    if ":" not in host:
        return host
    mapped = IPv6Address(host)
    return str(mapped.ipv4_mapped) if mapped.ipv4_mapped else mapped.exploded[:19]


class _Ended(Exception):
    """The connection has served its purpose, or has lost it."""


class _Connection:
    """One connection, and the body of its request.

    `busy` says that a request is being dealt with; otherwise one is waited for, since when `waits_since` says.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler, limits: Limits
    ) -> None:
        self.busy = False
        self.waits_since = asyncio.get_running_loop().time()
        self.keep = True
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        # Whether the body of the request has been read to its end.
        self._whole = False
        # What is drained has been handed to the operating system: then the connection may be aborted.
        writer.transport.set_write_buffer_limits(high=0)

    async def serve(self) -> None:
        """Answer one request after the other."""
        # One that breaks or is too slow is an end like any other (both are OSErrors).
        with suppress(OSError, _Ended):
            await self._answer_all()

    async def _answer_all(self) -> None:
        patience = self._limits.head_seconds
        while True:
            try:
                head = await self._next_head(patience)
            except h11.RemoteProtocolError as error:
                await self._send(text_response(error.error_status_hint, "this is not HTTP"))
                await self._linger()
                return
            self.busy = True
            response = await self._handle(_request(head))
            await self._send(response, bodiless=head.method == b"HEAD")
            if not self.keep or h11.MUST_CLOSE in (self._http.our_state, self._http.their_state):
                if not self._whole:
                    await self._linger()
                return
            self.busy, self.waits_since = False, asyncio.get_running_loop().time()
            self._http.start_next_cycle()
            patience = self._limits.idle_seconds

    async def _next_head(self, patience: float) -> h11.Request:
        """Return the head of the next request, which has to begin and to end in time."""
        self._whole = False
        end = asyncio.get_running_loop().time() + self._limits.head_seconds
        async with asyncio.timeout(patience) as timeout:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                await self._receive()
                timeout.reschedule(end)
        if not isinstance(event, h11.Request):
            raise _Ended
        return event

    async def _receive(self) -> None:
        data = await self._reader.read(_CHUNK)
        if not data:
            raise BodyCutOff if self.busy else _Ended
        self._http.receive_data(data)

    async def _handle(self, request: Request) -> Response:
        """Return the handler's response; one of our own where it has none."""
        if request.method == "CONNECT":  # h11 would take a 2xx for the end of HTTP
            return text_response(405, "this is no proxy")
        try:
            return await self._handler(request, self)
        except BodyCutOff:
            raise _Ended from None
        except BodyError as error:
            return text_response(error.status, str(error))
        except Exception:
            # Ours is the fault, so it is told; the next request may fare better.
            _log.exception("a request could not be answered")
            return text_response(500, "something went wrong here")

    async def read(self, limit: int) -> bytes:
        """Return the whole body, or its first `limit` + 1 bytes if it is longer. Raise BodyError if it is not had."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while len(body) <= limit and not self._whole:
                    event = self._http.next_event()
                    if isinstance(event, h11.Data):
                        body += event.data
                    elif event is h11.NEED_DATA:
                        await self._receive_body()
                    else:
                        self._whole = True
        except TimeoutError:
            raise BodyTooSlow("the body took too long") from None
        except OSError:
            raise BodyCutOff("the sender went away") from None
        except h11.RemoteProtocolError:
            raise BodyMalformed("this is not HTTP") from None
        return bytes(body[: limit + 1])

    async def _receive_body(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._writer.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        await self._receive()

    def _read_whole(self) -> bool:
        """Say whether the request has ended, which one without a body has at once."""
        if not self._whole:
            with suppress(h11.RemoteProtocolError):
                self._whole = isinstance(self._http.next_event(), h11.EndOfMessage)
        return self._whole

    async def _send(self, response: Response, *, bodiless: bool = False) -> None:
        """Send a response, or what its fault leaves of it."""
        match response.fault:
            case WireFault.DROP:
                raise _Ended
            case WireFault.RESET:
                self._reset()
                raise _Ended
            case WireFault.STALL:
                while await self._reader.read(_CHUNK):
                    pass  # until the other side loses its patience
                raise _Ended
        sent = self._bytes_of(response, bodiless=bodiless)
        if response.fault is WireFault.HALF:
            sent = sent[: len(sent) - len(response.body) // 2 - 1]
        async with asyncio.timeout(self._limits.send_seconds):
            self._writer.write(sent)
            await self._writer.drain()
        if response.fault is WireFault.HALF:
            raise _Ended

    def _bytes_of(self, response: Response, *, bodiless: bool) -> bytes:
        headers = {**response.headers, "Date": formatdate(usegmt=True), "Content-Length": str(len(response.body))}
        # What is left of the request would be taken for the next one.
        if not (self._read_whole() and self.keep):
            self.keep = False
            headers["Connection"] = "close"
        sent = self._http.send(h11.Response(status_code=response.status, headers=[*headers.items()])) or b""
        if not bodiless:
            sent += self._http.send(h11.Data(data=response.body)) or b""
        return sent + (self._http.send(h11.EndOfMessage()) or b"")

    async def _linger(self) -> None:
        """Say that nothing more follows, and let the sender finish: one that is reset may lose the answer."""
        self._writer.write_eof()
        async with asyncio.timeout(self._limits.linger_seconds):
            while await self._reader.read(_CHUNK):
                pass

    def _reset(self) -> None:
        """End the connection with RST: lingering switched on, for no time at all (socket(7))."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


def _request(head: h11.Request) -> Request:
    headers: dict[str, str] = {}
    for raw, value in head.headers:
        name, text = raw.decode("ascii"), value.decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    path, _, query = head.target.decode("ascii").partition("?")
    return Request(head.method.decode("ascii"), path, query, headers)
