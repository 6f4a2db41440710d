"""Applying a plan: a few connections place its calls, then whatever other runs have in flight is waited for."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from flowops.apply.connections import Connections, format_error
from flowops.apply.control import CircuitBreaker, Halt, Timing
from flowops.apply.group import GroupCommit
from flowops.apply.options import Feed, one_by_one
from flowops.apply.outcome import elsewhere, in_plan_order, moved, sent, still_in_flight
from flowops.common.times import now
from flowops.errors import FlowopsError, LedgerError
from flowops.model.claims import Move
from flowops.model.ledger import State
from flowops.model.plan import SENDING, Action, PlannedCall
from flowops.model.result import CallResult, Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

    from flowops.apply.control import ShutdownRequest
    from flowops.apply.options import Api, RunOptions
    from flowops.model.call import Call
    from flowops.model.claims import RunLedger
    from flowops.model.plan import Plan, Planned

_log = logging.getLogger(__name__)
#: Calls in a row, besides one a connection, that come to nothing before a run stops claiming.
UNPLACED_IN_A_ROW = 2
DOUBTFUL_IN_A_ROW = 20

#: The actions of calls that another run has sent, or had in flight: its answer is waited for.
_OPEN = frozenset({Action.IN_DOUBT, Action.IN_FLIGHT})
_NOTHING: Mapping[str, CallResult] = {}


class RunFailed(FlowopsError):
    """Something unexpected ended a run early; `result` says how far it came, and all of it is recorded."""

    def __init__(self, result: Result, error: Exception) -> None:
        super().__init__(f"the run ended early: {type(error).__name__}: {error}")
        self.result = result


async def apply(
    plan: Plan,
    calls: Iterable[Sequence[PlannedCall]],
    options: RunOptions,
    *,
    api: Api,
    ledger: RunLedger,
    shutdown: ShutdownRequest,
    halt: Halt | None = None,
    before: Mapping[str, CallResult] = _NOTHING,
    changed: Collection[str] = (),
) -> Result:
    """Place calls of a plan; every call of the plan is in the result once, in its order.

    `calls` are those that the plan sends, or some of them: they come a batch at a time, each of which is made when its
    turn has come. `changed` is read in the end: calls that were left out because they are not what was planned.
    `before` is what became of calls in an earlier round.

    The ledger is used from one other thread, one method at a time. `halt` lets others end the claiming of the whole
    run. What ends the run early is the result's `failure`, not an exception; an answer that the ledger could not
    record leaves its call in doubt.

    Raise RunFailed, with the result, when `progress`, `check` or a part of flowops itself fails.
    """
    began = time.monotonic()
    _log.info(
        "placing %(calls)d calls in %(environment)s over %(connections)d connections",
        {"calls": plan.size, "environment": plan.environment, "connections": options.concurrency},
    )
    async with placing(options, ledger, shutdown, halt) as connections:
        await work(connections, api, ledger, Feed(one_by_one(calls)), plan.size)
        await _settle_elsewhere(_elsewhere(plan, connections), connections, ledger, options.timing)
    results, breaker = {**before, **connections.found.results}, connections.breaker
    in_order = in_plan_order(plan, results, breaker.reason, changed=changed)
    result = Result(
        plan.environment,
        plan.revision,
        plan.digest,
        in_order,
        shutdown.signal,
        breaker.failure,
        frozenset(changed),
        guards=(breaker.guard,) if breaker.guard is not None else (),
        invalid=plan.invalid,
    )
    counts = {outcome.value.replace("-", "_"): number for outcome, number in result.counts().items()}
    _log.info(
        "the run has ended after %(seconds).3f s: %(placed)d placed, %(rejected)d rejected, %(in_doubt)d in doubt, "
        "%(not_attempted)d not attempted",
        {**counts, "seconds": time.monotonic() - began},
    )
    if connections.found.errors:
        unexpected = connections.found.errors[0]
        raise RunFailed(result, unexpected) from unexpected
    return result


@asynccontextmanager
async def placing(
    options: RunOptions, ledger: RunLedger, shutdown: ShutdownRequest, halt: Halt | None = None
) -> AsyncIterator[Connections]:
    """Give the connections of one run of the ledger. What it could not record is recorded once more in the end.

    A failure of the ledger ends the block, and is the breaker's failure then, no exception.
    """
    concurrency = options.concurrency
    breaker = CircuitBreaker(
        shutdown, unplaced_limit=concurrency + UNPLACED_IN_A_ROW, doubtful_limit=concurrency + DOUBTFUL_IN_A_ROW
    )
    if halt is not None:
        halt.when_set(breaker.halt)
    async with GroupCommit(ledger, options.rate) as commit:
        connections = Connections(options, commit, breaker, shutdown)
        try:
            yield connections
        except LedgerError as error:
            breaker.trip(format_error(error))
        finally:
            connections.close()
            if halt is not None:
                halt.forget(breaker.halt)
        await _save_late(connections, commit)


async def work(connections: Connections, api: Api, ledger: RunLedger, calls: Feed, size: int) -> None:
    """Place `size` calls, or as many as come before the run ends, and wait until all is recorded.

    What runs that are gone left in flight is in doubt from the beginning. Raises LedgerError.
    """
    await connections.commit.call(ledger.sweep)
    await connections.work(api, calls, size)
    await connections.settle()


def move(
    batches: Iterable[Sequence[PlannedCall]], ledger: RunLedger, fingerprint_as: Callable[[Call, str], str]
) -> dict[str, CallResult]:
    """Record calls that were placed under another reference under their own; return their results by reference.

    `fingerprint_as` gives the fingerprint of a call under another reference. Raises LedgerError.
    """
    results: dict[str, CallResult] = {}
    for some in batches:
        moves = [
            Move(planned.reference_id, planned.call.terms.moved_from, partial(fingerprint_as, planned.call))
            for planned in some
            if planned.call.terms.moved_from is not None
        ]
        for planned, written in zip(some, ledger.move(moves) if moves else (), strict=True):
            results[planned.reference_id] = moved(planned, written)
    return results


def _elsewhere(plan: Plan, connections: Connections) -> dict[str, Planned]:
    """Return the calls that other runs may have in flight, by their references."""
    lost = set(connections.found.elsewhere)
    return {
        planned.reference_id: planned
        for planned in plan.references(*_OPEN, *(SENDING if lost else ()))
        if planned.action in _OPEN or planned.reference_id in lost
    }


async def _settle_elsewhere(
    undecided: dict[str, Planned], connections: Connections, ledger: RunLedger, timing: Timing
) -> None:
    """Wait until no other run has these calls in flight, or patience or the run ends; keep their results."""
    commit = connections.commit
    pause, until = timing.first_look, now() + timing.patience
    while undecided:
        look = partial(ledger.look_up, list(undecided))
        entries = await commit.call(look)
        if any(entry.state is State.IN_FLIGHT and not entry.live for entry in entries.values()):
            await commit.call(ledger.sweep)
            entries = await commit.call(look)
        patient = now() < until
        for reference_id, planned in list(undecided.items()):
            entry = entries.get(reference_id)
            if entry is None or entry.state is not State.IN_FLIGHT or not patient:
                connections.done(elsewhere(planned, entry))
                del undecided[reference_id]
        if undecided and not await connections.breaker.sleep(pause):
            break
        pause = min(pause * 1.5, timing.last_look)
    for planned in undecided.values():
        if planned.action.sends:
            connections.done(still_in_flight(planned))


async def _save_late(connections: Connections, commit: GroupCommit) -> None:
    """Record again what the ledger could not record before."""
    try:
        saved = await commit.retry()
    except LedgerError as error:
        connections.breaker.add_failure(format_error(error))
        saved = {}
    for reference_id, (verdict, attempts) in connections.found.unrecorded.items():
        connections.done(sent(reference_id, verdict, attempts, saved.get(reference_id)))
