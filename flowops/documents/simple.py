"""The YAML that most calls are written in, read line by line: keys, each with a scalar, a mapping or a list of scalars.

A file with anything else in it, be it an anchor or a mistake, is for the parser, which knows all of YAML and takes far
longer; so are the places of values, which most files are never asked for. What is read here the parser reads alike: a
property test holds the two against each other. In doubt a line is not simple.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from flowops.documents.characters import has_only_characters
from flowops.documents.scalars import SPECIAL_STARTS, read_plain

if TYPE_CHECKING:
    from flowops.model.document import Value

_KEY = re.compile(r"( *)([A-Za-z_][A-Za-z0-9_-]{0,99})")
# A scalar that ends on its line: in quotes, with nothing that stands for something else, or plain, which begins with no
# indicator and has no `#` and no `: ` in it.
_SCALAR = re.compile(
    r""" *(?:"([^"\\]*)"|'([^']*)'|((?:[\w+./(]|-(?=[0-9]))[^:#]*(?::[^ :#][^:#]*)*)) *(?:(?<= )#.*)?"""
)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NO_SPECIAL = _LETTERS - SPECIAL_STARTS
# A line of a block of text: what is wider indented, ends in a blank, or is blank altogether follows rules of its own.
_TEXT = re.compile(r"( +)([^ ](?:.*[^ ])?)")
#: The headers of such a block: what joins its lines, and what ends it.
_BLOCKS = {"|": ("\n", "\n"), "|-": ("\n", ""), ">": (" ", "\n"), ">-": (" ", "")}
_MAX_DEPTH = 16


class Simple(NamedTuple):
    """The mapping that a text is, and the line it begins on; `size` counts it and all inside it."""

    value: dict[str, Value]
    line: int
    size: int


class _NotSimple(Exception):
    """A line is for the parser."""


def read_simple(text: str) -> Simple | None:
    """The one document of a text, None when it is for the parser."""
    if "\t" in text or "\r" in text or not has_only_characters(text):
        return None
    lines = _Lines(text)
    try:
        if lines.indent_of_next() == 0 and lines.lines[lines.number] == "---":
            lines.number += 1
        if lines.indent_of_next() != 0:
            return None
        line = lines.number + 1
        return Simple(lines.mapping(0, 1), line, lines.size)
    except _NotSimple:
        return None


class _Lines:
    """The lines of a text; `number` of them have been read."""

    __slots__ = ("lines", "number", "size")

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.number = 0
        self.size = 1

    def indent_of_next(self) -> int:
        """The blanks before the next line that is neither blank nor a comment; -1 at the end."""
        while self.number < len(self.lines):
            line = self.lines[self.number]
            if not _is_empty(line):
                return len(line) - len(line.lstrip(" "))
            self.number += 1
        return -1

    def mapping(self, indent: int, depth: int) -> dict[str, Value]:
        """The mapping whose first key is on the next line."""
        values: dict[str, Value] = {}
        lines, number = self.lines, self.number
        count = len(lines)
        while number < count:
            line = lines[number]
            before, colon, text = line.partition(": ")
            if not colon:
                before = line[:-1] if line[-1:] == ":" else ""
            known = _keys.get(before) or _key(before)
            if known is None:
                if not _is_empty(line):
                    raise _NotSimple
                number += 1
                continue
            column, key = known
            if column != indent:
                if column > indent:
                    raise _NotSimple
                break
            if key in values:
                raise _NotSimple
            number += 1
            first = text[:1]
            if first in _LETTERS and ":" not in text and "#" not in text and text[-1] != " ":
                values[key] = text if first in _NO_SPECIAL else read_plain(text)
            elif first == '"':
                values[key] = _scalar(text)
            elif text in _BLOCKS or not text or _is_empty(text):
                self.number = number
                values[key] = self._block(text, indent) if text in _BLOCKS else self._below(indent, depth)
                number = self.number
            else:
                values[key] = _scalar(text)
        self.number = number
        self.size += len(values)
        return values

    def _below(self, indent: int, depth: int) -> Value:
        """The mapping or list that is the value of a key with so many blanks before it."""
        deeper = self.indent_of_next()
        if deeper >= indent and self.lines[self.number].startswith("- ", deeper):
            return self._list(" " * deeper + "- ")
        if deeper <= indent or depth == _MAX_DEPTH:
            raise _NotSimple
        return self.mapping(deeper, depth + 1)

    def _list(self, start: str) -> list[Value]:
        """A list of scalars, whose items all start alike."""
        values: list[Value] = []
        while self.indent_of_next() >= 0 and self.lines[self.number].startswith(start):
            values.append(_scalar(self.lines[self.number][len(start) :]))
            self.number += 1
        self.size += len(values)
        return values

    def _block(self, header: str, indent: int) -> str:
        """The text below a key with so many blanks before it."""
        parts: list[str] = []
        wide = 0
        while self.number < len(self.lines):
            line = self.lines[self.number]
            found = _TEXT.fullmatch(line)
            if found is None or (wide and len(found[1]) != wide):
                break
            wide = len(found[1])
            parts.append(found[2])
            self.number += 1
        else:
            raise _NotSimple  # the file ends without a line break, and so does the text
        last = not line and self.number == len(self.lines) - 1
        # Blank lines, comments and lines further in may be part of the text yet.
        if wide <= indent or not (last or (not _is_empty(line) and not line.startswith(" " * wide))):
            raise _NotSimple
        between, end = _BLOCKS[header]
        return between.join(parts) + end


def _is_empty(line: str) -> bool:
    """Whether there is nothing on a line, or behind a `: `, but blanks and a comment."""
    content = line.lstrip(" ")
    return not content or content[0] == "#"


#: The keys that have been seen, with their indentation and as what stands before a `: `: files have the same ones.
_keys: dict[str, tuple[int, str]] = {}
_KEPT = 4096


def _key(text: str) -> tuple[int, str] | None:
    """The indentation and the key of what stands before a `:`; None where that is no simple key."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    if len(_keys) >= _KEPT:
        _keys.clear()
    known = _keys[text] = (len(found[1]), found[2])
    return known


def _scalar(text: str) -> Value:
    """The value of a scalar, with the blanks and the comment around it."""
    if text[:1] == '"' and text[-1] == '"' and text.count('"') == 2 and "\\" not in text:
        return text[1:-1]
    found = _SCALAR.fullmatch(text)
    if found is None:
        raise _NotSimple
    double, single, plain = found.groups()
    if plain is None:
        return single if double is None else double
    plain = plain.rstrip(" ")
    return read_plain(plain) if plain[0] in SPECIAL_STARTS else plain
