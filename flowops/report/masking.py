"""Masked copies of what is printed, on top of the one rule of `flowops.common.masking`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowops.model import Value


def masked(value: Value) -> Value:
    """A copy of a JSON value without sealed values (what they show instead) and without phone numbers."""
    return _copied(value, mask_text)


def unsealed(value: Value) -> Value:
    """A copy of a JSON value with what its sealed values show, and everything else as it is."""
    return _copied(value, str)


def masked_but(text: str, kept: Sequence[str], mask: Callable[[str], str] = mask_text) -> str:
    """A text with every phone number masked, except where it says exactly one of the kept texts."""
    if not kept:
        return mask(text)
    # Of texts that begin alike the longer one is looked for first.
    parts = re.split(f"({'|'.join(re.escape(part) for part in sorted(kept, reverse=True))})", text)
    return "".join(part if part in kept else mask(part) for part in parts)


def _copied(value: Value, text: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        if "$sealed" in value:
            return str(value.get("shown"))
        return {text(key): _copied(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, text) for item in value]
    return value
