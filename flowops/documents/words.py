"""How what users wrote is repeated to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.model import Value

# More of a value than this is never repeated in a message.
_SHOWN = 60


def quoted(value: Value) -> str:
    """A key or scalar in quotes, shortened, on one line; a collection by its kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = value if isinstance(value, str) else "null" if value is None else str(value)
    shown = visible(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
    return f"'{shown}'" if isinstance(value, str) else shown.lower()


def visible(text: object) -> str:
    """Text that can be printed anywhere: a path may hold control characters, and bytes that are not UTF-8."""
    shown = str(text)
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")
