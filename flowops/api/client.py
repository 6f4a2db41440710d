"""The FlowBuilder API: one POST a call, sent once, and what its answer means.

Nothing but the transport of `flowops.api.transport` is used of HTTP: so there are no redirects, no cookies, no settings
from the environment, and exactly one request on the wire for each `HttpClient.exchange`.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx

from flowops.api.address import check_address, check_proxy, check_token
from flowops.api.classify import Answer, Failure, classify_answer, safe_text
from flowops.api.connection import port_of
from flowops.api.transport import ANSWER, ON_SEND, Body, Transport
from flowops.common.addresses import is_loopback
from flowops.common.version import __version__
from flowops.errors import ApiError
from flowops.model.ledger import EventType
from flowops.model.project import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from flowops.api.address import Secret
    from flowops.model.document import Value
    from flowops.model.result import Verdict


_log = logging.getLogger(__name__)
USER_AGENT = f"flowops/{__version__}"


def tls_context(connection: Connection, *addresses: str | None) -> ssl.SSLContext:
    """Return the TLS settings of a run, shared by all its connections: always verified, TLS 1.2 or newer.

    With `ca_file` or `ca_directory`, only the authorities there are trusted. When none of the addresses is an https
    one, reading authorities (40 ms) is left out, and nobody is trusted. ApiError when a file cannot be used.
    """
    if not any(address is not None and address.startswith("https:") for address in addresses):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if connection.key is not None and connection.certificate is None:
        raise ApiError("FLOWOPS_CLIENT_KEY names a key, and FLOWOPS_CLIENT_CERT no certificate")
    file, directory = connection.ca_file, connection.ca_directory
    # OpenSSL takes a folder that is not there for one without authorities.
    if directory is not None and not Path(directory).is_dir():
        raise ApiError(f"SSL_CERT_DIR: '{directory}' is no folder")
    try:
        if file is not None or directory is not None:
            context = ssl.create_default_context(cafile=file, capath=directory)
        else:
            context = httpx.create_ssl_context(trust_env=False)
    except (OSError, ValueError) as error:
        raise ApiError(f"SSL_CERT_FILE: '{file}' cannot be used: {reason_of(error)}") from None
    if connection.certificate is not None:
        try:
            # An encrypted key must not stop a pipeline with a question on the terminal.
            context.load_cert_chain(connection.certificate, connection.key, password="")
        except (OSError, ValueError) as error:
            what = f"FLOWOPS_CLIENT_CERT: '{connection.certificate}' or its key cannot be used"
            raise ApiError(f"{what}: {reason_of(error)}", hint="the key must not be encrypted") from None
    return context


def prepare_request(method: str, url: str, headers: Mapping[str, str]) -> httpx.Request:
    """Return a request without its content, for `HttpClient.exchange`; it can be used again and again."""
    return httpx.Request(
        method, url, headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}, stream=_NOTHING
    )


_NOTHING = httpx.ByteStream(b"")


class HttpClient:
    """One request at a time to one host, over a connection that is opened when needed and used again while fresh."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, proxy: str | None = None) -> None:
        self._timeouts = {"connect": connection.connect_timeout, ANSWER: connection.answer_timeout}
        self._transport = Transport(context, proxy)
        self._proxy = f"the proxy {urlsplit(proxy).hostname}:{urlsplit(proxy).port or 80}" if proxy else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    def hang_up(self) -> None:
        """End the connection, so that nothing that still comes over it is taken for another answer."""
        self._transport.hang_up()

    async def speaks_again(self) -> bool:
        """Wait for more behind the last answer, for a moment; return whether there is any."""
        return await self._transport.speaks_again()

    async def exchange(self, prepared: httpx.Request, content: bytes = b"", *, limit: int) -> Answer | Failure:
        """Send one request, once, and read its answer, at most `limit` bytes of it.

        Each step of connecting (name and TCP, TLS, a proxy's CONNECT) has its own time-out; from its first byte on,
        the request and its whole answer have `answer_timeout`. Nothing that the network does is raised; a
        cancellation is.
        """
        began = time.monotonic()
        received = await self._exchange(prepared, content, limit)
        if _log.isEnabledFor(logging.DEBUG):
            outcome = received.status if isinstance(received, Answer) else received.reason
            about = {"method": prepared.method, "host": prepared.url.host, "outcome": outcome}
            took = round((time.monotonic() - began) * 1_000)
            _log.debug("%(method)s to %(host)s: %(outcome)s in %(milliseconds)d ms", {**about, "milliseconds": took})
        return received

    async def _exchange(self, prepared: httpx.Request, content: bytes, limit: int) -> Answer | Failure:
        sent = False
        response: httpx.Response | None = None

        def on_send() -> None:
            nonlocal sent
            sent = True

        try:
            response = await self._transport.handle_async_request(
                httpx.Request(
                    prepared.method,
                    prepared.url,
                    headers=prepared.headers,
                    stream=httpx.ByteStream(content),
                    extensions={"timeout": self._timeouts, ON_SEND: on_send},
                )
            )
            return await _read(response, limit)
        except httpx.ReadTimeout:
            reason = f"no whole answer within {self._timeouts[ANSWER]:g} s"
        except (httpx.TransportError, httpx.InvalidURL) as error:
            reason = reason_of(error)
            if not sent:
                where = self._proxy or f"{prepared.url.host}:{port_of(prepared.url)}"
                return Failure(begun=False, reason=reason, proxy_status=_proxy_status(error), where=where)
        return Failure(sent, reason) if response is None else _answer(response, b"", reason)


async def _read(response: httpx.Response, limit: int) -> Answer:
    """Return the answer with its body, unless that is longer than `limit` bytes."""
    body = b""
    try:
        async for part in response.stream:  # type: ignore[union-attr] # an answer's can be read so
            body += part
            if len(body) > limit:
                return _answer(response, b"", f"its body is longer than {limit:,} bytes")
    finally:
        await response.stream.aclose()  # type: ignore[union-attr]
    return _answer(response, body)


def _answer(response: httpx.Response, body: bytes, cut: str | None = None) -> Answer:
    followed = isinstance(response.stream, Body) and response.stream.followed
    return Answer(response.status_code, response.headers, body, cut, followed)


def _proxy_status(error: Exception) -> int | None:
    """Return the status of a proxy's answer to CONNECT, which is all that the transport's error says."""
    said = str(error)
    return int(said) if isinstance(error, httpx.ProxyError) and said.isascii() and said.isdigit() else None


def reason_of(error: BaseException) -> str:
    """Return the operating system's or TLS's own words for a failure, from the innermost cause that has some."""
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
    return safe_text(said)


#: The name of the header with the product token (vendor documentation).
TOKEN_HEADER = "X-CM-PRODUCTTOKEN"  # noqa: S105

#: The longest answer that is read, in bytes; a real one has a few hundred.
LONGEST_ANSWER = 1 << 20

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class FlowBuilder:
    """The API at one address with one token; `sender` gives a connection that places calls one by one.

    `address` is the environment's ``api``: calls go to ``<address>/FlowBuilder``. ApiError when anything of this
    cannot be used.
    """

    def __init__(self, address: str, token: Secret, connection: Connection | None = None) -> None:
        self._url = f"{check_address(address)}/FlowBuilder"
        self._token = check_token(token)
        self._connection = connection or Connection()
        self._proxy = proxy_of(self._connection, self._url)
        self._context = tls_context(self._connection, self._url, self._proxy)

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[Sender]:
        """Open a sender with its own connection, which closes with the block."""
        async with HttpClient(self._connection, self._context, self._proxy) as http:
            yield Sender(http, self._url, self._token)


class Sender:
    """Places one call after the other."""

    def __init__(self, http: HttpClient, url: str, token: Secret) -> None:
        self._http = http
        self._secrets = (token.reveal(),)
        headers = {TOKEN_HEADER: token.reveal(), "Content-Type": "application/json", "Accept": "application/json"}
        self._request = prepare_request("POST", url, headers)

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        """Send one request body, once. Whatever the network does is a verdict, never an exception.

        A cancellation is raised; how far the request had come is unknown then.
        """
        content = _encode(body).encode()
        received = await self._http.exchange(self._request, content, limit=LONGEST_ANSWER)
        verdict = classify_answer(body, received, now=time.time(), secrets=self._secrets)
        if isinstance(received, Answer) and verdict.is_no and await self._http.speaks_again():
            received = replace(received, followed=True)
            verdict = classify_answer(body, received, now=time.time(), secrets=self._secrets)
        if verdict.event_type is EventType.UNCLEAR:  # it may have been the answer to another request
            self._http.hang_up()
        return verdict


def proxy_of(connection: Connection, url: str) -> str | None:
    """Return the checked address of the proxy to `url`, if there is one. Raise ApiError when it cannot be used."""
    if connection.proxy is None:
        return None
    proxy = check_proxy(connection.proxy)
    if url.startswith("http:") and not is_loopback(urlsplit(proxy).hostname or ""):
        raise ApiError("an http:// address is not reached through a proxy elsewhere: the token would go there in clear")
    return proxy
