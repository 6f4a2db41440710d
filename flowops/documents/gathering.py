"""Rows and problems, one by one, to a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.documents.data_lines import ROWS
from flowops.model import Batch, Place, Problem, RowPlace

if TYPE_CHECKING:
    from flowops.model import Value

#: How many rows a batch has at most, and how much of a file, in bytes, is read for one before it is handed on.
BATCH_ROWS = 1000
BATCH_SIZE = 1024 * 1024


class Gathering:
    """A batch in the making; `number` is that of the last row, good or bad."""

    def __init__(self, file: str, number: int) -> None:
        self.number = number
        self._file = file
        self._rows: list[dict[str, Value]] = []
        self._numbers: list[int] = []
        self._lines: list[int] = []
        self._problems: list[tuple[int, Problem]] = []

    def row(self, values: dict[str, Value], line: int) -> None:
        """The next row."""
        self.number += 1
        self._rows.append(values)
        self._numbers.append(self.number)
        self._lines.append(line)

    def bad_row(self, message: str, line: int, column: int = 1) -> None:
        """The next row, which is none."""
        self.number += 1
        place = RowPlace(self._file, self.number, line)
        self.problem(Problem(Place(self._file, line, column), place, message, ROWS))

    def problem(self, problem: Problem) -> None:
        """Something wrong with the file behind the last row."""
        self._problems.append((len(self._rows), problem))

    def __len__(self) -> int:
        return len(self._rows) + len(self._problems)

    def batch(self) -> Batch:
        """What has been gathered."""
        return Batch(self._file, self._rows, self._numbers, self._lines, self._problems)
