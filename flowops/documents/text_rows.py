"""Rows from text: CSV and JSON Lines, by the name of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.documents.csv_rows import csv_batches
from flowops.documents.data_lines import ROWS, DataLines
from flowops.documents.json_rows import json_batches
from flowops.documents.transcoded import transcoded
from flowops.model import Batch, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.data_lines import ByteSource
    from flowops.documents.for_each import Dialect

TEXTS = (".csv", ".jsonl")
#: After so many bad rows the rest of a file is not read.
MAX_PROBLEMS = 100


def data_lines(file: str, stream: ByteSource, dialect: Dialect) -> DataLines:
    """The lines of a file in a dialect; `file` is how messages call it."""
    return DataLines(file, transcoded(file, stream, dialect.encoding), declarable=dialect.declarable)


def text_batches(file: str, stream: ByteSource, dialect: Dialect) -> Iterator[Batch]:
    """The rows of a file, until too many of them are wrong."""
    lines = data_lines(file, stream, dialect)
    left = MAX_PROBLEMS
    for batch in csv_batches(lines, dialect) if Path(file).suffix.lower() == ".csv" else json_batches(lines):
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
