"""What became of the calls of an environment, as a report tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.ledger import Checkpoint, Entry, GivenUp
    from flowops.model.plan import Guard


class DocumentTotals(NamedTuple):
    """What became of the calls of one document: `place` is where it begins, None for calls that no file names."""

    place: str | None
    labels: Mapping[str, str]
    counts: Mapping[State, int]
    outcomes: Mapping[int, int]


class LedgerStatus(NamedTuple):
    """Totals of one environment; `ledger` is None before there is one.

    `outcomes` counts callees by the API's result code. A call whose run has ended before the answer counts as in doubt.
    `given_up` are calls that were refused too often, as they were sent last. `guards` are those that keep every run
    from claiming. With `since`, only calls count that were claimed since then; `hours` counts these by the hour of
    their claim, and `documents` by the document that they stand in, as far as the files are valid. `hears` says whether
    somebody hears how calls end.
    """

    environment: str
    ledger: Checkpoint | None
    counts: Mapping[State, int]
    outcomes: Mapping[int, int]
    in_doubt: Sequence[Entry]
    guards: tuple[Guard, ...] = ()
    given_up: Sequence[GivenUp] = ()
    since: str | None = None
    hours: Mapping[str, int] = {}
    hears: bool = True
    documents: Sequence[DocumentTotals] = ()

    @property
    def waiting(self) -> int:
        """Return how many calls are in flight, or wait for their outcome where somebody hears of it."""
        return self.counts.get(State.IN_FLIGHT, 0) + (self.counts.get(State.PLACED, 0) if self.hears else 0)
