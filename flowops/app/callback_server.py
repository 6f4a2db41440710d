"""A receiver of callbacks for as long as a run lasts: the embedded API has nobody else to tell."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from flowops.callbacks.app import Endpoint, application
from flowops.httpd import open_listener, serving, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowops.ledger.store import Store

_HOST = "127.0.0.1"


@asynccontextmanager
async def callback_server(environment: str, ledger: Store) -> AsyncIterator[tuple[str, str]]:
    """Receive callbacks on this machine; the context is the receiver's address and the secret of its tokens."""
    secret = secrets.token_hex(32)
    with open_listener(_HOST, 0) as listener:
        async with serving(listener, application({environment: Endpoint(secret, ledger)})):
            yield url_of(listener, _HOST), secret
