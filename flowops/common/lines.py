"""Lines and columns in a text: lines are counted as YAML counts them."""

from __future__ import annotations

import re

LINE_BREAK = re.compile(r"\r\n?|\n")
#: A place is counted from the start of the block of so many characters that it is in.
_BLOCK = 4_096
_BEGINNING = (1, 0)


def line_starts(text: str) -> list[int]:
    """Return the offsets at which lines begin; the first is 0."""
    return [0, *(found.end() for found in LINE_BREAK.finditer(text))]


def count_breaks(text: str, start: int, end: int) -> int:
    """Return how many line breaks end between two offsets: a CR before an LF is the beginning of one."""
    return text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end + 1)


class Lines:
    """The lines of a text, which are counted once somebody asks: most texts have nothing that a message is about."""

    __slots__ = ("_blocks", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        #: The line in which each block begins, and where that line does.
        self._blocks = [_BEGINNING]

    def at(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset that is not inside a line break; a column is a character."""
        blocks, wanted = self._blocks, offset // _BLOCK
        while len(blocks) <= wanted:
            blocks.append(self._line(len(blocks) - 1, len(blocks) * _BLOCK))
        line, start = self._line(wanted, offset)
        return line, offset - start + 1

    def _line(self, block: int, offset: int) -> tuple[int, int]:
        """Return the line of an offset in a block, or at its end, and where that line begins."""
        line, start = self._blocks[block]
        begin = block * _BLOCK
        breaks = count_breaks(self._text, begin, offset)
        if not breaks:
            return line, start
        return line + breaks, 1 + max(self._text.rfind("\n", begin, offset), self._text.rfind("\r", begin, offset))
