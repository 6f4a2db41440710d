"""Values of flow variables turned into their declared types, where nothing is lost and nothing guessed.

Rows of a CSV file are text, and so is a template with text around it: ``"15"`` becomes 15 where the flow
declares an integer, ``15`` becomes ``"15"`` where it declares a string, ``"true"`` becomes true.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from flowops.common.limits import MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Value

#: A number as JSON writes it, without an exponent: no leading zeros, no signs but a minus.
NUMERAL = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
_LONGEST_NUMBER = 40


def declared_types(schema: Mapping[str, Value]) -> frozenset[str]:
    """The types that a schema's own ``type`` names; empty when any will do."""
    types = schema.get("type", ())
    return frozenset([types] if isinstance(types, str) else types)


def unchanged_kinds(types: frozenset[str]) -> frozenset[type]:
    """Return the kinds of values that `converted` leaves as they are, whatever the value."""
    kinds: set[type] = {bool, type(None), list, dict}
    kinds |= {str} if not types or "string" in types else set()
    kinds |= {int} if not types or not types.isdisjoint(("integer", "number")) else set()
    return frozenset(kinds)


def converted(value: Value, types: frozenset[str]) -> Value:
    """The value as one of the declared types, or unchanged where that would need a guess."""
    if isinstance(value, str):
        return value if "string" in types else _from_text(value, types)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if types.isdisjoint(("integer", "number")):
        return str(value) if "string" in types and abs(value) <= MAX_INTEGER else value
    if isinstance(value, float) and value.is_integer() and "number" not in types and abs(value) <= MAX_INTEGER:
        return int(value)
    return value


def _from_text(text: str, types: frozenset[str]) -> Value:
    if not types.isdisjoint(("integer", "number")) and _INTEGER.fullmatch(text):
        number = int(text)
        if abs(number) <= MAX_INTEGER:
            return number
    if "number" in types and len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) and "." in text:
        return float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text
