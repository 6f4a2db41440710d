"""Hints in the project's own words: with its country where they tell of a filter, with its column where of a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.common.numbers import EXAMPLE_COLUMN, EXAMPLE_FILTER, info

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.app.load import Workspace
    from flowops.model.document import Document, Place, Problem, Value

_COLUMN = re.compile(r"\brow(?:\.\w++|\[\s*+(?:'[^'\]]++'|\"[^\"\]]++\")\s*+\])")
#: The example stands in a template; a hint that names a column of the row by itself means that one.
_EXAMPLE = f"{{{{ {EXAMPLE_COLUMN}"
_WHO = ("callee", "callees")
_COUNTRIES = "countries"


def localized(problems: Iterable[Problem], workspace: Workspace) -> tuple[Problem, ...]:
    """Return problems whose hints name the project's country and column, where the files tell those."""
    return tuple(_localized(problem, workspace) for problem in problems)


def _localized(problem: Problem, workspace: Workspace) -> Problem:
    hint = problem.hint
    if hint is None:
        return problem
    said = hint
    if EXAMPLE_FILTER in said and (country := country_of(workspace)) is not None:
        said = said.replace(EXAMPLE_FILTER, f"e164('{country}')")
    if _EXAMPLE in said and (column := _column(workspace.calls, problem.place)) is not None:
        said = said.replace(_EXAMPLE, f"{{{{ {column}")
    return problem if said == hint else problem.with_hint(said)


def country_of(workspace: Workspace) -> str | None:
    """Return the one country that the policy names, or that all numbers are of which are written in the files."""
    document = workspace.project.document
    written = {} if document is None else document.value
    named = {country for countries in _policies(written, workspace) for country in countries}
    numbers = {info(number).region for number in _numbers(workspace)}
    for found in (named, numbers - {None}):
        if found:
            return str(next(iter(found))) if len(found) == 1 else None
    return None


def _policies(project: Value, workspace: Workspace) -> Iterator[list[str]]:
    environment = (project.get("environments") or {}).get(workspace.environment.name) or {}
    for part in (project, environment):
        policy = part.get("policy")
        countries = policy.get(_COUNTRIES) if isinstance(policy, dict) else None
        if isinstance(countries, list):
            yield [country for country in countries if isinstance(country, str)]


def _numbers(workspace: Workspace) -> Iterator[str]:
    """Yield the numbers that are written in the project and in its calls."""
    for fields in (workspace.project.defaults, *map(_call_of, workspace.calls)):
        several = fields.get("callees")
        found = (fields.get("caller"), fields.get("callee"), *(several if isinstance(several, list) else ()))
        yield from (number for number in found if isinstance(number, str))


def _column(calls: Iterable[Document], place: Place) -> str | None:
    """Return the one column that the callee is made of, in the document that a place lies in: ``row.phone``."""
    above = [document for document in calls if document.file == place.file and document.place() <= place]
    if not above:
        return None
    fields = _call_of(max(above, key=lambda document: document.place()))
    found = {column for name in _WHO for column in _COLUMN.findall(str(fields.get(name) or ""))}
    return found.pop() if len(found) == 1 else None


def _call_of(document: Document) -> dict[str, Value]:
    """Return the fields of a call, as far as they have been written."""
    fields = document.value.get("call") if document.kind == "CallSet" else document.value
    return fields if isinstance(fields, dict) else {}
