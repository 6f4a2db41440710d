"""Rows from JSON Lines (jsonlines.org): an object a line."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from flowops.common.json import NotJson, read_flat, read_json
from flowops.common.limits import DOCUMENT_DEPTH
from flowops.documents.data_lines import BadData
from flowops.documents.gathering import BATCH_ROWS, Gathering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.data_lines import DataLines
    from flowops.model import Batch


def json_batches(lines: DataLines) -> Iterator[Batch]:
    """The rows of a JSON Lines file; its blank lines are none."""
    from orjson import loads

    found = Gathering(lines.file, 0)
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
                    found = Gathering(lines.file, found.number)
            # A block bounds a batch, too: a million short rows and one long one take the same memory.
            if found:
                yield found.batch()
                found = Gathering(lines.file, found.number)
    except BadData as error:
        found.problem(error.problem)
        yield found.batch()


def _read(text: str, line: int, found: Gathering) -> None:
    try:
        value = read_json(text, depth=DOCUMENT_DEPTH)
    except NotJson as error:
        found.bad_row(error.message, line, error.column)
        return
    if isinstance(value, dict):
        found.row(value, line)
    else:
        found.bad_row('a row has to be an object: {"name": value, …}', line)
