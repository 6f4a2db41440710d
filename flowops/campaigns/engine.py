"""What a worker asks of an engine of jobs: to hand them out once they are due, to whoever is alive.

A job names a batch of a campaign and which turn of it, nothing else. What an engine holds can be made again from the
ledger at any time, and it is never trusted with the promise: a job may come twice, late, out of order, on two machines
at once, or not at all. The ledger's claim alone decides whether a call is posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


class Job(NamedTuple):
    """One turn of a batch: `turn` counts from 0."""

    campaign: str
    batch: int
    turn: int


class Engine(Protocol):
    """Hands out jobs to the processes that work; `flowops.campaigns.dbos.DbosEngine` is one."""

    def start(self, handle: Callable[[Job], None], slots: int) -> None:
        """Hand jobs that are due to `handle`, at most so many at once, each in a thread of its own."""
        ...

    def enqueue(self, jobs: Iterable[tuple[Job, float]]) -> None:
        """Add jobs, each due in so many seconds. One that is there already stays as it is."""
        ...

    def known(self) -> frozenset[Job]:
        """Return the jobs that wait, or are being worked on."""
        ...

    def drop(self, campaign: str) -> None:
        """Forget the jobs of a campaign that wait, and those that have ended."""
        ...

    def take_over(self, alive: Callable[[Collection[str]], Collection[str]]) -> int:
        """Hand out again what processes had in hand that are gone; return how many jobs.

        `alive` is given the names of processes, and says which of them are alive.
        """
        ...

    def stop(self, patience: float) -> None:
        """Hand out nothing more, and wait so many seconds for what is being worked on."""
        ...
