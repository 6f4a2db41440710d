"""A plan that was agreed to, placed: the API, the ledger and the signals around `flowops.apply`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from flowops.cli.secrets import connection_of, token_of, value_of
from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowops.api.client import FlowBuilder
    from flowops.cli.planning import Planned
    from flowops.model import Call, CallResult, Environment, Result


def place(found: Planned) -> tuple[Result, int]:
    """Place what the plan sends; the result, and the exit code it asks for."""
    from flowops.apply import exit_code, nothing_sent
    from flowops.model import Action

    if found.plan.counts()[Action.CONFLICT]:
        result = nothing_sent(found.plan, "nothing is placed while a call is in conflict")
    else:
        result = asyncio.run(_place(found))
    return result, exit_code(found.plan, result)


async def _place(found: Planned) -> Result:
    from flowops.apply import Stop, apply, with_signals
    from flowops.report.progress import progress

    stop = Stop()
    sends = len(found.plan.sends)
    with with_signals(stop), progress("placing", sends) as advance:

        def done(_result: CallResult) -> None:
            advance(1)

        async with _api(found.environment) as api:
            return await apply(
                found.plan,
                api=api,
                ledger=found.ledger,
                concurrency=found.environment.concurrency,
                rate=found.environment.rate,
                callback_url=_callback_url(found.environment),
                progress=done,
                stop=stop,
            )


@asynccontextmanager
async def _api(environment: Environment) -> AsyncIterator[FlowBuilder]:
    """The API of an environment; the embedded one runs for as long as the context lasts."""
    from flowops.api.client import FlowBuilder

    if environment.sandboxed:
        from flowops.api import Secret
        from flowops.sandbox import Settings
        from flowops.sandbox.server import serve

        async with serve(Settings()) as sandbox:
            yield FlowBuilder(sandbox.url, Secret(sandbox.token))
        return
    yield FlowBuilder(environment.api, token_of(environment), connection_of(environment))


def _callback_url(environment: Environment) -> Callable[[Call], str | None]:
    """What gives each call the address that the API calls back."""
    settings = environment.callbacks
    if settings is None:
        return lambda _call: None
    from flowops.callbacks.token import callback_url, check_secret

    secret = value_of(settings.secret, f"environments.{environment.name}.callbacks.secret", UsageError)
    check_secret(secret)
    return lambda call: callback_url(settings.url, secret, environment.name, call.reference_id)
