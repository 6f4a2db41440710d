"""Canonical JSON (RFC 8785) of a rendered body, and the fingerprint made of it.

RFC 8785 knows the numbers of IEEE 754 only, and text that is Unicode. A body that holds anything else
(an integer beyond 2**53, half a surrogate pair) has no fingerprint: `identify` answers with a problem at the
place where the user wrote the value, and `fingerprint` raises `Uncanonical`.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from flowops.errors import FlowopsError
from flowops.model import FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from flowops.model import Call, Path, Problem, Value

#: The largest integer that every JSON reader reads as written (RFC 8785 section 3.2.2.3, RFC 7493 section 2.2).
MAX_INTEGER = 2**53 - 1
#: Documents nest at most 32 deep; what is far deeper would only exhaust a reader's stack.
MAX_DEPTH = 64


class Uncanonical(FlowopsError):
    """A value that has no canonical JSON: `path` leads to it, the message says why."""

    exit_code = 3

    def __init__(self, path: Path, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


def canonical(value: Value) -> bytes:
    """The RFC 8785 bytes of a JSON value. Raises `Uncanonical`."""
    if _plain(value, MAX_DEPTH):
        # Where there are no floats and only ASCII keys orjson writes the same bytes, twenty times faster.
        import orjson

        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            pass  # half a surrogate pair: found and named below
    error = _unfit(value, ())
    if error is not None:
        raise error
    import rfc8785

    return rfc8785.dumps(value)


def fingerprint(body: Value) -> str:
    """``v1:sha256:<hex>`` over the canonical JSON of a rendered body. Raises `Uncanonical`."""
    return f"{FINGERPRINT}{hashlib.sha256(canonical(body)).hexdigest()}"


def fingerprints(bodies: Sequence[Value], odd: Collection[int]) -> list[str]:
    """The fingerprints of bodies that one document makes: what is the same in all of them is looked at once.

    `odd` are the indices of bodies with a value of their own that is not text, a whole number that JSON can carry,
    true, false or null. Raises `Uncanonical`.
    """
    if not bodies or not _plain(bodies[0], MAX_DEPTH):
        return [fingerprint(body) for body in bodies]
    import orjson

    dumps, sha256, sort = orjson.dumps, hashlib.sha256, orjson.OPT_SORT_KEYS
    try:
        found = [FINGERPRINT + sha256(dumps(body, option=sort)).hexdigest() for body in bodies]
    except orjson.JSONEncodeError:
        return [fingerprint(body) for body in bodies]
    for index in odd:
        found[index] = fingerprint(bodies[index])
    return found


def identify(call: Call) -> str | Problem:
    """The fingerprint of a call, or the problem that keeps it from having one."""
    try:
        return fingerprint(call.body)
    except Uncanonical as error:
        name = ".".join(str(step) for step in error.path)
        return call.problem(error.path, f"{name}: {error.message}", code="canonical", hint=error.hint)


def unfit(calls: Iterable[Call]) -> list[Problem]:
    """What keeps calls from having fingerprints."""
    return [found for found in map(identify, calls) if not isinstance(found, str)]


def _plain(value: Value, depth: int) -> bool:
    """Whether orjson writes a value as RFC 8785 does; half a surrogate pair is not looked for."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if depth == 0:
        return False
    if kind is dict:
        for key, item in value.items():
            # Keys are sorted by UTF-16 code units, which is the order of Python's strings in ASCII.
            if type(key) is not str or not key.isascii():
                return False
            if type(item) is not str and not _plain(item, depth - 1):
                return False
        return True
    if kind is list:
        return all(_plain(item, depth - 1) for item in value)
    return False


def _unfit(value: Value, path: Path) -> Uncanonical | None:
    """The first value, in the order of the document, that RFC 8785 cannot write."""
    if isinstance(value, str):
        return None if _unicode(value) else Uncanonical(path, "the text holds half a surrogate pair")
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= MAX_INTEGER else _too_large(value, path)
    if isinstance(value, float):
        return None if math.isfinite(value) else Uncanonical(path, f"{value} is not a JSON number")
    if not isinstance(value, dict | list):
        return Uncanonical(path, f"a {type(value).__name__} is not a JSON value")
    if len(path) >= MAX_DEPTH:
        return Uncanonical(path[:1], f"is nested deeper than {MAX_DEPTH} levels")
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(value, dict) and not (isinstance(key, str) and _unicode(key)):
            return Uncanonical(path, f"the key {key!r} is not text")
        error = _unfit(item, (*path, key))
        if error is not None:
            return error
    return None


def _unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _too_large(value: int, path: Path) -> Uncanonical:
    digits = str(value) if value.bit_length() < 256 else "the number"
    return Uncanonical(
        path,
        f"{digits} is beyond ±{MAX_INTEGER}, where JSON readers begin to round",
        hint="write it as text, in quotes",
    )
