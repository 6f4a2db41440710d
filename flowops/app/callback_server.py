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

    from flowops.callbacks.app import Receiver
    from flowops.ledger.store import Store
    from flowops.model.project import Environment, Project

_HOST = "127.0.0.1"


def listen(environment: str, host: str, port: int, ready: Callable[[str], None]) -> int:
    """Receive the callbacks of an environment until SIGINT or SIGTERM comes, and return its number.

    `ready` is called with the address once it listens.
    """
    project, settings = project_of(environment)
    keys = keys_of(project, settings)
    with open_for(project, settings) as ledger:
        return run(host, port, receiver(settings, keys, ledger), ready)


def keys_of(project: Project, environment: Environment) -> tuple[str, ...]:
    """Return what the addresses of an environment's callbacks are signed with, now and before.

    Raises UsageError where it has no callbacks, or a secret is too short.
    """
    if environment.callbacks is None:
        raise UsageError(
            f"environment '{environment.name}' has no callbacks",
            hint="say where they arrive: callbacks: {url: https://…, secret: {env: NAME}}",
        )
    field = f"environments.{environment.name}.callbacks"
    given = [("secret", environment.callbacks.secret), ("previous", environment.callbacks.previous)]
    keys = tuple(value_of(one, f"{field}.{name}", FlowopsError, project) for name, one in given if one is not None)
    for key in keys:
        check_secret(key)
    return keys


def receiver(environment: Environment, keys: tuple[str, ...], ledger: Store) -> Receiver:
    """Return what receives the callbacks of an environment, for its ledger."""

    @cache
    def references() -> frozenset[str]:
        return references_asked(Selection((), environment.name))

    return application(
        [Endpoint(environment.name, keys, ledger, ledger.id, lambda reference: reference in references())]
    )


@asynccontextmanager
async def callback_server(environment: str, ledger: Store) -> AsyncIterator[tuple[str, str]]:
    """Receive callbacks on this machine; give the receiver's address and the secret of its tokens.

    The embedded API has nobody else to call back.
    """
    secret = secrets.token_hex(32)
    with open_listener(_HOST, 0) as listener:
        async with serving(listener, application([Endpoint(environment, (secret,), ledger, ledger.id)])):
            yield url_of(listener, _HOST), secret
