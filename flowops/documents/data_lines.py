"""The lines of a data file, decoded and bounded."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Protocol

from flowops.documents.text import decode
from flowops.model import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The longest row, in bytes.
MAX_ROW = 1024 * 1024
ROWS = "rows"
_BLOCK = 64 * 1024


class BadData(Exception):
    """Why a data file is not read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class ByteSource(Protocol):
    """What bytes are read from: a file, or one that is being decoded, and then may raise BadData."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, about so many; none at the end."""
        ...


class DataLines:
    """The text of a file. `number` is how many lines stand in front of the block that was taken last.

    `declarable` is whether its encoding could have been declared, which a hint then says.
    """

    def __init__(self, file: str, stream: ByteSource, *, declarable: bool = True) -> None:
        self.file = file
        self.number = 0
        self._stream = stream
        self._declarable = declarable

    def blocks(self) -> Iterator[str]:
        """The text in pieces of whole lines, each with its end. Raises BadData behind the lines that are good.

        A file is not decoded line by line, because that would take as long as all that is done with a row.
        """
        data = self._stream.read(_BLOCK).removeprefix(codecs.BOM_UTF8)
        begun = b""
        while data:
            end = data.find(b"\n") + 1
            if len(begun) + (end or len(data)) > MAX_ROW:
                raise self.too_long(self.number + 1)
            end = data.rfind(b"\n") + 1
            if end:
                yield from self._checked(begun + data[:end])
                begun = data[end:]
            else:
                begun += data
            data = self._stream.read(_BLOCK)
        if begun:
            yield from self._checked(begun)

    def too_long(self, line: int) -> BadData:
        """That the row beginning in a line is too long."""
        return self._bad(f"the row is longer than {MAX_ROW:,} bytes", line)

    def _checked(self, data: bytes) -> Iterator[str]:
        bad: BadData | None = None
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            good = data.rfind(b"\n", 0, error.start) + 1
            text = data[:good].decode()
            bad = self._not_utf8(data[good:], self.number + text.count("\n") + 1)
        if "\0" in text:
            index = text.index("\0")
            good = text.rfind("\n", 0, index) + 1
            text = text[:good]
            bad = self._bad("a NUL stands in the row", self.number + text.count("\n") + 1, index - good + 1)
        if text:
            yield text
            self.number += text.count("\n")
        if bad is not None:
            raise bad

    def _not_utf8(self, data: bytes, line: int) -> BadData:
        problem = decode(self.file, data[: data.find(b"\n")] if b"\n" in data else data)
        assert isinstance(problem, Problem)
        place = Place(self.file, line, problem.place.column)
        hint = problem.hint
        if self._declarable:
            encoding = "utf-16" if hint and "UTF-16" in hint else "windows-1252"
            hint = f"{hint}, or declare its encoding, such as for-each: {{file: …, encoding: {encoding}}}"
        return BadData(Problem(place, message=problem.message, code=problem.code, hint=hint))

    def _bad(self, message: str, line: int, column: int = 1) -> BadData:
        return BadData(Problem(Place(self.file, line, column), message=message, code=ROWS))
