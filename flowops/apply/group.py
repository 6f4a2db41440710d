"""Durable writes of many connections, committed together, and how many calls are claimed ahead so that they may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Self, TypeVar

from flowops.errors import LedgerError
from flowops.model.claims import Record
from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from flowops.model.claims import Claim, RunLedger, Written

#: How many writes one transaction holds at most.
LARGEST_BATCH = 500
#: How long a write waits for company at most, in seconds: as long as enough is claimed ahead, nobody waits for it.
COMPANY = 0.1
#: Under a rate, the calls of so many seconds are claimed ahead.
SECONDS_AHEAD = 0.5
#: And no more than the connections send in so many, whatever the rate: what is claimed hears of nothing any more.
SOON = 1.0
#: How much of what was learned of answers stays with each further one.
_KEPT = 0.95

T = TypeVar("T")
#: Takes the answer to a write.
Answered = Callable[["Written | Exception"], None]


class ClaimsAhead:
    """How many calls may be claimed besides those on connections, which a crash leaves in doubt as well.

    Without a rate it is what the connections send while a write waits for company, as far as the time that answers
    take says it: at least half as many as there are connections, at most twice as many. Under a rate it is what is due
    within `SECONDS_AHEAD`. Where answers are slow it is no more than the connections send within `SOON`: a claim that
    waits longer hears neither that its number was blocked meanwhile nor that the environment was stopped.
    """

    def __init__(self, connections: int, rate: float | None) -> None:
        self._connections = connections
        self._at_the_rate = None if rate is None else min(ceil(rate * SECONDS_AHEAD), LARGEST_BATCH)
        self._seconds = 0.0
        #: How many may be.
        self.most = connections // 2 if self._at_the_rate is None else self._at_the_rate

    def is_enough(self, waiting: int) -> bool:
        """Return whether connections can go on with what waits for them while further claims wait for company."""
        return waiting > 0 and 2 * waiting >= self.most

    def learn(self, seconds: float) -> None:
        """Learn how long an answer took."""
        self._seconds = _KEPT * self._seconds + (1.0 - _KEPT) * seconds if self._seconds else seconds
        if not self._seconds:
            return
        wanted = self._at_the_rate
        if wanted is None:
            sent_meanwhile = int(self._connections * COMPANY / self._seconds)
            wanted = max(self._connections // 2, min(2 * self._connections, sent_meanwhile))
        self.most = min(wanted, int(self._connections * SOON / self._seconds))


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
        self._pending: list[tuple[Claim | Record, Answered]] = []
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

    def post(self, write: Claim | Record, answered: Answered) -> None:
        """Queue a write; `answered` is called with the ledger's answer once it is on disk, or with what went wrong.

        Writes that are queued in one turn of the loop, or in the next one, go into one commit.
        """
        if self._broken is not None:
            self._keep(write)
            answered(LedgerError(self._broken))
            return
        self._pending.append((write, answered))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())

    @property
    def is_busy(self) -> bool:
        """Return whether something is pending, or being written."""
        return self._flusher is not None

    async def drained(self) -> None:
        """Wait until nothing is pending; what was answered then may have brought more."""
        if self._flusher is not None:
            await asyncio.shield(self._flusher)

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
            await asyncio.sleep(0)  # whoever was woken, or answered, writes as well, and says whether that is urgent
            if len(self._pending) < LARGEST_BATCH and not self.urgent.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.urgent.wait(), COMPANY)
            batch, self._pending = self._pending[:LARGEST_BATCH], self._pending[LARGEST_BATCH:]
            answers: Sequence[Written | Exception]
            try:
                answers = await self._write([write for write, _ in batch])
            except Exception as error:  # everybody has to hear of it, whatever it is
                self._broken = str(error) or type(error).__name__
                for write, _ in batch:
                    self._keep(write)
                answers = [error] * len(batch)
            for (_, answered), answer in zip(batch, answers, strict=True):
                try:
                    answered(answer)
                except Exception as error:  # a defect: all others hear of theirs all the same
                    said = {"message": "an answer of the ledger was not taken", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(said)
        self._flusher = None

    async def _write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        """Write in one transaction; after a failed one nothing more is written."""
        if self._broken is not None:
            raise LedgerError(self._broken)
        answers = await self.call(partial(self.ledger.write, writes, rate=self._rate))
        if len(answers) != len(writes):
            raise ValueError(f"the ledger has answered {len(answers)} of {len(writes)} writes")
        return answers

    def _keep(self, write: Claim | Record) -> None:
        """Keep a record for `retry`; of a claim that may be on disk, keep that nothing was sent."""
        if isinstance(write, Record):
            self._unsaved.append(write)
        else:
            detail = "the ledger failed while the call was claimed"
            self._unsaved.append(Record(write.call.reference_id, EventType.UNSENT, detail=detail))
