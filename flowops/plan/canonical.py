"""Canonical JSON (RFC 8785) of a rendered body, and the fingerprint made of it.

RFC 8785 knows the numbers of IEEE 754 only, and text that is Unicode. A body that holds anything else
(an integer beyond 2**53, half a character) has no fingerprint: `identify` answers with a problem at the
place where the user wrote the value, and `fingerprint` raises `Uncanonical`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from flowops.common.json import unsendable
from flowops.common.limits import MAX_INTEGER, VALUE_DEPTH
from flowops.errors import FlowopsError
from flowops.model import FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Call, Path, Problem, Value


class Uncanonical(FlowopsError):
    """A value that has no canonical JSON: `path` leads to it, the message says why."""

    exit_code = 3

    def __init__(self, path: Path, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


def canonical(value: Value) -> bytes:
    """The RFC 8785 bytes of a JSON value. Raises `Uncanonical`."""
    if _plain(value, VALUE_DEPTH):
        # Where there are no floats and only ASCII keys orjson writes the same bytes, twenty times faster.
        import orjson

        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            pass  # half a character: found and named below
    for path, reason, is_key in unsendable(value):
        message, _, hint = reason.partition(": ")
        raise Uncanonical(path[:-1] if is_key else path, message, hint=hint or None)
    import rfc8785

    return rfc8785.dumps(value)


def fingerprint(body: Value) -> str:
    """``v1:sha256:<hex>`` over the canonical JSON of a rendered body. Raises `Uncanonical`."""
    return f"{FINGERPRINT}{hashlib.sha256(canonical(body)).hexdigest()}"


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
    """Whether orjson writes a value as RFC 8785 does; half a character is not looked for."""
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
