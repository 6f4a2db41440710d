"""What makes a scalar a template."""

from __future__ import annotations

OPENINGS = ("{{", "{%", "{#")


def is_template(text: str) -> bool:
    """Whether a scalar has anything to render; if not, it is passed on untouched."""
    return any(opening in text for opening in OPENINGS)
