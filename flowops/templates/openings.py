"""What makes a scalar a template."""

from __future__ import annotations

from flowops.templates.limits import MAX_TEXT

OPENINGS = ("{{", "{%", "{#")


def is_template(text: str) -> bool:
    """Whether a scalar has anything to render; if not, it is passed on untouched."""
    return any(opening in text for opening in OPENINGS)


def is_plain(text: str) -> bool:
    """Whether a text is no template, and can be sent as it is: nearly all are, and no more is asked about those."""
    return "{" not in text and len(text) <= MAX_TEXT and text.isascii()
