"""The rows of one call set, rendered, checked and identified a batch at a time, by as many processes as pay."""

from __future__ import annotations

import gc
import marshal
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from flowops.cli.workers import in_turns, processes
from flowops.model import Identified
from flowops.templates.batches import PackedCalls, PackedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from flowops.model import Batch, Problem
    from flowops.templates import CallSet, RenderedBatch
    from flowops.templates.batches import Check

#: Rows from which on it pays to begin other processes.
MANY = 20_000


@dataclass(frozen=True, slots=True)
class CallSetRows:
    """A call set with its rows, and what is asked of each call; `batches` reads the rows from their beginning."""

    batches: Callable[[], Iterator[Batch]]
    calls: CallSet
    check: Check
    identify: bool

    def identified(self, problems: list[Problem], size: int) -> Iterator[Identified]:
        """The calls in the order of the rows; what is wrong is put behind the `problems`. `size` is a guess."""
        done = 0
        if size >= MANY and (count := processes()) > 1:
            done, whole = yield from self._by_others(count)
            if whole:
                return
        for batch in islice(self.batches(), done, None):
            rendered = self.calls.render(batch, self.check)
            problems += rendered.problems
            found = self._identified(rendered, problems)
            if found is not None:
                yield found
            if self.calls.exhausted:
                break
        problems += self.calls.rest()

    def _by_others(self, count: int) -> Generator[Identified, None, tuple[int, bool]]:
        """The calls, rendered by other processes up to the first batch that one of them is not sure of.

        Returns how many batches that were, and whether they were all.
        """
        done = 0
        # What is there already is not gone through again by each process: that would copy its memory.
        gc.freeze()
        results = in_turns(lambda turn: self._work(turn, count), count)
        try:
            while True:
                change, packed, references, digests = marshal.loads(next(results))  # noqa: S302 (of our own process)
                rows = PackedRows(*packed)
                if not self.calls.join(change, rows.size):
                    return done, False
                done += 1
                yield Identified(PackedCalls(self.calls, rows), references, digests)
        except StopIteration as end:
            return done, end.value
        finally:
            results.close()
            gc.unfreeze()

    def _work(self, turn: int, count: int) -> Iterator[bytes | None]:
        """What one of so many processes does: every count-th batch, as long as nothing is wrong."""
        for batch in islice(self.batches(), turn, None, count):
            rendered, change = self.calls.apart(batch, self.check)
            found = None if rendered.problems else self._identified(rendered, [])
            if found is None:
                yield None
                return
            packed = tuple(rendered.calls.packed)
            yield marshal.dumps((change, packed, list(found.references), list(found.fingerprints)))

    def _identified(self, rendered: RenderedBatch, problems: list[Problem]) -> Identified | None:
        """The calls of a batch with what is asked of them; None where there are none."""
        if not rendered.bodies:
            return None
        references = [body["instruction-id"] for body in rendered.bodies]
        if not self.identify:
            return Identified(rendered.calls, references, ())
        from flowops.plan import Uncanonical, fingerprints, unfit

        try:
            return Identified(rendered.calls, references, fingerprints(rendered.bodies, rendered.odd))
        except Uncanonical:
            if not problems:
                problems += unfit(rendered.calls)
            return None
