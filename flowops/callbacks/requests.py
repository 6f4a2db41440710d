"""What a request to a hook has to prove, and the values that its body gives. Pure.

A sender proves that it may ring with ``Authorization: Bearer SECRET``, or signs the body as GitHub does: the header
``X-Hub-Signature-256`` holds ``sha256=`` and the HMAC-SHA-256 of the body in hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from flowops.common.json import NotJson, NotStrict, read_json
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value

#: The longest body, in bytes: an alert of many hundred hosts is shorter.
BODY_LIMIT = 256 << 10
#: How many objects and arrays of a body may be nested.
DEEPEST = 32

_BEARER, _SIGNATURE = "authorization", "x-hub-signature-256"
_INDEX = regex("0|[1-9][0-9]{0,8}")
#: What nobody says: control characters, and those that turn the order of the others round.
_UNSAYABLE = regex("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_KINDS = {dict: "an object", list: "an array", type(None): "null"}


class Misfit(NamedTuple):
    """A variable that a body does not give: where its value was to be (a JSON Pointer), and why it is none."""

    variable: str
    pointer: str
    why: str


class Unreadable(ValueError):
    """A body that is no JSON that everybody reads alike; the message quotes nothing of it."""


def bears(headers: Mapping[str, str], secret: str) -> bool | None:
    """Return whether a request bears a secret; None where it does not bear any, and may be signed."""
    scheme, _, given = headers.get(_BEARER, "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _same(given.strip(), secret)


def is_signed(headers: Mapping[str, str]) -> bool:
    """Return whether a request says that its body is signed."""
    return _SIGNATURE in headers


def signed_with(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Return whether the body of a request is signed with a secret."""
    mac = hmac.new(_bytes(secret), body, hashlib.sha256).hexdigest()
    return _same(headers.get(_SIGNATURE, "").strip().lower(), f"sha256={mac}")


def read_body(body: bytes) -> Value:
    """Return what a body says. Raises Unreadable."""
    try:
        return read_json(body, depth=DEEPEST)
    except NotStrict as error:
        raise Unreadable(f"the body is no JSON that everybody reads alike: {error.reason}") from None
    except NotJson:
        raise Unreadable("the body is not JSON in UTF-8") from None


def values_of(body: Value, pointers: Mapping[str, str]) -> tuple[dict[str, Value], list[Misfit]]:
    """Return the values of variables, by the JSON Pointers (RFC 6901) to them in a body, and those that it has not.

    A value is text, a number, true or false; it is data, whatever it looks like.
    """
    values: dict[str, Value] = {}
    misfits: list[Misfit] = []
    for name, pointer in pointers.items():
        try:
            values[name] = _value_at(body, pointer)
        except ValueError as error:
            misfits.append(Misfit(name, pointer, str(error)))
    return values, misfits


def _value_at(value: Value, pointer: str) -> Value:
    """Return the value that a pointer leads to. Raises ValueError, which quotes nothing of the body."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            raise ValueError("the body has nothing there")
    if type(value) in _KINDS:
        raise ValueError(f"has to be a text, a number, true or false, and is {_KINDS[type(value)]}")
    if isinstance(value, str) and (unsayable := _UNSAYABLE.search(value)):
        raise ValueError(f"holds U+{ord(unsayable[0]):04X}, a control character that nobody can say")
    return value


def _same(given: str, expected: str) -> bool:
    """Return whether two texts are the same, in a time that does not depend on where they differ or how long one is."""
    one, other = (hashlib.sha256(_bytes(text)).digest() for text in (given, expected))
    return hmac.compare_digest(one, other)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
