"""The calls of a plan, gone through once more: each is held against what was planned."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.errors import StalePlan
from flowops.model.plan import SENDING, Action
from flowops.plan.canonical import hash_of_terms
from flowops.plan.chains import at_attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowops.model.call import CallBatch
    from flowops.model.plan import PlannedBatch, PlannedCall

#: How many things that moved since a plan was made are listed.
MOVED = 20


class RecheckedCalls:
    """All calls of a plan, whole, from the batches that it was made of; `batches` gives them again, as often as asked.

    What is not what was planned any more is left out; to go through them then ends with StalePlan.
    """

    def __init__(self, batches: Iterable[CallBatch], planned: Sequence[PlannedBatch]) -> None:
        self._batches = batches
        self._planned = planned

    def __iter__(self) -> Iterator[PlannedCall]:
        changed: list[str] = []
        for some in recheck(self._batches, self._planned, changed.append):
            yield from some
        if changed:
            raise StalePlan(
                "the files changed while they were planned",
                details=[f"{reference}: is not what it was" for reference in changed[:MOVED]],
                hint="plan again",
            )


def recheck(
    batches: Iterable[CallBatch],
    planned: Sequence[PlannedBatch],
    changed: Callable[[str], None],
    actions: frozenset[Action] | None = None,
) -> Iterator[list[PlannedCall]]:
    """Go through the calls of a plan, or those that have one of some actions, a batch at a time.

    `batches` are those that the plan was made of, read again. A call is held against the plan's reference-id and
    fingerprint at its place; `changed` is called with each that is not the same, and it is left out.
    """
    for before, first, same in unchanged(batches, planned, changed, actions):
        now = at_attempts(first, before.later)
        yield [before.planned(index, now.call(index)) for index in same]


class Unchanged(NamedTuple):
    """A batch of a plan, the same calls read again at their first attempts, and which are what was planned."""

    planned: PlannedBatch
    first: CallBatch
    same: Sequence[int]


def unchanged(
    batches: Iterable[CallBatch],
    planned: Sequence[PlannedBatch],
    changed: Callable[[str], None],
    actions: frozenset[Action] | None = None,
) -> Iterator[Unchanged]:
    """Go through the batches of a plan, see `recheck`."""
    for before, first in zip_longest(planned, batches):
        if before is None:
            return  # what the plan does not hold is not looked at
        wanted = range(before.size) if actions is None else before.having(actions)
        same = frozenset() if first is None else _same(before, at_attempts(first, before.later), wanted)
        for index in wanted:
            if index not in same:
                changed(before.references[index])
        if first is not None:
            yield Unchanged(before, first, [index for index in wanted if index in same])


def recheck_sent(
    batches: Iterable[CallBatch], planned: Sequence[PlannedBatch], changed: Callable[[str], None]
) -> Iterator[list[PlannedCall]]:
    """Go through the calls that a plan sends, see `recheck`."""
    return recheck(batches, planned, changed, SENDING)


def recheck_moved(
    batches: Iterable[CallBatch], planned: Sequence[PlannedBatch], changed: Callable[[str], None]
) -> Iterator[list[PlannedCall]]:
    """Go through the calls that a plan records under a new reference, see `recheck`."""
    return recheck(batches, planned, changed, frozenset({Action.MOVED}))


def _same(before: PlannedBatch, now: CallBatch, wanted: Sequence[int]) -> frozenset[int]:
    """Return the indices of the calls that are what was planned."""
    references, hashes = now.references, now.hashes
    if now.attempts != before.attempts:
        return frozenset()
    return frozenset(
        index
        for index in wanted
        if index < len(references)
        and references[index] == before.references[index]
        and hashes[index] == before.hash(index)
        and _terms(now, index) == before.terms.get(index)
    )


def _terms(batch: CallBatch, index: int) -> bytes | None:
    return hash_of_terms(batch.call(index).terms) if batch.has_terms else None
