"""The Call Detail Records API: GET requests, which may be sent again."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flowops.api.address import cdr_address, check_address, check_token
from flowops.api.cdr import written
from flowops.api.classify import Answer, Failure
from flowops.api.client import TOKEN_HEADER, proxy_of
from flowops.api.wire import Wire, asking, tls_context
from flowops.errors import ApiError
from flowops.model import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowops.api.cdr import Query
    from flowops.api.secret import Secret

#: The longest page that is read, in bytes: ten thousand records of 6 KB.
LONGEST_PAGE = 64 << 20
#: How often a page is asked for when the network or the server fails, and seconds before the second time.
ATTEMPTS = 3
BACKOFF = 1.0

_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}")


class CallDetailRecords:
    """A `flowops.api.cdr.Fetch` over the network. Use `opened`."""

    def __init__(self, wire: Wire, base: str, token: Secret, backoff: float) -> None:
        self._wire = wire
        self._base = base
        self._token = token
        self._backoff = backoff

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, api: str, token: Secret, connection: Connection | None = None, *, backoff: float = BACKOFF
    ) -> AsyncIterator[CallDetailRecords]:
        """The records API beside a Voice API address; ApiError when the address, token or settings cannot be used."""
        connection = connection or Connection()
        base = cdr_address(check_address(api))
        proxy = proxy_of(connection, base)
        async with Wire(connection, tls_context(connection, base, proxy), proxy) as wire:
            yield cls(wire, base, check_token(token), backoff)

    async def fetch(self, query: Query) -> Answer | Failure:
        """One page; asked for again when no answer came, or a 5xx."""
        if not _ACCOUNT.fullmatch(query.account):
            raise ApiError("the voice account's id must be letters, digits and hyphens")
        times = {"from": written(query.start), "to": written(query.end)}
        url = (
            f"{self._base}/{query.account}/conversations?{urlencode({**times, 'skip': query.skip, 'take': query.take})}"
        )
        headers = {TOKEN_HEADER: self._token.reveal(), "Accept": "application/json"}
        asked = asking("GET", url, headers)
        for attempt in range(1, ATTEMPTS + 1):
            came = await self._wire.exchange(asked, limit=LONGEST_PAGE)
            failed = isinstance(came, Failure) or came.cut is not None or came.status >= 500
            if not failed or attempt == ATTEMPTS:
                break
            await asyncio.sleep(self._backoff * 2.0 ** (attempt - 1))
        return came
