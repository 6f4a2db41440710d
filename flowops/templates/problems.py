"""Problems of many rows: the first ones of a kind at each place, and how many more there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Problem

if TYPE_CHECKING:
    from flowops.model import Place

#: The stable names of the rules that this package applies.
TEMPLATE = "template"
FLOW = "flow"
VARIABLE = "variable"
DUPLICATE = "duplicate"

#: How many problems of one kind are told at one place.
TOLD = 20


class Repeats:
    """Counts problems by place, kind and field: one wrong word in a template is wrong for every row."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Place, str, str], int] = {}

    def admit(self, place: Place, code: str, label: str) -> bool:
        """Whether one more problem there is to be told; either way it is counted."""
        seen = self._seen[place, code, label] = self._seen.get((place, code, label), 0) + 1
        return seen <= TOLD

    def rest(self) -> list[Problem]:
        """A problem for each place that has more than were told, with their number."""
        return [
            Problem(place, None, f"{label}: and {seen - TOLD:,} more rows have a problem here", code)
            for (place, code, label), seen in self._seen.items()
            if seen > TOLD
        ]
