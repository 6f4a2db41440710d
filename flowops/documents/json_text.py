"""JSON without its loose ends: no key twice, no NaN, no infinity, no half characters, a bounded depth."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, NoReturn

from flowops.documents.limits import MAX_DEPTH
from flowops.documents.words import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model import Value

_FLAT = frozenset((str, int, bool, type(None)))
_TOO_DEEP = f"objects and arrays are more than {MAX_DEPTH} deep inside each other"


class NotJson(ValueError):
    """Text that is not JSON, or not JSON that flowops takes; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def read_json(text: str) -> Value:
    """The value of a JSON text (RFC 8259). Raises NotJson."""
    try:
        value = _DECODER.decode(text)
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:].removesuffix(" at").rstrip(": ")
        raise NotJson(f"this is not JSON: {reason}", error.lineno, error.colno) from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError:
        # What Python's decoder lets through from `int`.
        raise NotJson("a number has too many digits") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise NotJson(_TOO_DEEP)
    if "\\ud" in text or "\\uD" in text:
        _refuse_half_characters(value)
    return value


def read_flat(text: str, loads: Callable[[str], Value]) -> dict[str, Value] | None:
    """The value of an object of texts, whole numbers, true, false and null, as `read_json` gives it, and sooner.

    `loads` is orjson's, which takes a key twice, and makes fractions of long numbers. So this is None for any text that
    is something else, or where it cannot be seen at once that no key is there twice: without a backslash a quote only
    begins or ends a text, and without a blank behind a quote every key has its colon there.
    """
    if "\\" in text or '" ' in text or '"\t' in text or '"\r' in text or '"\n' in text:
        return None
    try:
        value = loads(text)
    except ValueError:
        return None
    if type(value) is dict and text.count('":') == len(value) and _FLAT.issuperset(map(type, value.values())):
        return value
    return None


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise NotJson(f"the key {quoted(twice)} is given twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson(f"the number {quoted(text)} is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant)


def _is_deeper(value: Value, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        collections = [each for each in level if isinstance(each, dict | list)]
        if not collections:
            return False
        level = [part for each in collections for part in (each.values() if isinstance(each, dict) else each)]
    return True


def _refuse_half_characters(value: Value) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotJson("an escape stands for half a character") from None
