"""What two revisions of the files render differently."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flowops.model.attempts import Attempts
    from flowops.model.call import Call
    from flowops.model.document import Place
    from flowops.model.plan import Change


class Shift(StrEnum):
    """What became of a call between two revisions."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class DifferentCall(NamedTuple):
    """A call that is not the same on both sides: `call` is the head's, of a removed one the base's.

    `changes` are those of a changed call; they have pseudonyms for sensitive values.
    """

    shift: Shift
    call: Call
    changes: tuple[Change, ...] = ()


class ChangedAttempts(NamedTuple):
    """How often the calls of a document may be tried, where that is another number than before: once a document.

    `before` is None for calls that only the head has. `calls` counts those of the document, `first` is one of them.
    """

    place: Place
    before: Attempts | None
    after: Attempts
    calls: int
    first: str


class Difference(NamedTuple):
    """Two revisions, joined by reference-id: those of the head in its order, then what was removed.

    `base` and `head` are as people named them; `head` is None for the files as they are. `base_problems` counts
    what is wrong in the base: calls that it could not render look like added ones. `environment` is what became of
    where calls go, with whose token, and of the policy, in any environment: paths lead into the project's document.
    `attempts` is what became of how often calls may be tried. Of a call of which only a further attempt differs, that
    attempt is among the `calls`.
    """

    base: str
    head: str | None
    calls: tuple[DifferentCall, ...]
    unchanged: int
    base_problems: int = 0
    environment: tuple[Change, ...] = ()
    attempts: tuple[ChangedAttempts, ...] = ()

    def counts(self) -> dict[Shift, int]:
        """Return how many calls are different in which way, however many of their attempts are; every way is there."""
        found = Counter(shift for shift, _ in {(each.shift, each.call.root) for each in self.calls})
        return {shift: found[shift] for shift in Shift}
