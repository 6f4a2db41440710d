"""The FlowBuilder API: one POST a call, sent once, and what its answer means."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowops.api.address import check_address, check_proxy, check_token
from flowops.api.classify import judge
from flowops.api.wire import Wire, asking, tls_context
from flowops.errors import ApiError
from flowops.model import Connection, Reference
from flowops.model.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from flowops.api.secret import Secret
    from flowops.model import Value, Verdict

#: The name of the header with the product token (vendor documentation).
TOKEN_HEADER = "X-CM-PRODUCTTOKEN"  # noqa: S105

#: The longest answer that is read, in bytes; a real one has a few hundred.
LONGEST_ANSWER = 1 << 20

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class FlowBuilder:
    """The API at one address with one token; `worker` gives a connection that places calls one by one.

    `address` is the environment's ``api``: calls go to ``<address>/FlowBuilder``. The proxy of
    `connection` must be resolved to an address. ApiError when anything of this cannot be used.
    """

    def __init__(self, address: str, token: Secret, connection: Connection | None = None) -> None:
        self._url = f"{check_address(address)}/FlowBuilder"
        self._token = check_token(token)
        self._connection = connection or Connection()
        self._proxy = proxy_of(self._connection, self._url)
        self._context = tls_context(self._connection, self._url, self._proxy)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """A worker with its own connection; the connection closes with the block."""
        async with Wire(self._connection, self._context, self._proxy) as wire:
            yield Worker(wire, self._url, self._token)


class Worker:
    """Places one call after the other."""

    def __init__(self, wire: Wire, url: str, token: Secret) -> None:
        self._wire = wire
        self._secrets = (token.reveal(),)
        headers = {TOKEN_HEADER: token.reveal(), "Content-Type": "application/json", "Accept": "application/json"}
        self._asked = asking("POST", url, headers)

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        """Send one request body, once. Whatever the network does is a verdict, never an exception.

        A cancellation is raised; how far the request had come is unknown then.
        """
        content = _encode(body).encode()
        came = await self._wire.exchange(self._asked, content, limit=LONGEST_ANSWER)
        return judge(body, came, now=time.time(), secrets=self._secrets)


def proxy_of(connection: Connection, url: str) -> str | None:
    """The checked address of the proxy to `url`, None when there is none; ApiError when it cannot be used."""
    if isinstance(connection.proxy, Reference):
        raise ApiError(f"the proxy's address in {connection.proxy.env} was not read")
    if connection.proxy is None:
        return None
    proxy = check_proxy(connection.proxy)
    if url.startswith("http:") and not is_loopback(urlsplit(proxy).hostname or ""):
        raise ApiError("an http:// address is not reached through a proxy elsewhere: the token would go there in clear")
    return proxy
