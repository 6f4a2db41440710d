"""Find which of very many texts or numbers come more than once, in eight bytes each."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Numbers are looked at in parts: as objects they take ten times the memory that they have in an array.
_PARTS = 64


class DuplicateDetector:
    """Keeps a hash of each text. Two texts may have the same one, so a candidate has to be compared."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, texts: Iterable[str]) -> None:
        """Add some more texts."""
        self._hashes.extend(map(hash, texts))

    def common(self, other: DuplicateDetector) -> frozenset[int]:
        """Return the hashes that both have, the smaller one first."""
        own = frozenset(self._hashes)
        return frozenset(number for number in other._hashes if number in own) if own else own

    def candidates(self) -> frozenset[int]:
        """Return the hashes that came more than once."""
        return repeats(self._hashes)


def repeats(numbers: array[int]) -> frozenset[int]:
    """Return the numbers that come more than once."""
    parts: defaultdict[int, array[int]] = defaultdict(lambda: array(numbers.typecode))
    for number in numbers:
        parts[number % _PARTS].append(number)
    found: set[int] = set()
    for part in parts.values():
        if len(set(part)) < len(part):
            found.update(number for number, count in Counter(part).items() if count > 1)
    return frozenset(found)
