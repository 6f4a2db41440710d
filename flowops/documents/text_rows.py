"""Rows from files of text: JSON Lines (jsonlines.org) here, CSV beside it, each up to its last problem."""

from __future__ import annotations

import io
from itertools import islice, takewhile
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.budget import DOCUMENT_DEPTH
from flowops.common.json import KeyTwice, NotJson, read_flat, read_json
from flowops.common.names import first_alike
from flowops.common.text import visible
from flowops.documents.csv_rows import csv_batches
from flowops.documents.data_lines import MAX_ROW, BadData, ByteSource, DataLines, data_lines
from flowops.documents.files import Unreadable
from flowops.documents.row_source import BATCH_ROWS, ROWS, BatchBuilder, FileRows
from flowops.model.document import Batch, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.row_source import Dialect


def json_batches(lines: DataLines) -> Iterator[Batch]:
    """Yield the rows of a JSON Lines file; its blank lines are none."""
    from orjson import loads

    found = BatchBuilder(lines.file, 0)
    try:
        for block in lines.blocks():
            for line, text in enumerate(io.StringIO(block, newline="\n"), lines.number + 1):
                flat = read_flat(text, loads)
                if flat is not None and (text.isascii() or first_alike(flat) is None):
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


_ONE_A_LINE = "JSON Lines has one object a line, and nothing after it: no comma, no other object"


def _read(text: str, line: int, found: BatchBuilder) -> None:
    """Add a row. Raises BadData where the first line shows that the file is JSON, and not JSON Lines."""
    try:
        value = read_json(text, depth=DOCUMENT_DEPTH)
    except NotJson as error:
        if found.number == 0:
            _refuse_json(text, line, found.file, error)
        is_more = error.message.endswith("extra data")
        # What a row calls its values may be as much about somebody as the values are.
        message = error.reason if isinstance(error, KeyTwice) else error.message
        found.bad_row(message, line, error.column, _ONE_A_LINE if is_more else None)
        return
    if isinstance(value, dict):
        if (alike := first_alike(value)) is None:
            found.row(value, line)
        else:
            first, second = (at + 1 for at in alike)
            found.bad_row(f"the names {first} and {second} look the same", line, hint="give each one of its own")
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
    return Batch(batch.file, batch.rows[:at], batch.numbers, batch.lines, [*batch.problems[:count], (at, rest)])


class TextRows(FileRows):
    """The rows of a file of text."""

    options = frozenset({"encoding"})

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises RowsError when the file cannot be opened."""
        with self.open() as stream:
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
