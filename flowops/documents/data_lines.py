"""The text of a data file, a block of lines at a time, in any encoding."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Protocol

from flowops.documents.files import decode
from flowops.documents.foreign import foreign
from flowops.documents.row_source import ROWS
from flowops.documents.spreadsheets import conflict
from flowops.model.document import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.row_source import Dialect

#: The longest row, in bytes.
MAX_ROW = 1024 * 1024
_BLOCK = 64 * 1024


class BadData(Exception):
    """Why a data file is not read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class ByteSource(Protocol):
    """What bytes are read from: a file, or one that is being decoded, and then may raise BadData."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, about so many; none at the end."""
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
        """Yield the text in pieces of whole lines, each with its end. Raises BadData behind the lines that are good.

        A file is not decoded line by line, because that would take as long as all that is done with a row.
        """
        data = self._stream.read(_BLOCK).removeprefix(codecs.BOM_UTF8)
        trouble = foreign(data)
        if trouble is not None:
            raise self._bad(f"the file {trouble.message}", 1, hint=trouble.hint)
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
        """Return the error that the row beginning in a line is too long."""
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
            bad = self._nul(data, self.number + text.count("\n") + 1, index - good + 1)
        mark = conflict(text)
        if mark is not None:
            text = text[:mark]
            message = "there is a conflict mark of Git here: the merge is not finished"
            bad = self._bad(message, self.number + text.count("\n") + 1)
        if text:
            yield text
            self.number += text.count("\n")
        if bad is not None:
            raise bad

    def _nul(self, data: bytes, line: int, column: int) -> BadData:
        """Return that a NUL stands in a row; in UTF-16 every second byte of what is in ASCII is one."""
        order = _order(data[: len(data) // 2 * 2]) if self.number == 0 else None
        if order is None or line > 1:
            return self._bad("there is a NUL in the row", line, column)
        hint = f"save it as UTF-8{f', or declare it: for-each: {{file: …, encoding: {order}}}' * self._declarable}"
        return self._bad("the file is not UTF-8: it looks like UTF-16", line, hint=hint)

    def _not_utf8(self, data: bytes, line: int) -> BadData:
        problem = decode(self.file, data[: data.find(b"\n")] if b"\n" in data else data)
        assert isinstance(problem, Problem)
        place = Place(self.file, line, problem.place.column)
        hint = problem.hint
        if self._declarable:
            encoding = "utf-16" if hint and "UTF-16" in hint else "windows-1252"
            hint = f"{hint}, or declare its encoding, such as for-each: {{file: …, encoding: {encoding}}}"
        return BadData(Problem(place, message=problem.message, code=problem.code, hint=hint))

    def _bad(self, message: str, line: int, column: int = 1, hint: str | None = None) -> BadData:
        return BadData(Problem(Place(self.file, line, column), message=message, code=ROWS, hint=hint))


_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: Of fewer bytes nobody can tell in which order they come.
_ENOUGH = 16
_OTHER_ORDER = {"utf-16-le": "utf-16-be", "utf-16-be": "utf-16-le"}


def _order(data: bytes) -> str | None:
    """Return the order of bytes that UTF-16 is in beyond doubt: by its mark, its line feeds, or the zeros of ASCII."""
    if data[:2] in _MARKS:
        return _MARKS[data[:2]]
    units = {data[at : at + 2] for at in range(0, len(data), 2)}
    # The other way round these bytes are no character.
    if (b"\n\0" in units) is not (b"\0\n" in units):
        return "utf-16-le" if b"\n\0" in units else "utf-16-be"
    big, little = data[0::2].count(0), data[1::2].count(0)
    if len(data) < _ENOUGH or min(big, little) or max(big, little) * 4 < len(data):
        return None
    return "utf-16-be" if big else "utf-16-le"


def transcoded(file: str, stream: ByteSource, encoding: str | None) -> ByteSource:
    """Return a stream of UTF-8, whose `read` raises BadData at what is not in the encoding; None stands for UTF-8."""
    if encoding is None or encoding == "utf-8":
        return stream
    return _Transcoded(file, stream, encoding)


class _Transcoded:
    def __init__(self, file: str, stream: ByteSource, encoding: str) -> None:
        self._file = file
        self._stream = stream
        self._encoding = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._bad: BadData | None = None
        self._line, self._column = 1, 1

    def read(self, size: int, /) -> bytes:
        """Return about so many bytes; none at the end."""
        while self._bad is None:
            data = self._stream.read(size)
            text = self._text(data)
            breaks = text.count("\n")
            self._line += breaks
            self._column = len(text) - text.rfind("\n") if breaks else self._column + len(text)
            # At the end there may be no text and something wrong: what is wrong comes first.
            if text or (not data and self._bad is None):
                return text.encode()
        raise self._bad

    def _text(self, data: bytes) -> str:
        """Return what some bytes say; of bytes that say nothing, what stands in front of them."""
        if self._decoder is None:
            data = self._begin(data)
            if self._decoder is None:
                return ""
        try:
            return self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # The decoder kept the beginning of a character back from the data before.
            good = error.object[: error.start].decode(self._codec)
            rest = f"the byte 0x{error.object[error.start]:02x} is not allowed here"
            line = self._line + good.count("\n")
            column = len(good) - good.rfind("\n") if "\n" in good else self._column + len(good)
            self._refuse(f"the file is not {self._encoding}: {rest}", line, column)
            return good

    def _begin(self, data: bytes) -> bytes:
        """Choose the decoder; the data without a byte order mark."""
        self._codec = self._encoding
        if self._encoding == "utf-16" and data:
            if data[:2] not in _MARKS:
                hint = "declare utf-16-le or utf-16-be, or save the file with a byte order mark"
                self._refuse("the file is not utf-16: it begins without a byte order mark", 1, 1, hint)
                return b""
            self._codec = _MARKS[data[:2]]
        other = _OTHER_ORDER.get(self._codec)
        if other is not None and _order(data) == other:
            message = f"the file is not {self._codec}: its bytes come in the order of {other}"
            self._refuse(message, 1, 1, f"declare encoding: {other}")
            return b""
        self._decoder = codecs.getincrementaldecoder(self._codec)()
        marks = [mark for mark, name in _MARKS.items() if name == self._codec]
        return data.removeprefix(marks[0]) if marks else data

    def _refuse(self, message: str, line: int, column: int, hint: str | None = None) -> None:
        place = Place(self._file, line, column)
        self._bad = BadData(Problem(place, message=message, code="encoding", hint=hint))


def data_lines(file: str, stream: ByteSource, dialect: Dialect) -> DataLines:
    """Return the lines of a file in a dialect; `file` is how messages call it."""
    return DataLines(file, transcoded(file, stream, dialect.encoding), declarable=dialect.declarable)
