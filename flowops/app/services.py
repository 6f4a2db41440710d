"""What processes that go on share: the pauses between their runs, and what one says of itself over HTTP.

``GET /healthz`` is for whoever restarts what is stuck: the worker has looked round a moment ago, or waits to begin
another run. ``GET /readyz`` says whether it can place: a run is under way, and the ledger answers. ``GET /metrics`` has
the numbers for Prometheus. Anything else is a callback, for the run that is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from flowops.callbacks.app import metrics_of, metrics_response
from flowops.common.metrics import Metric, gauge, info
from flowops.errors import LedgerError
from flowops.httpd import text_response
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.apply.control import ShutdownRequest
    from flowops.callbacks.app import Outcome as CallbackOutcome
    from flowops.callbacks.app import Receiver
    from flowops.common.metrics import Values
    from flowops.httpd import Body, Request, Response
    from flowops.ledger.store import Store
    from flowops.model.result import CallResult

#: Seconds without a look round after which a worker is taken for stuck.
STUCK = 120.0
#: How long a ledger may take to show that it is well, in seconds.
_PATIENCE = 5.0
#: Seconds before a run that had to end is followed by another one; twice as long each time, up to the longest.
PAUSE, LONGEST_PAUSE = 5.0, 300.0
#: Seconds between two looks whether to go on.
LOOK = 1.0


class Monitor:
    """Answers for a worker for as long as that lives, from one run to the next: a `flowops.httpd.Handler`.

    `rate` is what the environment allows, in phones a second, None where there is no limit.
    """

    def __init__(self, environment: str, rate: float | None) -> None:
        self._environment = environment
        self._rate = rate
        self._results: Counter[Outcome] = Counter()
        self._turns = 0
        self._runs = 0
        self._looked_at = time.monotonic()
        self._ledger: Store | None = None
        self._receiver: Receiver | None = None
        self._heard: Counter[CallbackOutcome] = Counter()

    def begin(self, ledger: Store, receiver: Receiver | None) -> None:
        """Speak for a run from now on; callbacks go to its receiver, if there is one."""
        self._ledger, self._receiver = ledger, receiver
        if receiver is not None:
            receiver.counts = self._heard  # counters go on from run to run
        self._runs += 1

    def end(self) -> None:
        """Speak for no run any more."""
        self._ledger = self._receiver = None

    def looked(self) -> None:
        """Take down that the worker has looked round."""
        self._looked_at = time.monotonic()

    def took_turn(self) -> None:
        """Count a turn of a batch."""
        self._turns += 1

    def done(self, result: CallResult) -> None:
        """Count what became of a call."""
        self._results[result.outcome] += 1

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request."""
        path = request.path if request.method in ("GET", "HEAD") else ""  # as it was sent, see `Receiver`
        if path == "/healthz":
            is_stuck = time.monotonic() - self._looked_at > STUCK
            return text_response(503, "the worker is stuck") if is_stuck else text_response(200, "ok")
        if path == "/readyz":
            return await self._ready()
        if path == "/metrics":
            return await metrics_response(self._metrics())
        if self._receiver is not None:
            return await self._receiver(request, body)
        if self._ledger is None:
            return text_response(503, "no run is under way, send it again")
        return text_response(404, "not found")

    async def _ready(self) -> Response:
        ledger = self._ledger
        if ledger is None:
            return text_response(503, "no run is under way")
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.to_thread(ledger.checkpoint)
        except (LedgerError, TimeoutError):
            return text_response(503, "the ledger does not answer")
        return text_response(200, "ok")

    async def _metrics(self) -> list[Metric]:
        own, ledger, receiver = self._own(), self._ledger, self._receiver
        if ledger is None:
            return [*own, *metrics_of(self._heard, {self._environment: None})]
        told = await receiver.metrics() if receiver is not None else await asyncio.to_thread(self._counted, ledger)
        try:
            return [*own, *told, *await asyncio.to_thread(lambda: list(_of_ledger(ledger)))]
        except LedgerError:
            return [*own, *told]

    def _counted(self, ledger: Store) -> list[Metric]:
        try:
            return metrics_of({}, {self._environment: ledger.count()})
        except LedgerError:
            return metrics_of({}, {self._environment: None})

    def _own(self) -> list[Metric]:
        outcomes: Values = {(outcome.value,): float(self._results[outcome]) for outcome in Outcome}
        return [
            Metric("flowops_worker_calls_total", "What became of calls in this worker.", ("outcome",), outcomes),
            Metric("flowops_worker_turns_total", "Batches that this worker went through.", (), {(): self._turns}),
            Metric("flowops_worker_runs_total", "Runs that this worker has begun.", (), {(): self._runs}),
            gauge("flowops_rate_phones", "Phones a second that may ring; 0 where there is no limit.", self._rate or 0),
        ]


def run_info(ledger: Store) -> Metric:
    """Return how the run under way is called in the ledger, in logs and in notifications."""
    return info("flowops_run_info", "The run of the ledger that is under way.", {"run": ledger.run})


def of_every_ledger(ledger: Store) -> Iterator[Metric]:
    """Yield what all processes that place calls have in common. Raises LedgerError."""
    ahead, paused = ledger.slots_ahead()
    yield gauge("flowops_pace_ahead_seconds", "For how long the slots of the rate are taken.", ahead)
    yield gauge("flowops_pace_paused_seconds", "For how long the API has asked everybody to wait.", paused)
    yield gauge(
        "flowops_oldest_doubt_seconds",
        "How long ago the call was claimed that has been in doubt for longest; 0 where none is.",
        ledger.age_of_oldest_doubt(),
    )


def _of_ledger(ledger: Store) -> Iterator[Metric]:
    """Yield what all workers of a ledger have in common. Raises LedgerError."""
    yield run_info(ledger)
    yield from of_every_ledger(ledger)
    waiting: Values = {
        (campaign, wait.value): float(number)
        for campaign, reasons in ledger.campaigns.waiting().items()
        for wait, number in reasons.items()
    }
    yield Metric(
        "flowops_waiting_calls",
        "Calls of campaigns that may still be placed, by what they wait for.",
        ("campaign", "reason"),
        waiting,
    )
    ages: Values = {(run,): age for run, age in ledger.lease_ages().items()}
    yield Metric(
        "flowops_lease_age_seconds",
        "How long ago the lease of each run was renewed that has not ended.",
        ("run",),
        ages,
    )


class Pauses:
    """The pause after each run: the longer, the more of them have ended soon, up to the `longest`."""

    def __init__(self, longest: float = LONGEST_PAUSE) -> None:
        self._longest = longest
        self._last = PAUSE / 2

    def behind(self, lived: float) -> float:
        """Return how many seconds to wait behind a run that has lived so many."""
        self._last = PAUSE if lived > self._longest else min(2 * self._last, self._longest)
        return self._last


async def sleep(shutdown: ShutdownRequest, seconds: float, looked: Callable[[], None]) -> None:
    """Wait so long, or until a signal comes, and say each second that it goes on."""
    until = time.monotonic() + seconds
    woken = asyncio.Event()
    shutdown.when_requested(woken.set)
    try:
        while not woken.is_set() and (left := until - time.monotonic()) > 0:
            looked()
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), min(left, LOOK))
    finally:
        shutdown.forget(woken.set)
