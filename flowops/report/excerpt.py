"""Find the line of a file that a problem speaks of, and the place in it."""

from __future__ import annotations

import re
from typing import NamedTuple

from flowops.common.masking import mask_any_number, masked_but
from flowops.report.escape import safe, width

#: How much of a long line is shown on each side of the place, in characters.
BEFORE, AFTER = 40, 60
#: How much further a phone number may reach that is cut by the window: it is masked whole, then cut.
MARGIN = 60
_TAB = 4
#: What may be a phone number in a message, however wrong it is.
_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{4,}[0-9]")


class Excerpt(NamedTuple):
    """A line made safe, and how many columns of it are left of the caret."""

    text: str
    caret: int


def excerpt(source: str, column: int, message: str) -> Excerpt:
    """Return the part of a source line around a column (from 1), numbers masked except those the message tells."""
    source = source.rstrip("\r\n")
    at = min(max(column - 1, 0), len(source))
    first, last = max(0, at - BEFORE - MARGIN), at + AFTER + MARGIN
    piece = source[first:last]
    left, right = _masked_apart(piece, at - first, _NUMBER.findall(message))
    if first or len(left) > BEFORE:
        left = f"…{left[-BEFORE:]}"
    if last < len(source) or len(right) > AFTER:
        right = f"{right[:AFTER]}…"
    left, right = (safe(part.replace("\t", " " * _TAB)) for part in (left, right))
    indent = len(left) - len(left.lstrip()) if not left.startswith("…") else 0
    return Excerpt((left + right)[indent:].rstrip(), width(left) - indent)


def _masked_apart(text: str, at: int, kept: list[str]) -> tuple[str, str]:
    """Return a masked text in two parts, split at a position, or before the whole number if that is inside of one."""
    whole = masked_but(text, kept, mask_any_number)
    for start in range(at, max(at - MARGIN, 0), -1):
        left = masked_but(text[:start], kept, mask_any_number)
        if left + masked_but(text[start:], kept, mask_any_number) == whole:
            return left, whole[len(left) :]
    return "", whole
