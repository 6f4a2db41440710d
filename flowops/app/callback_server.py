"""Receive callbacks: what they are signed with, who receives them, and for as long as a run lasts."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from flowops.app.asked import names_in_files
from flowops.app.secrets import value_of
from flowops.callbacks.app import Endpoint, application
from flowops.callbacks.token import check_secret
from flowops.common.tuples import NamedTuple
from flowops.errors import FlowopsError, UsageError
from flowops.httpd import open_listener, serving, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from flowops.callbacks.app import Receiver
    from flowops.ledger.store import Store
    from flowops.model.project import Environment, Project

_HOST = "127.0.0.1"


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


class Callbacks(NamedTuple):
    """The secrets that callbacks are signed with, the current one first; `url` is where they arrive."""

    keys: tuple[str, ...]
    url: str


def callbacks_at(url: str, project: Project, environment: Environment) -> Callbacks | None:
    """Return the callbacks of an environment for whoever listens at an address; None where it has none.

    The embedded API has nobody else to call back.
    """
    if environment.callbacks is not None:
        return Callbacks(keys_of(project, environment), environment.callbacks.url)
    return Callbacks((secrets.token_hex(32),), url) if environment.sandboxed else None


def receiver(environment: Environment, keys: tuple[str, ...], ledger: Store) -> Receiver:
    """Return what receives the callbacks of an environment, for its ledger."""

    @cache
    def named() -> Mapping[str, str | None]:
        return names_in_files(environment.name)

    return application([Endpoint(environment.name, keys, ledger, ledger.id, lambda reference: reference in named())])


@asynccontextmanager
async def callback_server(environment: str, ledger: Store) -> AsyncIterator[tuple[str, str]]:
    """Receive callbacks on this machine; give the receiver's address and the secret of its tokens.

    The embedded API has nobody else to call back.
    """
    secret = secrets.token_hex(32)
    with open_listener(_HOST, 0) as listener:
        async with serving(listener, application([Endpoint(environment, (secret,), ledger, ledger.id)])):
            yield url_of(listener, _HOST), secret
