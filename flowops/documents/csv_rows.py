"""Rows from CSV (RFC 4180), a block of lines at a time."""

from __future__ import annotations

import csv
import io
from collections import deque
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from flowops.documents.data_lines import MAX_ROW, BadData, DataLines
from flowops.documents.row_source import BATCH_ROWS, BATCH_SIZE, ROWS, BatchBuilder
from flowops.documents.spreadsheets import COMMA, header_troubles, stray_quote, title_line, width_trouble
from flowops.model.document import Batch, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.row_source import Dialect


#: After so many rows it is looked at how much of the file they took.
_STEP = 50
# Begin what Python's csv module says (Modules/_csv.c).
_MESSAGES = {
    "',' expected after '\"'": "there is text after a closing quote; a quote inside of quotes is written twice",
    "unexpected end of data": "a quote that opens in this row is never closed",
    "new-line character seen": "there is a carriage return in a row; rows end with a line feed, or with both",
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
