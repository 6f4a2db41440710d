"""Receive callbacks: until a signal comes, or for as long as a run lasts."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from flowops.app.access import open_for
from flowops.app.ledger import references_asked
from flowops.app.load import project_of
from flowops.app.secrets import value_of
from flowops.app.selection import Selection
from flowops.callbacks.app import Endpoint, application
from flowops.callbacks.token import check_secret
from flowops.errors import FlowopsError, UsageError
from flowops.httpd import open_listener, run, serving, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowops.ledger.store import Store

_HOST = "127.0.0.1"


def listen(environment: str, host: str, port: int, ready: Callable[[str], None]) -> int:
    """Receive the callbacks of an environment until SIGINT or SIGTERM comes, and return its number.

    `ready` is called with the address once it listens.
    """
    project, settings = project_of(environment)
    if settings.callbacks is None:
        raise UsageError(
            f"environment '{environment}' has no callbacks",
            hint="say where they arrive: callbacks: {url: https://…, secret: {env: NAME}}",
        )
    field = f"environments.{environment}.callbacks"
    given = [("secret", settings.callbacks.secret), ("previous", settings.callbacks.previous)]
    keys = tuple(value_of(one, f"{field}.{name}", FlowopsError, project) for name, one in given if one is not None)
    for key in keys:
        check_secret(key)

    @cache
    def references() -> frozenset[str]:
        return references_asked(Selection((), environment))

    with open_for(project, settings) as ledger:
        endpoint = Endpoint(environment, keys, ledger, ledger.id, lambda reference: reference in references())
        return run(host, port, application([endpoint]), ready)


@asynccontextmanager
async def callback_server(environment: str, ledger: Store) -> AsyncIterator[tuple[str, str]]:
    """Receive callbacks on this machine; give the receiver's address and the secret of its tokens.

    The embedded API has nobody else to call back.
    """
    secret = secrets.token_hex(32)
    with open_listener(_HOST, 0) as listener:
        async with serving(listener, application([Endpoint(environment, (secret,), ledger, ledger.id)])):
            yield url_of(listener, _HOST), secret
