"""How often one call may be tried, as its document says it; and the names that its attempts have."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.selection import ATTEMPT
from flowops.common.spans import read_span, span_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value

#: The outcomes of a call that has finished, and the API's result codes of them (vendor documentation).
OUTCOME_CODES = {"completed": 10, "no-answer": 9, "failed": 11, "declined": 12}
#: How a call ended, by the API's result code. Nothing here says that a person answered.
OUTCOMES: Mapping[int, str] = {code: name for name, code in OUTCOME_CODES.items()}
COMPLETED = "completed"
#: The outcomes behind which a call may be tried again.
REPEATABLE = tuple(name for name in OUTCOME_CODES if name != COMPLETED)

#: No call is tried more often.
MOST_ATTEMPTS = 99
#: How many characters the reference-id of a call with attempts may have: the API takes 64, and ``~99`` is behind it.
LONGEST_ROOT = 61
_ATTEMPT = re.compile(r"(.+)~([2-9]|[1-9][0-9])", re.DOTALL)


class Attempts(NamedTuple):
    """How often a call may be tried.

    The next attempt is due `after` a time behind the finish of the one before: one time for all, or one for each
    further attempt; none later than `within` a time behind the first claim, and none unless the one before ended with
    an outcome in `on`.
    """

    most: int = 1
    on: frozenset[str] = frozenset({"no-answer"})
    after: tuple[timedelta, ...] = (timedelta(hours=2),)
    within: timedelta = timedelta(days=3)

    def pause(self, attempt: int) -> timedelta:
        """Return how long behind the finish of an attempt (1, 2, …) the next one is due."""
        return self.after[min(attempt, len(self.after)) - 1]

    def __str__(self) -> str:
        times = ", ".join(map(span_text, self.after))
        return f"max {self.most}, on {' '.join(sorted(self.on))}, after {times}, within {span_text(self.within)}"

    def as_kept(self) -> dict[str, Value]:
        """Return them as they are kept with a claim."""
        return {
            "max_attempts": self.most,
            "on": sorted(self.on),
            "after": [pause.total_seconds() for pause in self.after],
            "within": self.within.total_seconds(),
        }

    @classmethod
    def kept(cls, value: Mapping[str, Value]) -> Attempts:
        """Return what `as_kept` has made a value of; one attempt where it says nothing of them."""
        if "max_attempts" not in value:
            return cls()
        if "on" not in value:  # imported: how often it might be tried elsewhere is known, and nothing follows here
            return cls(value["max_attempts"], frozenset())
        after = tuple(timedelta(seconds=pause) for pause in value["after"])
        return cls(value["max_attempts"], frozenset(value["on"]), after, timedelta(seconds=value["within"]))


#: What holds where a document says nothing of attempts.
ONE_ATTEMPT = Attempts()


def read_attempts(value: Mapping[str, Value]) -> Attempts:
    """Return the attempts of a mapping that its schema accepts.

    Raises ValueError when there are not as many times as further attempts.
    """
    known = Attempts()
    most = value.get("max", known.most)
    after = value.get("after")
    times = known.after if after is None else tuple(map(read_span, after if isinstance(after, list) else [after]))
    if isinstance(after, list) and len(times) != most - 1:
        raise ValueError(f"after: has {len(times)} times, and max: {most} has {most - 1} further attempts")
    return Attempts(
        most,
        frozenset(value.get("on") or known.on),
        times,
        read_span(value["within"]) if value.get("within") is not None else known.within,
    )


def attempt_reference(root: str, attempt: int) -> str:
    """Return the reference-id under which an attempt (1, 2, …) of a call is posted."""
    return root if attempt == 1 else f"{root}{ATTEMPT}{attempt}"


def further_references(root: str, most: int) -> list[str]:
    """Return the reference-ids of the further attempts of a call that may be tried so often."""
    return [attempt_reference(root, attempt) for attempt in range(2, most + 1)]


def split_reference(reference: str) -> tuple[str, int]:
    """Return what a reference-id would be the attempt of, and which: ``("a", 2)`` of ``a~2``, ``("a", 1)`` of ``a``."""
    found = _ATTEMPT.fullmatch(reference)
    return (reference, 1) if found is None else (found[1], int(found[2]))
