"""Places in a run where a test can end or freeze its process: between `flowops.apply` and what it is given.

=============  =====================================================================
point          reached
=============  =====================================================================
``claiming``   before a transaction with claims
``flushed``    in the middle of a transaction: it holds its lock, has written its rows, and nothing is committed
``claimed``    behind it: the claims are durable, nothing has been sent for them
``sending``    before a request
``answered``   behind it: there is a verdict, which nobody has been told
``recording``  before a transaction with results
``recorded``   behind it
``sweeping``   before dead runs' calls are looked for
``swept``      behind it
=============  =====================================================================
"""

from __future__ import annotations

import os
import resource
import signal as signals
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any

from flowops.apply.control import Timing
from flowops.ledger.transaction import Transaction
from flowops.model.claims import Claim, Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from flowops.apply.options import Api, RunOptions, Sender
    from flowops.model.claims import RunLedger, Written
    from flowops.model.document import Value
    from flowops.model.ledger import Entry
    from flowops.model.result import Verdict

#: Room for what a command prints, and not for the journal of a transaction.
_A_FEW_BYTES = 3_000


class Failpoints:
    """Counts what a run reaches; at the `nth` point, or at the `nth` of one name, the process gets a signal."""

    def __init__(self, *, nth: int, point: str | None, signal: int) -> None:
        self._nth = nth
        self._point = point
        self._signal = signal
        self._reached = count(1)

    def reach(self, point: str) -> None:
        """The run is here."""
        if self._point in (None, point) and next(self._reached) == self._nth:
            os.kill(os.getpid(), self._signal)
            time.sleep(0.1)  # the signal may reach another thread first, and this one must not go on meanwhile


class WatchedLedger:
    """A ledger with failpoints around its transactions."""

    def __init__(self, ledger: RunLedger, points: Failpoints) -> None:
        self._ledger = ledger
        self._points = points

    def write(self, writes: Sequence[Claim | Record], *, rate: float | None = None) -> list[Written]:
        kinds = [("claim", Claim), ("record", Record)]
        there = [name for name, kind in kinds if any(isinstance(write, kind) for write in writes)]
        for name in there:
            self._points.reach(f"{name}ing")
        written = self._ledger.write(writes, rate=rate)
        for name in there:
            self._points.reach(f"{name}ed")
        return written

    def pause(self, seconds: float) -> None:
        self._ledger.pause(seconds)

    def sweep(self) -> list[str]:
        self._points.reach("sweeping")
        swept = self._ledger.sweep()
        self._points.reach("swept")
        return swept

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        return self._ledger.look_up(reference_ids)

    def fingerprints(self, reference_ids: Sequence[str]) -> dict[str, str]:
        return self._ledger.fingerprints(reference_ids)


class WatchedApi:
    """An API with failpoints around its requests."""

    def __init__(self, api: Api, points: Failpoints) -> None:
        self._api = api
        self._points = points

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[WatchedSender]:
        async with self._api.sender() as sender:
            yield WatchedSender(sender, self._points)


class WatchedSender:
    def __init__(self, sender: Sender, points: Failpoints) -> None:
        self._sender = sender
        self._points = points

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        self._points.reach("sending")
        verdict = await self._sender.place(body)
        self._points.reach("answered")
        return verdict


def install(
    *,
    nth: int = 0,
    point: str | None = None,
    signal: int = signals.SIGKILL,
    full_at_the_end: bool = False,
    constants: Mapping[str, float] | None = None,
    **timing: float,
) -> None:
    """Put failpoints into every run of this process; `timing` changes the waits of `flowops.apply.control.Timing`.

    `constants` are other waits, by module and name (``flowops.ledger.postgres.BEAT``).

    With `full_at_the_end`, no file of the process can grow beyond a few bytes once the run has been applied.
    """
    from flowops.app import apply as placing

    apply = placing.apply
    points = Failpoints(nth=nth, point=point, signal=signal)
    for name, value in (constants or {}).items():
        module, _, constant = name.rpartition(".")
        setattr(import_module(module), constant, value)
    watch_flushes(points)

    async def watched(
        plan: Any, calls: Any, options: RunOptions, *, api: Api, ledger: RunLedger, **controls: Any
    ) -> Any:
        if timing:
            options = replace(options, timing=Timing(**timing))
        watched_api, watched_ledger = WatchedApi(api, points), WatchedLedger(ledger, points)
        result = await apply(plan, calls, options, api=watched_api, ledger=watched_ledger, **controls)
        if full_at_the_end:
            resource.setrlimit(resource.RLIMIT_FSIZE, (_A_FEW_BYTES, resource.RLIM_INFINITY))
        return result

    placing.apply = watched


def watch_flushes(points: Failpoints) -> None:
    """Reach ``flushed`` in the middle of each transaction that has written something."""
    flush = Transaction.flush

    def watched(transaction: Transaction) -> None:
        there_is_something = bool(transaction.changed)
        flush(transaction)
        if there_is_something:
            points.reach("flushed")

    Transaction.flush = watched  # type: ignore[method-assign]
