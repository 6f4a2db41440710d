"""One reference-id, one call: the ledger knows a call by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Problem
from flowops.templates.problems import DUPLICATE, Repeats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Call

_REFERENCE = "reference-id"


def duplicates(calls: Iterable[Call]) -> list[Problem]:
    """A problem for every call whose reference-id an earlier call has, naming where that one is written.

    At most 20 are told at one place, then how many more there were.
    """
    first: dict[str, Call] = {}
    repeats = Repeats()
    problems = []
    for call in calls:
        known = first.get(call.reference_id)
        if known is None:
            first[call.reference_id] = call
            continue
        place = call.origin.place((_REFERENCE,))
        if repeats.admit(place, DUPLICATE, _REFERENCE):
            at = known.origin.place((_REFERENCE,))
            where = str(at) if known.row is None else f"{at}, {known.row}"
            message = f"{_REFERENCE}: '{call.reference_id}' is the reference-id of another call ({where})"
            problems.append(Problem(place, call.row, message, DUPLICATE, "each call needs one of its own"))
    return problems + repeats.rest()
