"""The one function that validates: documents before rendering, bodies after."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.schema.engine import fast_errors, fast_validator
from flowops.schema.error import SchemaError
from flowops.schema.plain import unsendable
from flowops.schema.store import schema_text

if TYPE_CHECKING:
    from flowops.model import Value
    from flowops.schema.engine import Schema


class Checker:
    """A schema made ready for many values."""

    __slots__ = ("_fast", "schema")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._fast = fast_validator(schema)

    def check(self, value: Value) -> list[SchemaError]:
        """What is wrong with a value; empty when nothing is."""
        if self._fast is None:
            return _explain(self.schema, value)
        try:
            if self._fast.is_valid(value):
                return []
        except (ValueError, SystemError):
            # Not a JSON value at all: half a character (a SystemError in jsonschema-rs 0.37), a foreign type.
            return unsendable(value) or _explain(self.schema, value)
        return _explain(self.schema, value) or [
            SchemaError(path, f"does not fit `{keyword}` of its schema")
            for path, keyword in fast_errors(self.schema, value)
        ]


def _explain(schema: Schema, value: Value) -> list[SchemaError]:
    # Only somebody who made a mistake waits for it.
    from flowops.schema.explain import explain

    return explain(schema, value)


@lru_cache(maxsize=32)
def checker(name: str) -> Checker:
    """The checker of one of flowops' own schemas (``request``, ``call``, …), made once."""
    return Checker(json.loads(schema_text(name)))


def check(schema: str | Schema, value: Value) -> list[SchemaError]:
    """What is wrong with a value, by the name of one of flowops' own schemas or by any schema."""
    return (checker(schema) if isinstance(schema, str) else Checker(schema)).check(value)
