"""What makes a scalar a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.templates.limits import MAX_TEXT

if TYPE_CHECKING:
    from flowops.model import Document

OPENINGS = ("{{", "{%", "{#")


def is_template(text: str) -> bool:
    """Whether a scalar has anything to render; if not, it is passed on untouched."""
    return any(opening in text for opening in OPENINGS)


def is_plain(text: str) -> bool:
    """Whether a text is no template, and can be sent as it is: nearly all are, and no more is asked about those."""
    return "{" not in text and len(text) <= MAX_TEXT and text.isascii()


def is_plain_document(document: Document) -> bool:
    """Whether every text in a document is plain because its file is: a text that YAML makes of more than stands there
    has an escape."""
    return is_plain(document.text) and "\\" not in document.text
