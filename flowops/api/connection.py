"""Connections to the API, and how they come to be: addresses, TLS, and a proxy in between; HTTP/1.1 as bytes."""

from __future__ import annotations

import asyncio
import base64
import select
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from flowops.common.patterns import regex

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

#: What a field takes besides its name and its value, and what a head takes besides its fields and its reason.
_FIELD, _LINE = len(": \r\n"), len("HTTP/1.1 200 \r\n\r\n")

#: The longest head that is read, in bytes, 1xx answers before it and trailers behind the body included.
LONGEST_HEAD = 64 << 10


class MalformedAnswer(Exception):
    """The bytes are no answer; what is wrong, in words."""


class AnswerReader:
    """An answer on its way in. `chunks` is the part of its body that nobody has taken yet.

    `head_read` says that `status` and `headers` are the final ones, `complete` that the body has ended as its head
    said it would. `surplus` says that more followed: the connection is of no use any more.

    llhttp refuses what RFC 9112 does: a length that is given twice or beside chunks, a folded or unfinished line,
    white space before a colon, chunks that do not add up.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.head_read = self.complete = self.surplus = self.keep_alive = False
        self._parser: HttpResponseParser | None = None
        self._wrong = ""
        self._size = self._since_body = 0
        self._framed = False
        self._tail = b""
        #: What the last bytes of the answer are: its last piece of body, or None for an empty line.
        self._last: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes in, at least one; those behind the answer are `surplus` and not read. Raise `MalformedAnswer`."""
        if self.complete:
            self.surplus = True
            return
        if self._parser is None:
            # llhttp would skip line breaks here, and take RTSP.
            if not data.startswith(b"H"):
                raise MalformedAnswer("it does not begin with HTTP/")
            self._parser = HttpResponseParser(self)
        self._since_body += len(data)
        self._tail = data[-6:] if len(data) >= 6 else (self._tail + data)[-6:]
        self._parse(self._parser, data)

    def _parse(self, parser: HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            raise MalformedAnswer("the server speaks another protocol from here on") from None
        except HttpParserError as error:
            if not self.complete:
                raise MalformedAnswer(str(error)) from None
            self.surplus = True
        # The parser itself keeps a field, however long, until it ends.
        if self._size > LONGEST_HEAD or (not self.complete and self._since_body > 2 * LONGEST_HEAD):
            self._wrong = f"what is not its body is longer than {LONGEST_HEAD:,} bytes"
        if self._wrong:
            raise MalformedAnswer(self._wrong)
        if self.complete:
            self._parser = None  # it holds on to this object
            self.surplus = self.surplus or not self._ends_with(data)

    def finish(self, *, cut: bool = False) -> None:
        """End the answer with the server's side, or where it was `cut`. Raise `MalformedAnswer` unless it is whole."""
        if self.complete:
            return
        if cut or not self.head_read or self._framed:
            raise MalformedAnswer(
                f"the connection closed {'in the middle of' if self._parser else 'without'} an answer"
            )
        self.complete = True
        self._parser = None

    def _ends_with(self, data: bytes) -> bool:
        """Return whether these bytes end where the answer does: line breaks behind it are all that llhttp passes over.

        They are seen behind any body but one of nothing but line breaks.
        """
        if self._last is not None:
            return data.endswith(self._last)
        return self._tail.endswith(b"\r\n\r\n") and self._tail != b"\r\n\r\n\r\n"

    # Called by llhttp.

    def on_message_begin(self) -> None:
        self.surplus = self.complete
        self._size += _LINE

    def on_status(self, reason: bytes) -> None:
        self._size += len(reason)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + _FIELD
        if not self.head_read:  # a trailer says nothing that anybody here would listen to
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self.complete or parser is None:
            return
        self.status = parser.get_status_code()
        if parser.get_http_version() not in ("1.1", "1.0") or not 100 <= self.status <= 599:
            self._wrong = "its status line is not one of HTTP/1.1"
        if self.status < 200:
            self.headers = []
            return
        self.head_read = True
        self.keep_alive = parser.should_keep_alive()
        # Without either the body ends with the connection.
        names = {name.lower() for name, _ in self.headers}
        self._framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.chunks.append(body)
            self._last = body
            self._since_body = 0

    def on_chunk_header(self) -> None:
        self._last = None

    def on_message_complete(self) -> None:
        self.complete = self.complete or self.head_read


#: What a field's name and its value may be made of (RFC 9110, sections 5.1 and 5.5); a target has no spaces.
_NAME = regex(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = regex(rb"[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")
_TARGET = regex(rb"[\x21-\x7e]+")
#: Fields that this module writes itself, since the whole content is at hand.
_FRAMING = (b"content-length", b"transfer-encoding")


@lru_cache(maxsize=16)
def encode_head(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the request line and the fields, without the empty line, so that a length can follow.

    Raises httpx.LocalProtocolError for anything that would end a line early. Requests of one run differ in their
    content only, so the last few heads are kept.
    """
    if not _NAME.fullmatch(method.encode()) or not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the request line cannot be written")
    lines = [method.encode() + b" " + target + b" HTTP/1.1\r\n"]
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise httpx.LocalProtocolError("a header cannot be written")
        if name.lower() not in _FRAMING:
            lines.append(name + b": " + value + b"\r\n")
    return b"".join(lines)


def encode_body(method: str, content: bytes) -> bytes:
    """Return the rest of a request: how long its content is, the empty line, and the content itself."""
    if not content and method in ("GET", "DELETE", "OPTIONS"):
        return b"\r\n"
    return b"Content-Length: %d\r\n\r\n%b" % (len(content), content)


#: Seconds for which a second answer is waited for behind one that is a clear no: over a connection that goes on, and
#: over one whose end the server has announced.
MOMENT, ENDING = 0.1, 1.0
#: Of a body that nobody takes, in bytes, before the server has to wait.
_MOST_WAITING = 256 << 10


class Connection(asyncio.Protocol):
    """Use it for one exchange at a time: `send`, `head`, then `body` until it is empty.

    `used_at` is the loop's time at which its last answer was whole.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.used_at = self._loop.time()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: Any = None
        self._reading: AnswerReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._failure: httpx.TransportError | None = None
        self._writing = False
        self._poll: select.poll | None = None
        #: Whether the server has announced the end of the connection.
        self.is_ending = False
        self._spoke = False

    @property
    def transport(self) -> Any:
        """Return what asyncio calls a transport: the socket, or TLS over it."""
        return self._transport

    @transport.setter
    def transport(self, transport: Any) -> None:
        self._transport = transport
        # `_writing` is to say whether anything waits here at all; asyncio's TLS takes a limit of 0 for always.
        transport.set_write_buffer_limits(high=1, low=0)

    @property
    def closed(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self.gone.done() or self._failure is not None or self._transport.is_closing()

    def quiet(self) -> bool:
        """Return whether an idle connection can be used again: the server has neither closed it nor said anything.

        The socket itself is asked: the event loop may not have come round to it.
        """
        if self.closed:
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    def send(self, data: bytes, seconds: float | None = None, on_send: Callable[[], None] | None = None) -> None:
        """Hand a whole request to the operating system, and be ready for its answer, all of it within `seconds`.

        Raises httpx.ConnectError, before `on_send` is called, when the connection has closed meanwhile.
        """
        if self.closed:
            raise httpx.ConnectError("the server closed the connection before the request")
        if on_send is not None:
            on_send()
        if seconds is not None:
            self._deadline = self._loop.call_later(seconds, self._late, httpx.ReadTimeout)
        self._reading = AnswerReader()
        self._transport.write(data)

    async def written(self, seconds: float | None) -> None:
        """Wait until the operating system has taken all of the request, or there is an answer, or no hope of one."""
        while self._writing and self._reading is not None and not self._reading.head_read and self._failure is None:
            await self._changed(seconds, httpx.WriteTimeout)

    async def head(self, seconds: float | None) -> AnswerReader:
        """Return the answer, of which at least the head is there."""
        reading = self._reading
        assert reading is not None, "a request was sent"
        while not reading.head_read:
            self._check()
            await self._changed(seconds, httpx.ReadTimeout)
        return reading

    async def body(self, seconds: float | None) -> bytes:
        """Return the next part of the answer's body, empty at its end."""
        reading = self._reading
        assert reading is not None, "a request was sent"
        while not reading.chunks:
            if reading.complete:
                return b""
            self._check()
            self._transport.resume_reading()
            await self._changed(seconds, httpx.ReadTimeout)
        taken, reading.chunks = reading.chunks, []
        return taken[0] if len(taken) == 1 else b"".join(taken)

    @property
    def has_more(self) -> bool:
        """Return whether more came than the answer."""
        return self._reading is not None and self._reading.surplus

    def release(self) -> bool:
        """End the exchange; return whether the connection is fit for another one.

        One whose end the server has announced is left open for it, and for `speaks_again`.
        """
        self._stop_clock()
        reading, self._reading = self._reading, None
        if reading is None or not reading.complete or reading.surplus or self._writing or self.closed:
            self.abort()
            return False
        self.used_at = self._loop.time()
        self.is_ending = not reading.keep_alive
        return reading.keep_alive

    async def speaks_again(self) -> bool:
        """Wait for more behind the last answer, for a moment, or until the server ends; return whether there is any."""
        if not self.closed:
            await asyncio.wait([self.gone], timeout=ENDING if self.is_ending else MOMENT)
        return self._spoke

    def abort(self) -> None:
        """Close at once; `gone` is done a moment later."""
        self._stop_clock()
        if self._transport is not None:
            self._transport.abort()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def _changed(self, seconds: float | None, error: type[httpx.TimeoutException]) -> None:
        """Wait until something has happened."""
        self._waiter = waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, self._late, error)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _late(self, error: type[httpx.TimeoutException]) -> None:
        self._fail(error("not in time"))

    def _fail(self, failure: httpx.TransportError) -> None:
        self._failure = self._failure or failure
        self.abort()
        self._wake()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        reading = self._reading
        if reading is None:
            self._spoke = True
            self._fail(httpx.RemoteProtocolError("the server spoke without being asked"))
            return
        try:
            reading.feed(data)
        except MalformedAnswer as wrong:
            self._fail(httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {wrong}"))
            return
        if len(reading.chunks) > 1 and sum(map(len, reading.chunks)) > _MOST_WAITING:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Finish the answer: the server has ended its side; asyncio closes ours."""
        if self._reading is not None:
            try:
                self._reading.finish(cut=not self._ended_on_purpose())
            except MalformedAnswer as wrong:
                self._fail(httpx.RemoteProtocolError(str(wrong)))
        self._wake()

    def _ended_on_purpose(self) -> bool:
        """Return whether the end is the server's own: over TLS anybody in between can end the TCP connection.

        asyncio does not tell the two apart. The TLS object behind it reads nothing, instead of waiting for more, when
        it has seen the server's close_notify.
        """
        tls = self._transport.get_extra_info("ssl_object")
        try:
            return tls is None or tls.read(1) == b""
        except ssl.SSLError:
            return False

    def connection_lost(self, error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
        if self._failure is None:
            self._failure = httpx.ReadError(str(error) if error else "the connection broke off")
            self._failure.__cause__ = error
        self._wake()

    def pause_writing(self) -> None:
        self._writing = True

    def resume_writing(self) -> None:
        self._writing = False
        self._wake()


_PORTS = {"http": 80, "https": 443}
#: Seconds before another address of the same name is tried as well (RFC 8305).
_NEXT_ADDRESS = 0.25


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the header that it wants to see."""

    url: httpx.URL
    headers: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def at(cls, address: str) -> Proxy:
        """Return the proxy at an address, which may hold a user name and password."""
        url = httpx.URL(address)
        user, _, password = url.userinfo.partition(b":")
        if not url.userinfo:
            return cls(url, ())
        said = f"{unquote(user.decode('ascii'))}:{unquote(password.decode('ascii'))}"
        return cls(url, ((b"Proxy-Authorization", b"Basic " + base64.b64encode(said.encode())),))


@dataclass(frozen=True, slots=True)
class Dialer:
    """Makes connections, directly or through one proxy; every certificate is verified as `context` says."""

    context: ssl.SSLContext
    proxy: Proxy | None = None

    async def dial(self, url: httpx.URL, connect: float | None, answer: float | None) -> Connection:
        """Return a connection over which `url` can be asked.

        `connect` seconds are given to TCP and to each TLS handshake, `answer` seconds to a proxy for its tunnel.
        Raises httpx.ConnectError, ConnectTimeout or ProxyError.
        """
        first = url if self.proxy is None else self.proxy.url
        connection = await _connected(first, connect)
        try:
            if first.scheme == "https":
                await self._secure(connection, first, connect)
            if self.proxy is not None and url.scheme == "https":
                await _tunnel(connection, url, self.proxy, answer)
                await self._secure(connection, url, connect)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _secure(self, connection: Connection, url: httpx.URL, seconds: float | None) -> None:
        """Speak TLS from here on, with the host of an address."""
        if connection.closed:
            raise httpx.ConnectError("the connection closed before TLS began")
        async with _in_time(seconds):
            host = url.raw_host.decode("ascii")
            connection.transport = await asyncio.get_running_loop().start_tls(
                connection.transport, connection, self.context, server_hostname=host
            )


async def _connected(url: httpx.URL, seconds: float | None) -> Connection:
    async with _in_time(seconds):
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, url.raw_host.decode("ascii"), port_of(url), happy_eyeballs_delay=_NEXT_ADDRESS
        )
    return connection


async def _tunnel(connection: Connection, url: httpx.URL, proxy: Proxy, seconds: float | None) -> None:
    """Have the proxy join the connection with the host of an address (CONNECT, RFC 9110, section 9.3.6)."""
    host = url.raw_host if b":" not in url.raw_host else b"[" + url.raw_host + b"]"
    target = b"%s:%d" % (host, port_of(url))
    connection.send(encode_head("CONNECT", target, ((b"Host", target), *proxy.headers)) + b"\r\n")
    try:
        answer = await connection.head(seconds)
    except httpx.TimeoutException:
        raise httpx.ConnectTimeout("the proxy gave no connection in time") from None
    except httpx.TransportError as error:
        raise httpx.ProxyError(f"the proxy gave no connection: {error}") from error
    if not 200 <= answer.status <= 299:
        raise httpx.ProxyError(str(answer.status))
    if answer.chunks or answer.surplus:
        raise httpx.ProxyError("the proxy gave no clean connection")


@asynccontextmanager
async def _in_time(seconds: float | None) -> AsyncIterator[None]:
    """Turn what fails inside into a failure to connect."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        if error.errno is not None:  # the operating system's own time-out
            raise httpx.ConnectError(str(error)) from error
        raise httpx.ConnectTimeout("no connection in time") from None
    except (OSError, ssl.SSLError, UnicodeError) as error:
        # With several addresses asyncio puts what each of them said into one text without a number.
        many = isinstance(error, OSError) and error.errno is None and not isinstance(error, ssl.SSLError)
        raise httpx.ConnectError("none of its addresses can be connected to" if many else str(error)) from error


def port_of(url: httpx.URL) -> int:
    """Return the port of an address, its scheme's own when it names none."""
    return url.port or _PORTS[url.scheme]
