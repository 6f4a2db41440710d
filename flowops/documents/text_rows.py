"""Rows from text, read a block of lines at a time: CSV (RFC 4180) and JSON Lines (jsonlines.org), in any encoding."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from dataclasses import replace
from itertools import chain, islice, pairwise, takewhile
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowops.common.json import NotJson, read_flat, read_json
from flowops.common.limits import DOCUMENT_DEPTH
from flowops.common.text import quoted, visible
from flowops.documents.files import Unreadable
from flowops.documents.row_source import BATCH_ROWS, BATCH_SIZE, ROWS, BatchBuilder, FileRows, RowsError, missing_hint
from flowops.documents.spreadsheets import (
    COMMA,
    conflict,
    foreign,
    header_troubles,
    stray_quote,
    title_line,
    width_trouble,
)
from flowops.documents.text import decode
from flowops.model.document import Batch, Place, Problem

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
            raise self._bad(trouble.message, 1, hint=trouble.hint)
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
            bad = self._bad("a NUL stands in the row", self.number + text.count("\n") + 1, index - good + 1)
        mark = conflict(text)
        if mark is not None:
            text = text[:mark]
            message = "a conflict mark of Git stands here: the merge is not finished"
            bad = self._bad(message, self.number + text.count("\n") + 1)
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


#: After so many rows it is looked at how much of the file they took.
_STEP = 50
# Begin what Python's csv module says (Modules/_csv.c).
_MESSAGES = {
    "',' expected after '\"'": "text stands behind a closing quote; a quote inside of quotes is written twice",
    "unexpected end of data": "a quote that opens in this row is never closed",
    "new-line character seen": "a carriage return stands in a row; rows end with a line feed, or with both",
    "field larger than": f"a field is longer than {csv.field_size_limit():,} characters",
}


def csv_batches(lines: DataLines, dialect: Dialect) -> Iterator[Batch]:
    """Yield the rows of a CSV file; its blank lines are none. A row that is not like the header is a problem."""
    records = _Records(lines, dialect)
    header, problems = _header(records, dialect)
    if problems:
        yield Batch(lines.file, [], (), (), [(0, problem) for problem in problems])
        return
    width = {len(header)}
    at = records.line - 1
    number = 0
    while records.take():
        taken, count = records.taken, len(records.taken)
        title = None if number or records.trouble else title_line(header, taken, dialect)
        if title is not None:
            problem = Problem(Place(lines.file, at), message=title.message, code=ROWS, hint=title.hint)
            yield Batch(lines.file, [], (), (), [(0, problem)])
            return
        is_whole = records.trouble is None and records.line - records.first == count
        if is_whole and set(map(len, taken)) == width and not records.holds_quotes():
            # As nearly all batches are: each row has a line, and as many fields as the header.
            rows = [dict(zip(header, record)) for record in taken]  # noqa: B905
            first, number = number + 1, number + count
            yield Batch(lines.file, rows, range(first, number + 1), range(records.first, records.line))
        else:
            found = BatchBuilder(lines.file, number)
            _gather(records, header, found, dialect)
            number = found.number
            yield found.batch()


def csv_columns(lines: DataLines, dialect: Dialect) -> list[str]:
    """Return the names of the columns; none where `csv_batches` says what is wrong with them."""
    header, problems = _header(_Records(lines, dialect), dialect)
    return [] if problems else header


class _Records:
    """The records of a CSV file, many at a time: what is done for each of a million is done in C.

    `taken` are records, the first of which begins in the line `first`; `line` is the one behind them. `trouble` is what
    came next instead of a record; after BadData there is nothing more.
    """

    def __init__(self, lines: DataLines, dialect: Dialect) -> None:
        self.file = lines.file
        self.taken: list[list[str]] = []
        self.first = 1
        self.trouble: csv.Error | BadData | None = None
        self._lines = lines
        self._before = 0
        self._read = 0
        #: The text that the records were read from, in blocks, each with the line that it begins in.
        self._kept: deque[tuple[int, str]] = deque()
        quoted = dialect.quote != "none"
        self._quote = (dialect.quote or '"') if quoted else None
        self._reader = csv.reader(
            chain.from_iterable(self._blocks()),
            strict=True,
            delimiter=dialect.delimiter or COMMA,
            quotechar=self._quote,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        )

    @property
    def line(self) -> int:
        """Return the line behind the last record, or behind what is in trouble."""
        return self._reader.line_num + 1

    def take(self, count: int = BATCH_ROWS) -> bool:
        """Read up to so many records; False when there is nothing left."""
        if isinstance(self.trouble, BadData):
            return False
        self.first = self.line
        while len(self._kept) > 1 and self._kept[1][0] <= self.first:
            self._kept.popleft()
        self._before += len(self.taken) + (self.trouble is not None)
        self.trouble = None
        taken: list[list[str]] = []
        self.taken = taken
        self._read = 0
        try:
            while len(taken) < count and self._read < BATCH_SIZE:
                before = len(taken)
                # What was read in front of an error stays in the list.
                taken.extend(islice(self._reader, min(_STEP, count - before)))
                if len(taken) == before:
                    break
        except (csv.Error, BadData) as error:
            self.trouble = error
        return bool(taken) or self.trouble is not None

    def starts(self) -> Iterator[int]:
        """Yield the line of each record that was taken, and of what comes next: quoted line feeds make one longer."""
        line = self.first
        for record in self.taken:
            yield line
            line += 1 + sum(field.count("\n") for field in record)
        yield line

    def holds_quotes(self) -> bool:
        """Return whether a field that was taken holds a quote, which may be one that begins where no field does."""
        quote = self._quote
        if quote is None or not any(quote in text for _, text in self._kept):
            return False
        return any(quote in field for record in self.taken for field in record)

    def written(self, first: int, end: int) -> str:
        """Return the text of some lines of the records that were taken."""
        lines: list[str] = []
        for start, text in self._kept:
            if start < end:
                block = io.StringIO(text, newline="\n").readlines()
                lines += block[max(first - start, 0) : end - start]
        return "".join(lines)

    def _blocks(self) -> Iterator[Iterator[str]]:
        """Yield lines for Python's reader, until a row has swallowed block after block."""
        ended, inside, previous = -1, 0, 0
        for block in self._lines.blocks():
            if ended == self._before + len(self.taken):
                inside += previous  # No record has ended in all of the block before this one.
            else:
                ended, inside = self._before + len(self.taken), 0
            if inside > MAX_ROW:
                *_, start = self.starts()
                raise self._lines.too_long(start)
            previous = len(block)
            self._read += previous
            self._kept.append((self._lines.number + 1, block))
            # A checkout on another system writes line ends of its own, in cells too: they are no other text.
            yield io.StringIO(block.replace("\r\n", "\n") if "\r" in block else block, newline="\n")


def _gather(records: _Records, header: list[str], found: BatchBuilder, dialect: Dialect) -> None:
    """Add rows one by one, where lines or fields have to be counted, or something is wrong."""
    quote = None if dialect.quote == "none" else dialect.quote or '"'
    for record, (line, end) in zip(records.taken, pairwise(records.starts()), strict=True):
        trouble = None
        if quote is not None and any(quote in field for field in record):
            trouble = stray_quote(records.written(line, end), dialect)
        if trouble is None and record and len(record) != len(header):
            trouble = width_trouble(len(record), len(header), dialect)
        if trouble is not None:
            found.bad_row(trouble.message, line, hint=trouble.hint)
        elif record:
            found.row(dict(zip(header, record, strict=True)), line)
    if isinstance(records.trouble, BadData):
        found.problem(records.trouble.problem)
    elif records.trouble is not None:
        *_, line = records.starts()
        trouble = None if quote is None else stray_quote(records.written(line, records.line), dialect)
        if trouble is None:
            found.bad_row(_said(records.trouble), line)
        else:
            found.bad_row(trouble.message, line, hint=trouble.hint)


def _header(records: _Records, dialect: Dialect) -> tuple[list[str], list[Problem]]:
    """Return the names of the columns, and what is wrong with them."""
    while records.take(1):
        match records.trouble:
            case BadData() as error:
                return [], [error.problem]
            case csv.Error() as error:
                return [], [Problem(Place(records.file, records.line - 1), message=_said(error), code=ROWS)]
        if records.taken[0]:
            return records.taken[0], _header_problems(Place(records.file, records.line - 1), records.taken[0], dialect)
    message = "the file is empty: its first line has to name the columns"
    return [], [Problem(Place(records.file), message=message, code=ROWS)]


def _header_problems(place: Place, header: list[str], dialect: Dialect) -> list[Problem]:
    troubles = header_troubles(header, dialect)
    return [Problem(place, message=each.message, code=ROWS, hint=each.hint) for each in troubles]


def _said(error: csv.Error) -> str:
    said = str(error)
    return next((ours for theirs, ours in _MESSAGES.items() if said.startswith(theirs)), f"this is not CSV: {said}")


def json_batches(lines: DataLines) -> Iterator[Batch]:
    """Yield the rows of a JSON Lines file; its blank lines are none."""
    from orjson import loads

    found = BatchBuilder(lines.file, 0)
    try:
        for block in lines.blocks():
            for line, text in enumerate(io.StringIO(block, newline="\n"), lines.number + 1):
                flat = read_flat(text, loads)
                if flat is not None:
                    found.row(flat, line)
                elif not text.isspace():
                    _read(text, line, found)
                if len(found) == BATCH_ROWS:
                    yield found.batch()
                    found = BatchBuilder(lines.file, found.number)
            # A block bounds a batch, too: a million short rows and one long one take the same memory.
            if found:
                yield found.batch()
                found = BatchBuilder(lines.file, found.number)
    except BadData as error:
        found.problem(error.problem)
        yield found.batch()


_ONE_A_LINE = "JSON Lines has one object a line, and nothing behind it: no comma, no other object"


def _read(text: str, line: int, found: BatchBuilder) -> None:
    """Add a row. Raises BadData where the first line shows that the file is JSON, and not JSON Lines."""
    try:
        value = read_json(text, depth=DOCUMENT_DEPTH)
    except NotJson as error:
        if found.number == 0:
            _refuse_json(text, line, found.file, error)
        is_more = error.message.endswith("extra data")
        found.bad_row(error.message, line, error.column, _ONE_A_LINE if is_more else None)
        return
    if isinstance(value, dict):
        found.row(value, line)
    elif isinstance(value, list) and found.number == 0 and all(isinstance(each, dict) for each in value):
        raise BadData(_is_array(line, found.file))
    else:
        found.bad_row('a row has to be an object: {"name": value, …}', line)


def _refuse_json(text: str, line: int, file: str, error: NotJson) -> None:
    """Raise BadData when a first line that is no JSON is the beginning of some that goes over many lines."""
    begun = text.strip()
    if begun[:1] == "[" and begun[1:].lstrip()[:1] in ("", "{") and _is_cut_off(text, error):
        raise BadData(_is_array(line, file))
    if begun[:1] == "{" and _is_cut_off(text, error):
        message = "the first object goes over several lines: JSON Lines has one object a line"
        hint = f"write each on one line: jq -c . {visible(file)}"
        raise BadData(Problem(Place(file, line), message=message, code=ROWS, hint=hint))


def _is_cut_off(text: str, error: NotJson) -> bool:
    """Return whether a line is JSON up to its end, and something has to follow."""
    return error.line > 1 or error.column > len(text.rstrip())


def _is_array(line: int, file: str) -> Problem:
    message = "the file is one JSON array: JSON Lines has one object a line"
    return Problem(Place(file, line), message=message, code=ROWS, hint=f"jq -c '.[]' {visible(file)} makes it")


TEXTS = (".csv", ".jsonl")
#: How many pieces, each as long as the longest row, are counted at most.
_COUNTED = 1024
#: After so many bad rows the rest of a file is not read.
MAX_PROBLEMS = 100


def data_lines(file: str, stream: ByteSource, dialect: Dialect) -> DataLines:
    """Return the lines of a file in a dialect; `file` is how messages call it."""
    return DataLines(file, transcoded(file, stream, dialect.encoding), declarable=dialect.declarable)


def text_batches(file: str, stream: ByteSource, dialect: Dialect, most: float = MAX_PROBLEMS) -> Iterator[Batch]:
    """Yield the rows of a file, until so many problems have been met."""
    lines = data_lines(file, stream, dialect)
    left = most
    for batch in csv_batches(lines, dialect) if Path(file).suffix.lower() == ".csv" else json_batches(lines):
        if len(batch.problems) >= left:
            yield _cut(batch, int(left))
            return
        left -= len(batch.problems)
        yield batch


def _cut(batch: Batch, count: int) -> Batch:
    """Return a batch up to a problem, the last that is told of a file."""
    at, last = batch.problems[count - 1]
    message = f"the rest of the rows has not been read, after {MAX_PROBLEMS} problems"
    rest = Problem(Place(batch.file, last.place.line), message=message, code=ROWS)
    return replace(batch, rows=batch.rows[:at], problems=[*batch.problems[:count], (at, rest)])


class TextRows(FileRows):
    """The rows of a file of text."""

    options = frozenset({"encoding"})

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises RowsError when the file cannot be opened."""
        try:
            stream = self.reader.open(self.path)
        except Unreadable as error:
            name = self.data.name
            hint = missing_hint(self.reader, self.folder, name) if error.missing else None
            raise RowsError(f"{quoted(name)} {error}", hint) from None
        with stream:
            # Where wrong rows are left out, how many there may be is known at the end.
            most = inf if self.document.value.get("on-invalid") == "skip" else MAX_PROBLEMS
            yield from text_batches(self.shown, stream, self.data.dialect, most)

    def count(self) -> int:
        """Return how many lines the file has.

        Counting ends where reading will: in front of a row that is too long. It ends after a GiB, too: rows take
        longer.
        """
        try:
            with self.reader.files.open(self.path) as stream:
                chunks = islice(iter(lambda: stream.read(MAX_ROW), b""), _COUNTED)
                return sum(takewhile(bool, (chunk.count(b"\n") for chunk in chunks)))
        except (Unreadable, OSError):
            return 0  # reading the rows says why


class CsvRows(TextRows):
    """The rows of a CSV file."""

    options = frozenset({"encoding", "delimiter", "quote"})


class JsonLinesRows(TextRows):
    """The rows of a JSON Lines file."""
