"""What a run is given: an API, how calls are placed, and the calls themselves."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from flowops.apply.control import Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from flowops.model.call import Call
    from flowops.model.claims import Condition
    from flowops.model.document import Value
    from flowops.model.plan import Decision, PlannedCall
    from flowops.model.result import CallResult, Verdict


class Sender(Protocol):
    """Sends one request after the other."""

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        """Send a body, once; return what became of it."""
        ...


class Api(Protocol):
    """What apply asks of an API; `flowops.api.client.FlowBuilder` is one."""

    def sender(self) -> AbstractAsyncContextManager[Sender]:
        """Open a sender, which sends one request at a time."""
        ...


def _not_told(_told: object) -> None:
    return None


async def _no_check(_planned: PlannedCall) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the calls of a run are placed.

    `callback_url` gives the address for a call that has none of its own. `progress` gets each result. `concurrency`
    requests are under way at once; `rate` is phones a second, None means no limit. `check` is asked right before
    each claim: why a call may not be placed after all, or on which condition it may be claimed. `attempts_cap` is how
    often one call is tried, as long as nothing was sent. `claimed` gets the reference of each call that is about to be
    sent, `elsewhere` that of each call that another run had claimed first, `paused` the seconds that the API asks
    everybody to wait.
    """

    callback_url: Callable[[Call], str | None]
    progress: Callable[[CallResult], None]
    concurrency: int
    rate: float | None = None
    check: Callable[[PlannedCall], Awaitable[Decision | Condition | None]] = _no_check
    attempts_cap: int = 3
    timing: Timing = field(default_factory=Timing)
    claimed: Callable[[str], None] = _not_told
    elsewhere: Callable[[str], None] = _not_told
    paused: Callable[[float], None] = _not_told


class Feed:
    """Hands the calls of a run to its connections. They come a batch at a time, each made when it is asked for."""

    def __init__(self, batches: AsyncIterator[Sequence[PlannedCall]]) -> None:
        self._batches = batches
        self._ready: deque[PlannedCall] = deque()
        self._turn = asyncio.Lock()

    async def next(self) -> PlannedCall | None:
        """Return the next call, None behind the last."""
        while not self._ready:
            async with self._turn:
                if self._ready:
                    break
                batch = await anext(self._batches, None)
                if batch is None:
                    return None
                self._ready.extend(batch)
        return self._ready.popleft()


async def one_by_one(batches: Iterable[Sequence[PlannedCall]]) -> AsyncIterator[Sequence[PlannedCall]]:
    """Yield batches; in front of each, answers and signals get their turn: many in a row may have nothing to send."""
    for batch in batches:
        yield batch
        await asyncio.sleep(0)
