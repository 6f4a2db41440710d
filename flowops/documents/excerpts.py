"""The line of a file that a problem shows, without what it says of somebody.

What is hidden is decided by where it stands: the values of callees and callers, those of rows that are written in a
document, and all of a sensitive variable, in whatever style and over however many lines they are written. A template is
code, and stays. Where a document could not be read, there are no positions, and the lines around decide.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.text import LINE_BREAK, line_starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.documents.yaml import Parsed
    from flowops.model.document import SourceMap, Value

#: Whose values are phone numbers, and whose are rows: the names in those are columns.
NUMBERS, ROWS = frozenset({"callee", "callees", "caller", "callers"}), frozenset({"row", "rows", "matrix"})
# In these a name is that of a variable, and nowhere else.
_VARIABLES = frozenset({"flow-variables", "vars", *ROWS})
# What a flow's document says of a variable's values.
_VALUES = ("default", "examples", "const", "enum")

_TEMPLATE = regex(r"\{\{(?:.*?\}\}|.*)|\{%(?:.*?%\}|.*)", re.DOTALL)
_SEEN = regex(r"[^\s{}\[\]\"',:]")
_KEY = regex(r"""(?:(?<=[\s{,])|^)(?P<quote>["']?)(?P<key>[\w.-]+)(?P=quote)\s*:(?=\s|$)""")
_LIST_ITEM = regex(r"\s*-(?:\s|$)")
_WRITTEN = r"""[{\[].*|"(?:[^"\\]|\\.)*+"?|'(?:[^']|'')*+'?|[^\s,}\]#][^,}\]#]*"""

#: From one offset of a text to another.
Span = tuple[int, int]


class Excerpts:
    """The lines of one file; `sensitive` are the names of variables that some flow marks so."""

    def __init__(self, text: str, documents: Sequence[Parsed], sensitive: frozenset[str]) -> None:
        self._text = text
        self._documents = documents
        self._sensitive = sensitive
        #: The lines that were asked for: a thousand problems may be on one long line.
        self._shown: dict[int, str] = {}

    def line(self, number: int) -> str | None:
        """Return a line without its end, counted from 1; None when there is no such line."""
        if not 1 <= number < len(self._starts):
            return None
        if number not in self._shown:
            self._shown[number] = self._hide_in(number)
        return self._shown[number]

    def _hide_in(self, number: int) -> str:
        start, end = self._starts[number - 1], self._starts[number]
        line = LINE_BREAK.sub("", self._text[start:end])
        for first, last in self._within(start, start + len(line)):
            line = line[:first] + self._hidden(start + first, start + last) + line[last:]
        return self._by_its_look(line, number) if self._is_unread(number) else line

    @cached_property
    def _starts(self) -> list[int]:
        """Return the offsets of all lines, and one behind the end."""
        return [*line_starts(self._text), len(self._text) + 1]

    @cached_property
    def _spans(self) -> list[Span]:
        """Return what is hidden, in order; no two overlap."""
        spans = sorted({span for document in self._documents for span in _spans(document, self._sensitive)})
        joined: list[Span] = []
        for start, end in spans:
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined

    def _within(self, start: int, end: int) -> Iterator[Span]:
        """Yield what is hidden between two offsets, counted from the first."""
        at = max(bisect_right(self._spans, (start, 0)) - 1, 0)
        while at < len(self._spans) and self._spans[at][0] < end:
            first, last = max(self._spans[at][0], start), min(self._spans[at][1], end)
            if first < last:
                yield first - start, last - start
            at += 1

    def _hidden(self, start: int, end: int) -> str:
        """Return a part of the text with dots for what is no template; one may begin or end on other lines."""
        at = bisect_right(self._spans, (start, len(self._text))) - 1
        first, last = self._spans[at]
        return hide(self._text[first:last])[start - first : end - first]

    def _is_unread(self, number: int) -> bool:
        """Return whether a line belongs to a document whose values have no places."""
        start, end = self._starts[number - 1 : number + 1]
        found = (document.source_map for document in self._documents if document.complete and not document.problems)
        return not any(each.value is not None and each.start < end and start < each.end for each in found)

    def _by_its_look(self, line: str, number: int) -> str:
        names = NUMBERS | ROWS | self._sensitive
        return hide(line) if self._is_below(number, names) else hide_values(line, names)

    def _is_below(self, number: int, names: frozenset[str]) -> bool:
        """Return whether a line goes on with the value of one of these keys, which stands above and further left."""
        starts = self._starts[max(number - _LINES_ABOVE, 0) : number + 1]
        *lines, line = (LINE_BREAK.sub("", self._text[start:end]) for start, end in pairwise(starts))
        indent, item = _indent(line), _LIST_ITEM.match(line) is not None
        for above in reversed(lines):
            if not above.strip():
                continue
            own = _indent(above)
            if own < indent or (own == indent and item and _LIST_ITEM.match(above) is None):
                keys = [found["key"] for found in _KEY.finditer(above)]
                if keys and keys[-1] in names:
                    return True
                indent, item = own, _LIST_ITEM.match(above) is not None
        return False


#: More lines above one that could not be read are not looked at.
_LINES_ABOVE = 1_000


def hide(text: str) -> str:
    """Return text with dots for every character that can be seen, but for templates and what structures YAML."""
    parts, end = [], 0
    for found in _TEMPLATE.finditer(text):
        parts += [_SEEN.sub("•", text[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, _SEEN.sub("•", text[end:])])


def hide_values(line: str, names: frozenset[str]) -> str:
    """Return a line of YAML that could not be read with dots for what it gives the keys of these names."""
    keys = "|".join(map(re.escape, sorted(names)))
    pattern = rf"""(?:(?<=[\s{{,"'])|^)(?:{keys})["']?\s*:\s+(?P<value>{_WRITTEN})"""

    def hidden(found: re.Match[str]) -> str:
        return found[0][: found.start("value") - found.start()] + hide(found["value"])

    return re.sub(pattern, hidden, line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _spans(document: Parsed, sensitive: frozenset[str]) -> Iterator[Span]:
    value, found = document.value, document.source_map
    if not isinstance(value, dict):
        return
    if value.get("kind") == "Flow":
        for name in sensitive:
            for key in _VALUES:
                own = found.at(("variables", name, key))
                if own is not found.at(("variables", name)) and _has(value, "variables", name, key):
                    yield own.start, own.end
        return
    yield from _Walk(sensitive).spans(found, in_variables="kind" not in value)


def _has(value: Value, *path: str) -> bool:
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


class _Walk:
    """Goes through the places of a document; what aliases repeat is looked at once."""

    def __init__(self, sensitive: frozenset[str]) -> None:
        self._sensitive = sensitive
        self._seen: set[tuple[int, bool, bool]] = set()

    def spans(self, node: SourceMap, *, in_variables: bool, every: bool = False) -> Iterator[Span]:
        """Yield what is hidden in a mapping or a list: `every` scalar, or what its keys say."""
        this = (id(node), in_variables, every)
        if this in self._seen:
            return
        self._seen.add(this)
        steps = range(len(node.value)) if isinstance(node.value, list) else node.value or ()
        for number, step in enumerate(steps):
            start, end = node.entries[number * node.ENTRY + 1 : (number + 1) * node.ENTRY]
            inner = (node.inside or {}).get(step)
            if in_variables and step in self._sensitive:
                yield start, end
            elif inner is not None:
                hidden = every or step in NUMBERS or step in ROWS
                yield from self.spans(inner, in_variables=in_variables or step in _VARIABLES, every=hidden)
            elif every or step in NUMBERS:
                yield start, end
