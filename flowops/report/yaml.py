"""Write JSON values as YAML that every reader takes for the same values.

Text is always in double quotes, so no reader sees a number, a boolean or a time of day in ``+31…``, ``no`` or
``20:00``; keys are bare where they are plain words.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from flowops.report.escape import COMMAND, UNSAFE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.document import Value

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
#: What some reader takes for a boolean or for nothing (YAML 1.1, yaml.org/type/bool.html and null.html).
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPE = re.compile(f'["\\\\{UNSAFE}\ufffe\uffff\x85]')
_NO_COMMAND = "#\\x23["
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
    return f'"{_ESCAPE.sub(_escaped, text).replace(COMMAND, _NO_COMMAND)}"'


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
