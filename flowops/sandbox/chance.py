"""Chance that can be replayed: the same seed and the same question give the same answer, in any order."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from flowops.sandbox.settings import Span

    T = TypeVar("T")


def draw(seed: int, *question: str | int) -> float:
    """A number from 0 up to 1, never 1 itself."""
    text = json.dumps([seed, *question])
    drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return (drawn >> 11) / (1 << 53)  # as many bits as a float holds, so that nothing rounds up to 1


def within(span: Span, drawn: float) -> float:
    """The time in a range that a drawn number stands for, in seconds."""
    return span.low + (span.high - span.low) * drawn


def pick(shares: Iterable[tuple[T, float]], drawn: float) -> T | None:
    """The choice whose share a drawn number falls into; None beyond them all."""
    reached = 0.0
    for choice, share in shares:
        reached += share
        if drawn < reached:
            return choice
    return None
