"""JSON as flowops writes it: one call a line, and nothing in it that a terminal obeys.

Keys that flowops makes up are snake_case; keys of the API stay as they are. Phone numbers are masked, except in
rendered bodies. The keys and their meaning are fixed by the schemas of the same names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowops.report.escape import COMMAND, UNSAFE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model.document import Place, RowPlace, Value

FORMAT_VERSION = 1
_UNSAFE = re.compile(f"[{UNSAFE}]")
Json = dict[str, "Value"]


def dumps(value: Json | list[Json]) -> Iterator[str]:
    """Yield the text of a document, piece by piece: a line for each key, and for each item of a list of objects.

    A list in an object may be an iterator, whose items are made while they are written; so there may be any number of
    them. One call a line is quick to write, to compare and to search; characters that a terminal obeys are escaped.
    """
    if isinstance(value, list):
        yield from _array(value, "")
        yield "\n"
        return
    separator = "{\n"
    for key, item in value.items():
        yield f"{separator}  {json.dumps(key)}: "
        if isinstance(item, list | Iterator):
            yield from _array(item, "  ")
        else:
            yield _dumps(item)
        separator = ",\n"
    yield "\n}\n"


def source(place: Place, row: RowPlace | None) -> Json:
    """Return where a call or a problem stands; `row` counts the data rows of a call set from 1."""
    return {"file": place.file, "line": place.line, "column": place.column, "row": row.number if row else None}


def _array(items: Iterable[Value], indent: str) -> Iterator[str]:
    separator = "[\n"
    for item in items:
        yield f"{separator}{indent}  {_dumps(item)}"
        separator = ",\n"
    yield "[]" if separator == "[\n" else f"\n{indent}]"


def _dumps(value: Value) -> str:
    """Return one line, in which nothing is obeyed by a terminal or a CI runner; it is the same to a reader."""
    text = json.dumps(value, ensure_ascii=False).replace(COMMAND, "#\\u0023[")
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def snake(name: str) -> str:
    """Return a name as a key or output of ours."""
    return name.replace("-", "_")
