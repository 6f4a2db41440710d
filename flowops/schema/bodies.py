"""A fast yes to rendered bodies; who hears no asks `check_body`, which says why, or says yes after all."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.json import is_unicode
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
            if not (conforms(body) and is_canonical(body["caller"])):
                return False
            if not (all(map(is_canonical, body["callees"])) if "callees" in body else is_canonical(body["callee"])):
                return False
            # 30.0 is an integer to JSON Schema, and none to the API.
            return _carried(body.get(FIELD, {})) and not any(type(body.get(name)) is float for name in integers)
        except (KeyError, TypeError, ValueError, SystemError):
            # Half a character is a ValueError, or a SystemError in jsonschema-rs 0.37.
            return False

    return accepts


def _carried(variables: Mapping[str, Value]) -> bool:
    """Return whether JSON can carry variables."""
    return is_unicode("".join(variables)) and all(
        is_unicode(value) if type(value) is str else not unsendable(value) for value in variables.values()
    )
