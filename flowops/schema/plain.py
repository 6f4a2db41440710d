"""Values that JSON cannot carry, or not without loss: no schema is asked about them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowops.schema.error import SchemaError

if TYPE_CHECKING:
    from flowops.model import Path, Value

#: Beyond it a JSON number loses digits on its way (RFC 8259, section 6; RFC 8785 refuses it).
LARGEST_INTEGER = 2**53 - 1
#: As deep as any value of a call may be nested; twice what a YAML document may have.
DEEPEST = 64


def unsendable(value: Value, path: Path = ()) -> list[SchemaError]:
    """The parts of a value that cannot be sent as JSON exactly as they are."""
    if type(value) is dict and _is_plain(value):
        return []
    found = []
    pending: list[tuple[Path, Value]] = [(path, value)]
    while pending:
        here, item = pending.pop()
        if isinstance(item, dict | list) and len(here) - len(path) >= DEEPEST:
            found.append(SchemaError(here[: len(path) + 1], f"is nested deeper than {DEEPEST} levels"))
        elif isinstance(item, dict):
            found += [SchemaError(here, "has a key that is not text") for key in item if not isinstance(key, str)]
            found += [SchemaError((*here, key), HALF, at_key=True) for key in item if _has_half_a_character(key)]
            pending += [((*here, key), inner) for key, inner in item.items()]
        elif isinstance(item, list):
            pending += [((*here, index), inner) for index, inner in enumerate(item)]
        else:
            trouble = _trouble(item)
            if trouble is not None:
                found.append(SchemaError(here, trouble))
    return found


def _is_plain(value: dict[Any, Value]) -> bool:
    """Whether a mapping has nothing in it but ASCII text and small whole numbers, as nearly all have."""
    if not {*map(type, value)} <= {str} or not "".join(value).isascii():
        return False
    for item in value.values():
        kind = type(item)
        if kind is not bool and not (item.isascii() if kind is str else kind is int and abs(item) <= LARGEST_INTEGER):
            return False
    return True


HALF = "holds half a character (a lone surrogate), which no JSON text can hold"


def _has_half_a_character(item: Value) -> bool:
    return isinstance(item, str) and not item.isascii() and any("\ud800" <= char <= "\udfff" for char in item)


def _trouble(item: Value) -> str | None:
    if isinstance(item, str):
        return HALF if _has_half_a_character(item) else None
    if isinstance(item, bool) or item is None:
        return None
    if isinstance(item, int):
        return None if abs(item) <= LARGEST_INTEGER else "is too large a number to be sent exactly: write it as text"
    if isinstance(item, float):
        return None if math.isfinite(item) else "is not a number that JSON has"
    return f"is a {type(item).__name__}, which is no JSON value"
