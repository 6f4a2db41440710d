"""Templates where none is rendered, and what is sent as it is though it was meant to be one."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from flowops.common.masking import mask_path
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.model.document import Place, Problem
from flowops.templates.nodes import Positions
from flowops.templates.problems import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Document, Path, Value

VARIABLES = "flow-variables"
#: Kinds of values in which no other text is.
_FLAT = frozenset((str, int, float, bool, type(None)))
_BRACES = ("{{", "{%")
#: How many bodies are looked at together: their texts are copied, and each body may have a mebibyte.
_TOGETHER = 32
_COMMENT = regex(r"[ \t]+#")
#: Where documents have flow variables.
_ABOVE: dict[str, tuple[tuple[str, ...], ...]] = {
    "Call": ((VARIABLES,),),
    "CallSet": (("call", VARIABLES),),
    "Project": (("defaults", VARIABLES),),
}
# {name}, ${name}, {$name}, {row.name} and [name]; ((name)), %name% and <name>, as in other programs.
_NAME = r"([^{}\[\] ](?:[^{}\[\]]{0,62}[^{}\[\] ])?)"
_BARE_NAME = r"([^()%<> ](?:[^()%<>]{0,62}[^()%<> ])?)"
_PLACEHOLDER = regex(
    rf"\{{ {{0,3}}\$?(?:row\.)?{_NAME} {{0,3}}\}}|\[ {{0,3}}{_NAME} {{0,3}}\]"
    rf"|\(\( {{0,3}}{_BARE_NAME} {{0,3}}\)\)|%{_BARE_NAME}%|<{_BARE_NAME}>"
)
#: What each of its groups looks like, and with what a text begins to hold one.
_LOOKS = ("{…}", "[…]", "((…))", "%…%", "<…>")
_BEGINNINGS = ("{", "[", "((", "%", "<")
# Control characters that nobody writes: bytes of windows-1252 that were read as ISO 8859.
_C1 = regex("[\x80-\x9f]")


class Leftover(NamedTuple):
    """Where in a body it is, what it is, and what to do."""

    path: Path
    message: str
    hint: str | None


def may_have_leftovers(bodies: Iterable[Mapping[str, Value]]) -> bool:
    """Return whether one of many bodies may say what it was not meant to say: of all together that is known sooner."""
    variables = [found for body in bodies if type(found := body.get(VARIABLES)) is dict]
    return any(_may_say_more(variables[at : at + _TOGETHER]) for at in range(0, len(variables), _TOGETHER))


def _may_say_more(variables: Sequence[dict[str, Value]]) -> bool:
    values = list(chain.from_iterable(map(dict.values, variables)))
    if not {*map(type, values)} <= _FLAT:
        return True
    # What is no text is written without any of these.
    return _is_suspect("".join([value for value in values if type(value) is str]))


def _is_suspect(text: str) -> bool:
    return not text.isascii() or any(beginning in text for beginning in _BEGINNINGS)


def leftovers(body: Mapping[str, Value], columns: Collection[str]) -> Iterator[Leftover]:
    """Yield what a rendered call says that it was not meant to say; `columns` are the names that its row has."""
    variables = body.get(VARIABLES)
    if type(variables) is not dict:
        return
    for name, value in variables.items():
        if type(value) is str and not _is_suspect(value):
            continue
        for text in _texts(value):
            yield from _of_text((VARIABLES, name), text, columns)


def _texts(value: Value) -> Iterator[str]:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += item.values()
        elif isinstance(item, list):
            left += item


def _of_text(path: Path, text: str, columns: Collection[str]) -> Iterator[Leftover]:
    label = ".".join(map(str, path))
    braces = next((each for each in _BRACES if each in text), None)
    if braces is not None:
        message = f"{label}: the rendered text still holds {braces}, and is sent with it"
        yield Leftover(path, message, "what a row, --var or a --var-file holds is not rendered")
    for found in _PLACEHOLDER.finditer(text):
        if found[found.lastindex or 0] in columns:
            shape = _LOOKS[(found.lastindex or 1) - 1]
            # Which one it is the text says at its place. Here it is not repeated: a file without a header has people's.
            message = f"{label}: the text holds {shape} around the name of a column, and is sent with it"
            yield Leftover(path, message, "a column is written {{ row.name }}, or {{ row['first name'] }}")
            break
    control = None if text.isascii() else _C1.search(text)
    if control is not None:
        message = f"{label}: the text holds U+{ord(control[0]):04X}, a control character"
        yield Leftover(path, message, "is the data windows-1252 (or 1254), and declared as ISO 8859?")


def cut_by_comments(document: Document) -> Iterator[Problem]:
    """Yield a warning for each variable without quotes that ends at a comment: ``# to repeat`` is no part of it."""
    # Most documents have no comment behind anything. The text is that of the whole file, with all its documents.
    text, start, end = document.text, document.source_map.start, document.source_map.end
    if text.find("#", start, end) < 0 and _COMMENT.match(text, end) is None:
        return
    for above in _ABOVE.get(document.kind, ()):
        values: Value = document.value
        for step in above:
            values = values.get(step) if isinstance(values, dict) else None
        for path in _ways(values, above):
            if (place := _comment_behind(document, path)) is not None:
                message = f"{mask_path(path[len(above) - 1 :])}: the text ends here, and a comment begins"
                hint = "put the text in quotes if the # belongs to it; a comment can be on a line of its own"
                yield Problem(place, message=message, code="comment", hint=hint)


def _ways(values: Value, above: Path) -> Iterator[Path]:
    """Yield the way to each text in a value; what aliases repeat is looked at once."""
    left: list[tuple[Path, Value]] = [(above, values)]
    seen: set[int] = set()
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            yield path
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            steps = value.items() if isinstance(value, dict) else enumerate(value)
            left += [((*path, step), item) for step, item in steps]


def _comment_behind(document: Document, path: Path) -> Place | None:
    found = document.source_map.at(path)
    written = document.text[found.start : found.end]
    comment = _COMMENT.match(document.text, found.end)
    if comment is None or not written or written[0] in "'\"|>*" or "\n" in written:
        return None
    return Place(document.file, found.line, found.column + len(written) + len(comment[0]) - 1)


_OPENINGS = ("{{", "{%")
#: What is rendered of each kind of document: everything below these ways; ``*`` stands for any name.
_RENDERED: dict[str, tuple[Path, ...]] = {
    "Call": ((),),
    "CallSet": (("call",), ("where",)),
    "Flow": (),
    "Project": (
        ("defaults",),
        ("vars",),
        ("environments", "*", "vars"),
        ("policy", "rules", "*", "when"),
        ("environments", "*", "policy", "rules", "*", "when"),
    ),
}
#: What of that is not rendered after all: it is the document's, and the same for all rows.
_NOT_RENDERED: dict[str, Path] = {"Call": ("labels",), "CallSet": ("call", "labels")}
#: What is written for people alone, in schemas and elsewhere.
_FOR_PEOPLE = frozenset({"description", "title", "$comment"})
_HINTS = {
    "sql": "ask for all rows, and choose with where:, which is rendered",
    "matrix": "the values of a matrix are data: use the template in call:",
    "reason": "a reason is the same for all calls: it says no value of one",
    "labels": "labels are plain texts, the same for all calls of a document",
    "default": "give the variable in defaults: or in the call, where it is rendered",
}
_HINT = "templates are rendered in call:, where:, defaults: and vars: only"


def unrendered(document: Document) -> Iterator[Problem]:
    """Yield a problem for each text of a document that holds a template, and is not rendered."""
    rendered = _RENDERED.get(document.kind)
    # Nearly no text has an opening, nor an escape that may stand for one. That of a document is a part of its file's.
    within = (document.source_map.start, document.source_map.end)
    if rendered is None or (document.text.find("{", *within) < 0 and document.text.find("\\", *within) < 0):
        return
    left: list[tuple[Path, Value]] = [((), document.value)]
    if document.kind in _NOT_RENDERED:
        way = _NOT_RENDERED[document.kind]
        left.append((way, _at(document.value, way)))
    # What aliases repeat is looked at where it is met first.
    seen: set[int] = set()
    while left:
        path, value = left.pop()
        if any(_fits(path, way) for way in rendered) or (path and path[-1] in _FOR_PEOPLE):
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            for key, item in value.items():
                if any(opening in key for opening in _OPENINGS):
                    yield _problem(
                        document, (*path, key), "the key holds a template, and keys are not rendered", key=True
                    )
                left.append(((*path, key), item))
        elif isinstance(value, list):
            left += (((*path, index), item) for index, item in enumerate(value))
        elif isinstance(value, str) and any(opening in value for opening in _OPENINGS):
            yield _problem(document, path, "a template is not rendered here", value)


def _at(value: Value, way: Path) -> Value:
    """Return what stands there in a value, None where nothing does."""
    for step in way:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _fits(path: Path, way: Path) -> bool:
    return len(path) == len(way) and all(step in (own, "*") for own, step in zip(path, way, strict=True))


def _problem(document: Document, path: Path, message: str, value: str = "", *, key: bool = False) -> Problem:
    if key:
        place = document.key_place(path)
    else:
        offset = min(at for at in map(value.find, _OPENINGS) if at >= 0)
        place = Positions(document, path, value).place(offset)
    label = ".".join(map(str, path[:-1] if key else path))[:64]
    steps = [step for step in path if isinstance(step, str)]
    hint = next((hint for step, hint in _HINTS.items() if step in steps), _HINT)
    return Problem(place, message=f"{label}: {message}" if label else message, code=TEMPLATE, hint=hint)
