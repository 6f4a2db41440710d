"""Rows from CSV (RFC 4180): a header, commas unless something else is declared, every value a text."""

from __future__ import annotations

import csv
import io
from itertools import chain, islice
from typing import TYPE_CHECKING

from flowops.common.text import quoted
from flowops.documents.data_lines import MAX_ROW, ROWS, BadData
from flowops.documents.gathering import BATCH_ROWS, BATCH_SIZE, Gathering
from flowops.model import Batch, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.data_lines import DataLines
    from flowops.documents.for_each import Dialect

COMMA = ","
#: What may separate fields, in the order in which it is guessed, and how it is called.
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", COMMA: "commas"}
#: After so many rows it is looked at how much of the file they took.
_STEP = 50
# Begin what Python's csv module says (Modules/_csv.c).
_SAYINGS = {
    "',' expected after '\"'": "text stands behind a closing quote; a quote inside of quotes is written twice",
    "unexpected end of data": "a quote that opens in this row is never closed",
    "new-line character seen": "a carriage return stands in a row; rows end with a line feed, or with both",
    "field larger than": f"a field is longer than {csv.field_size_limit():,} characters",
}


def csv_batches(lines: DataLines, dialect: Dialect) -> Iterator[Batch]:
    """The rows of a CSV file; its blank lines are none. A row that is not like the header is a problem."""
    records = _Records(lines, dialect)
    header, problems = _header(records, dialect)
    if problems:
        yield Batch(lines.file, [], (), (), [(0, problem) for problem in problems])
        return
    width = {len(header)}
    number = 0
    while records.take():
        taken, count = records.taken, len(records.taken)
        if records.trouble is None and records.line - records.first == count and set(map(len, taken)) == width:
            # As nearly all batches are: each row has a line, and as many fields as the header.
            rows = [dict(zip(header, record)) for record in taken]  # noqa: B905
            first, number = number + 1, number + count
            yield Batch(lines.file, rows, range(first, number + 1), range(records.first, records.line))
        else:
            found = Gathering(lines.file, number)
            _gather(records, header, found)
            number = found.number
            yield found.batch()


def csv_columns(lines: DataLines, dialect: Dialect) -> list[str]:
    """The names of the columns; none where `csv_batches` says what is wrong with them."""
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
        quoted = dialect.quote != "none"
        self._reader = csv.reader(
            chain.from_iterable(self._blocks()),
            strict=True,
            delimiter=dialect.delimiter or COMMA,
            quotechar=(dialect.quote or '"') if quoted else None,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        )

    @property
    def line(self) -> int:
        """The line behind the last record, or behind what is in trouble."""
        return self._reader.line_num + 1

    def take(self, count: int = BATCH_ROWS) -> bool:
        """Read up to so many records; False when there is nothing left."""
        if isinstance(self.trouble, BadData):
            return False
        self.first = self.line
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
        """The line of each record that was taken, and of what comes next: only a quoted line feed makes one longer."""
        line = self.first
        for record in self.taken:
            yield line
            line += 1 + sum(field.count("\n") for field in record)
        yield line

    def _blocks(self) -> Iterator[Iterator[str]]:
        """Lines for Python's reader, until a row has swallowed block after block."""
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
            yield io.StringIO(block, newline="\n")


def _gather(records: _Records, header: list[str], found: Gathering) -> None:
    """Rows one by one, where lines or fields have to be counted, or something is wrong."""
    starts = records.starts()
    for record, line in zip(records.taken, starts, strict=False):
        if len(record) == len(header):
            found.row(dict(zip(header, record, strict=True)), line)
        elif record:
            fields = "1 field" if len(record) == 1 else f"{len(record)} fields"
            found.bad_row(f"the row has {fields}, and the header has {len(header)}", line)
    if isinstance(records.trouble, BadData):
        found.problem(records.trouble.problem)
    elif records.trouble is not None:
        found.bad_row(_said(records.trouble), next(starts))


def _header(records: _Records, dialect: Dialect) -> tuple[list[str], list[Problem]]:
    """The names of the columns, and what is wrong with them."""
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
    messages = []
    hint = None
    delimiter = dialect.delimiter or COMMA
    others = [other for other in _DELIMITERS if other != delimiter and other in header[0]]
    if len(header) == 1 and others:
        messages.append(f"the header is one column, {quoted(header[0])}")
        hint = f"fields are separated by {_DELIMITERS.get(delimiter, quoted(delimiter))}"
        if dialect.declarable:
            written = others[0].replace("\t", "\\t")
            hint += f'; if they are not, declare it: for-each: {{file: …, delimiter: "{written}"}}'
    first: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        if not name.strip():
            messages.append(f"column {number} has no name")
        elif name != name.strip():
            messages.append(f"the name of column {number}, {quoted(name)}, begins or ends with a space")
        elif first.setdefault(name, number) != number:
            messages.append(f"the columns {first[name]} and {number} are both named {quoted(name)}")
    return [Problem(place, message=message, code=ROWS, hint=hint) for message in messages]


def _said(error: csv.Error) -> str:
    said = str(error)
    return next((ours for theirs, ours in _SAYINGS.items() if said.startswith(theirs)), f"this is not CSV: {said}")
