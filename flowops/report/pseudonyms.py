"""Short names for numbers, so that a reader can tell people apart whose masked numbers look alike.

With a ledger they are made with its key, and stay the same from one output to the next (`flowops.ledger`). Without a
key any name that is made from a number would give it away: there are few enough numbers to try them all. Then people
are counted in each output anew.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Counted:
    """Names for one output: ``1`` for the first number that is asked for, and so on."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, number: str) -> str:
        """The name of a number."""
        return self._names.setdefault(number, str(len(self._names) + 1))


def told_apart(calls: Iterable[tuple[Sequence[str], Sequence[str]]]) -> list[tuple[str, ...]]:
    """The masked callees of calls, with their pseudonyms behind those that are to be seen more than once."""
    listed = list(calls)
    seen = Counter(callee for callees, _ in listed for callee in callees)
    return [
        tuple(
            f"{callee} ({pseudonym})" if pseudonym and seen[callee] > 1 else callee
            for callee, pseudonym in zip(callees, [*pseudonyms, *[""] * len(callees)], strict=False)
        )
        for callees, pseudonyms in listed
    ]
