"""Rows from JSON Lines (jsonlines.org): an object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.documents.data_lines import ROWS
from flowops.documents.json_text import NotJson, read_json
from flowops.model import Place, Problem, Row, RowPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.data_lines import DataLines


def json_rows(lines: DataLines) -> Iterator[Row | Problem]:
    """The rows of a JSON Lines file; its blank lines are none."""
    number = 0
    lines.begin_row()
    for line in lines:
        if not line.isspace():
            number += 1
            place = RowPlace(lines.file, number, lines.number)
            try:
                value = read_json(line)
            except NotJson as error:
                yield Problem(Place(lines.file, lines.number, error.column), place, error.message, ROWS)
            else:
                if isinstance(value, dict):
                    yield Row(value, place)
                else:
                    message = 'a row has to be an object: {"name": value, …}'
                    yield Problem(Place(lines.file, lines.number), place, message, ROWS)
        lines.begin_row()
