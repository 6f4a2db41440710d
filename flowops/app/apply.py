"""Place a plan that was confirmed: the API, the ledger and the signals around `flowops.apply`."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.callback_server import callback_server
from flowops.app.canary import Rounds
from flowops.app.events import NO_EVENTS, Events
from flowops.app.observer import SILENT
from flowops.app.policy_run import ClaimCheck, facts_of
from flowops.app.saved import filter_of, from_here
from flowops.app.secrets import connection_of, token_of, value_of
from flowops.apply.control import Halt, ShutdownRequest, with_signals
from flowops.apply.options import RunOptions
from flowops.apply.outcome import nothing_sent
from flowops.apply.run import apply, move
from flowops.callbacks.token import callback_url, check_secret
from flowops.common.patterns import regex
from flowops.common.times import clock, span_text
from flowops.errors import StalePlan, UsageError
from flowops.model.selection import Selection
from flowops.plan.decide import fingerprint_as
from flowops.plan.recheck import recheck_moved
from flowops.policy.evaluate import tripped
from flowops.policy.policy import Policy
from flowops.policy.rule import format_reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from flowops.api.client import FlowBuilder
    from flowops.app.callback_server import Callbacks
    from flowops.app.observer import Observer
    from flowops.app.plan import Planned
    from flowops.model.call import Call
    from flowops.model.plan import Guard, Pacing, Plan, PlannedCall
    from flowops.model.project import Environment, Project
    from flowops.model.result import CallResult, Result
    from flowops.plan.saved import Fit, SavedPlan
    from flowops.policy.rule import PolicyContext

#: How many things that moved since a plan was saved are listed.
MOVED = 20
#: A revision that Git can be asked for: what was not committed has a suffix.
COMMIT = regex(r"[0-9a-f]{40,64}")
_NOTHING: Mapping[str, CallResult] = {}

_log = logging.getLogger(__name__)


def check_reviewed(found: Planned, saved: SavedPlan | None, fit: Fit | None, digest: str | None) -> None:
    """Raise StalePlan unless a plan is the saved one, and has the digest, where these are given."""
    if saved is not None and fit is not None:
        if saved.ledger is not None and not found.environment.sandboxed:
            found.ledger.hear("the saved plan", [saved.ledger])
            found.ledger.check_newest()
        if fit.moved:
            more = [f"… and {len(fit.moved) - MOVED:,} more"] if len(fit.moved) > MOVED else []
            look = _where_to_look(saved, found.plan, found.workspace.project.root)
            raise StalePlan(
                "the saved plan no longer fits",
                details=[*fit.moved[:MOVED], *more],
                hint=f"{look}plan again, and have it reviewed",
            )
        _check_age(found, saved)
    if digest is not None and digest != found.plan.digest:
        raise StalePlan(f"the plan's digest is {found.plan.digest}, not {digest}", hint="review the plan again")


def _check_age(found: Planned, saved: SavedPlan) -> None:
    """Raise StalePlan for a plan that is older than the policy allows."""
    limit = found.workspace.policy.max_plan_age if found.workspace.policy is not None else None
    if limit is None:
        return
    age = clock() - datetime.fromisoformat(saved.request.saved_at) if saved.request.saved_at else None
    if age is None or age > limit.age:
        old = "does not say when it was saved" if age is None else f"was saved {saved.request.saved_at}"
        raise StalePlan(
            f"the saved plan {old}, and {format_reason(limit, f'at most {span_text(limit.age)}')}",
            hint="plan again, and have it reviewed",
        )


def place(
    found: Planned,
    pacing: Pacing,
    observer: Observer = SILENT,
    events: Events = NO_EVENTS,
    shutdown: ShutdownRequest | None = None,
) -> Result:
    """Place what the plan sends; the events of each call are told as they happen. A `shutdown` ends the run early.

    Raises StalePlan when a file is not what it was when the plan was made: then nothing has been sent.
    """
    guards, facts = look_again(found)
    if guards:
        return nothing_sent(found.plan, guards)
    policy = found.workspace.policy or Policy()
    return asyncio.run(_place(found, pacing, policy, facts, observer, events, shutdown or ShutdownRequest()))


def look_again(found: Planned) -> tuple[tuple[Guard, ...], PolicyContext]:
    """Return which guards have tripped before anything is placed, and what the rules know, lists read once more.

    Raises StalePlan when a file is not what it was when the plan was made, which may have waited for somebody's yes.
    """
    _check_files(found)
    facts = facts_of(found.workspace, found.ledger, clock(), found.override)
    guards = found.plan.guards or tripped(found.workspace.policy or Policy(), facts, clock())
    for guard in guards:
        _log.warning("nothing is placed: %(why)s", {"why": guard.reason})
    return guards, facts


def _check_files(found: Planned) -> None:
    """Raise StalePlan unless each file is what it was when the plan was made."""
    changed = found.workspace.reader.changed_files()
    if changed:
        more = [f"… and {len(changed) - MOVED:,} more"] if len(changed) > MOVED else []
        raise StalePlan(
            "the files changed since they were planned; nothing was sent",
            details=[*changed[:MOVED], *more],
            hint="plan again",
        )


async def _place(
    found: Planned,
    pacing: Pacing,
    policy: Policy,
    facts: PolicyContext,
    observer: Observer,
    events: Events,
    shutdown: ShutdownRequest,
) -> Result:
    _log.info("run %(run)s", {"run": found.ledger.run})
    halt = Halt()
    check = ClaimCheck(policy, facts, halt, clock)
    changed: set[str] = set()
    with with_signals(shutdown), observer.progress("placing", found.plan.size) as advance:

        def done(result: CallResult) -> None:
            check.count(result)
            events.done(result)
            advance(1)

        def paused(seconds: float) -> None:
            told = f"the API asks to wait: nothing is sent for {seconds:.0f} s"
            observer.report(told)
            events.paused(told)

        async with api_of(found.workspace.project, found.environment) as api, _callbacks(found, pacing) as callback_url:
            options = RunOptions(
                callback_url,
                done,
                concurrency=found.environment.concurrency,
                rate=found.environment.rate,
                check=check,
                claimed=events.claimed,
                paused=paused,
            )

            moved = await asyncio.to_thread(record_moves, found, changed.add)

            async def place_now(
                plan: Plan, calls: Iterable[Sequence[PlannedCall]], before: Mapping[str, CallResult] = _NOTHING
            ) -> Result:
                return await apply(
                    plan,
                    calls,
                    options,
                    api=api,
                    ledger=found.ledger,
                    shutdown=shutdown,
                    halt=halt,
                    before={**moved, **before},
                    changed=changed,
                )

            return await Rounds(found, pacing, shutdown, halt, observer, changed.add, events.finished).run(place_now)


def record_moves(found: Planned, changed: Callable[[str], None]) -> dict[str, CallResult]:
    """Record the calls that the plan moves under the references that they have now; nothing is posted."""
    moves = recheck_moved(found.walk, found.plan.batches, changed) if found.plan.moves else ()
    return move(moves, found.ledger, fingerprint_as)


@asynccontextmanager
async def _callbacks(found: Planned, pacing: Pacing) -> AsyncIterator[Callable[[Call], str | None]]:
    """Give what gives each call the address that the API calls back.

    The embedded API is given one of our own while a canary needs to hear from it.
    """
    environment = found.environment
    if not (environment.sandboxed and environment.callbacks is None and pacing.canary is not None):
        yield callback_urls(found.workspace.project, environment, found.ledger.id)
        return

    async with callback_server(environment.name, found.ledger) as (url, secret):
        yield lambda call: callback_url(url, secret, found.ledger.id, call.reference_id)


@asynccontextmanager
async def api_of(project: Project, environment: Environment) -> AsyncIterator[FlowBuilder]:
    """Open the API of an environment; the embedded one runs for as long as the context lasts."""
    from flowops.api.client import FlowBuilder

    if environment.sandboxed:
        from flowops.api.address import Secret
        from flowops.sandbox.server import serve
        from flowops.sandbox.settings import Settings

        async with serve(Settings()) as sandbox:
            yield FlowBuilder(sandbox.url, Secret(sandbox.token))
        return
    yield FlowBuilder(environment.api, token_of(project, environment), connection_of(environment))


def callback_urls(project: Project, environment: Environment, ledger_id: str) -> Callable[[Call], str | None]:
    """Return what gives each call the address that the API calls back."""
    settings = environment.callbacks
    if settings is None:
        return lambda _call: None

    secret = value_of(settings.secret, f"environments.{environment.name}.callbacks.secret", UsageError, project)
    check_secret(secret)
    return lambda call: callback_url(settings.url, secret, ledger_id, call.reference_id)


def addresses_of_callbacks(
    project: Project, environment: Environment, callbacks: Callbacks | None, ledger_id: str
) -> Callable[[Call], str | None]:
    """Return what gives each call the address that the API calls back, here or, without `callbacks`, elsewhere."""
    if callbacks is None:
        return callback_urls(project, environment, ledger_id)
    return lambda call: callback_url(callbacks.url, callbacks.keys[0], ledger_id, call.reference_id)


def _where_to_look(saved: SavedPlan, fresh: Plan, root: str | Path) -> str:
    """Say how to see what the files say differently: a saved plan has no bodies, but Git may have its commit."""
    before = {reference: call.fingerprint for reference, call in saved.calls.items()}
    after = {planned.reference_id: planned.fingerprint for planned in fresh.references()}
    if before == after or saved.revision is None or COMMIT.fullmatch(saved.revision) is None:
        return ""
    request = saved.request
    calls = filter_of(request)
    paths, var_files = (from_here(Path(root), named) for named in (request.paths, request.var_files))
    asked = Selection(paths, fresh.environment, var_files=var_files, calls=calls)
    return f"see what the files say: flowops diff {saved.revision} {asked.arguments()}; then "
