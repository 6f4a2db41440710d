"""The YAML that most calls are written in, read line by line: keys, each with a scalar, a mapping or a list of scalars.

A file with anything else in it, be it an anchor or a mistake, is for the parser, which knows all of YAML and takes far
longer; so are the places of values, which most files are never asked for. What is read here the parser reads alike: a
property test holds the two against each other. In doubt a line is not simple.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from flowops.documents.characters import has_only_characters
from flowops.documents.scalars import SPECIAL_STARTS, read_plain

if TYPE_CHECKING:
    from flowops.model.document import Value

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
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
    try:
        lines = _Lines(text)
        if lines.indent_of_next() == 0 and lines.lines[lines.number] == "---":
            lines.number += 1
        if lines.indent_of_next() != 0:
            return None
        line = lines.number + 1
        return Simple(lines.mapping(0, 1), line, lines.size)
    except _NotSimple:
        return None


class _Lines:
    """The lines of a text, and what each says when it stands in a mapping; `number` of them have been read."""

    __slots__ = ("lines", "number", "said", "size")

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.said = [_seen.get(line) or _look(line) for line in self.lines]
        self.number = 0
        self.size = 1

    def indent_of_next(self) -> int:
        """The blanks before the next line that is neither blank nor a comment; -1 at the end."""
        while self.number < len(self.said):
            indent = self.said[self.number][0]
            if indent >= 0:
                return indent
            self.number += 1
        return -1

    def mapping(self, indent: int, depth: int) -> dict[str, Value]:
        """The mapping whose first key is on the next line."""
        values: dict[str, Value] = {}
        said, number = self.said, self.number
        count = len(said)
        while number < count:
            column, key, value = said[number]
            if column != indent:
                if column > indent:
                    raise _NotSimple
                if column >= 0:
                    break
                number += 1
                continue
            if key is None or key in values:
                raise _NotSimple
            number += 1
            if type(value) is _Opening:
                self.number = number
                value = self._block(value.header, indent) if value.header else self._below(indent, depth)
                number = self.number
            values[key] = value
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
        if wide <= indent or not (last or 0 <= self.said[self.number][0] < wide):
            raise _NotSimple
        between, end = _BLOCKS[header]
        return between.join(parts) + end


class _Opening(NamedTuple):
    """In place of a value that begins on the next line; `header` is that of a block of text."""

    header: str


#: What a line says: the blanks before it, -1 where there is nothing else but a comment; its key, None where it has
#: none that is simple, and the value behind that.
_Said: TypeAlias = "tuple[int, str | None, Value]"
_EMPTY: _Said = (-1, None, None)
#: Lines that have been looked at: most lines of a file stand in others, too, but for those with who is called.
_seen: dict[str, _Said] = {}
_KEPT = 8192
_LONGEST_KEPT = 200


def _look(line: str) -> _Said:
    """What a line says that has not been seen lately."""
    # What can be printed may stand in a file, and is neither a tab nor an end of a line.
    if not line.isprintable() and ("\t" in line or "\r" in line or not has_only_characters(line)):
        raise _NotSimple
    said = _read(line)
    if len(line) <= _LONGEST_KEPT:
        if len(_seen) >= _KEPT:
            _seen.clear()
        _seen[line] = said
    return said


def _read(line: str) -> _Said:
    content = line.lstrip(" ")
    if not content or content[0] == "#":
        return _EMPTY
    indent = len(line) - len(content)
    key, colon, text = content.partition(": ")
    if not colon:
        key = content[:-1] if content[-1] == ":" else ""
    if _KEY.fullmatch(key) is None:
        return indent, None, None
    try:
        return indent, key, _value(text)
    except _NotSimple:
        return indent, None, None


def _value(text: str) -> Value:
    """What stands behind a key, or an opening."""
    first = text[:1]
    if first in _LETTERS and ":" not in text and "#" not in text and text[-1] != " ":
        return text if first in _NO_SPECIAL else read_plain(text)
    if text in _BLOCKS:
        return _Opening(text)
    content = text.lstrip(" ")
    return _scalar(text) if content and content[0] != "#" else _Opening("")


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
