"""A worker whose jobs come from its own memory: what the engine costs is what another worker needs besides."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from flowops.campaigns.engine import Job


class MemoryEngine:
    """Hands out each job that is due once: a `flowops.campaigns.engine.Engine` for one process."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._known: set[Job] = set()
        self._slots = 0

    def start(self, handle: Callable[[Job], None], slots: int) -> None:
        self._slots = slots
        for _ in range(slots):
            threading.Thread(target=self._work, args=(handle,), daemon=True).start()

    def _work(self, handle: Callable[[Job], None]) -> None:
        while (job := self._jobs.get()) is not None:
            handle(job)
            self._known.discard(job)

    def enqueue(self, jobs: Iterable[tuple[Job, float]]) -> None:
        for job, seconds in jobs:
            if seconds <= 0 and job not in self._known:
                self._known.add(job)
                self._jobs.put(job)

    def known(self) -> frozenset[Job]:
        return frozenset(self._known)

    def drop(self, campaign: str) -> None:
        """Nothing of what it has waits for long."""

    def take_over(self, alive: Callable[[Collection[str]], Collection[str]]) -> int:  # noqa: ARG002
        return 0

    def stop(self, patience: float) -> None:  # noqa: ARG002
        for _ in range(self._slots):
            self._jobs.put(None)


if __name__ == "__main__":
    from flowops.app import worker
    from flowops.cli.main import main

    worker._Worker._open_engine = lambda _self: MemoryEngine()  # type: ignore[method-assign]
    sys.argv = ["flowops", *sys.argv[1:]]
    main()
