"""A plan that was agreed to, placed: the API, the ledger and the signals around `flowops.apply`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from flowops.cli.rounds import Pacing, rounds
from flowops.cli.secrets import connection_of, token_of, value_of
from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowops.api.client import FlowBuilder
    from flowops.cli.planning import Planned
    from flowops.model import Call, CallResult, Environment, Plan, Result


def place(found: Planned, pacing: Pacing) -> tuple[Result, int]:
    """Place what the plan sends; the result, and the exit code it asks for."""
    from flowops.apply import exit_code, nothing_sent
    from flowops.model import Action

    if found.plan.counts()[Action.CONFLICT]:
        result = nothing_sent(found.plan, "nothing is placed while a call is in conflict")
    else:
        result = asyncio.run(_place(found, pacing))
    return result, exit_code(found.plan, result)


async def _place(found: Planned, pacing: Pacing) -> Result:
    from flowops.apply import Held, Stop, apply, with_signals
    from flowops.cli.ruling import Guard, clock, gather
    from flowops.policy import Policy
    from flowops.report.progress import progress

    stop, held = Stop(), Held()
    policy = found.workspace.policy or Policy()
    facts = gather(policy, found.plan, found.workspace, found.ledger, clock(), found.override)
    guard = Guard(policy, facts, held, clock)
    with with_signals(stop), progress("placing", found.plan.size) as advance:

        def done(result: CallResult) -> None:
            guard.tell(result)
            advance(1)

        async with _api(found.environment) as api, _callbacks(found, pacing) as callback_url:

            async def place_now(plan: Plan) -> Result:
                return await apply(
                    plan,
                    api=api,
                    ledger=found.ledger,
                    concurrency=found.environment.concurrency,
                    rate=found.environment.rate,
                    callback_url=callback_url,
                    progress=done,
                    stop=stop,
                    guard=guard,
                    held=held,
                )

            return await rounds(found, pacing, place_now, stop=stop, held=held)


@asynccontextmanager
async def _callbacks(found: Planned, pacing: Pacing) -> AsyncIterator[Callable[[Call], str | None]]:
    """What gives each call the address that the API calls back.

    The embedded API is given one of our own while a canary needs to hear from it.
    """
    environment = found.environment
    if not (environment.sandboxed and environment.callbacks is None and pacing.canary is not None):
        yield _callback_url(environment)
        return
    from flowops.callbacks.token import callback_url
    from flowops.cli.callback_server import callback_server

    async with callback_server(environment.name, found.ledger) as (url, secret):
        yield lambda call: callback_url(url, secret, environment.name, call.reference_id)


@asynccontextmanager
async def _api(environment: Environment) -> AsyncIterator[FlowBuilder]:
    """The API of an environment; the embedded one runs for as long as the context lasts."""
    from flowops.api.client import FlowBuilder

    if environment.sandboxed:
        from flowops.api.address import Secret
        from flowops.sandbox.server import serve
        from flowops.sandbox.settings import Settings

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
