"""Making a connection: name and TCP, TLS, a proxy's tunnel. Nothing of a request is sent here."""

from __future__ import annotations

import asyncio
import base64
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx

from flowops.api.http.connection import Connection
from flowops.api.http.requests import encoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PORTS = {"http": 80, "https": 443}
#: Seconds before another address of the same name is tried beside the first (RFC 8305).
_NEXT_ADDRESS = 0.25


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the header that it wants to see."""

    url: httpx.URL
    headers: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def at(cls, address: str) -> Proxy:
        """The proxy at an address, which may hold a user name and password."""
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
        """A connection over which `url` can be asked.

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
        """TLS from here on, with the host of an address."""
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
    connection.send(encoded("CONNECT", target, ((b"Host", target), *proxy.headers)) + b"\r\n")
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
    """What fails inside is a failure to connect."""
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
    """The port of an address, its scheme's own when it names none."""
    return url.port or _PORTS[url.scheme]
