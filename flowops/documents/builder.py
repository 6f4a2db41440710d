"""One YAML document's events to a plain value and its marks, within bounds.

PyYAML's composer is not used: in C it recurses until the process dies, and in Python it is slow. Its event
parser is safe at any depth, as long as nobody asks for the events of a document that is too deep already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from flowops.common.limits import DOCUMENT_DEPTH
from flowops.common.text import quoted
from flowops.documents.lines import LINE_BREAK, line_and_column
from flowops.documents.merge import MERGE, Mapped, merge
from flowops.documents.scalars import SPECIAL_STARTS, read_plain
from flowops.documents.syntax import TEMPLATE, quoted_template
from flowops.model import Marks, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model import Value

#: One of PyYAML's events. Its stubs allow for events without marks, which no parser makes.
Event = Any

_TAG = re.compile(r"!<[^>\s]*>|![^\s,\[\]{}]*")
_ANCHOR = re.compile(r"&[\w-]+(?:\s+(?:#.*)?)*", re.ASCII)
# `Marks(…)` goes through a Python-level `__new__`; this makes the same tuple in half the time, 50 times a document.
_marks = tuple.__new__


class Anchor(NamedTuple):
    """What an alias stands for: `size` and `height` count it and all inside it, `text` is a scalar's own."""

    value: Value
    marks: Marks
    size: int
    height: int
    text: str | None


class Abandoned(Exception):
    """A document is not read any further; `reached` is the offset it was left at, None to leave the whole file.

    The problem has been noted by then.
    """

    def __init__(self, reached: int | None) -> None:
        super().__init__(reached)
        self.reached = reached


@dataclass(slots=True)
class Budget:
    """How much may still be read: `values` counts what is written and what aliases repeat of it.

    `exceeded` is what to say when there are more. `problems` are not collected without end either:
    more of them mean that somebody has handed over something else altogether.
    """

    values: int
    exceeded: str
    problems: int = 100


class Builder:
    """Builds one document from events; what is wrong is collected in `problems`."""

    def __init__(self, file: str, text: str, next_event: Callable[[], Event], budget: Budget) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._text = text
        self._next_event = next_event
        self._budget = budget
        # An anchor whose value is not finished yet is None: an alias to it stands inside of it.
        self._anchors: dict[str, Anchor | None] = {}
        self._deepest = 0

    def build(self, start: Event) -> tuple[Value, Marks]:
        """The document that a start event begins; takes the events of its root value. Raises Abandoned."""
        if start.tags:
            self._note(start, "tags are not supported", "yaml-tag", "remove the %TAG line")
        return self._node(self._next_event(), 0)

    def _node(self, event: Event, depth: int) -> tuple[Value, Marks]:
        """The value that begins with an event; `depth` is the number of mappings and lists around it."""
        if type(event) is AliasEvent:
            return self._alias(event, depth)
        if event.tag is not None:
            self._tag(event)
        name = event.anchor
        if name is None:
            return self._bare(event, depth)
        self._anchors[name] = None
        values, deepest, self._deepest = self._budget.values, self._deepest, depth
        value, marks = self._bare(event, depth)
        marks = self._without_anchor(marks)
        text = getattr(event, "value", None)
        self._anchors[name] = Anchor(value, marks, values - self._budget.values, self._deepest - depth, text)
        self._deepest = max(deepest, self._deepest)
        return value, marks

    def _bare(self, event: Event, depth: int) -> tuple[Value, Marks]:
        """A value apart from its anchor and tag."""
        kind = type(event)
        start = event.start_mark
        self._spend(1, start.index)
        if kind is ScalarEvent:
            value = event.value if event.style else read_plain(event.value)
            return value, Marks(start.line + 1, start.column + 1, start.index, event.end_mark.index)
        depth += 1
        if depth > self._deepest:
            self._deepest = depth
            if depth > DOCUMENT_DEPTH:
                message = f"mappings and lists are more than {DOCUMENT_DEPTH} deep inside each other"
                self._note(event, message, "yaml-depth")
                raise Abandoned(start.index)
        return self._mapping(event, depth) if kind is MappingStartEvent else self._list(event, depth)

    def _mapping(self, opening: Event, depth: int) -> tuple[dict[str, Value], Marks]:
        next_event = self._next_event
        budget = self._budget
        values: dict[str, Value] = {}
        children: dict[str | int, Marks] = {}
        keys: dict[str, tuple[int, int]] = {}
        merged: list[Mapped] = []
        start = opening.start_mark
        end = start.index
        while True:
            key_event = next_event()
            kind = type(key_event)
            if kind is MappingEndEvent:
                break
            if kind is ScalarEvent and key_event.anchor is None and key_event.tag is None:
                key = key_event.value
            else:
                key = self._odd_key(key_event, opening, depth)

            event = next_event()
            kind = type(event)
            if kind is ScalarEvent and event.anchor is None and event.tag is None:
                # `_bare` of a scalar, written out: it is four fifths of all values.
                mark = event.start_mark
                budget.values -= 1
                if budget.values < 0:
                    self._spend(0, mark.index)
                value = event.value
                if not event.style and (not value or value[0] in SPECIAL_STARTS):
                    value = read_plain(value)
                end = event.end_mark.index
                marks = _marks(Marks, (mark.line + 1, mark.column + 1, mark.index, end, None, None))
            else:
                value, marks = self._node(event, depth)
                end = event.end_mark.index if kind is AliasEvent else marks.end

            mark = key_event.start_mark
            if key in keys:
                place = Place(self._file, *keys[key])
                message = f"the key {quoted(key)} is given twice in one mapping, first at {place}"
                self._note(key_event, message, "yaml-duplicate-key")
            elif key is not None:
                keys[key] = (mark.line + 1, mark.column + 1)
                if key == MERGE and not key_event.style:
                    merged += self._to_merge(value, marks, event)
                else:
                    values[key] = value
                    children[key] = marks
        if opening.flow_style:
            end = key_event.end_mark.index
        if merged:
            values, children, keys = merge(Mapped(values, children, keys), merged)
        return values, _marks(Marks, (start.line + 1, start.column + 1, start.index, end, children, keys))

    def _list(self, opening: Event, depth: int) -> tuple[list[Value], Marks]:
        values: list[Value] = []
        children: dict[str | int, Marks] = {}
        start = opening.start_mark
        end = start.index
        while True:
            event = self._next_event()
            kind = type(event)
            if kind is SequenceEndEvent:
                break
            value, marks = self._node(event, depth)
            end = event.end_mark.index if kind is AliasEvent else marks.end
            children[len(values)] = marks
            values.append(value)
        if opening.flow_style:
            end = event.end_mark.index
        return values, _marks(Marks, (start.line + 1, start.column + 1, start.index, end, children, None))

    def _alias(self, event: Event, depth: int) -> tuple[Value, Marks]:
        """What the anchor stands for, with the marks of where that was written."""
        name = event.anchor
        anchor = self._anchors.get(name)
        start = event.start_mark
        if anchor is not None and depth + anchor.height <= DOCUMENT_DEPTH:
            self._spend(anchor.size, start.index)
            self._deepest = max(self._deepest, depth + anchor.height)
            return anchor.value, anchor.marks
        if anchor is not None:
            message = (
                f"with what '*{name}' repeats, mappings and lists are more than {DOCUMENT_DEPTH} deep in each other"
            )
            self._note(event, message, "yaml-depth")
        elif name in self._anchors:
            self._note(event, f"'*{name}' stands inside of what it repeats", "yaml-alias")
        else:
            hint = "text that begins with '*' has to be quoted"
            self._note(event, f"there is no anchor '&{name}' before this alias", "yaml-alias", hint)
        return None, Marks(start.line + 1, start.column + 1, start.index, event.end_mark.index)

    def _odd_key(self, event: Event, mapping: Event, depth: int) -> str | None:
        """The text of a key that is more than a scalar; None, and a problem, when it is no text at all."""
        kind = type(event)
        if kind is ScalarEvent:
            self._node(event, depth)
            return str(event.value)
        if kind is AliasEvent:
            self._alias(event, depth)
            anchor = self._anchors.get(event.anchor)
            if anchor is not None and anchor.text is None:
                self._note(event, f"'*{event.anchor}' repeats no text, so it cannot be a key", "yaml-key")
            return anchor.text if anchor is not None else None
        start = mapping.start_mark.index
        if event.start_mark.index == start + 1 and self._text.startswith("{{", start):
            quotes = quoted_template(self._text, start)
            message = "a template has to be quoted: without quotes, YAML reads '{{' as two mappings"
            self._note(mapping, message, TEMPLATE, f"write {quotes}" if quotes else None)
        else:
            self._note(event, "a key has to be a text, not a mapping or a list", "yaml-key")
        self._node(event, depth)
        return None

    def _to_merge(self, value: Value, marks: Marks, event: Event) -> list[Mapped]:
        """The mappings that a ``<<`` names: one, or a list of them."""
        if isinstance(value, list):
            found = [(part, marks.at((index,))) for index, part in enumerate(value)]
        else:
            found = [(value, marks)]
        if not all(isinstance(part, dict) for part, _ in found):
            # An alias that leads nowhere has been noted already.
            if not self.problems or self.problems[-1].place != self._place(event):
                self._note(event, "'<<' takes a mapping or a list of mappings", "yaml-merge")
            return []
        self._spend(sum(len(part) for part, _ in found), event.start_mark.index)
        return [Mapped(part, part_marks.children or {}, part_marks.keys or {}) for part, part_marks in found]

    def _tag(self, event: Event) -> None:
        written = _TAG.search(self._text, event.start_mark.index)
        tag = written[0] if written else event.tag
        hint = "remove it; quotes make a text of any value, and text that begins with '!' has to be quoted"
        self._note(event, f"tags such as {quoted(tag)} are not supported", "yaml-tag", hint)

    def _without_anchor(self, marks: Marks) -> Marks:
        """The marks of an anchored value itself: its first event stands at the ``&``."""
        found = _ANCHOR.match(self._text, marks.start, max(marks.start, marks.end))
        if found is None:
            return marks
        start = found.end()
        breaks = list(LINE_BREAK.finditer(self._text, marks.start, start))
        if not breaks:
            return marks._replace(column=marks.column + start - marks.start, start=start)
        return marks._replace(line=marks.line + len(breaks), column=start - breaks[-1].end() + 1, start=start)

    def _spend(self, count: int, index: int) -> None:
        """Count values against the budget; past it, nothing of this file is read any further."""
        self._budget.values -= count
        if self._budget.values < 0:
            self._stop(index, self._budget.exceeded)

    def _note(self, event: Event, message: str, code: str, hint: str | None = None) -> None:
        self.problems.append(Problem(self._place(event), message=message, code=code, hint=hint))
        self._budget.problems -= 1
        if self._budget.problems <= 0:
            self._stop(event.start_mark.index, "the rest of the file has not been read, after so many problems")

    def _place(self, event: Event) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, index: int, message: str) -> NoReturn:
        place = Place(self._file, *line_and_column(self._text, index))
        self.problems.append(Problem(place, message=message, code="yaml-size"))
        raise Abandoned(None)
