"""A fast yes to rendered bodies; who hears no asks `check_body`, which says why, or says yes after all."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.json import is_unicode
from flowops.common.limits import MAX_INTEGER
from flowops.common.numbers import is_canonical
from flowops.schema.check import checker
from flowops.schema.engine import fast_validator
from flowops.schema.plain import unsendable
from flowops.schema.request import integer_fields
from flowops.schema.variables import FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowops.model import Value


@lru_cache(maxsize=1)
def body_predicate() -> Callable[[Mapping[str, Value]], bool]:
    """Return a function that says yes to bodies which `check_body` has nothing to say against."""
    schema = checker("request").schema
    fast = fast_validator(schema)
    if fast is None:
        return lambda _: False
    conforms, integers = fast.is_valid, integer_fields(schema)

    def accepts(body: Mapping[str, Value]) -> bool:
        try:
            if not (conforms(body) and _may_call(body["caller"]) and _ring(body)):
                return False
        except (KeyError, TypeError, ValueError, SystemError):
            # Half a character is a ValueError, or a SystemError in jsonschema-rs 0.37.
            return False
        for name in integers:
            # 30.0 is an integer to JSON Schema, and none to the API.
            if type(body.get(name)) is float:
                return False
        return _carried(body.get(FIELD, {}))

    return accepts


#: One caller makes many calls.
_may_call = lru_cache(maxsize=64)(is_canonical)


def _ring(body: Mapping[str, Value]) -> bool:
    """Return whether the numbers that would ring exist."""
    return all(map(is_canonical, body["callees"])) if "callees" in body else is_canonical(body["callee"])


def _carried(variables: Mapping[str, Value]) -> bool:
    """Return whether JSON can carry variables."""
    for value in variables.values():
        kind = type(value)
        if kind is str:
            if not (value.isascii() or is_unicode(value)):
                return False
        elif kind is int:
            if abs(value) > MAX_INTEGER:
                return False
        elif unsendable(value):
            return False
    return is_unicode("".join(variables))
