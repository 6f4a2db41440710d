"""Say what a value is, and what a schema asks for, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.common.masking import mask_quoted
from flowops.common.text import LISTED, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model.document import Value

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "empty",
}


def describe(value: Value) -> str:
    """Return a value with its kind: ``the text 'abc'``, ``the number 15``, ``a list``."""
    if isinstance(value, str):
        return f"the text {mask_quoted(value)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {mask_quoted(value)}"
    return "nothing" if value is None else mask_quoted(value)


def kind(value: Value) -> str:
    """Return the kind of a value without the value, for what must not be repeated: ``text``, ``a number``."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return "true or false" if isinstance(value, bool) else mask_quoted(value)


def choice(words: Iterable[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``; each word once."""
    unique = list(dict.fromkeys(words))
    if len(unique) > LISTED:
        unique = [*unique[: LISTED - 2], f"one of {len(unique) - LISTED + 2} others"]
    if len(unique) < 2:
        return "".join(unique)
    return f"{', '.join(unique[:-1])} or {unique[-1]}"


def expected(schema: Any) -> str:
    """Return what a schema asks for, in a few words: ``text``, ``a whole number from 10 to 60``, ``Stop or Ignore``."""
    return choice(_expected(schema)) or "something else"


def _expected(schema: Any) -> list[str]:
    if not isinstance(schema, dict):
        return []
    if "const" in schema:
        return [_plain(schema["const"])]
    if "enum" in schema:
        return [_plain(option) for option in schema["enum"]]
    types = schema.get("type")
    if not types:
        branches = schema.get("anyOf") or schema.get("oneOf") or []
        return [words for branch in branches for words in _expected(branch)]
    types = [types] if isinstance(types, str) else types
    named = [_TYPES[name] for name in types if name != "null"] or [_TYPES["null"]]
    limit = limits(schema)
    return [f"{choice(named)} {'of ' if limit.startswith('at') else ''}{limit}"] if limit else named


def limits(schema: dict[str, Any]) -> str:
    """Return the range of a number: ``from 10 to 60``, ``at least 1``, ``above 0 and at most 3600``, or nothing."""
    if "minimum" in schema and "maximum" in schema:
        return f"from {schema['minimum']} to {schema['maximum']}"
    return " and ".join(f"{word} {schema[keyword]}" for keyword, word in _LIMITS.items() if keyword in schema)


_LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


def _plain(value: Value) -> str:
    return escaped(value) if isinstance(value, str) and value else mask_quoted(value)
