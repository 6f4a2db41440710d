"""One YAML document from its events: values with the place of everything, within a budget.

What is wrong is collected in the builder.
"""

from __future__ import annotations

import math
import re
from array import array
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, NoReturn

from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent

from flowops.common.budget import DOCUMENT_DEPTH
from flowops.common.masking import mask_any_number, mask_written
from flowops.common.names import first_alike
from flowops.common.patterns import regex
from flowops.common.text import Lines, escaped, quoted
from flowops.common.tuples import NamedTuple
from flowops.documents.yaml_errors import SYNTAX, TEMPLATE, quoted_template
from flowops.model.document import Place, Problem, SourceMap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowops.model.document import Value

# What is not a character of YAML (YAML 1.1, section 5.1), and what nobody sees and parsers disagree about: NEL and the
# Unicode line and paragraph separators end a line in YAML 1.1 only, and a byte order mark begins a file.
_NO_CHARACTER = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
_ASCII_CONTROLS = bytes(sorted({*range(0x20), 0x7F} - set(b"\t\n\r")))
_CONTROLS_AS_NUL = bytes.maketrans(_ASCII_CONTROLS, bytes(len(_ASCII_CONTROLS)))


@lru_cache(maxsize=1)
def no_character() -> re.Pattern[str]:
    """Return one character that YAML does not allow."""
    # Compiled for those who write more than ASCII.
    return re.compile(_NO_CHARACTER)


def has_only_characters(text: str) -> bool:
    """Tell whether a text has nothing in it that YAML does not allow."""
    if not text.isascii():
        return no_character().search(text) is None
    # A fifth of the time that the expression takes, and most files are ASCII.
    return 0 not in text.encode("ascii").translate(_CONTROLS_AS_NUL)


#: A plain scalar that begins with none of these is text; most do, so most need no further look.
SPECIAL_STARTS = frozenset("-0123456789tfn~")

# Python refuses to read or print longer integers when PYTHONINTMAXSTRDIGITS says so; it never refuses shorter ones.
# A longer one stays text, so that the same file gives the same values everywhere.
_LONGEST_NUMBER = 640
_NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?(e[-+][0-9]+)?")
_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}


def read_plain(text: str) -> Value:
    """Return the value of a plain scalar.

    A number only if Python prints that number as the same text (``15``, ``-0.5``, ``1e+16``; not
    ``+31``, ``007``, ``1.50``, ``1e5``, ``-0``), True and False for those two words in lower case, None
    for nothing, ``~`` and ``null``. Everything else is the text itself.
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_REMEMBERED:
        return text if len(text) > _LONGEST_NUMBER else _number(text)
    return _remembered_number(text)


def _number(text: str) -> Value:
    """Return the number that a text prints, or the text."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    number: int | float
    if found[1] is None and found[2] is None:
        number = int(text)
        return number if str(number) == text else text
    number = float(text)
    return number if math.isfinite(number) and repr(number) == text else text


# The same times, lengths and ids stand in many files.
_LONGEST_REMEMBERED = 64
_remembered_number = lru_cache(maxsize=2_048)(_number)

MERGE = "<<"


class Mapped:
    """A mapping in the making: its values, where they and their keys stand (as a `SourceMap` keeps it), its merges.

    `merge_key` is the offset of its ``<<``.
    """

    __slots__ = ("entries", "inside", "merge_key", "merged", "values")

    def __init__(self, values: dict[str, Value], entries: list[int], inside: dict[str | int, SourceMap]) -> None:
        self.values = values
        self.entries = entries
        self.inside = inside
        self.merged: list[Mapped] = []
        self.merge_key: int | None = None

    def first(self, key: str) -> int | None:
        """Return the offset at which a key has been given already."""
        if key not in self.values:
            return self.merge_key if key == MERGE else None
        return self.entries[list(self.values).index(key) * SourceMap.ENTRY]


def merge(own: Mapped) -> Mapped:
    """Return a mapping with merged keys before its own; its own win over merged ones, and of those the first."""
    values: dict[str, Value] = {}
    entries: dict[str, list[int]] = {}
    inside: dict[str | int, SourceMap] = {}
    size = SourceMap.ENTRY
    for part in (*own.merged, own):
        for number, (key, value) in enumerate(part.values.items()):
            if key not in values or part is own:
                values[key] = value
                entries[key] = part.entries[number * size : (number + 1) * size]
                inside.pop(key, None)
                if key in part.inside:
                    inside[key] = part.inside[key]
    return Mapped(values, [number for entry in entries.values() for number in entry], inside)


#: One of PyYAML's events. Its stubs allow for events without marks, which no parser makes.
Event = Any

#: What keys of documents look like; those of further mappings inside may be anything.
_FIELD, _OUTER = regex(r"[a-z][a-z-]*+"), 2
_TAG = regex(r"!<[^>\s]*>|![^\s,\[\]{}]*")
_ANCHOR = regex(r"&[\w-]+(?:\s+(?:#.*)?)*", re.ASCII)


class Anchor(NamedTuple):
    """What an alias stands for: `size` and `height` count it and all inside it, `text` is a scalar's own."""

    value: Value
    source_map: SourceMap
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


class Budget:
    """How much may still be read: `values` counts what is written and what aliases repeat of it.

    `exceeded` is what to say when there are more. `problems` are not collected without end either:
    more of them mean that somebody has handed over something else altogether.
    """

    __slots__ = ("exceeded", "problems", "values")

    def __init__(self, values: int, exceeded: str, problems: int = 100) -> None:
        self.values = values
        self.exceeded = exceeded
        self.problems = problems


def _is_marked(event: Event) -> bool:
    """Return whether a scalar has an anchor or a tag."""
    return event.anchor is not None or event.tag is not None


class Source(NamedTuple):
    """The text of a file, and what is asked of all of it: once for the file, as it may hold many documents.

    `may_be_special`: whether any scalar may have an anchor or a tag, or any key merge: nearly no file has one, and each
    is asked. `may_look_alike`: whether two keys may look the same: an escape makes any character. `end` is where the
    blanks at its end begin.
    """

    file: str
    text: str
    lines: Lines
    may_be_special: bool
    may_look_alike: bool
    end: int

    @classmethod
    def of(cls, file: str, text: str) -> Source:
        """Return a text that is to be read."""
        may_be_special = "&" in text or "!" in text or MERGE in text
        may_look_alike = not text.isascii() or "\\" in text
        return cls(file, text, Lines(text), may_be_special, may_look_alike, len(text.rstrip(" \t")))


class Builder:
    """Builds one document from events; what is wrong is collected in `problems`."""

    def __init__(self, source: Source, next_event: Callable[[], Event], budget: Budget) -> None:
        self.problems: list[Problem] = []
        self._file = source.file
        self._text = source.text
        self._lines = source.lines
        self._end = source.end
        self._next_event = next_event
        self._budget = budget
        # An anchor whose value is not finished yet is None: an alias to it stands inside of it.
        self._anchors: dict[str, Anchor | None] = {}
        self._deepest = 0
        self._may_be_special = source.may_be_special
        self._may_look_alike = source.may_look_alike

    def build(self, start: Event) -> tuple[Value, SourceMap]:
        """Return the document that a start event begins; takes the events of its root value. Raises Abandoned."""
        if start.tags:
            self._note(start, "tags are not supported", "yaml-tag", "remove the %TAG line")
        value, found = self._node(self._next_event(), 0)
        if self._end < len(self._text):
            self._check_last_line(found)
        return value, found

    def _check_last_line(self, found: SourceMap) -> None:
        """Note a last line of blanks that nothing ends, where a block of text goes on with it or keeps empty lines."""
        while found.inside and (last := found.inside.get(found.last())) is not None:
            found = last
        start, end = found.entries[-2:] if found.entries else (found.start, found.end)
        is_block = self._text.startswith(("|", ">"), start) and self._text[self._end - 1 : self._end] in ("\n", "\r")
        keeps = "+" in self._text[start : start + 3] and self._end == end
        if is_block and (keeps or self._end < end):
            message = "parsers do not agree whether the blanks at the end of the file belong to the text above"
            self._add(Problem(self._at(self._end), message=message, code=SYNTAX, hint="delete them"), self._end)

    def _node(self, event: Event, depth: int) -> tuple[Value, SourceMap]:
        """Return the value that begins with an event; `depth` is the number of mappings and lists around it."""
        if type(event) is AliasEvent:
            return self._alias(event, depth)
        if event.tag is not None:
            self._tag(event)
        name = event.anchor
        if name is None:
            return self._bare(event, depth)
        if self._text.startswith(f"&{name}:", event.start_mark.index):
            message = "parsers do not agree whether this ':' belongs to the name of the anchor"
            self._note(event, message, "yaml-alias", f"put a space after '&{escaped(name)}', or leave out the ':'")
        self._anchors[name] = None
        values, deepest, self._deepest = self._budget.values, self._deepest, depth
        value, found = self._bare(event, depth)
        self._leave_out_anchor(found)
        text = getattr(event, "value", None)
        self._anchors[name] = Anchor(value, found, values - self._budget.values, self._deepest - depth, text)
        self._deepest = max(deepest, self._deepest)
        return value, found

    def _bare(self, event: Event, depth: int) -> tuple[Value, SourceMap]:
        """Return a value apart from its anchor and tag."""
        kind = type(event)
        start = event.start_mark
        self._spend(1, start.index)
        if kind is ScalarEvent:
            return event.value if event.style else read_plain(event.value), self._scalar_map(event)
        depth += 1
        if depth > self._deepest:
            self._deepest = depth
            if depth > DOCUMENT_DEPTH:
                message = f"mappings and lists are more than {DOCUMENT_DEPTH} deep inside each other"
                self._note(event, message, "yaml-depth")
                raise Abandoned(start.index)
        return self._mapping(event, depth) if kind is MappingStartEvent else self._list(event, depth)

    def _mapping(self, opening: Event, depth: int) -> tuple[dict[str, Value], SourceMap]:
        next_event = self._next_event
        mapping = Mapped({}, [], {})
        values, entries = mapping.values, mapping.entries
        end = opening.start_mark.index
        left = self._budget.values
        in_brackets, may_be_special = opening.flow_style, self._may_be_special
        while True:
            key_event = next_event()
            key: str | None
            kind = type(key_event)
            if kind is ScalarEvent and not (may_be_special and _is_marked(key_event)):
                # The same keys stand in thousands of files.
                key = intern(key_event.value)
            else:
                self._budget.values = left
                if kind is MappingEndEvent:
                    break
                key = self._odd_key(key_event, opening, depth)
                left = self._budget.values
            if in_brackets and self._text.startswith("?", key_event.start_mark.index - 1):
                self._note_question_mark(key_event)
            event = next_event()
            kind = type(event)
            # `_bare` of a scalar, written out: it is four fifths of all values.
            if (
                kind is ScalarEvent
                and key not in values
                and key is not None
                and left > 0
                and not (may_be_special and (key == MERGE or _is_marked(event)))
            ):
                left -= 1
                value = event.value
                if not event.style and (not value or value[0] in SPECIAL_STARTS):
                    value = read_plain(value)
                values[key] = value
                end = event.end_mark.index
                entries += (key_event.start_mark.index, event.start_mark.index, end)
                continue
            self._budget.values = left
            value, found = self._node(event, depth)
            left = self._budget.values
            end = event.end_mark.index if kind is AliasEvent else found.end
            if key is not None:
                self._entry(mapping, key, key_event, value, found, event, depth)
        if in_brackets:
            end = key_event.end_mark.index
        whole = merge(mapping) if mapping.merged else mapping
        alike = first_alike(whole.values) if self._may_look_alike else None
        if alike is not None:
            self._note_alike(*(whole.entries[at * SourceMap.ENTRY] for at in alike))
        return whole.values, self._collection_map(opening, end, whole.values, whole.entries, whole.inside)

    def _entry(
        self, mapping: Mapped, key: str, key_event: Event, value: Value, found: SourceMap, event: Event, depth: int
    ) -> None:
        """Add an entry that may be a merge, or have a key that the mapping has already."""
        at = key_event.start_mark.index
        first = mapping.first(key)
        if first is not None:
            # Further inside, a key may be a word of a sensitive variable.
            shown = quoted(key) if depth <= _OUTER or _FIELD.fullmatch(key) else mask_written(key)
            message = f"the key {shown} is given twice in one mapping, first at {self._at(first)}"
            hint = "merge several as a list: <<: [*a, *b]" if key == MERGE else None
            self._note(key_event, message, "yaml-duplicate-key", hint)
        elif key == MERGE and not key_event.style:
            mapping.merge_key = at
            mapping.merged += self._to_merge(found, event)
        else:
            mapping.values[key] = value
            mapping.entries += (at, found.start, found.end)
            if found.value is not None:
                mapping.inside[key] = found

    def _list(self, opening: Event, depth: int) -> tuple[list[Value], SourceMap]:
        values: list[Value] = []
        entries: list[int] = []
        inside: dict[str | int, SourceMap] = {}
        start = end = opening.start_mark.index
        while True:
            event = self._next_event()
            kind = type(event)
            if kind is SequenceEndEvent:
                break
            value, found = self._node(event, depth)
            end = event.end_mark.index if kind is AliasEvent else found.end
            entries += (start, found.start, found.end)
            if found.value is not None:
                inside[len(values)] = found
            values.append(value)
        if opening.flow_style:
            end = event.end_mark.index
        return values, self._collection_map(opening, end, values, entries, inside)

    def _alias(self, event: Event, depth: int) -> tuple[Value, SourceMap]:
        """Return what the anchor stands for, and where that was written."""
        name = event.anchor
        anchor = self._anchors.get(name)
        start = event.start_mark
        if anchor is not None and depth + anchor.height <= DOCUMENT_DEPTH:
            self._spend(anchor.size, start.index)
            self._deepest = max(self._deepest, depth + anchor.height)
            return anchor.value, anchor.source_map
        if anchor is not None:
            message = (
                f"with what '*{name}' repeats, mappings and lists are more than {DOCUMENT_DEPTH} deep in each other"
            )
            self._note(event, message, "yaml-depth")
        elif name in self._anchors:
            self._note(event, f"'*{name}' is inside of what it repeats", "yaml-alias")
        else:
            hint = "text that begins with '*' has to be quoted"
            self._note(event, f"there is no anchor '&{name}' before this alias", "yaml-alias", hint)
        return None, self._scalar_map(event)

    def _odd_key(self, event: Event, mapping: Event, depth: int) -> str | None:
        """Return the text of a key that is more than a scalar; None, and a problem, when it is no text at all."""
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

    def _note_question_mark(self, key_event: Event) -> None:
        message = "parsers do not agree whether the '?' before this belongs to it"
        self._note(key_event, message, "yaml-key", "quote the text with its '?', or put a space after the '?'")

    def _note_alike(self, first: int, second: int) -> None:
        """Say that two keys look the same: nobody sees which of them a value belongs to."""
        message = f"the key looks the same as the one at {self._at(first)}, and has other characters"
        hint = "type both again: one is not in Unicode's composed form (NFC), or has characters that nobody sees"
        self._add(Problem(self._at(second), message=message, code="yaml-duplicate-key", hint=hint), second)

    def _to_merge(self, found: SourceMap, event: Event) -> list[Mapped]:
        """Return the mappings that a ``<<`` names: one, or a list of them."""
        maps: list[SourceMap | None] = [found]
        if isinstance(found.value, list):
            maps = [(found.inside or {}).get(index) for index in range(len(found.value))]
        mappings = [each for each in maps if each is not None and isinstance(each.value, dict)]
        if len(mappings) < len(maps):
            # An alias that leads nowhere has been noted already.
            if not self.problems or self.problems[-1].place != self._place(event):
                self._note(event, "'<<' takes a mapping or a list of mappings", "yaml-merge")
            return []
        self._spend(sum(len(each.value) for each in mappings), event.start_mark.index)
        return [Mapped(each.value, list(each.entries), dict(each.inside or {})) for each in mappings]

    def _tag(self, event: Event) -> None:
        written = _TAG.search(self._text, event.start_mark.index)
        tag = written[0] if written else event.tag
        hint = "remove it; quotes make a text of any value, and text that begins with '!' has to be quoted"
        self._note(event, f"tags such as {quoted(tag)} are not supported", "yaml-tag", hint)

    def _leave_out_anchor(self, found: SourceMap) -> None:
        """Let an anchored value begin behind its anchor: its first event stands at the ``&``."""
        anchor = _ANCHOR.match(self._text, found.start, max(found.start, found.end))
        if anchor is not None:
            found.start = anchor.end()

    def _spend(self, count: int, index: int) -> None:
        """Count values against the budget; past it, nothing of this file is read any further."""
        self._budget.values -= count
        if self._budget.values < 0:
            self._stop(index, self._budget.exceeded)

    def _note(self, event: Event, message: str, code: str, hint: str | None = None) -> None:
        self._add(
            Problem(self._place(event), message=mask_any_number(message), code=code, hint=hint), event.start_mark.index
        )

    def _add(self, problem: Problem, index: int) -> None:
        self.problems.append(problem)
        self._budget.problems -= 1
        if self._budget.problems <= 0:
            self._stop(index, "the rest of the file has not been read, after so many problems")

    def _place(self, event: Event) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _at(self, index: int) -> Place:
        return Place(self._file, *self._lines.at(index))

    def _stop(self, index: int, message: str) -> NoReturn:
        self.problems.append(Problem(self._at(index), message=message, code="yaml-size"))
        raise Abandoned(None)

    def _scalar_map(self, event: Event) -> SourceMap:
        return SourceMap(self._lines, event.start_mark.index, event.end_mark.index)

    def _collection_map(
        self, opening: Event, end: int, value: Value, entries: Sequence[int], inside: Mapping[str | int, SourceMap]
    ) -> SourceMap:
        # A sixth of the memory of a list of numbers.
        return SourceMap(self._lines, opening.start_mark.index, end, value, array("I", entries), inside or None)
