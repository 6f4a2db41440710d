"""Filters on any value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowops.templates.fault import TemplateFault
from flowops.templates.limits import MAX_TEXT
from flowops.templates.scope import MISSING
from flowops.templates.table import Table, need_flag

if TYPE_CHECKING:
    from flowops.model import Value

GENERAL = Table()

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


@GENERAL.enter("{{ vars.missing | default('there') }}", "there", forgiving=True)
def default(value: Value, default_value: Value = "", boolean: Value = False) -> Value:
    """The value, or another where it is not defined; with `boolean` true also where it is empty, null, 0 or false."""
    if value is MISSING or (need_flag(boolean, "boolean") and not value):
        return default_value
    return value


@GENERAL.enter("{{ {'name': 'Ann', 'age': 41} | tojson }}", '{"name": "Ann", "age": 41}')
def tojson(value: Value) -> str:
    """The value as JSON, its keys in the order of the data."""
    parts = []
    length = 0
    try:
        for part in _ENCODER.iterencode(value):
            parts.append(part)
            length += len(part)
            if length > MAX_TEXT:
                raise TemplateFault(f"the text would have more than {MAX_TEXT} characters")
    except ValueError:
        raise TemplateFault("a number is infinite, or too large for JSON") from None
    return "".join(parts)
