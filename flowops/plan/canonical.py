"""Canonical JSON (RFC 8785) of a rendered body, and the fingerprint made of it.

RFC 8785 knows the numbers of IEEE 754 only, and text that is Unicode. A body that holds anything else
(an integer beyond 2**53, half a character) has no fingerprint: `identify` answers with a problem at the
place where the user wrote the value, and `fingerprint` raises `Uncanonical`.
"""

from __future__ import annotations

import hashlib
import json
from itertools import chain
from typing import TYPE_CHECKING

import orjson

from flowops.common.budget import VALUE_DEPTH
from flowops.common.exit_codes import ExitCode
from flowops.common.json import unsendable
from flowops.errors import FlowopsError
from flowops.model.call import FINGERPRINT, NO_TERMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowops.model.call import Call, Terms
    from flowops.model.document import Path, Problem, Value


class Uncanonical(FlowopsError):
    """A value that has no canonical JSON: `path` leads to it, the message says why."""

    exit_code = ExitCode.INVALID

    def __init__(self, path: Path, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


def canonical(value: Value) -> bytes:
    """Return the RFC 8785 bytes of a JSON value. Raises `Uncanonical`."""
    try:
        if _orjson_writes([value]):
            return orjson.dumps(value, option=_OPTIONS)
    except TypeError:  # orjson's own errors are some
        pass  # a key that is no text, a number that is too large, half a character: found and named below
    for path, reason, is_key in unsendable(value):
        message, _, hint = reason.partition(": ")
        raise Uncanonical(path[:-1] if is_key else path, message, hint=hint or None)
    import rfc8785  # few bodies have a float, or a key beyond ASCII

    return rfc8785.dumps(value)


def fingerprint(body: Value) -> str:
    """Return ``v1:sha256:<hex>`` over the canonical JSON of a rendered body. Raises `Uncanonical`."""
    return f"{FINGERPRINT}{hash_of(body).hex()}"


def hash_of(body: Value) -> bytes:
    """Return the 32 bytes that a fingerprint is made of. Raises `Uncanonical`."""
    return hashlib.sha256(canonical(body)).digest()


def hash_of_terms(terms: Terms) -> bytes | None:
    """Return a hash of when and why a call may be placed; None where it says nothing of that."""
    if terms == NO_TERMS:
        return None
    return hashlib.sha256(json.dumps(terms, sort_keys=True, default=str).encode()).digest()


def hashes_of(bodies: Sequence[Value], unknown: Sequence[Value]) -> list[bytes]:
    """Return the `hash_of` each of some bodies, of which it is asked once whether they need more than orjson.

    `unknown` is what is in the bodies besides texts, whole numbers, booleans, and lists of these, under ASCII names.
    """
    try:
        if _orjson_writes(unknown):
            return [hashlib.sha256(orjson.dumps(body, option=_OPTIONS)).digest() for body in bodies]
    except TypeError:
        pass  # one of them has no canonical JSON: named below
    return list(map(hash_of, bodies))


def identify(call: Call) -> str | Problem:
    """Return the fingerprint of a call, or the problem that keeps it from having one."""
    try:
        return fingerprint(call.body)
    except Uncanonical as error:
        name = ".".join(str(step) for step in error.path)
        return call.problem(error.path, f"{name}: {error.message}", code="canonical", hint=error.hint)


def unfit(calls: Iterable[Call]) -> list[Problem]:
    """Return what keeps calls from having fingerprints."""
    return [found for found in map(identify, calls) if not isinstance(found, str)]


_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SCALARS = frozenset((str, bool, int, type(None)))
_PLAIN = _SCALARS | {dict, list}


def _orjson_writes(values: Sequence[Value]) -> bool:
    """Return whether orjson, which is twenty times as fast, writes each value as RFC 8785 does, or refuses it.

    It does where there are no floats, and only ASCII keys: they are sorted by UTF-16 code units, which is the order of
    its UTF-8 bytes there. Raises TypeError for a key that is no text.
    """
    # A level of all values after the other: a thousand bodies take no more steps of Python than one.
    for _ in range(VALUE_DEPTH + 1):
        kinds = {*map(type, values)}
        if kinds <= _SCALARS:
            return True
        if not kinds <= _PLAIN:
            return False
        mappings, lists = _having(values, kinds, dict), _having(values, kinds, list)
        if not "".join({*chain.from_iterable(mappings)}).isascii():
            return False
        values = [*chain.from_iterable(map(dict.values, mappings)), *chain.from_iterable(lists)]
    return False


def _having(values: Sequence[Value], kinds: set[type], kind: type) -> Sequence[Value]:
    """Return the values of one of the kinds that there are."""
    if kind not in kinds:
        return ()
    return values if len(kinds) == 1 else [value for value in values if type(value) is kind]
