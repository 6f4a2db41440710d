"""The lines of a data file, decoded and bounded."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO

from flowops.documents.text import decode
from flowops.model import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The longest row, in bytes.
MAX_ROW = 1024 * 1024
ROWS = "rows"


class BadData(Exception):
    """Why a data file is not read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class DataLines:
    """Iterates over the lines of a file, each with its end. Raises BadData.

    `number` is the line that was taken last, from 1. `start` is the first line of the row that is being
    read; whoever reads rows calls `begin_row` before each.
    """

    def __init__(self, file: str, stream: BinaryIO) -> None:
        self.file = file
        self.number = 0
        self.start = 1
        self._stream = stream
        self._size = 0

    def begin_row(self) -> None:
        """The next line is the first of a row."""
        self.start = self.number + 1
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        readline = self._stream.readline
        while data := readline(MAX_ROW + 1):
            self.number += 1
            self._size += len(data)
            if self._size > MAX_ROW:
                raise self.bad(f"the row is longer than {MAX_ROW:,} bytes")
            if self.number == 1:
                data = data.removeprefix(codecs.BOM_UTF8)
            try:
                text = data.decode()
            except UnicodeDecodeError:
                raise self._not_utf8(data) from None
            if "\0" in text:
                raise self.bad("a NUL stands in the row", self.number, text.index("\0") + 1)
            yield text

    def bad(self, message: str, line: int | None = None, column: int = 1) -> BadData:
        """A reason to read no further, placed at the row or at a line."""
        place = Place(self.file, line or self.start, column)
        return BadData(Problem(place, message=message, code=ROWS))

    def _not_utf8(self, data: bytes) -> BadData:
        problem = decode(self.file, data)
        assert isinstance(problem, Problem)
        place = Place(self.file, self.number, problem.place.column)
        return BadData(Problem(place, message=problem.message, code=problem.code, hint=problem.hint))
