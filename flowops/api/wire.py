"""One HTTP request over one connection: the only module that imports httpx.

httpx's transport is used by itself, without its client: so there are no redirects, no cookies, no
settings from the environment, and exactly one request on the wire for each `Wire.exchange`. A pool of
httpx is slow with many connections, so every worker has a wire of its own, with one connection.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

import httpx

from flowops import __version__
from flowops.api.classify import Answer, Failure
from flowops.api.plain import plain
from flowops.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from flowops.model import Connection

# httpcore looks for sniffio twice at every request, and Python remembers no module that it did not find: half of a
# request's time would go into searching the disk. None is how Python is told that a module is not there.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

USER_AGENT = f"flowops/{__version__}"

#: Seconds that an idle connection is used again for. Servers close theirs after 2 s (gunicorn) to 75 s
#: (nginx): a request that meets the closing is in doubt, so ours is the first to go.
IDLE = 1.5

#: How the names of httpcore's trace events begin as long as no byte of the request was sent.
_CONNECTING = ("connection.connect_tcp.", "connection.start_tls.", "proxy.start_tls.")

#: Failures that by their nature come before the first byte.
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


def tls_context(connection: Connection, *addresses: str | None) -> ssl.SSLContext:
    """The TLS settings of a run, shared by all its wires: always verified, TLS 1.2 or newer.

    With `ca`, only that file's authorities are trusted. When none of the addresses is an https one, reading
    authorities (40 ms) is left out, and nobody is trusted. ApiError when a file cannot be used.
    """
    if not any(address is not None and address.startswith("https:") for address in addresses):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if connection.key is not None and connection.certificate is None:
        raise ApiError("tls: a key is given, but no certificate")
    try:
        if connection.ca is not None:
            context = ssl.create_default_context(cafile=connection.ca)
        else:
            context = httpx.create_ssl_context(trust_env=False)
    except (OSError, ValueError) as error:
        raise ApiError(f"tls: the CA file '{connection.ca}' cannot be used: {reason_of(error)}") from None
    if connection.certificate is not None:
        try:
            # An encrypted key must not stop a pipeline with a question on the terminal.
            context.load_cert_chain(connection.certificate, connection.key, password="")
        except (OSError, ValueError) as error:
            what = f"tls: the certificate '{connection.certificate}' or its key cannot be used"
            raise ApiError(f"{what}: {reason_of(error)}", hint="the key must not be encrypted") from None
    return context


class Wire:
    """One connection at a time to one host, opened when needed and used again while it is fresh."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, proxy: str | None = None) -> None:
        self._connection = connection
        self._context = context
        self._proxy = proxy
        self._transport: httpx.AsyncHTTPTransport | None = None
        timeouts = httpx.Timeout(connection.answer_timeout, connect=connection.connect_timeout)
        self._timeouts = timeouts.as_dict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop()

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, *, limit: int
    ) -> Answer | Failure:
        """Send one request, once, and read its answer, at most `limit` bytes of it.

        Each step of connecting (name and TCP, TLS, a proxy's CONNECT) has its own time-out; from its first byte on,
        the request and its whole answer have `answer_timeout`. Nothing that the network does is raised; a
        cancellation is.
        """
        if self._transport is None:
            self._transport = self._open()
        whole = False
        try:
            async with asyncio.timeout(None) as deadline:
                progress = _Progress(deadline, self._connection.answer_timeout)
                response = await self._transport.handle_async_request(
                    httpx.Request(
                        method,
                        _parsed(url),
                        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers},
                        content=content,
                        extensions={"trace": progress.trace, "timeout": self._timeouts},
                    )
                )
                progress.answered(response)
                answer = await _read(response, limit)
                whole = answer.cut is None
                return answer
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            if progress.sent is False:
                return Failure(begun=False, reason="the proxy gave no connection in time")
            return progress.failed(f"no whole answer within {self._connection.answer_timeout:g} s", sent=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            unsent = progress.sent is False or (progress.sent is None and isinstance(error, _UNSENT))
            return progress.failed(reason_of(error), sent=not unsent, proxy_status=_proxy_status(error))
        finally:
            if not whole:
                await self._drop()

    def _open(self) -> httpx.AsyncHTTPTransport:
        """A transport for one connection: HTTP/1.1, no retries, no proxy but the one that is configured."""
        proxy = None
        if self._proxy is not None:
            secure = self._proxy.startswith("https:")
            proxy = httpx.Proxy(self._proxy, ssl_context=self._context if secure else None)
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE)
        return httpx.AsyncHTTPTransport(
            verify=self._context, trust_env=False, http1=True, http2=False, limits=limits, proxy=proxy, retries=0
        )

    async def _drop(self) -> None:
        """Close the connection: after anything but a whole answer, nothing on it can be trusted."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()


class _Progress:
    """How far one request has come, told by httpcore's trace events (httpx documentation, "Extensions").

    `sent` is False as long as the last event shows that connecting was still going on, True once the
    request itself began, None before the first event. An event that is not known here counts as the
    request: a change in httpcore may add doubt, never take it away.
    """

    def __init__(self, deadline: asyncio.Timeout, seconds: float) -> None:
        self.sent: bool | None = None
        self._tunnelling = False
        self._deadline = deadline
        self._seconds = seconds
        self._response: httpx.Response | None = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore at each step; the answer's time starts when the request does."""
        if self.sent:
            return
        if event == "http11.send_request_headers.started":
            self._tunnelling = getattr(info.get("request"), "method", None) == b"CONNECT"
        self.sent = not (event.startswith(_CONNECTING) or (self._tunnelling and event.startswith("http11.")))
        if self.sent:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def answered(self, response: httpx.Response) -> None:
        """The status and the headers are here; the body may still be missing."""
        self._response = response

    def failed(self, reason: str, *, sent: bool, proxy_status: int | None = None) -> Answer | Failure:
        """What a failure is worth: after the status it is an answer that was cut."""
        if self._response is not None:
            return _answer(self._response, b"", reason)
        return Failure(sent, reason, proxy_status)


@lru_cache(maxsize=8)
def _parsed(url: str) -> httpx.URL:
    """Every call goes to one address, and parsing it takes a tenth of a request's time."""
    return httpx.URL(url)


async def _read(response: httpx.Response, limit: int) -> Answer:
    """The answer with its body, unless that is longer than `limit` bytes."""
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                return _answer(response, b"", f"its body is longer than {limit:,} bytes")
    finally:
        await response.aclose()
    return _answer(response, bytes(body))


def _answer(response: httpx.Response, body: bytes, cut: str | None = None) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, body, cut)


def _proxy_status(error: Exception) -> int | None:
    """The status of a proxy's answer to CONNECT, which httpcore puts first into its message."""
    status = str(error)[:3]
    return int(status) if isinstance(error, httpx.ProxyError) and status.isascii() and status.isdigit() else None


def reason_of(error: BaseException) -> str:
    """The operating system's or TLS's own words for a failure, from the innermost cause that has some."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    said = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = f"the certificate is not trusted: {cause.verify_message}"
        elif isinstance(cause, ssl.SSLError):
            said = f"TLS failed: {cause.reason or cause}"
        elif isinstance(cause, OSError) and cause.errno is not None:
            # asyncio writes the address into its own message; a failed name look-up has a negative number.
            said = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or said
        cause = cause.__cause__ or cause.__context__
    return plain(said)
