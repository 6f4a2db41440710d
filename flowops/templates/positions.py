"""From a character of a scalar's value to its place in the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.model import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model import Document, Path

_LINE_BREAK = re.compile(r"\r\n?|\n")
# YAML 1.2.2, section 5.7: the escapes of double quotes with the number of hexadecimal digits behind them.
_HEXADECIMAL = {"x": 2, "u": 4, "U": 8}
_WHITE_ESCAPES = frozenset("\n\r tnrvfN_LP\t")


def place_in(document: Document, path: Path, value: str, offset: int) -> Place:
    """The place of a character, which is not white space, of the string at a path.

    White space is what YAML folds, indents and strips, and all else of a scalar stands in the file in
    the same order. So the n-th visible character of the value is the n-th of the written text, where
    an escape counts for the one character it makes. The scalar's own place where that does not work out.
    """
    found = document.source_map.at(path)
    written = document.text[found.start : found.end]
    before = sum(1 for character in value[:offset] if not character.isspace())
    for count, index in enumerate(_visible(written)):
        if count == before:
            lines = [each.end() for each in _LINE_BREAK.finditer(written, 0, index)]
            column = index - lines[-1] + 1 if lines else found.column + index
            return Place(document.file, found.line + len(lines), column)
    return document.place(path)


def _visible(written: str) -> Iterator[int]:
    """The index of every visible character of a scalar, in any of YAML's styles."""
    style = written[:1]
    index = 1 if style in ("'", '"') else 0
    if style in ("|", ">"):
        header = _LINE_BREAK.search(written)
        index = len(written) if header is None else header.end()
    while index < len(written):
        character = written[index]
        following = written[index + 1 : index + 2]
        length = 1
        visible = not character.isspace()
        if style == '"' and character == "\\":
            length = 2 + _HEXADECIMAL.get(following, 0)
            visible = following not in _WHITE_ESCAPES
            if length > 2:
                visible = not chr(int(written[index + 2 : index + length], 16)).isspace()
        elif style == "'" and character == "'":
            length = 2
        if visible:
            yield index
        index += length
