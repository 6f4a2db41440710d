"""Rows from CSV (RFC 4180): a header, commas, every value a text."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from flowops.documents.data_lines import ROWS
from flowops.documents.words import quoted
from flowops.model import Place, Problem, Row, RowPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.data_lines import DataLines

# Begin what Python's csv module says (Modules/_csv.c).
_SAYINGS = {
    "',' expected after '\"'": "text stands behind a closing quote; a quote inside of quotes is written twice",
    "unexpected end of data": "a quote that opens in this row is never closed",
    "new-line character seen": "a carriage return stands in a row; rows end with a line feed, or with both",
    "field larger than": f"a field is longer than {csv.field_size_limit():,} characters",
}


def csv_rows(lines: DataLines) -> Iterator[Row | Problem]:
    """The rows of a CSV file; its blank lines are none. A row that is not like the header is a problem."""
    records = csv.reader(lines, strict=True)
    try:
        header = next(filter(None, records), None)
    except csv.Error as error:
        yield Problem(Place(lines.file, lines.number), message=_said(error), code=ROWS)
        return
    if header is None:
        yield Problem(Place(lines.file), message="the file is empty: its first line has to name the columns", code=ROWS)
        return
    problems = _header_problems(Place(lines.file, lines.number), header)
    yield from problems
    if problems:
        return
    width = len(header)
    number = 0
    while True:
        lines.begin_row()
        try:
            record = next(records, None)
        except csv.Error as error:
            number += 1
            yield _problem(RowPlace(lines.file, number, lines.start), _said(error))
            continue
        if record is None:
            return
        if not record:
            continue
        number += 1
        place = RowPlace(lines.file, number, lines.start)
        if len(record) == width:
            yield Row(dict(zip(header, record, strict=True)), place)
        else:
            fields = "1 field" if len(record) == 1 else f"{len(record)} fields"
            yield _problem(place, f"the row has {fields}, and the header has {width}")


def _header_problems(place: Place, header: list[str]) -> list[Problem]:
    messages = []
    hint = None
    if len(header) == 1 and any(separator in header[0] for separator in ";\t|"):
        messages.append(f"the header is one column, {quoted(header[0])}")
        hint = "fields are separated by commas"
    first: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        if not name.strip():
            messages.append(f"column {number} has no name")
        elif name != name.strip():
            messages.append(f"the name of column {number}, {quoted(name)}, begins or ends with a space")
        elif first.setdefault(name, number) != number:
            messages.append(f"the columns {first[name]} and {number} are both named {quoted(name)}")
    return [Problem(place, message=message, code=ROWS, hint=hint) for message in messages]


def _problem(place: RowPlace, message: str) -> Problem:
    return Problem(Place(place.file, place.line), place, message, ROWS)


def _said(error: csv.Error) -> str:
    said = str(error)
    return next((ours for theirs, ours in _SAYINGS.items() if said.startswith(theirs)), f"this is not CSV: {said}")
