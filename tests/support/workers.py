"""Workers on one ledger, as processes that tests kill, freeze and cut off; and an engine that keeps no word."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowops.apply.control import Timing
from support.failpoints import Failpoints, watch_flushes
from support.oracle import nothing_is_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from flowops.campaigns.engine import Job
    from support.commands import Ran
    from support.forks import Child, Forks
    from support.repository import Repository
    from support.server import ApiServer

E = ("--env", "production")
KEY = {"FLOWOPS_CAMPAIGN_KEY": "c" * 64}
#: What an environment says that has workers.
SETTINGS = "{key: {env: FLOWOPS_CAMPAIGN_KEY}}"
PATIENCE = 90.0
#: Leases, waits and looks that are shorter than those of a real worker, and still in the same order.
SHORT: dict[str, Any] = {
    "flowops.ledger.postgres.LEASE": 3,
    "flowops.ledger.postgres.BEAT": 0.3,
    "flowops.ledger.postgres.TO_SEND": 1.5,
    "flowops.ledger.postgres.IDLE_TIMEOUT": 1_000,
    "flowops.app.services.PAUSE": 0.5,
    "flowops.app.worker.AUDIT": 2.0,
    "flowops.app.turns.AGAIN": 1.0,
}
#: A claim that is older is not sent: half of a lease.
STALE = 1.5


def prepare(
    *,
    constants: dict[str, Any] | None = None,
    clock: float = 0.0,
    freeze: int = 0,
    batch: int | None = None,
    written: int | None = None,
) -> None:
    """Change this process before it runs a command.

    `constants` are waits by module and name, `clock` is by how many seconds the time is wrong, `freeze` in which of its
    transactions it stops itself, `batch` how many calls a batch has, and `written` behind how many transactions with
    batches a hand-over kills itself.
    """
    if clock:
        import time_machine

        time_machine.travel(datetime.now(UTC) + timedelta(seconds=clock)).start()
    if batch is not None:
        from flowops.app import hand_over

        hand_over.BATCH = batch
    if written is not None:
        _kill_behind(written)
    for name, value in (constants or {}).items():
        module, _, constant = name.rpartition(".")
        is_time = isinstance(getattr(import_module(module), constant), timedelta)
        setattr(import_module(module), constant, timedelta(seconds=value) if is_time else value)
    if constants:
        defaults = Timing.__init__.__defaults__
        assert defaults is not None
        Timing.__init__.__defaults__ = (0.1, STALE, *defaults[2:])  # type: ignore[attr-defined]
    if freeze:
        watch_flushes(Failpoints(nth=freeze, point="flushed", signal=signal.SIGSTOP))


def _kill_behind(written: int) -> None:
    """Have a hand-over kill its process when so many transactions with batches are on disk."""
    from flowops.ledger.campaigns import Campaigns

    insert, left = Campaigns._insert, [written]

    def watched(*args: Any) -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        insert(*args)
        left[0] -= 1
        if not left[0] and written:
            os.kill(os.getpid(), signal.SIGKILL)

    Campaigns._insert = watched  # type: ignore[method-assign]


class Workers:
    """Workers of a repository, which are killed when the test ends."""

    def __init__(self, here: Repository, forks: Forks) -> None:
        self.here = here
        self.env = {**here.env, **KEY}
        self.running: list[Child] = []
        self._forks = forks

    def start(self, count: int = 1, **prepared: Any) -> Child:
        """Start so many, see `prepare`; return the last."""
        for _ in range(count):
            args = ("worker", *E, "--concurrency", "2")
            self.running.append(self._forks.start(*args, cwd=self.here.root, env=self.env, prepare=prepared))
        return self.running[-1]

    def hand_over(self) -> None:
        """Hand the calls over, in batches of twenty."""
        args = ("apply", "--detach", "--auto-approve", *E)
        ran = self._forks.run(*args, cwd=self.here.root, env=self.env, prepare={"batch": 20})
        assert ran.code == 0, ran.err

    def apply(self) -> Ran:
        """Run an `apply` of the same files."""
        return self._forks.run("apply", "--auto-approve", *E, cwd=self.here.root, env=self.env)

    def state(self) -> str:
        store = self.here.open()
        try:
            (campaign,) = store.campaigns.all()
            return str(campaign.state)
        finally:
            store.close()

    def wait(self, patience: float = PATIENCE) -> None:
        """Wait until the campaign is over."""
        until = time.monotonic() + patience
        while self.state() != "finished":
            assert time.monotonic() < until, "the campaign is not finished"
            time.sleep(0.3)

    def kill(self, index: int) -> None:
        """Kill one of them, and wait until it is gone."""
        child = self.running.pop(index)
        child.send(signal.SIGKILL)
        child.wait()

    def stop(self) -> None:
        """Kill all of them."""
        while self.running:
            self.kill(0)

    def unclear(self, api: ApiServer) -> set[str]:
        """Stop, and return the calls that are in doubt; every other one was posted once."""
        self.stop()
        unclear = nothing_is_lost(self.here, api)
        assert set(self.here.references) - unclear <= set(api.received)
        return unclear


@contextmanager
def workers_of(here: Repository, forks: Forks) -> Iterator[Workers]:
    """Hand the calls of a repository over, with no worker yet."""
    found = Workers(here, forks)
    try:
        found.hand_over()
        yield found
    finally:
        found.stop()


class FaithlessEngine:
    """An engine that loses jobs, hands them out late, in any order, and several times at once, as a seed says."""

    def __init__(self, seed: int, *, lost: float = 0.2, fewest: int = 1, most: int = 4) -> None:
        self._chance = random.Random(seed)
        self._copies = fewest, most
        self._lost = lost
        self._jobs: dict[Job, float] = {}
        self._queue: deque[Job] = deque()
        self._in_hand: list[Job] = []
        self._old: list[Job] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.handed_out = 0

    def opened(self) -> FaithlessEngine:
        """Return it for another process, which finds what is left of the jobs."""
        self._stopped.clear()
        self._threads.clear()
        return self

    def start(self, handle: Callable[[Job], None], slots: int) -> None:
        for _ in range(slots * 2):
            thread = threading.Thread(target=self._work, args=(handle,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def enqueue(self, jobs: Iterable[tuple[Job, float]]) -> None:
        with self._lock:
            for job, seconds in jobs:
                self._old.append(job)
                if self._chance.random() >= self._lost:
                    late = self._chance.random() * 0.2
                    self._jobs[job] = time.monotonic() + max(seconds, 0.0) + late

    def known(self) -> frozenset[Job]:
        with self._lock:
            return frozenset((*self._jobs, *self._queue, *self._in_hand))

    def drop(self, campaign: str) -> None:
        with self._lock:
            self._jobs = {job: at for job, at in self._jobs.items() if job.campaign != campaign}

    def take_over(self, alive: Callable[[Collection[str]], Collection[str]]) -> int:
        return 0

    def stop(self, patience: float) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(patience + 5)

    def _next(self) -> Job | None:
        with self._lock:
            due = [job for job, at in self._jobs.items() if at <= time.monotonic()]
            for job in due:
                del self._jobs[job]
                self._queue.extend([job] * self._chance.randint(*self._copies))
            if self._old and self._chance.random() < 0.02:  # one that has had its time comes again
                self._queue.append(self._chance.choice(self._old))
            if not self._queue:
                return None
            self._queue.rotate(self._chance.randrange(len(self._queue)))
            job = self._queue.popleft()
            self._in_hand.append(job)
            self.handed_out += 1
            return job

    def _work(self, handle: Callable[[Job], None]) -> None:
        while not self._stopped.is_set():
            job = self._next()
            if job is None:
                time.sleep(0.01)
                continue
            try:
                handle(job)
            finally:
                with self._lock:
                    self._in_hand.remove(job)
