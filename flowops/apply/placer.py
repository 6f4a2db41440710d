"""A run that is fed for as long as it lives: what a worker places the batches of campaigns with."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from flowops.apply.options import Feed
from flowops.apply.run import placing, work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from flowops.apply.control import Halt, ShutdownRequest
    from flowops.apply.options import Api, RunOptions
    from flowops.model.claims import RunLedger
    from flowops.model.plan import PlannedCall
    from flowops.model.result import CallResult

#: A run that is fed has no end that is known.
_ENDLESS = 2**31


class _Placing:
    """A batch on its way: what became of its calls as far as that is known; `ended` is done when nothing follows."""

    def __init__(self, count: int) -> None:
        self.results: list[CallResult | None] = [None] * count
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = count

    def settle(self, at: int, result: CallResult | None) -> None:
        """Keep what became of a call."""
        self.results[at] = result
        self._left -= 1
        if not self._left:
            self.end()

    def end(self) -> None:
        """Say that nothing follows."""
        if not self.ended.done():
            self.ended.set_result(None)


class Placer:
    """Places calls that it is given, a batch at a time, until it is closed or the run has to end.

    `failure` says what ended the run early, None where nothing has: then somebody has to begin another one.
    `unauthorized` says that another one would end in the same way, until somebody puts the token right.
    """

    def __init__(
        self, options: RunOptions, *, api: Api, ledger: RunLedger, shutdown: ShutdownRequest, halt: Halt | None = None
    ) -> None:
        self.failure: str | None = None
        self.unauthorized = False
        self._options = replace(options, progress=self._done, elsewhere=self._left)
        self._progress = options.progress
        self._api = api
        self._ledger = ledger
        self._shutdown = shutdown
        self._halt = halt
        self._batches: asyncio.Queue[Sequence[PlannedCall] | None] = asyncio.Queue()
        #: The batches that wait for the result of a call, and its place in each; a batch may be worked on twice.
        self._waiting: defaultdict[str, list[tuple[_Placing, int]]] = defaultdict(list)
        self._results: dict[str, CallResult] = {}
        self._lost: list[str] = []
        self._ended = False

    async def run(self) -> None:
        """Place what comes until the placer is closed, a signal comes, or the run has to end; all of it is recorded.

        Raises what nobody expects, once all is recorded.
        """
        try:
            async with placing(self._options, self._ledger, self._shutdown, self._halt) as connections:
                self._results, self._lost = connections.found.results, connections.found.elsewhere
                closing = asyncio.create_task(connections.breaker.opened(), name="flowops-placer")
                closing.add_done_callback(lambda _: self.close())
                try:
                    await work(connections, self._api, self._ledger, Feed(self._fed()), _ENDLESS)
                finally:
                    closing.cancel()
        finally:
            self._ended = True
            for waiting in self._waiting.values():
                for batch, _ in waiting:
                    batch.end()
        breaker = connections.breaker
        self.unauthorized = breaker.unauthorized
        self.failure = breaker.failure or (breaker.guard.reason if breaker.guard is not None else None)
        if connections.found.errors:
            raise connections.found.errors[0]

    async def place(self, calls: Sequence[PlannedCall]) -> list[CallResult | None]:
        """Return what became of calls, in their order: None where a turn did not come, or another run has the call."""
        if self._ended or not calls:
            return [None] * len(calls)
        batch = _Placing(len(calls))
        for at, planned in enumerate(calls):
            self._waiting[planned.reference_id].append((batch, at))
        self._batches.put_nowait(calls)
        await batch.ended
        return batch.results

    def close(self) -> None:
        """Take no more calls; those that were given are placed."""
        self._batches.put_nowait(None)

    async def _fed(self) -> AsyncIterator[Sequence[PlannedCall]]:
        while (batch := await self._batches.get()) is not None:
            yield batch

    def _done(self, result: CallResult) -> None:
        self._results.pop(result.reference_id, None)  # a run that goes on for weeks keeps nothing
        self._settle(result.reference_id, result)
        self._progress(result)

    def _left(self, reference: str) -> None:
        self._lost.clear()
        self._settle(reference, None)

    def _settle(self, reference: str, result: CallResult | None) -> None:
        for batch, at in self._waiting.pop(reference, ()):
            batch.settle(at, result)
