"""Problems of many rows, of which the first of a kind are shown; and calls that share a reference-id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.document import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model.call import Call
    from flowops.model.document import Place


#: The stable names of the rules that this package applies.
TEMPLATE = "template"
FLOW = "flow"
VARIABLE = "variable"
DUPLICATE = "duplicate"

#: How many problems of one kind are told at one place.
MAX_SHOWN = 20


class ProblemLimiter:
    """Counts problems by place, kind and field: one wrong word in a template is wrong for every row."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Place, str, str], int] = {}

    def allow(self, place: Place, code: str, label: str) -> bool:
        """Count one more problem at a place, and return whether to show it."""
        seen = self._seen[place, code, label] = self._seen.get((place, code, label), 0) + 1
        return seen <= MAX_SHOWN

    def summary(self) -> list[Problem]:
        """Return a problem for each place that has more than were shown, with their number."""
        return [
            Problem(place, None, f"{label}: and {seen - MAX_SHOWN:,} more rows have a problem here", code)
            for (place, code, label), seen in self._seen.items()
            if seen > MAX_SHOWN
        ]


_REFERENCE = "reference-id"


def duplicates(calls: Iterable[Call]) -> list[Problem]:
    """Return a problem for every call whose reference-id an earlier call has, naming where that one is written.

    At most 20 are told at one place, then how many more there were.
    """
    first: dict[str, Call] = {}
    limiter = ProblemLimiter()
    problems = []
    for call in calls:
        known = first.get(call.reference_id)
        if known is None:
            first[call.reference_id] = call
            continue
        place = call.origin.place((_REFERENCE,))
        if limiter.allow(place, DUPLICATE, _REFERENCE):
            at = known.origin.place((_REFERENCE,))
            where = str(at) if known.row is None else f"{at}, {known.row.in_file}"
            message = f"{_REFERENCE}: '{call.reference_id}' is the reference-id of another call ({where})"
            problems.append(Problem(place, call.row, message, DUPLICATE, "each call needs one of its own"))
    return problems + limiter.summary()
