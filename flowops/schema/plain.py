"""Values that JSON cannot carry, or not without loss: no schema is asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common import json
from flowops.schema.error import SchemaError

if TYPE_CHECKING:
    from flowops.model import Path, Value


def unsendable(value: Value, path: Path = ()) -> list[SchemaError]:
    """Return the parts of a value that cannot be sent as JSON exactly as they are."""
    return [SchemaError(at, reason, at_key=is_key) for at, reason, is_key in json.unsendable(value, path)]
