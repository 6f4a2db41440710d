"""Durable writes of many connections, committed together: whatever is pending when the last commit returned."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
#: How long a write waits for company under a rate, in seconds: claims are made ahead of their slots, and nobody waits
#: for a record.
COMPANY = 0.1

T = TypeVar("T")


class GroupCommit:
    """A ledger for many tasks: its methods run in one thread, one at a time. `rate` is what claims are made under.

    After the first failure nothing is written any more: what should have been is kept for `retry`.
    """

    def __init__(self, ledger: RunLedger, rate: float | None = None) -> None:
        self.ledger = ledger
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
            if self._rate is not None and len(self._pending) < LARGEST_BATCH:
                await asyncio.sleep(COMPANY)
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
