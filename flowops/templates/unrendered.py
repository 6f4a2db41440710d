"""Templates where none is rendered: there they would be sent, asked or opened as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.document import Problem
from flowops.templates.nodes import Positions
from flowops.templates.problems import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.document import Document, Path, Value

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
