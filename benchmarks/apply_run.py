"""One run of `apply_speed`, in a process of its own: prints what placing the calls took, as JSON.

Takes how the calls are placed (bare, no ledger, or ledger), how many, over how many connections, the API's address, the
ledger's, and at which rate, if at any.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from sample_plan import ENVIRONMENT, plan_of

from flowops.__main__ import OBJECTS_APART
from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.apply.control import ShutdownRequest
from flowops.apply.options import RunOptions
from flowops.apply.run import apply
from flowops.ledger.open import open_ledger
from flowops.model.claims import Claim, Written
from flowops.model.ledger import Actor, EventType, State
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.call import Call
    from flowops.model.claims import Record, RunLedger
    from flowops.model.ledger import Entry
    from flowops.model.plan import Plan

TOKEN = "11111111-2222-3333-4444-555555555555"


class NoLedger:
    """Remembers nothing."""

    def write(self, writes: Sequence[Claim | Record], *, rate: float | None = None) -> list[Written]:  # noqa: ARG002
        return [Written(True, State.IN_FLIGHT if isinstance(write, Claim) else State.PLACED) for write in writes]

    def look_up(self, _reference_ids: Sequence[str]) -> dict[str, Entry]:
        return {}

    def sweep(self) -> list[str]:
        return []


async def bare(api: FlowBuilder, calls: Iterator[Call]) -> None:
    """One of the bare client's tasks."""
    async with api.sender() as sender:
        for call in calls:
            verdict = await sender.place(call.body)
            assert verdict.event_type is EventType.ACCEPTED, verdict


async def place(
    address: str, ledger: RunLedger | None, plan: Plan, concurrency: int, rate: float | None = None
) -> None:
    """Place all calls of a plan."""
    api = FlowBuilder(address, Secret(TOKEN))
    if ledger is None:
        calls = iter([planned.call for planned in plan.calls])
        await asyncio.gather(*(bare(api, calls) for _ in range(concurrency)))
        return
    result = await apply(
        plan,
        [list(plan.calls)],
        RunOptions(lambda _call: None, lambda _result: None, concurrency, rate),
        api=api,
        ledger=ledger,
        shutdown=ShutdownRequest(),
    )
    assert result.counts()[Outcome.PLACED] == plan.size, result.failure


def main(way: str, calls: int, concurrency: int, address: str, url: str, rate: float | None = None) -> None:
    """Place the calls."""
    forgetful = nullcontext(NoLedger() if way == "no ledger" else None)
    with open_ledger(url, ENVIRONMENT, actor=Actor("benchmark", "host")) if url else forgetful as ledger:
        plan = plan_of(calls)
        start, used = time.perf_counter(), time.process_time()
        asyncio.run(place(address, ledger, plan, concurrency, rate))
        print(json.dumps({"wall": time.perf_counter() - start, "cpu": time.process_time() - used}))


if __name__ == "__main__":
    gc.set_threshold(OBJECTS_APART)  # as the command line does
    way, calls, concurrency, address, url, *rate = sys.argv[1:]
    main(way, int(calls), int(concurrency), address, url, float(rate[0]) if rate else None)
