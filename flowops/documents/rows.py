"""The rows of a call set, one after the other: a file of a million rows takes no more memory than one of ten."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowops.documents.csv_rows import csv_batches
from flowops.documents.data_lines import MAX_ROW, ROWS, DataLines
from flowops.documents.files import Unreadable
from flowops.documents.for_each import FOR_EACH, DataFile, Dialect, data_of
from flowops.documents.json_rows import json_batches
from flowops.documents.transcoded import transcoded
from flowops.documents.words import quoted
from flowops.model import Batch, Document, Place, Problem, Row
from flowops.model.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.reader import Reader

#: After so many bad rows the rest of a file is not read.
MAX_PROBLEMS = 100
#: How many pieces, each as long as the longest row, are counted at most.
_COUNTED = 1024
_SUFFIXES = (".csv", ".jsonl")


def read_rows(reader: Reader, document: Document) -> Iterator[Row | Problem]:
    """The rows of a CallSet, and in their place what is wrong with a row or the file: `read_batches`, one by one."""
    for batch in read_batches(reader, document):
        yield from batch


def read_batches(reader: Reader, document: Document) -> Iterator[Batch]:
    """The rows of a CallSet in the order of its data, up to a thousand at a time.

    A file's name starts at the document's directory. The problem with a row has its place in the data; one with
    the file itself is placed at ``for-each``.
    """
    data = data_of(document)
    assert isinstance(data, DataFile)
    path = Path(os.path.normpath(reader.path(document).parent / data.name))
    shown = reader.shown(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        hint = did_you_mean(path.suffix, _SUFFIXES)
        yield _only(shown, _problem(document, f"{quoted(data.name)} is neither a .csv nor a .jsonl file", hint))
        return
    if suffix != ".csv" and (useless := [name for name in data.dialect.declared if name != "encoding"]):
        yield _only(shown, _problem(document, f"{' and '.join(useless)} can only be declared of a .csv file"))
        return
    if data.dialect.delimiter is not None and data.dialect.delimiter == data.dialect.quote:
        yield _only(shown, _problem(document, "delimiter and quote are the same character"))
        return
    try:
        stream = reader.files.open(path)
    except Unreadable as error:
        yield _only(shown, _problem(document, f"{quoted(data.name)} {error}"))
        return
    with stream:
        yield from _batches(shown, stream, data.dialect)


def count_lines(reader: Reader, document: Document) -> int:
    """How many lines the data of a CallSet has, for a progress bar; 0 when it cannot be read.

    Counting ends where reading will: in front of a row that is too long. It ends after a GiB, too: rows take longer.
    """
    data = data_of(document)
    assert isinstance(data, DataFile)
    path = Path(os.path.normpath(reader.path(document).parent / data.name))
    try:
        with reader.files.open(path) as stream:
            chunks = islice(iter(lambda: stream.read(MAX_ROW), b""), _COUNTED)
            return sum(takewhile(bool, (chunk.count(b"\n") for chunk in chunks)))
    except (Unreadable, OSError):
        return 0  # reading the rows says why


def read_data(file: str, stream: BinaryIO) -> Iterator[Row | Problem]:
    """The rows of a CSV or JSONL file that is open already; `file` is its name, which says what it is."""
    if Path(file).suffix.lower() not in _SUFFIXES:
        yield Problem(Place(file), message=f"{quoted(file)} is neither a .csv nor a .jsonl file", code=ROWS)
        return
    for batch in _batches(file, stream, Dialect(declarable=False)):
        yield from batch


def _batches(file: str, stream: BinaryIO, dialect: Dialect) -> Iterator[Batch]:
    source = transcoded(file, stream, dialect.encoding)
    lines = DataLines(file, source, declarable=dialect.declarable)
    csv = Path(file).suffix.lower() == ".csv"
    left = MAX_PROBLEMS
    for batch in csv_batches(lines, dialect) if csv else json_batches(lines):
        if len(batch.problems) >= left:
            yield _cut(batch, left)
            return
        left -= len(batch.problems)
        yield batch


def _cut(batch: Batch, count: int) -> Batch:
    """A batch up to a problem, the last that is told of a file."""
    at, last = batch.problems[count - 1]
    message = f"the rest of the rows has not been read, after {MAX_PROBLEMS} problems"
    rest = Problem(Place(batch.file, last.place.line), message=message, code=ROWS)
    return replace(batch, rows=batch.rows[:at], problems=[*batch.problems[:count], (at, rest)])


def _only(file: str, problem: Problem) -> Batch:
    return Batch(file, [], (), None, [(0, problem)])


def _problem(document: Document, message: str, hint: str | None = None) -> Problem:
    return Problem(document.place((FOR_EACH,)), message=f"for-each: {message}", code=ROWS, hint=hint)
