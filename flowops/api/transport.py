"""HTTP/1.1 under httpx's own interface: `Transport` is an `httpx.AsyncBaseTransport`.

Why not httpx's: its pool becomes slower with every connection, it does not say whether a byte of a request has left,
and it reads on behind an answer. Here a request is written once, whole, by one call; what is not one clean answer
ends the connection. llhttp, the parser of Node.js, reads the answers (through httptools), as strictly as it can.

From the bottom up: bytes, one connection and making one (`connection`), and the transport here, which
knows what connection a request goes over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from flowops.api.connection import Connection, Dialer, Proxy, encode_body, encode_head, port_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

#: Seconds that an idle connection is used again for. Servers close theirs after 2 s (gunicorn) to 75 s
#: (nginx): a request that meets the closing is in doubt, so ours is the first to go.
IDLE = 1.5

#: The request extension that is called, without arguments, right before the first byte of the request is handed to
#: the operating system. As long as it was not, nothing of the request has left, whatever is raised.
ON_SEND = "on_send"

#: Of the ``timeout`` extension: the seconds for a request and its whole answer, from the first byte on.
ANSWER = "answer"

_Origin = tuple[str, bytes, int]


class Transport(httpx.AsyncBaseTransport):
    """Sends each request once, over a connection that is idle or new. There is no limit but what callers set.

    What it costs does not depend on how many connections there are: of the idle ones, the one that was used last
    is taken. It honours httpx's ``timeout`` extension (``connect``, ``write``, ``read``, and `ANSWER`), and `ON_SEND`.
    Proxies are asked for a tunnel to https addresses, and handed requests to http ones.

    Raises what httpx's own transport raises. With any exception, or a body that is not read to its end, the
    connection is closed: nothing that comes later on it is taken for the answer to another request.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None = None) -> None:
        self._dialer = Dialer(context, None if proxy is None else Proxy.at(proxy))
        self._idle: dict[_Origin, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._last: Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, once; its answer's head, with the body still to be read."""
        url = request.url
        if url.scheme not in ("http", "https") or request.method in ("HEAD", "CONNECT"):
            raise httpx.UnsupportedProtocol(f"{request.method} of {url.scheme}: is not done here")
        timeouts = request.extensions.get("timeout", {})
        head = self._head(request)
        content = b"".join([part async for part in request.stream])  # type: ignore[union-attr] # all of httpx's are
        origin = (url.scheme, url.raw_host, port_of(url))
        connection = self._fresh(origin)
        if connection is not self._last and self._last is not None and self._last.is_ending:
            self._last.abort()
        self._last = connection = connection or await self._dialed(url, timeouts)
        try:
            data = head + encode_body(request.method, content)
            connection.send(data, timeouts.get(ANSWER), request.extensions.get(ON_SEND))
            await connection.written(timeouts.get("write"))
            reading = await connection.head(timeouts.get("read"))
        except BaseException:
            connection.abort()
            raise
        body = Body(connection, timeouts.get("read"), self._idle.setdefault(origin, []))
        return httpx.Response(reading.status, headers=reading.headers, stream=body)

    async def speaks_again(self) -> bool:
        """Wait for more behind the last answer, for a moment; return whether there is any.

        For one that is a clear no: a server or a proxy that is out of step may send a yes behind it, in a packet of its
        own. What comes later than that goes unheard, as it would on a connection that is closed.
        """
        return self._last is not None and await self._last.speaks_again()

    def hang_up(self) -> None:
        """End every connection; the next request goes over a new one."""
        self._idle.clear()
        for connection in self._open:
            connection.abort()

    async def aclose(self) -> None:
        """Close every connection."""
        self.hang_up()
        if self._open:
            await asyncio.wait([connection.gone for connection in self._open])

    def _head(self, request: httpx.Request) -> bytes:
        proxy, headers = self._dialer.proxy, tuple(request.headers.raw)
        if "host" not in request.headers:
            headers = ((b"Host", request.url.netloc), *headers)
        if proxy is None or request.url.scheme == "https":
            return encode_head(request.method, request.url.raw_path, headers)
        return encode_head(request.method, str(request.url).encode("ascii"), (*headers, *proxy.headers))

    def _fresh(self, origin: _Origin) -> Connection | None:
        """Return an idle connection that can be used again; those that cannot are closed on the way."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if asyncio.get_running_loop().time() - connection.used_at <= IDLE and connection.quiet():
                return connection
            connection.abort()
        return None

    async def _dialed(self, url: httpx.URL, timeouts: dict[str, float | None]) -> Connection:
        connection = await self._dialer.dial(url, timeouts.get("connect"), timeouts.get(ANSWER, timeouts.get("read")))
        self._open.add(connection)
        connection.gone.add_done_callback(lambda _gone: self._open.discard(connection))
        return connection


class Body(httpx.AsyncByteStream):
    """The body of an answer; when it has been read to its end, its connection is idle.

    `followed` says then whether more came after it.
    """

    def __init__(self, connection: Connection, seconds: float | None, idle: list[Connection]) -> None:
        self._connection: Connection | None = connection
        self._seconds = seconds
        self._idle = idle
        self.followed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None:
            part = await self._connection.body(self._seconds)
            if not part:
                connection, self._connection = self._connection, None
                self.followed = connection.has_more
                if connection.release():
                    self._idle.append(connection)
                return
            yield part

    async def aclose(self) -> None:
        """Close the connection of a body that was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
