"""What Jinja's parser says against a template, in words that name what to write instead.

People bring the habits of other languages along: ``||``, ``{{{``, ``? :``, ``{{#if}}``, a column with a space.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from flowops.templates.errors import TemplateError, member

if TYPE_CHECKING:
    from collections.abc import Iterable

#: So much of the text in front of a mistake, and behind it, is looked at.
_NEAR = 100

_AT = re.compile(r" at \d{1,9}$")
# How Jinja's messages name the ends of its tags.
_SIGNS = {
    "end of print statement": "}}",
    "begin of print statement": "{{",
    "end of statement block": "%}",
    "begin of statement block": "{%",
}
_GOT = re.compile(r"expected token '(?P<wanted>[^']{1,9})', got '(?P<got>.{1,80})'$", re.DOTALL)
#: What Jinja says of what has no end, how that begins, what it is, and what closes it.
_MISSING = {
    "Missing end of comment tag": (re.compile(r"\{#"), "'{#'", "#}"),
    "Missing end of raw directive": (re.compile(r"\{%[-+]?\s{0,20}raw\b"), "'raw'", "{% endraw %}"),
}
#: What stands before a word that should not be there: ``row.Phone`` and blanks.
_COLUMN = re.compile(r"\b(row|vars)\.(\w{1,60}) {1,9}$")
_WORDS = re.compile(r"\w{1,60}(?: \w{1,60}){0,5}")
_EXPRESSION = re.compile(r"\{\{[-+]? *([^{}]{1,90})$")

_PART = re.compile(r"\[[^\[\]]{1,20}\]|\.\w{1,60}")

#: What is said where braces stand in braces, which would be a mapping.
_NESTED = "expected token ':', got '}'"
_COMPARE = "compare with =="
_NAMES = "a column is written row.name, a variable vars.name"
_CONDITION = "a condition is written {% if … %} … {% endif %}"
_QUOTE = "the quote is never closed"
_STRAIGHT = "write straight quotes: '…'"
_CHARACTERS = {
    "&": "where both have to hold write: … and …",
    "!": "the opposite is written: not …",
    "?": "one of two is chosen so: 'a' if row.x == 'y' else 'b'",
    "$": _NAMES,
    "@": _NAMES,
    "#": _CONDITION,
    "'": _QUOTE,
    '"': _QUOTE,
    "\\": "a backslash stands in quotes only",
    **dict.fromkeys("“”„‟‘’‚‛«»`", _STRAIGHT),
}


class Tag(NamedTuple):
    """The word of a statement, such as ``if`` or ``endfor``, and where it stands."""

    word: str
    offset: int


def explained(source: str, message: str, offset: int, tags: Iterable[Tag]) -> TemplateError:
    """Return the error of a template that Jinja cannot parse; `tags` are the statements before the place."""
    if "of template. Jinja was looking" in message or message.startswith("Encountered unknown tag"):
        return _unbalanced(source, message, offset, list(tags))
    message = _AT.sub("", message).rstrip(".")
    if message in _MISSING:
        opening, what, closing = _MISSING[message]
        *_, last = opening.finditer(source)
        return TemplateError(f"template syntax: the {what} is never closed: write {closing}", offset=last.start())
    for words, sign in _SIGNS.items():
        message = message.replace(words, sign)
    if message.startswith("unexpected end of template"):
        return _never_closed(source, len(source))
    if source.startswith(("{{", "{%"), offset) and _last_sign(source, offset)[0] > source.rfind("}", 0, offset):
        return _never_closed(source, offset)
    if message == _NESTED and (braces := source.find("{{{")) >= 0:
        return TemplateError("template syntax: write two braces, not three: {{ … }}", offset=braces)
    if message == _NESTED and source.count("{{") > source.count("}}"):
        return _never_closed(source, source.rfind("{{", 0, offset))
    hint = (
        "names stand in {{ … }} without braces of their own" if message == _NESTED else _hint(source, message, offset)
    )
    return TemplateError(f"template syntax: {message[:1].lower()}{message[1:]}", hint=hint, offset=offset)


def _last_sign(source: str, end: int) -> tuple[int, str]:
    """Return where the last tag before a place begins, and what closes it."""
    return max((source.rfind("{{", 0, end), "}}"), (source.rfind("{%", 0, end), "%}"))


def _never_closed(source: str, end: int) -> TemplateError:
    """Return the error of a tag that is still open at a place, where the tag begins."""
    opening, closing = _last_sign(source, end)
    sign = source[opening : opening + 2]
    return TemplateError(f"template syntax: the '{sign}' is never closed: write {closing}", offset=max(opening, 0))


def _unbalanced(source: str, message: str, offset: int, tags: list[Tag]) -> TemplateError:
    """Return the error of an ``if`` without its end, or of an end without its ``if``."""
    open_tags: list[Tag] = []
    for tag in tags:
        if tag.word in ("if", "for"):
            open_tags.append(tag)
        elif tag.word in ("endif", "endfor") and open_tags and tag.word == f"end{open_tags[-1].word}":
            open_tags.pop()
    innermost = open_tags[-1] if open_tags else None
    found = re.match(r"Encountered unknown tag '(\w{1,60})'", message)
    if found is None:
        assert innermost is not None, message
        word = innermost.word
        text = f"the '{word}' is never closed: write {{% end{word} %}}"
        return TemplateError(f"template syntax: {text}", offset=_last_sign(source, innermost.offset)[0])
    word = found[1]
    if innermost is not None:
        text = f"the '{innermost.word}' is not closed before the '{word}' that follows"
        hint = f"write {{% end{innermost.word} %}} before {{% {word} %}}"
        return TemplateError(f"template syntax: {text}", hint=hint, offset=_last_sign(source, innermost.offset)[0])
    opened = word.removeprefix("end") if word in ("endif", "endfor") else "if"
    return TemplateError(f"template syntax: '{word}' has no '{opened}' before it", offset=offset)


def _hint(source: str, message: str, offset: int) -> str | None:
    before, behind = source[max(0, offset - _NEAR) : offset], source[offset : offset + _NEAR]
    if message.startswith("unexpected char "):
        return _CHARACTERS.get(behind[:1])
    if behind.startswith("||") or (before.endswith("|") and behind.startswith("|")):
        return "where one has to hold write: … or …"
    if behind.startswith("=") or before.endswith("="):
        return _COMPARE
    if behind.startswith(">") and before.endswith("<"):
        return "two values that differ: !="
    if behind.startswith("/") and before.rstrip().endswith("{{"):
        return _CONDITION
    if behind.startswith("}"):
        return _brace(before, behind)
    if message == "expected name or number":
        return "a column of any name is written row['Phone number']"
    got = _GOT.search(message)
    return None if got is None else _instead_of(got, before, behind)


def _brace(before: str, behind: str) -> str | None:
    """Return what to write in place of a single brace, or of one that ends another kind of tag."""
    if before.endswith("%"):
        return "an expression ends with }}"
    statement = before.rfind("{%") > before.rfind("{{")
    if statement:
        return "a statement ends with %}"
    return None if behind.startswith("}}") else "an expression ends with two braces: }}"


def _instead_of(got: re.Match[str], before: str, behind: str) -> str | None:
    """Return what to write where something else was expected: mostly the end of the tag."""
    column, words = _COLUMN.search(before), _WORDS.match(behind)
    if column is not None and words is not None:
        return f"a column with a space is written {member(column[1], f'{column[2]} {words[0]}')}"
    if got["got"] in ("[", "."):
        expression = _EXPRESSION.search(before)
        inside = "…" if expression is None else expression[1].strip()
        part = _PART.match(behind)
        return f"put brackets around what stands before it: ({inside}){'' if part is None else part[0]}"
    if got["got"] == ":":
        return "a filter takes what it needs in brackets: default('…')"
    if before.rstrip().endswith(("{{ if", "{{if")):
        return _CONDITION
    if got["wanted"] == "in":
        return "a loop is written {% for x in … %} … {% endfor %}"
    return None
