"""Names in messages: a short list of those that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 40
_LISTED = 12
_MESSAGE = 300


def clipped(message: str) -> str:
    """A message of bounded length: names in templates and rows may be very long."""
    return message if len(message) <= _MESSAGE else f"{message[: _MESSAGE - 1]}…"


def listing(names: Iterable[str]) -> str:
    """``id, name, phone``, and an ellipsis where there are many more, or a name is very long."""
    every = list(names)
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in every[:_LISTED]]
    return ", ".join(shown) + (", …" if len(every) > _LISTED else "")
