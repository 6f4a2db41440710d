"""Values of databases as values of JSON."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

from flowops.common.patterns import regex

#: Types of DuckDB that have no form in JSON, wherever in a column's type they stand.
_FOREIGN = regex(r"\b(BLOB|BIT|INTERVAL|GEOMETRY|VARIANT|UNION)\b")
_TEXTS = (UUID, IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)


class NoJson(ValueError):
    """Says that JSON has nothing for a value: which kind it is, and never the value."""


def type_without_json(type_: str) -> str | None:
    """Return the part of a column's type, as DuckDB writes it, that has no form in JSON, be it a part that is JSON."""
    bare = re.sub(r"""'[^']*'|"[^"]*\"""", "", type_)
    found = _FOREIGN.search(bare) or (bare != "JSON" and re.search(r"\bJSON\b", bare)) or None
    return found[0] if found else None


def json_value(value: Any) -> Any:
    """Return a value that `json` does not know, or may know too well, as JSON has it. Raises NoJson.

    Dates and times are ISO 8601, with the time zone if they have one; decimals are text with all their places, because
    a binary fraction would not be the same number; lists and mappings stay what they are.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            if not math.isfinite(value):
                raise NoJson("not a number" if math.isnan(value) else "an infinite number")
            return value
        case date() | datetime() | time():
            return value.isoformat()
        case Decimal():
            if not value.is_finite():
                raise NoJson("not a number" if value.is_nan() else "an infinite number")
            return format(value, "f")
        case list() | tuple():
            return [json_value(item) for item in value]
        case dict():
            return {_key(key): json_value(item) for key, item in value.items()}
        case _ if isinstance(value, _TEXTS):
            return str(value)
        case _:
            raise NoJson(f"a {type(value).__name__}")


def _key(key: Any) -> str:
    key = json_value(key)
    if isinstance(key, str | int) and not isinstance(key, bool):
        return str(key)
    raise NoJson("a mapping whose keys are no text")
