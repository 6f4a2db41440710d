"""One of several parts of the calls, by their references: the same on every machine, whatever file they stand in."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from flowops.model import SomeCalls
from flowops.plan.planner import Identified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: More shards than this are a mistake.
MOST = 10_000


class Shard(NamedTuple):
    """The `number`-th of so many parts, from 1."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def has(self, reference: str) -> bool:
        """Whether a call belongs to this part; each belongs to one."""
        found = int.from_bytes(sha256(reference.encode("utf-8", "surrogatepass")).digest()[:8])
        return found % self.parts == self.number - 1

    def pick(self, batches: Iterable[Identified]) -> Iterator[Identified]:
        """The calls of this part, in their order."""
        for calls, references, fingerprints in batches:
            indices = [index for index, reference in enumerate(references) if self.has(reference)]
            if indices:
                yield Identified(
                    SomeCalls(calls, tuple(indices)),
                    [references[index] for index in indices],
                    [fingerprints[index] for index in indices],
                )


def read_shard(text: str) -> Shard:
    """``2/4``. Raises ValueError, which says what is wrong behind the text."""
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and number.isascii() and count.isascii()):
        raise ValueError("is not a part such as 2/4")
    shard = Shard(int(number[:9]), int(count[:9]))
    if not 1 <= shard.number <= shard.parts <= MOST:
        raise ValueError(f"is not a part: it goes from 1/n to n/n, and n up to {MOST:,}")
    return shard
