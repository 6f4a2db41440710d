"""A data file in another encoding, read as UTF-8."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from flowops.documents.data_lines import BadData
from flowops.model import Place, Problem

if TYPE_CHECKING:
    from flowops.documents.data_lines import ByteSource

_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def transcoded(file: str, stream: ByteSource, encoding: str | None) -> ByteSource:
    """A stream of UTF-8, whose `read` raises BadData at what is not in the encoding; None stands for UTF-8."""
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
        """About so many bytes; none at the end."""
        while self._bad is None:
            data = self._stream.read(size)
            text = self._text(data)
            breaks = text.count("\n")
            self._line += breaks
            self._column = len(text) - text.rfind("\n") if breaks else self._column + len(text)
            if text or not data:
                return text.encode()
        raise self._bad

    def _text(self, data: bytes) -> str:
        """What some bytes say; of bytes that say nothing, what stands in front of them."""
        if self._decoder is None:
            data = self._begin(data)
            if self._decoder is None:
                return ""
        try:
            return self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # The decoder kept the beginning of a character back from the data before.
            good = error.object[: error.start].decode(self._codec)
            rest = f"the byte 0x{error.object[error.start]:02x} cannot stand here"
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
        self._decoder = codecs.getincrementaldecoder(self._codec)()
        marks = [mark for mark, name in _MARKS.items() if name == self._codec]
        return data.removeprefix(marks[0]) if marks else data

    def _refuse(self, message: str, line: int, column: int, hint: str | None = None) -> None:
        place = Place(self._file, line, column)
        self._bad = BadData(Problem(place, message=message, code="encoding", hint=hint))
