"""A template's text to Jinja's syntax tree, and what its parser says against one. Nothing is compiled or run.

People bring the habits of other languages along: ``||``, ``{{{``, ``? :``, ``{{#if}}``, a column with a space.

Jinja keeps a line for each node and no column. The lexer here hands out the offset of each token in
its place, so a node's ``lineno`` is the number of characters before it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from flowops.common.names import nearest
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.templates.budget import MAX_BRACKETS, MAX_SOURCE
from flowops.templates.jinja import Grammar, Lexer, TemplateSyntaxError, nodes
from flowops.templates.problems import TemplateError, member

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

#: So much of the text in front of a mistake, and behind it, is looked at.
_NEAR = 100

_AT = regex(r" at \d{1,9}$")
# How Jinja's messages name the ends of its tags.
_SIGNS = {
    "end of print statement": "}}",
    "begin of print statement": "{{",
    "end of statement block": "%}",
    "begin of statement block": "{%",
}
_GOT = regex(r"expected token '(?P<wanted>[^']{1,9})', got '(?P<got>.{1,80})'$", re.DOTALL)
#: What Jinja says of what has no end, how that begins, what it is, and what closes it.
_MISSING = {
    "Missing end of comment tag": (regex(r"\{#"), "'{#'", "#}"),
    "Missing end of raw directive": (regex(r"\{%[-+]?\s{0,20}raw\b"), "'raw'", "{% endraw %}"),
}
#: What stands before a word that should not be there: ``row.Phone`` and blanks.
_COLUMN = regex(r"\b(row|vars)\.(\w{1,60}) {1,9}$")
_WORDS = regex(r"\w{1,60}(?: \w{1,60}){0,5}")
_EXPRESSION = regex(r"\{\{[-+]? *([^{}]{1,90})$")

_PART = regex(r"\[[^\[\]]{1,20}\]|\.\w{1,60}")

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
    "\\": "a backslash is allowed in quotes only",
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
        "names are written in {{ … }} without braces of their own"
        if message == _NESTED
        else _hint(source, message, offset)
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
        return f"put brackets around what is before it: ({inside}){'' if part is None else part[0]}"
    if got["got"] == ":":
        return "a filter takes what it needs in brackets: default('…')"
    if before.rstrip().endswith(("{{ if", "{{if")):
        return _CONDITION
    if got["wanted"] == "in":
        return "a loop is written {% for x in … %} … {% endfor %}"
    return None


#: The words that may begin a statement; everything else of Jinja's is refused.
STATEMENTS = ("if", "elif", "else", "endif", "for", "endfor")

_STATEMENTS_ELSEWHERE = {"elseif": "elif", "elsif": "elif", "foreach": "for", "fi": "endif"}

# Python warns of an escape that it does not know and keeps the backslash; here it is refused.
_BAD_ESCAPE = regex(
    r"""(?<!\\)(?:\\\\)*(\\(?!\n|[\\'"abfnrtv]|0(?![0-7])|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{).?)"""
)
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def parse(source: str) -> nodes.Template:
    """Return Jinja's syntax tree of a template whose lines end in LF; raises `TemplateError` where it has none."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(
            f"a template may have at most {MAX_SOURCE:,} characters, this has {len(source):,}", offset=0
        )
    try:
        return _GRAMMAR.parse(source)
    except TemplateSyntaxError as found:
        raise explained(source, found.message or "it cannot be read", found.lineno, _tags(source)) from None
    except RecursionError:
        raise too_deep(0) from None


def vars_used(source: str) -> frozenset[str] | None:
    """Return the keys of ``vars`` that a template names; None where it takes ``vars`` whole. What is wrong has none."""
    try:
        tree = parse(source.replace("\r\n", "\n").replace("\r", "\n"))
    except TemplateError:
        return frozenset()
    whole = sum(name.name == "vars" for name in tree.find_all(nodes.Name))
    named = [key for node in _members(tree) if (key := _key_of_vars(node)) is not None]
    return frozenset(named) if len(named) == whole else None


class OpenUse(NamedTuple):
    """The first place at which a template uses keys of ``vars`` whose values come from outside.

    `is_plain` where all that it does with any of them is to put them into its text.
    """

    name: str
    offset: int
    is_plain: bool


def open_use(source: str, names: Collection[str]) -> OpenUse | None:
    """Return how a template uses some keys of ``vars``, or ``vars`` so that it may be any key; None where it does not.

    What is written decides, whatever the values are. What is wrong with the template has no uses.
    """
    try:
        tree = parse(source.replace("\r\n", "\n").replace("\r", "\n"))
    except TemplateError:
        return None
    named = {start(node): key for node in _members(tree) if (key := _key_of_vars(node)) is not None}
    uses = {name.lineno: named.get(name.lineno) for name in tree.find_all(nodes.Name) if name.name == "vars"}
    found = {at: key for at, key in uses.items() if key is None or key in names}
    if not found:
        return None
    outputs = [part for node in tree.body if isinstance(node, nodes.Output) for part in node.nodes]
    put = {start(part) for part in outputs if _key_of_vars(part) in names}
    at = min(found)
    key = found[at]
    is_plain = found.keys() <= put and all(isinstance(node, nodes.Output) for node in tree.body)
    return OpenUse("vars" if key is None else member("vars", key), at, is_plain)


def _members(tree: nodes.Template) -> Iterator[nodes.Node]:
    yield from tree.find_all((nodes.Getattr, nodes.Getitem))


def _key_of_vars(node: nodes.Node) -> str | None:
    """Return which key of ``vars`` an expression is, None for any other one."""
    if isinstance(node, nodes.Getattr) and _is_vars(node.node):
        return str(node.attr)
    if isinstance(node, nodes.Getitem) and _is_vars(node.node) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _is_vars(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "vars"


def _tags(source: str) -> Iterator[Tag]:
    """Yield the statements of a template, up to where it cannot be read."""
    begun = False
    with suppress(TemplateSyntaxError):
        for at, sort, text in _GRAMMAR.lexer.tokeniter(source, None):
            if sort == "name" and begun:
                yield Tag(text, at)
            if sort != "whitespace":
                begun = sort == "block_begin"


def too_deep(offset: int) -> TemplateError:
    """Return the error of a template whose parts stand in each other beyond the limit."""
    return TemplateError("the template is nested too deeply", offset=offset)


class _OffsetLexer(Lexer):
    """Jinja's lexer, with offsets for lines; it ends early where no template of ours can go on."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        at = 0
        depth = 0
        statement = False
        tokens = super().tokeniter(source, name, filename, state)
        while True:
            try:
                _, sort, text = next(tokens)
            except StopIteration:
                return
            except TemplateSyntaxError as error:
                raise TemplateSyntaxError(error.message or "", min(at, len(source)), name, filename) from None
            # a tag with a minus has eaten the white space before it
            while at < len(source) and not source.startswith(text, at):
                at += 1
            if sort == "operator":
                depth += _BRACKETS.get(text, 0)
                if depth > MAX_BRACKETS:
                    raise too_deep(at)
            elif sort == "string":
                _check_escapes(text, at)
            elif sort == "integer":
                _check_length(text, at)
            elif sort == "name" and statement:
                _check_statement(text, at)
            if sort != "whitespace":
                statement = sort == "block_begin"
            yield at, sort, text
            at += len(text)


def _check_escapes(text: str, at: int) -> None:
    bad = _BAD_ESCAPE.search(text)
    if bad is not None:
        raise TemplateError(
            f"template syntax: '{bad[1]}' is no escape", hint=r"write \\ for a backslash", offset=at + bad.start(1)
        )


def _check_length(text: str, at: int) -> None:
    if len(text) > len("0x") + 64:
        raise TemplateError("template syntax: the number is too long", offset=at)


def _check_statement(word: str, at: int) -> None:
    if word in STATEMENTS:
        return
    guess = _STATEMENTS_ELSEWHERE.get(word) or nearest(word, STATEMENTS)
    hint = "a template has if, for and filters" if guess is None else f"did you mean '{guess}'?"
    raise TemplateError(f"templates have no '{word}' statement", hint=hint, offset=at)


_GRAMMAR = Grammar(_OffsetLexer)


def start(node: nodes.Node) -> int:
    """Return the offset of a node's first character; Jinja marks many nodes at their operator, or behind their end."""
    while (first := _first(node)) is not None:
        node = first
    return int(node.lineno)


def _first(node: nodes.Node) -> nodes.Node | None:
    match node:
        case nodes.BinExpr():
            return node.left
        case nodes.Compare():
            return node.expr
        case nodes.CondExpr():
            return node.expr1
        case nodes.Concat():
            return node.nodes[0]
        case nodes.Getattr() | nodes.Getitem() | nodes.Call() | nodes.Filter() | nodes.Test():
            return node.node
    return None


def label(node: nodes.Node) -> str:
    """Return the name of a value as its user wrote it, as in ``row.address.city``; a longer one ends in an ellipsis."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr):
        return f"{label(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        above = label(node.node)
        if isinstance(node.arg, nodes.Const):
            key = node.arg.value
            return member(above, key) if isinstance(key, str) else f"{above}[{key}]"
        return f"{above}[…]"
    return "…"


def keys(node: nodes.Node) -> tuple[str, ...] | None:
    """Return ``("vars", "office", "phone")`` for a chain of names that are written out, None for anything else."""
    found: list[str] = []
    while True:
        if isinstance(node, nodes.Getattr):
            found.append(node.attr)
            node = node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            found.append(node.arg.value)
            node = node.node
        elif isinstance(node, nodes.Name):
            return (str(node.name), *reversed(found))
        else:
            return None
