"""JSON without its loose ends (RFC 8259): no key twice, no NaN, no infinity, no half characters, a bounded depth.

And what a value that is sent may not hold, because no JSON text carries it as it is.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from flowops.common.budget import MAX_INTEGER, VALUE_DEPTH
from flowops.common.masking import mask_quoted, mask_written
from flowops.common.text import without_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The way to a value inside another one.
Path = tuple[str | int, ...]

_FLAT = frozenset((str, int, bool, type(None)))


#: How JSON writes a ``#`` that no CI runner takes for the beginning of a command.
SHARP = "\\u0023"


def json_line(value: Any) -> str:
    """Return a value as one line of ASCII, for a log: nothing in it is obeyed by a terminal or a CI runner."""
    return without_commands(json.dumps(value), SHARP)


class NotJson(ValueError):
    """Text that is no JSON. `line` and `column` count from 1; `reason` repeats nothing of the text."""

    def __init__(self, message: str, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.line = line
        self.column = column


class NotStrict(NotJson):
    """JSON that could be read in more than one way, or not by everybody."""


class KeyTwice(NotStrict):
    """An object that has a key twice."""


def read_json(text: str | bytes, *, depth: int = VALUE_DEPTH, half_characters: bool = False) -> Any:
    """Return the value of a JSON text, as bytes in UTF-8. Raises NotJson.

    `half_characters` lets escapes of lone surrogates pass: nobody can send them on, but a text that was cut by
    somebody else still tells the rest.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        value = _DECODER.decode(text)
    except NotJson:
        raise
    except UnicodeDecodeError:
        raise NotJson("this is not UTF-8", "not UTF-8") from None
    except json.JSONDecodeError as found:
        error = _as_newest(found)
        words = error.msg[:1].lower() + error.msg[1:].removesuffix(" at").rstrip(": ")
        raise NotJson(f"this is not JSON: {words}", error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise _too_deep(depth) from None
    except ValueError:
        # What Python's decoder lets through from `int`.
        raise NotJson("a number has too many digits", "a number has too many digits") from None
    if text.count("[") + text.count("{") > depth and _is_deeper(value, depth):
        raise _too_deep(depth)
    may_be_half = not half_characters and ("\\ud" in text or "\\uD" in text)
    if may_be_half and not is_unicode(json.dumps(value, ensure_ascii=False)):
        raise NotStrict("an escape stands for half a character", "half a character")
    return value


#: What Python says before 3.13 of a comma that nothing follows, by the mark that does: what it expected instead.
_AFTER_A_COMMA = {
    "}": ("Expecting property name enclosed in double quotes", "object"),
    "]": ("Expecting value", "array"),
}


def _as_newest(error: json.JSONDecodeError) -> json.JSONDecodeError:
    """Return the error as the newest Python has it, so that the same text is told the same everywhere."""
    before = error.doc[: error.pos].rstrip(" \t\n\r")
    message, kind = _AFTER_A_COMMA.get(error.doc[error.pos : error.pos + 1], ("", ""))
    if error.msg != message or not before.endswith(","):
        return error
    return json.JSONDecodeError(f"Illegal trailing comma before end of {kind}", error.doc, len(before) - 1)


def read_flat(text: str, loads: Callable[[str], Any]) -> dict[str, Any] | None:
    """Return the value of an object of texts, whole numbers, true, false and null as `read_json` does, and sooner.

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


def is_unicode(text: str) -> bool:
    """Return whether a text is made of whole characters: lone surrogates are none."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


HALF = "holds half a character (a lone surrogate), which no JSON text can hold"


def unsendable(value: Any, path: Path = ()) -> Iterator[tuple[Path, str, bool]]:
    """Yield what cannot be sent as JSON exactly as it is: the way to it, why, and whether it is a key."""
    if not (type(value) is dict and _is_plain(value)):
        yield from _unsendable(value, path, len(path))


def _unsendable(value: Any, path: Path, start: int) -> Iterator[tuple[Path, str, bool]]:
    if isinstance(value, dict | list) and len(path) - start >= VALUE_DEPTH:
        yield path[: start + 1], f"is nested deeper than {VALUE_DEPTH} levels", False
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield path, "has a key that is not text", False
            elif not is_unicode(key):
                yield (*path, key), HALF, True
            yield from _unsendable(item, (*path, key), start)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unsendable(item, (*path, index), start)
    else:
        reason = _why_unsendable(value)
        if reason is not None:
            yield path, reason, False


def _is_plain(value: dict[Any, Any]) -> bool:
    """Return whether a mapping has nothing in it but text, small whole numbers, true and false, as nearly all have."""
    for item in value.values():
        kind = type(item)
        if kind is str:
            if not (item.isascii() or is_unicode(item)):
                return False
        elif kind is not bool and not (kind is int and -MAX_INTEGER <= item <= MAX_INTEGER):
            return False
    try:
        return is_unicode("".join(value))
    except TypeError:  # a key that is no text
        return False


def _why_unsendable(item: Any) -> str | None:
    if isinstance(item, str):
        return None if is_unicode(item) else HALF
    if isinstance(item, bool) or item is None:
        return None
    if isinstance(item, int):
        return None if abs(item) <= MAX_INTEGER else "is too large a number to be sent exactly: write it as text"
    if isinstance(item, float):
        return None if math.isfinite(item) else "is not a number that JSON has"
    return f"is a {type(item).__name__}, which is no JSON value"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise KeyTwice(f"the key {mask_quoted(twice)} is given twice in one object", "a key is given twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotStrict(f"the number {mask_written(text)} is too large", "a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise NotStrict(f"{name} is not JSON", "NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant)


def _too_deep(depth: int) -> NotStrict:
    return NotStrict(f"objects and arrays are more than {depth} deep inside each other", "nested too deeply")


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        collections = [each for each in level if isinstance(each, dict | list)]
        if not collections:
            return False
        level = [part for each in collections for part in (each.values() if isinstance(each, dict) else each)]
    return True
