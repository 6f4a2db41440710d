"""Masked copies of what is printed, on top of the one rule of `flowops.model.masking`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.model.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.model import Value


def masked(value: Value) -> Value:
    """A copy of a JSON value without sealed values (what they show instead) and without phone numbers."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        if "$sealed" in value:
            return str(value.get("shown"))
        return {mask_text(key): masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def masked_but(text: str, kept: Sequence[str]) -> str:
    """A text with every phone number masked, except where it says exactly one of the kept texts."""
    if not kept:
        return mask_text(text)
    longest_first = sorted(kept, key=len, reverse=True)
    parts = re.split(f"({'|'.join(re.escape(part) for part in longest_first)})", text)
    return "".join(part if part in kept else mask_text(part) for part in parts)
