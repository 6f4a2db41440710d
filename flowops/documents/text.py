"""Bytes to text, and places in it: UTF-8 and nothing else, lines counted as YAML counts them."""

from __future__ import annotations

import codecs
import re

from flowops.model.document import Place, Problem

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(file: str, data: bytes) -> str | Problem:
    """Return the text of a file without its byte order mark, or the place of the first byte that is not UTF-8."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"the file is not UTF-8: the byte 0x{data[error.start]:02x} cannot stand here"
        hint = "it looks like UTF-16: save it as UTF-8" if data.startswith(_UTF_16) else "save it as UTF-8"
        return Problem(Place(file, *line_and_column(before, len(before))), message=message, code="encoding", hint=hint)


LINE_BREAK = re.compile(r"\r\n?|\n")


def count_breaks(text: str, end: int) -> int:
    """Return how many lines end before an offset, which does not stand between a CR and its LF."""
    return text.count("\n", 0, end) + text.count("\r", 0, end) - text.count("\r\n", 0, end)


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Return the place of an offset; both count from 1, a column is a character."""
    start = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    return count_breaks(text, index) + 1, index - start + 1


def line_starts(text: str) -> list[int]:
    """Return the offsets at which lines begin; the first is 0."""
    return [0, *(found.end() for found in LINE_BREAK.finditer(text))]
