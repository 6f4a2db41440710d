"""Sentences of others for readers, without numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model.plan import Guard


def without_numbers(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return sentences about a plan as a whole, without numbers."""
    return tuple(mask_text(text) for text in sentences)


def guards_of(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return guards that have tripped for readers, without numbers."""
    return tuple(guard._replace(reason=mask_text(guard.reason)) for guard in guards)


def optional(text: str | None) -> str | None:
    """Return a text without numbers, if there is one."""
    return None if text is None else mask_text(text)
