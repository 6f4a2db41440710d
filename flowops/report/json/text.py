"""JSON and YAML as flowops writes them: a call a line, and nothing in it that a terminal obeys or a reader mistakes.

Keys that flowops makes up are snake_case; keys of the API stay as they are. Phone numbers are masked, except in
rendered bodies. The keys and their meaning are fixed by the schemas of the same names.

Text is always in double quotes, so no reader sees a number, a boolean or a time of day in ``+31…``, ``no`` or
``20:00``; keys are bare where they are plain words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowops.common.json import SHARP
from flowops.common.patterns import regex
from flowops.common.text import without_commands
from flowops.report.escape import UNSAFE

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from flowops.model.document import Place, RowPlace, Value

FORMAT_VERSION = 1
_UNSAFE = regex(f"[{UNSAFE}]")
_ENCODER = json.JSONEncoder(ensure_ascii=False)
Json = dict[str, "Value"]


class Line(str):
    """An item of a list that is JSON already, as `line_of` writes it."""

    __slots__ = ()


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
            yield line_of(item)
        separator = ",\n"
    yield "\n}\n"


def source(place: Place, row: RowPlace | None) -> Json:
    """Return where a call or a problem is; `row` counts the data rows of a call set from 1."""
    return {"file": place.file, "line": place.line, "column": place.column, "row": row.number if row else None}


def _array(items: Iterable[Value], indent: str) -> Iterator[str]:
    separator = "[\n"
    for item in items:
        yield f"{separator}{indent}  {item if isinstance(item, Line) else line_of(item)}"
        separator = ",\n"
    yield "[]" if separator == "[\n" else f"\n{indent}]"


def line_of(value: Value) -> str:
    """Return one line, in which nothing is obeyed by a terminal or a CI runner; it is the same to a reader."""
    text = without_commands(_ENCODER.encode(value), SHARP)
    # Nothing that can be seen is obeyed, and nearly all can.
    return text if text.isprintable() else _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def snake(name: str) -> str:
    """Return a name as a key or output of ours."""
    return name.replace("-", "_")


_PLAIN_KEY = regex(r"[A-Za-z_][A-Za-z0-9_-]*")
#: What some reader takes for a boolean or for nothing (YAML 1.1, yaml.org/type/bool.html and null.html).
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPE = regex(f'["\\\\{UNSAFE}\ufffe\uffff\x85]')
#: How YAML writes a ``#`` that no CI runner takes for the beginning of a command.
_SHARP = "\\x23"
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_lines(value: dict[str, Value]) -> Iterator[str]:
    """Yield the lines of one mapping, without the document's ``---``."""
    yield from _mapping(value, "") if value else ("{}",)


def _mapping(value: dict[str, Value], indent: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{indent}{_key(key)}:", item, indent)


def _sequence(value: list[Value], indent: str) -> Iterator[str]:
    for item in value:
        yield from _entry(f"{indent}-", item, indent)


def _entry(head: str, value: Value, indent: str) -> Iterator[str]:
    if value and isinstance(value, dict):
        yield head
        yield from _mapping(value, indent + "  ")
    elif value and isinstance(value, list):
        yield head
        yield from _sequence(value, indent + "  ")
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Value) -> str:
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _NOT_PLAIN else _quoted(key)


def _quoted(text: str) -> str:
    return f'"{without_commands(_ESCAPE.sub(_escaped, text), _SHARP)}"'


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
