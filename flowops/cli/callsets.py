"""The rows of one call set, rendered, checked and identified a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.model import Identified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.model import Batch, Problem
    from flowops.templates import CallSet, Check, RenderedBatch


@dataclass(frozen=True, slots=True)
class CallSetRows:
    """A call set with its rows, and what is asked of each call."""

    batches: Iterable[Batch]
    calls: CallSet
    check: Check
    identify: bool

    def identified(self, problems: list[Problem]) -> Iterator[Identified]:
        """The calls in the order of the rows; what is wrong is put behind the `problems`."""
        for batch in self.batches:
            rendered = self.calls.render(batch, self.check)
            problems += rendered.problems
            found = self._identified(rendered, problems)
            if found is not None:
                yield found
            if self.calls.exhausted:
                break
        problems += self.calls.rest()

    def _identified(self, rendered: RenderedBatch, problems: list[Problem]) -> Identified | None:
        """The calls of a batch with what is asked of them; None where there are none."""
        if not rendered.bodies:
            return None
        if not self.identify:
            return Identified(rendered, rendered.references, ())
        from flowops.plan import Uncanonical, fingerprint, unfit

        try:
            return Identified(rendered, rendered.references, list(map(fingerprint, rendered.bodies)))
        except Uncanonical:
            if not problems:
                problems += unfit(rendered)
            return None
