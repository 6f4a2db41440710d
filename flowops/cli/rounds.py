"""A run in several rounds: a canary first, then the rest; then, for as long as is waited, what its windows let pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from flowops.cli.output import tell
from flowops.cli.ruling import clock
from flowops.model import Action, CallResult, Decision, Outcome, Result, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from flowops.apply import Held, Stop
    from flowops.cli.planning import Planned
    from flowops.model import Entry, Plan, PlannedCall

#: Between two looks at the ledger for outcomes, and two renewals of the lease, in seconds.
LOOK, BEAT = 0.5, 10.0
#: A result code that says something about the callee's phone, and not that something is wrong with the calls:
#: 9 was not answered in time, 10 finished successfully (vendor documentation).
_GOOD = (9, 10)


@dataclass(frozen=True, slots=True)
class Pacing:
    """How the calls of a run are spread: how many go first, and how long what is deferred is waited for.

    `failures` is the share of the canary's calls that may fail, `patience` how long their outcomes are waited for.
    """

    wait: timedelta | None = None
    canary: int | None = None
    failures: float = 0.0
    patience: timedelta = timedelta(minutes=10)


async def rounds(
    found: Planned, pacing: Pacing, place: Callable[[Plan], Awaitable[Result]], *, stop: Stop, held: Held
) -> Result:
    """Place the plan's calls in as many rounds as the pacing asks for; one result for all of them."""
    plan = found.plan
    if pacing.canary is not None and plan.size > pacing.canary:
        first = [planned.call.reference_id for planned in islice(plan.sends(), pacing.canary)]
        result = await place(_only(plan, set(first)))
        why = await _canary(found, pacing, first, stop)
        if why is not None:
            held.hold(why)
        if why is not None or not _goes_on(result, stop, held):
            return _blocked(replace(result, interrupted=stop.signal), plan, held.why or "the canary was not finished")
        plan = found.again(clock())
        result = _joined(result, await place(plan))
    else:
        result = await place(plan)
    until = clock() + pacing.wait if pacing.wait is not None else None
    while until is not None and _goes_on(result, stop, held):
        plan = found.again(clock())
        if not plan.size:
            opens = min((item.until for item in plan.calls.having(Action.DEFERRED) if item.until), default=None)
            if opens is None or opens > until:
                break
            count = plan.counts()[Action.DEFERRED]
            tell(f"waiting until {opens:%Y-%m-%d %H:%M:%S} UTC for the first of {count:,} deferred calls")
            await _sleep_until(opens, found, stop)
        else:
            result = _joined(result, await place(plan))
            await asyncio.sleep(LOOK)
    return replace(result, interrupted=stop.signal)


def _only(plan: Plan, references: set[str]) -> Plan:
    """The plan with every other call that would be sent put off."""
    why = ("waits for the outcome of the canary",)

    def decide(item: PlannedCall) -> Decision | None:
        if item.call.reference_id in references:
            return None
        return Decision(Action.DEFERRED, item.changes, (*item.reasons, *why), item.until)

    return replace(plan, calls=plan.calls.decided(decide))


async def _canary(found: Planned, pacing: Pacing, references: Sequence[str], stop: Stop) -> str | None:
    """Wait for the outcomes of the first calls; why the others may not follow, None when they may."""
    tell(f"waiting for the outcomes of the first {len(references):,} calls")
    until = clock() + pacing.patience
    while True:
        entries = await asyncio.to_thread(found.ledger.look_up, references)
        known = [entries.get(reference) for reference in references]
        open_ = sum(entry is not None and entry.state in (State.PLACED, State.IN_FLIGHT) for entry in known)
        if not open_ or clock() >= until or stop.signal is not None:
            break
        await asyncio.sleep(LOOK)
        await asyncio.to_thread(found.ledger.beat)
    failed = sum(not _went_well(entry) for entry in known)
    if failed <= pacing.failures * len(references):
        return None
    unknown = f", {open_:,} of them without an outcome" if open_ else ""
    return f"canary: {failed:,} of {len(references):,} calls failed{unknown}, the limit is {pacing.failures:.0%}"


def _went_well(entry: Entry | None) -> bool:
    return (
        entry is not None
        and entry.state is State.FINISHED
        and all(leg.code in _GOOD and leg.error is None for leg in entry.legs)
    )


def _goes_on(result: Result, stop: Stop, held: Held) -> bool:
    return stop.signal is None and held.why is None and result.failure is None


async def _sleep_until(opens: datetime, found: Planned, stop: Stop) -> None:
    """Wait for a time or a signal, and keep the run's lease meanwhile: a run taken for dead loses its claims."""
    ended = asyncio.Event()
    stop.when_stopped(ended.set)
    while not ended.is_set() and (left := (opens - clock()).total_seconds()) > 0:
        try:
            async with asyncio.timeout(min(left, BEAT)):
                await ended.wait()
        except TimeoutError:
            await asyncio.to_thread(found.ledger.beat)


def _joined(before: Result, after: Result) -> Result:
    """The results of two rounds: what was put off in the first has come to what the second says."""
    later = {call.reference_id: call for call in after.calls}
    calls = tuple(
        later.get(call.reference_id, call) if call.outcome is Outcome.DEFERRED else call for call in before.calls
    )
    return replace(after, calls=calls, digest=before.digest)


def _blocked(result: Result, plan: Plan, why: str) -> Result:
    """The result of a canary that nothing follows: what waited for it is blocked."""
    waiting = {planned.call.reference_id for planned in plan.sends()}
    calls = tuple(
        CallResult(call.reference_id, Outcome.BLOCKED, error=why)
        if call.outcome is Outcome.DEFERRED and call.reference_id in waiting
        else call
        for call in result.calls
    )
    return replace(result, calls=calls)
