"""Rows as they are read: many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.model.document import Row
from flowops.model.place import RowPlace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.document import Value
    from flowops.model.place import Problem


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one source in their order, and what is wrong among them.

    `numbers` and `lines` are those of `rows`, one for one; `lines` is None for data that has no lines. A problem
    comes with how many of the rows stand in front of it.
    """

    file: str
    rows: list[dict[str, Value]]
    numbers: Sequence[int]
    lines: Sequence[int] | None
    problems: Sequence[tuple[int, Problem]] = ()

    def place(self, index: int) -> RowPlace:
        """Where one of the rows stands."""
        return RowPlace(self.file, self.numbers[index], None if self.lines is None else self.lines[index])

    def __iter__(self) -> Iterator[Row | Problem]:
        """The rows, and the problems where they were met."""
        problems = iter(self.problems)
        at, problem = next(problems, (-1, None))
        for index, values in enumerate(self.rows):
            while problem is not None and at <= index:
                yield problem
                at, problem = next(problems, (-1, None))
            yield Row(values, self.place(index))
        if problem is not None:
            yield problem
        yield from (each for _, each in problems)
