"""Durable writes of many connections, committed together, and how many calls are claimed ahead so that they may be."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Self, TypeVar

from flowops.errors import LedgerError
from flowops.model.claims import Record, Written
from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from flowops.model.claims import Claim, RunLedger

#: How many writes one transaction holds at most.
LARGEST_BATCH = 500
#: How long a write waits for company at most, in seconds: as long as enough is claimed ahead, nobody waits for it.
COMPANY = 0.1
#: Under a rate, the calls of so many seconds are claimed ahead.
SECONDS_AHEAD = 0.5
#: How much of what was learned of answers stays with each further one.
_KEPT = 0.95

T = TypeVar("T")


class ClaimsAhead:
    """How many calls may be claimed besides those on connections, which a crash leaves in doubt as well.

    Without a rate it is what the connections send while a write waits for company, as far as the time that answers
    take says it: at least half as many as there are connections, at most twice as many.
    """

    def __init__(self, connections: int, rate: float | None) -> None:
        self._connections = connections
        self._rate = rate
        self._seconds = 0.0
        #: How many are claimed now, and wait for a connection.
        self.waiting = 0

    @property
    def most(self) -> int:
        """Return how many may be."""
        if self._rate is not None:
            return min(ceil(self._rate * SECONDS_AHEAD), LARGEST_BATCH)
        least = self._connections // 2
        if not self._seconds:
            return least
        return max(least, min(2 * self._connections, int(self._connections * COMPANY / self._seconds)))

    @property
    def is_enough(self) -> bool:
        """Return whether connections can go on while further claims wait for company."""
        return self.waiting > 0 and 2 * self.waiting >= self.most

    def learn(self, seconds: float) -> None:
        """Learn how long an answer took."""
        self._seconds = _KEPT * self._seconds + (1.0 - _KEPT) * seconds if self._seconds else seconds


class GroupCommit:
    """A ledger for many tasks: its methods run in one thread, one at a time. `rate` is what claims are made under.

    What is pending waits for company, for a while, or until it is `urgent`: somebody waits for it. Without a rate it is
    from the beginning.

    After the first failure nothing is written any more: what should have been is kept for `retry`.
    """

    def __init__(self, ledger: RunLedger, rate: float | None = None) -> None:
        self.ledger = ledger
        self.urgent = asyncio.Event()
        if rate is None:
            self.urgent.set()
        self._rate = rate
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flowops-ledger")
        self._pending: list[tuple[Claim | Record, asyncio.Future[Written]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._broken: str | None = None
        self._unsaved: list[Record] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._flusher is not None:
            await self._flusher
        self._thread.shutdown()

    async def submit(self, write: Claim | Record) -> Written:
        """Return the ledger's answer once the write is on disk. Raise LedgerError when it could not be written."""
        return await self.post(write)

    def post(self, write: Claim | Record) -> asyncio.Future[Written]:
        """Queue a write, and return the future of its answer. Writes that are queued together go into one commit."""
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        if self._broken is not None:
            self._keep(write)
            future.set_exception(LedgerError(self._broken))
            return future
        self._pending.append((write, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return future

    async def call(self, method: Callable[[], T]) -> T:
        """Run another method of the ledger in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, method)

    async def retry(self) -> dict[str, Written]:
        """Write again what could not be written, in one transaction; return the answers by reference.

        A claim whose commit failed may be on disk all the same: it is taken back, as nothing was sent for it.
        Raise LedgerError when the ledger fails again.
        """
        records, self._unsaved = self._unsaved, []
        if not records:
            return {}
        answers = await self.call(partial(self.ledger.write, records))
        return {record.reference_id: answer for record, answer in zip(records, answers, strict=True)}

    async def _flush(self) -> None:
        """Commit until nothing is pending; while one batch is written, the next one gathers."""
        while self._pending:
            if len(self._pending) < LARGEST_BATCH and not self.urgent.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.urgent.wait(), COMPANY)
            batch, self._pending = self._pending[:LARGEST_BATCH], self._pending[LARGEST_BATCH:]
            try:
                answers = await self._write([write for write, _ in batch])
                for (_, future), answer in zip(batch, answers, strict=True):
                    _settle(future, answer)
            except Exception as error:  # every waiter has to hear of it, whatever it is
                self._broken = str(error) or type(error).__name__
                for write, future in batch:
                    self._keep(write)
                    _settle(future, error)
            await asyncio.sleep(0)  # whoever was answered says whether the next batch is urgent
        self._flusher = None

    async def _write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        """Write in one transaction; after a failed one nothing more is written."""
        if self._broken is not None:
            raise LedgerError(self._broken)
        return await self.call(partial(self.ledger.write, writes, rate=self._rate))

    def _keep(self, write: Claim | Record) -> None:
        """Keep a record for `retry`; of a claim that may be on disk, keep that nothing was sent."""
        if isinstance(write, Record):
            self._unsaved.append(write)
        else:
            detail = "the ledger failed while the call was claimed"
            self._unsaved.append(Record(write.call.reference_id, EventType.UNSENT, detail=detail))


def _settle(future: asyncio.Future[Written], outcome: Written | Exception) -> None:
    """Hand a waiter its answer, unless it has stopped waiting."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
