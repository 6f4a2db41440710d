"""The guard against calls that are rung again for a new name: a call set names its calls otherwise than before."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from flowops.model.call import split_reference
from flowops.model.plan import Guard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from flowops.model.call import CallBatch
    from flowops.model.claims import Ledger
    from flowops.model.document import Place

#: The guard's name, by which an operator lifts it for a run.
NAME = "renamed"
_CALL_SET = "CallSet"


class _Suspect(NamedTuple):
    """A call that says what was placed under another reference; `place` is where its own is written."""

    place: Place
    reference: str
    template: str


class RenamedCalls:
    """Finds calls that would be placed, though all but their reference was placed before under another template.

    It is told of calls that the ledger does not know, a batch at a time. What the files still name, with all attempts,
    is another call.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        #: By the reference that was placed.
        self._suspects: dict[str, _Suspect] = {}

    def add(self, batch: CallBatch, indices: Sequence[int]) -> None:
        """Look at some calls of a batch."""
        if not indices:
            return
        first = batch.call(indices[0])
        if first.origin.document.kind != _CALL_SET:
            return
        bodies = [batch.bodies[index] for index in indices]
        place = first.origin.place(("reference-id",))
        for at, placed in self._ledger.placed_with_the_words_of(bodies, first.naming).items():
            suspect = _Suspect(place, batch.references[indices[at]], first.naming)
            self._suspects.setdefault(placed, suspect)

    def guards(self, named: Iterable[Collection[str]], environment: str) -> tuple[Guard, ...]:
        """Return a guard for each call set that was renamed; `named` are the references that files name, in parts."""
        suspects: dict[str, list[str]] = {}
        for name in self._suspects:
            for known in {name, split_reference(name)[0]}:
                suspects.setdefault(known, []).append(name)
        for references in named if suspects else ():
            for reference in references:
                for name in suspects.get(reference, ()):
                    self._suspects.pop(name, None)
        counts = Counter(suspect.place for suspect in self._suspects.values())
        first: dict[Place, tuple[str, _Suspect]] = {}
        for placed, suspect in self._suspects.items():
            first.setdefault(suspect.place, (placed, suspect))
        return tuple(_guard(*first[place], count, environment) for place, count in sorted(counts.items()))


def _guard(placed: str, suspect: _Suspect, count: int, environment: str) -> Guard:
    calls = "1 call was" if count == 1 else f"{count:,} calls were"
    reason = (
        f"{NAME} ({suspect.place.file}:{suspect.place.line}): {calls} placed with the same words to the same numbers "
        f"under references that no file names any more, such as {placed}, which is {suspect.reference} now. If these "
        f"are the same calls, say what they were called, beside reference-id: moved-from: …; if they are others: "
        f"flowops apply --env {shlex.quote(environment)} --override renamed --reason …"
    )
    return Guard(NAME, reason, suspect.place)
