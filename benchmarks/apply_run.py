"""One run of `apply_speed`, in a process of its own: prints what placing the calls took, as JSON.

Takes how the calls are placed (bare, no ledger, or ledger), how many, over how many connections, the API's address,
and the ledger's.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sample_plan import ENVIRONMENT, plan_of

from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.apply import Stop, apply
from flowops.ledger import Beside, open_ledger
from flowops.model import Actor, Claim, Happening, Outcome, State, Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from flowops.model import Call, Entry, Plan, Record, RunLedger

TOKEN = "11111111-2222-3333-4444-555555555555"


class NoLedger:
    """Remembers nothing."""

    def write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        return [Written(True, State.IN_FLIGHT if isinstance(write, Claim) else State.PLACED) for write in writes]

    def look_up(self, _reference_ids: Sequence[str]) -> dict[str, Entry]:
        return {}

    def sweep(self) -> list[str]:
        return []

    def beat(self) -> None:
        return


async def bare(api: FlowBuilder, calls: Iterator[Call]) -> None:
    """One of the bare client's tasks."""
    async with api.worker() as worker:
        for call in calls:
            verdict = await worker.place(call.body)
            assert verdict.happening is Happening.ACCEPTED, verdict


async def place(address: str, ledger: RunLedger | None, plan: Plan, concurrency: int) -> None:
    """Place all calls of a plan."""
    api = FlowBuilder(address, Secret(TOKEN))
    if ledger is None:
        calls = iter([planned.call for planned in plan.calls])
        await asyncio.gather(*(bare(api, calls) for _ in range(concurrency)))
        return
    result = await apply(
        plan,
        api=api,
        ledger=ledger,
        concurrency=concurrency,
        rate=None,
        callback_url=lambda _call: None,
        progress=lambda _result: None,
        stop=Stop(),
    )
    assert result.counts()[Outcome.PLACED] == len(plan.calls), result.failure


@contextmanager
def ledger_of(url: str) -> Iterator[AbstractContextManager[RunLedger]]:
    """An open ledger, which another process is to write as with so many calls of `flowops apply`."""
    with open_ledger(url, ENVIRONMENT, actor=Actor("benchmark", "host")) as store:
        yield Beside(store, url=url, key=None, root=Path.cwd(), sandbox=False)


def main(way: str, calls: int, concurrency: int, address: str, url: str) -> None:
    """Place the calls: from the start of the other process, if there is one, to its end."""
    forgetful = NoLedger() if way == "no ledger" else None
    with ledger_of(url) if url else nullcontext(nullcontext(forgetful)) as opened:
        plan = plan_of(calls)
        start, used = time.perf_counter(), processor_time()
        with opened as ledger:
            asyncio.run(place(address, ledger, plan, concurrency))
        print(json.dumps({"wall": time.perf_counter() - start, "cpu": processor_time() - used}))


def processor_time() -> float:
    """Seconds that this process has used, and those that it has started, once they have ended."""
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + others.ru_utime + others.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
