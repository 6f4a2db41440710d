"""What PyYAML's parser says about broken YAML, in words for the people who wrote it.

The parser's texts are those of libyaml 0.2.5 (``scanner.c``, ``parser.c``); the ones of PyYAML's own
parser, which stands in where libyaml is absent, begin alike often enough, and are passed on otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.text import Lines
from flowops.common.tuples import NamedTuple
from flowops.model.document import Place, Problem

if TYPE_CHECKING:
    from yaml.error import MarkedYAMLError

SYNTAX = "yaml-syntax"
TEMPLATE = "yaml-template"
_QUOTE_IT = "quote the text if it is meant literally"
_BACKSLASH = "write '\\\\' for a backslash, or use single quotes"
_LONGEST_HINT = 100
_FIRST_TEMPLATE = regex(r"\{\{.*?\}\}|\{%.*?%\}")
_CONFLICT = regex(r"^(?:<{7}|>{7}) ", re.MULTILINE)
_CONFLICT_LENGTH = 8
_COMMENT = regex(r"(?<!\s)\s++#.*")


class MessageRule(NamedTuple):
    """Our words for one of the parser's: `opening` places the problem where the broken thing begins.

    ``{opening}`` in the message is the line and column of that beginning, ``{char}`` what stands at the place.
    """

    begins: str
    message: str
    hint: str | None = None
    context: str = ""
    opening: bool = False


_MESSAGES = (
    MessageRule(
        "mapping values are not allowed",
        "a ':' followed by a space is not allowed here",
        "quote the text if the ':' belongs to it; else look at the indentation",
    ),
    MessageRule(
        "block sequence entries are not allowed",
        "a list entry is not allowed here",
        "entries of a list begin on lines of their own; " + _QUOTE_IT,
    ),
    MessageRule("mapping keys are not allowed", "a '?' is not allowed here", _QUOTE_IT),
    MessageRule("did not find expected ',' or ']'", "expected ',' or ']' here, in the list that begins at {opening}"),
    MessageRule(
        "did not find expected ',' or '}'", "expected ',' or '}}' here, in the mapping that begins at {opening}"
    ),
    MessageRule(
        "did not find expected key",
        "expected the next key of the mapping that begins at {opening}",
        "look at the indentation, and for text after a closing quote",
    ),
    MessageRule("did not find expected '-' indicator", "expected the next '-' of the list that begins at {opening}"),
    MessageRule(
        "could not find expected ':'",
        "this is neither a key followed by ':' nor part of the value above",
        "look at the indentation",
        opening=True,
    ),
    MessageRule("found unexpected end of stream", "the quote that opens here is never closed", opening=True),
    MessageRule("found unexpected document", "the quote that opens here is never closed", opening=True),
    MessageRule("found character", "text cannot begin with '{char}'", "quote it"),
    MessageRule(
        "found a tab character",
        "the first line of a block of text begins with a tab: a tab cannot indent",
        "put at least one space before the tab",
        context="while scanning a block scalar",
    ),
    MessageRule("found a tab character", "a tab cannot indent", "use spaces"),
    MessageRule("found unknown escape character", "this escape is not known", _BACKSLASH),
    MessageRule("did not find expected hexdecimal", "this escape needs hexadecimal digits", _BACKSLASH),
    MessageRule(
        "found invalid Unicode character escape",
        "this escape stands for no character",
        "write the character itself: JSON writes some as two escapes, and YAML does not",
    ),
    MessageRule(
        "did not find expected alphabetic",
        "'*' begins an alias here, which needs a name",
        _QUOTE_IT,
        context="while scanning an alias",
        opening=True,
    ),
    MessageRule(
        "did not find expected alphabetic",
        "'&' begins an anchor here, which needs a name",
        _QUOTE_IT,
        context="while scanning an anchor",
        opening=True,
    ),
    MessageRule("did not find expected node content", "expected a value here, not '{char}'", _QUOTE_IT),
    MessageRule(
        "did not find expected <document start>",
        "the document has ended before this; the next one begins with '---'",
        "look at the indentation",
    ),
    MessageRule("found undefined tag handle", "tags are not supported", "text that begins with '!' has to be quoted"),
    MessageRule(
        "", "tags are not supported", "text that begins with '!' has to be quoted", context="while scanning a tag"
    ),
    MessageRule(
        "",
        "'|' and '>' begin a block of text: only '+', '-', a digit or a comment may follow on the line",
        _QUOTE_IT,
        context="while scanning a block scalar",
    ),
    MessageRule("", "this directive is not known", context="while scanning a directive"),
    MessageRule("found unknown directive", "this directive is not known"),
    MessageRule("found incompatible YAML document", "flowops reads YAML 1.1 and 1.2"),
    # PyYAML 6.0.4 counts while it looks for the end of what may be a key, ahead of all that it has told.
    MessageRule("exceeded maximum nesting depth", "mappings and lists are far too deep inside each other"),
)


def syntax_problem(file: str, text: str, position: int, error: MarkedYAMLError) -> tuple[Problem, int]:
    """Return the problem that a parser's error is, and the offset where it stopped, having begun at `position`."""
    mark = error.problem_mark or error.context_mark
    opening = error.context_mark or mark
    assert mark is not None
    assert opening is not None
    said = str(error.problem)
    context = str(error.context)
    char = text[mark.index : mark.index + 1]
    line, column = mark.line + 1, mark.column + 1
    if mark.index >= len(text):
        # Behind the last line break; libyaml counts one line more even without it. Nobody can see that place.
        line, column = Lines(text).at(len(text.rstrip()))
    if char == "\t":
        # Found where a value should begin: what PyYAML says of it depends on the version.
        said = "found a tab character"
    rule = next((s for s in _MESSAGES if said.startswith(s.begins) and s.context in context), None)
    if rule is None:
        message, hint = f"this is not YAML: {said}", None
    else:
        begins = f"{opening.line + 1}:{opening.column + 1}"
        message, hint = rule.message.format(opening=begins, char=char), rule.hint
        if not char and "{char}" in rule.message:
            message, hint = "the file ends where a value is expected", None
        if rule.opening:
            line, column = opening.line + 1, opening.column + 1
    code = SYNTAX
    if text.startswith("...", mark.index) and said.startswith("did not find expected node content"):
        message, hint = "'...' ends a document, and none has begun", "remove it"
    conflict = _CONFLICT.search(text, position, mark.index + _CONFLICT_LENGTH)
    if conflict:
        line, column = Lines(text).at(conflict.start())
        message, hint = "there is a conflict mark of Git here: the merge is not finished", None
    elif char == "%" and text[mark.index - 1 : mark.index] == "{":
        column -= 1
        code = TEMPLATE
        message, hint = "a template has to be quoted: without quotes, YAML reads '{' as a mapping", None
        if quotes := quoted_template(text, mark.index - 1):
            hint = f"write {quotes}"
    return Problem(Place(file, line, column), message=message, code=code, hint=hint), mark.index


def quoted_template(text: str, start: int) -> str | None:
    """Return the ``{{ … }}`` or ``{% … %}`` at an offset of the text in quotes; None where its end is not plain."""
    line = re.split(r"[\r\n]", text[start : start + 4 * _LONGEST_HINT], maxsplit=1)[0]
    first = _FIRST_TEMPLATE.match(line)
    if first is None:
        return None
    rest = line[first.end() :].lstrip()
    written = first[0] if not rest or rest[0] in "#,]}" else _COMMENT.sub("", line).rstrip()
    if len(written) > _LONGEST_HINT:
        return None
    if '"' not in written and "\\" not in written:
        return f'"{written}"'
    return "'" + written.replace("'", "''") + "'"
