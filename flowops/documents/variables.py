"""Variables from the command line, and the one order in which all variables are laid over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.json import NotJson, read_json
from flowops.common.limits import DOCUMENT_DEPTH
from flowops.common.text import visible
from flowops.documents.files import Unreadable, read_anywhere
from flowops.documents.parsed import Parsed
from flowops.documents.scalars import read_plain
from flowops.errors import Invalid, UsageError
from flowops.model import Environment, Place, Problem, Project, SourceMap, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from flowops.documents.reader import Reader

VARS = "vars"


def parse_var(text: str) -> tuple[str, Value]:
    """``name=value``, the value read like a plain scalar of YAML. Raises UsageError."""
    name, separator, value = text.partition("=")
    if not separator or not name or name != name.strip():
        raise UsageError(f"'{visible(text)}' is not a variable: write NAME=VALUE")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("a variable on the command line is not UTF-8") from None
    return name, read_plain(value)


def read_var_file(reader: Reader, path: Path) -> dict[str, Value]:
    """The mapping in a YAML file, or in a JSON file by its name; an empty file has no variables.

    The file may lie anywhere, and may be a pipe: whoever runs flowops names it. Raises UsageError
    when it cannot be read, and Invalid with what is wrong in it.
    """
    absolute = reader.absolute(path)
    file = reader.shown(absolute)
    try:
        data = read_anywhere(absolute)
    except Unreadable as error:
        raise UsageError(f"the file of variables '{visible(path)}' {error}") from error
    documents = _from_json(reader, file, data) if path.suffix.lower() == ".json" else reader.parse(file, data)
    problems = [problem for parsed in documents for problem in parsed.problems]
    problems += [_problem(parsed, file, "there may be one document of variables") for parsed in documents[1:]]
    problems += [
        _problem(parsed, file, "variables are a mapping of names to values")
        for parsed in documents[:1]
        if parsed.complete and not isinstance(parsed.value, dict)
    ]
    if problems:
        raise Invalid(problems)
    return dict(documents[0].value) if documents else {}


def merge_vars(
    project: Project,
    environment: Environment,
    files: Iterable[Mapping[str, Value]] = (),
    assignments: Iterable[tuple[str, Value]] = (),
) -> dict[str, Value]:
    """What templates see as ``vars``: project < environment < var files in their order < assignments in theirs."""
    merged = {**project.vars, **environment.vars}
    for values in files:
        merged.update(values)
    merged.update(assignments)
    return merged


def _from_json(reader: Reader, file: str, data: bytes) -> list[Parsed]:
    text = reader.keep(file, data)
    if isinstance(text, Problem):
        return [Parsed.broken(text)]
    try:
        return [Parsed(read_json(text, depth=DOCUMENT_DEPTH), SourceMap(1, 1, 0, len(text)))]
    except NotJson as error:
        return [Parsed.broken(Problem(Place(file, error.line, error.column), message=error.message, code=VARS))]


def _problem(parsed: Parsed, file: str, message: str) -> Problem:
    return Problem(Place(file, parsed.source_map.line, parsed.source_map.column), message=message, code=VARS)
