"""A file's text to values with source maps, one a document; what is broken does not hide what stands beside it."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.events import DocumentStartEvent, StreamEndEvent

from flowops.documents.builder import Abandoned, Budget, Builder
from flowops.documents.characters import has_only_characters, no_character
from flowops.documents.lines import count_breaks, line_and_column
from flowops.documents.parsed import Parsed
from flowops.documents.syntax import SYNTAX, TEMPLATE, syntax_problem
from flowops.model import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

# After so many broken documents the rest of a file is not read: each costs another look at the whole text.
_MAX_BROKEN = 20
# libyaml compares each %TAG directive with all before it: 70,000 of them take half a minute.
_MAX_TAG_DIRECTIVES = 100

# What makes events; `CSafeLoader` would make a constructor and a resolver for each file, too.
_LOADER: Callable[[str], Any] = getattr(getattr(yaml, "cyaml", None), "CParser", yaml.SafeLoader)

_DOCUMENT_START = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
# PyYAML's own parser makes half a surrogate pair of such an escape; libyaml refuses it.
_HALF_CHARACTER = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F]")


def parse(file: str, text: str, budget: Budget) -> list[Parsed]:
    """The documents of a text in their order, without the empty ones. Never raises for what is in the text."""
    if "%TAG" in text and len(_TAG_DIRECTIVE.findall(text)) > _MAX_TAG_DIRECTIVES:
        return [_refused(file, text, 0, "tags are not supported, and this file declares many of them")]
    text, documents = _characters(file, text)
    position = 0
    for _ in range(_MAX_BROKEN):
        rest = _read_from(file, text, position, budget, documents)
        if rest is None:
            return documents
        position = rest
    message = f"the rest of the file has not been read, after {_MAX_BROKEN} broken documents"
    return [*documents, _refused(file, text, position, message)]


def _read_from(file: str, text: str, position: int, budget: Budget, documents: list[Parsed]) -> int | None:
    """Read documents up to the end or a broken one; where the document behind that begins, if there is one."""
    # Blanks in place of what has been read keep every line, column and offset what it is in the file.
    next_event = _LOADER(_blanks(text, position) + text[position:] if position else text).get_event
    reached: int | None
    problems: list[Problem] = []
    try:
        while type(event := next_event()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                builder = Builder(file, text, next_event, budget)
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
    """The text with U+FFFD in place of what is not a character of YAML, and what to say about that."""
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
        hint = f'in double quotes it may be written as "{escape}"'
        problems.append(_refused(file, text, found.start(), message, hint))
    return no_character().sub("\ufffd", text), problems


def _refused(file: str, text: str, index: int, message: str, hint: str | None = None) -> Parsed:
    """What is wrong with the text itself, in front of or behind its documents."""
    place = Place(file, *line_and_column(text, index))
    return Parsed.broken(Problem(place, message=message, code=SYNTAX, hint=hint))


def _blanks(text: str, end: int) -> str:
    """As many characters and line breaks as the text has before an offset at the start of a line."""
    lines = count_breaks(text, end)
    return " " * (end - lines) + "\n" * lines
