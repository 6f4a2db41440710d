"""Which of very many texts come more than once, in eight bytes a text."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Texts are kept apart by their hash, so that only a part of them is looked at at a time.
_PARTS = 64


class Twice:
    """Keeps a hash of each text. Two texts may have the same one: whoever is told of a text has to look at it."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(_PARTS)]

    def add(self, texts: Iterable[str]) -> None:
        """Some more texts."""
        parts = self._parts
        for number in map(hash, texts):
            parts[number % _PARTS].append(number)

    def suspects(self) -> frozenset[int]:
        """The hashes that came more than once."""
        found: set[int] = set()
        for part in self._parts:
            if len(set(part)) < len(part):
                found.update(number for number, count in Counter(part).items() if count > 1)
        return frozenset(found)
