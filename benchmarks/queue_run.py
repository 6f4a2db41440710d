"""Places calls from a queue in PostgreSQL, without flowops' ledger: what other queues of jobs cost, for a comparison.

Takes which queue (``table`` or ``procrastinate``), how many calls, over how many connections, and the addresses of the
API and of the database. The bare table hands out rows by ``FOR UPDATE SKIP LOCKED``, as many at once as a batch of a
campaign has, and marks them as done when they are answered. Neither keeps what was answered, or knows what a killed
worker has sent.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from apply_run import TOKEN
from sample_plan import plan_of

from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.api.client import Sender

BATCH = 250
_TAKE = (
    "UPDATE jobs SET state = 'taken' WHERE id IN "
    "(SELECT id FROM jobs WHERE state = 'waiting' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, body"
)


class Senders:
    """As many connections to the API as there are, each for one call at a time."""

    def __init__(self, api: FlowBuilder) -> None:
        self._api = api
        self._stack = AsyncExitStack()
        self._free: asyncio.LifoQueue[Sender] = asyncio.LifoQueue()

    async def open(self, count: int) -> None:
        """Open so many, which live as long as the process."""
        for _ in range(count):
            self._free.put_nowait(await self._stack.enter_async_context(self._api.sender()))

    async def place(self, body: Mapping[str, Any]) -> None:
        """Place a call."""
        sender = await self._free.get()
        verdict = await sender.place(body)
        self._free.put_nowait(sender)
        assert verdict.event_type is EventType.ACCEPTED, verdict


async def from_table(calls: int, concurrency: int, senders: Senders, url: str) -> None:
    """Take batches from a table, two at a time so that no connection waits for the last call of a batch."""
    import psycopg
    from psycopg.types.json import Json

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE jobs (id bigserial PRIMARY KEY, body json, state text)")
        await connection.execute("CREATE INDEX waiting ON jobs (id) WHERE state = 'waiting'")
        async with connection.cursor() as cursor:
            rows = [(Json(planned.call.body),) for planned in plan_of(calls).calls]
            await cursor.executemany("INSERT INTO jobs (body, state) VALUES (%s, 'waiting')", rows)

    async def worker() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while taken := await (await connection.execute(_TAKE, [BATCH])).fetchall():
                await asyncio.gather(*(senders.place(body) for _, body in taken))
                await connection.execute("UPDATE jobs SET state = 'done' WHERE id = ANY(%s)", [[it for it, _ in taken]])

    await senders.open(concurrency)
    await asyncio.gather(worker(), worker())


async def from_procrastinate(calls: int, concurrency: int, senders: Senders, url: str) -> None:
    """Run a job a call with procrastinate's worker."""
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task
    async def place(body: dict[str, Any]) -> None:
        await senders.place(body)

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await place.batch_defer_async(*({"body": dict(planned.call.body)} for planned in plan_of(calls).calls))
        await senders.open(concurrency)
        await app.run_worker_async(concurrency=concurrency, wait=False, listen_notify=False)


if __name__ == "__main__":
    way, calls, concurrency, address, url = sys.argv[1:]
    senders = Senders(FlowBuilder(address, Secret(TOKEN)))
    run = from_table if way == "table" else from_procrastinate
    asyncio.run(run(int(calls), int(concurrency), senders, url))
