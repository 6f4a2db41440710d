"""YAML to plain values with the place of everything: within bounds, and never raising for what a file says.

PyYAML's composer is not used: in C it recurses until the process dies, and in Python it is slow. Its event parser is
safe at any depth, as long as nobody asks for the events of a document that is too deep already.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.events import DocumentStartEvent, StreamEndEvent

from flowops.common.patterns import regex
from flowops.common.text import Lines, count_breaks
from flowops.common.tuples import NamedTuple
from flowops.documents.yaml_builder import Abandoned, Budget, Builder, Source, has_only_characters, no_character
from flowops.documents.yaml_errors import SYNTAX, TEMPLATE, syntax_problem
from flowops.model.document import Place, Problem, SourceMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Value

_NOWHERE = SourceMap(Lines(""), 0, 0)


class Parsed(NamedTuple):
    """One document. With problems its value is only good for telling what kind of document it may be.

    It is not `complete` when it could not be read to its end: there is no value then.
    """

    value: Value
    source_map: SourceMap
    problems: tuple[Problem, ...] = ()
    complete: bool = True

    @classmethod
    def broken(cls, *problems: Problem) -> Parsed:
        """Return what could not be read, for at least one reason."""
        return cls(None, _NOWHERE, problems, complete=False)

    def place(self, file: str) -> Place:
        """Return where it begins; of what could not be read, where it could not."""
        if not self.complete:
            return self.problems[0].place
        return Place(file, *self.source_map.lines.at(self.source_map.start))


# After so many broken documents the rest of a file is not read: each costs another look at the whole text.
_MAX_BROKEN = 20
# libyaml compares each %TAG directive with all before it: 70,000 of them take half a minute.
_MAX_TAG_DIRECTIVES = 100

# What makes events; `CSafeLoader` would make a constructor and a resolver for each file, too.
_LOADER: Callable[[str], Any] = getattr(getattr(yaml, "cyaml", None), "CParser", yaml.SafeLoader)

_DOCUMENT_START = regex(r"^---(?=\s|\Z)", re.MULTILINE)
_TAG_DIRECTIVE = regex(r"^%TAG", re.MULTILINE)
# PyYAML's own parser makes half a surrogate pair of such an escape; libyaml refuses it.
_HALF_CHARACTER = regex(r"\\(?:u|U0000)[dD][89a-fA-F]")


def parse(file: str, text: str, budget: Budget) -> list[Parsed]:
    """Return the documents of a text in their order, without the empty ones. Never raises for what is in the text."""
    if "%" in text and len(_TAG_DIRECTIVE.findall(text)) > _MAX_TAG_DIRECTIVES:
        return [_refused(file, text, 0, "tags are not supported, and this file declares many of them")]
    text, documents = _characters(file, text)
    source = Source.of(file, text)
    position = 0
    for _ in range(_MAX_BROKEN):
        rest = _read_from(source, position, budget, documents)
        if rest is None:
            return documents
        position = rest
    message = f"the rest of the file has not been read, after {_MAX_BROKEN} broken documents"
    return [*documents, _refused(file, text, position, message)]


def _read_from(source: Source, position: int, budget: Budget, documents: list[Parsed]) -> int | None:
    """Read documents up to the end or a broken one; where the document behind that begins, if there is one."""
    file, text = source.file, source.text
    # Blanks in place of what has been read keep every line, column and offset what it is in the file.
    next_event = _LOADER(_blanks(text, position) + text[position:] if position else text).get_event
    reached: int | None
    problems: list[Problem] = []
    try:
        while type(event := next_event()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                builder = Builder(source, next_event, budget)
                problems = builder.problems
                value, source_map = builder.build(event)
                if value is not None or problems:
                    documents.append(Parsed(value, source_map, tuple(problems)))
                problems = []
    except Abandoned as stop:
        reached = stop.reached
    except MarkedYAMLError as error:
        problem, reached = syntax_problem(file, text, position, error)
        # What an unquoted template leads to has been said already, and better.
        if not any(known.code == TEMPLATE and known.place.line == problem.place.line for known in problems):
            problems.append(problem)
    else:
        return None
    documents.append(Parsed.broken(*problems))
    if reached is None:
        return None
    # In YAML three dashes at the start of a line begin a document, whatever is open before them.
    found = _DOCUMENT_START.search(text, max(reached, position + 1))
    return found.start() if found else None


def _characters(file: str, text: str) -> tuple[str, list[Parsed]]:
    """Return the text with U+FFFD in place of what is not a character of YAML, and what to say about that."""
    halves = _HALF_CHARACTER.finditer(text) if _LOADER is yaml.SafeLoader else ()
    problems = [
        _refused(file, text, found.start(), "this escape stands for no character")
        for found in islice(halves, _MAX_BROKEN)
    ]
    if has_only_characters(text):
        return text, problems
    for found in islice(no_character().finditer(text), _MAX_BROKEN):
        message = f"the character U+{ord(found[0]):04X} is not allowed here"
        escape = found[0].encode("unicode_escape").decode("ascii")
        hint = f'remove it; if it is meant, write it in double quotes as "{escape}"'
        problems.append(_refused(file, text, found.start(), message, hint))
    return no_character().sub("\ufffd", text), problems


def _refused(file: str, text: str, index: int, message: str, hint: str | None = None) -> Parsed:
    """Return what is wrong with the text itself, in front of or behind its documents."""
    place = Place(file, *Lines(text).at(index))
    return Parsed.broken(Problem(place, message=message, code=SYNTAX, hint=hint))


def _blanks(text: str, end: int) -> str:
    """Return as many characters and line breaks as the text has before an offset at the start of a line."""
    lines = count_breaks(text, 0, end)
    return " " * (end - lines) + "\n" * lines
