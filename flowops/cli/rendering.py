"""Documents to rendered calls: `documents`, `templates` and `schema`, wired for every command that needs them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowops.cli.workspace import excerpts
from flowops.errors import Invalid
from flowops.model import Call, Problem, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.cli.workspace import Workspace
    from flowops.model import Document, Row, Value

#: What a body is told about its shape; of a document whose shape is wrong all of that has been said.
SHAPE = "schema"
NO_TERMS = Terms()


def render(workspace: Workspace, values: Mapping[str, Value]) -> list[Call]:
    """The calls of a workspace, in the order of the files and rows. Raises Invalid with every problem there is.

    Rows of the environment's sources are read, too, so this may need the network.
    """
    calls, problems = examine(workspace, values, online=True)
    if problems:
        with excerpts(workspace.reader):
            raise Invalid(problems)
    return calls


def examine(
    workspace: Workspace, values: Mapping[str, Value], *, online: bool = False
) -> tuple[list[Call], list[Problem]]:
    """The calls that can be rendered, and everything that is wrong in the workspace.

    Unless `online`, a call set whose rows come from a source has no calls, and that is told.
    """
    from flowops.documents import count_lines
    from flowops.policy import check_terms
    from flowops.report.progress import progress
    from flowops.schema import check_body, check_document
    from flowops.templates import duplicates

    calls: list[Call] = []
    problems = list(workspace.problems)
    checked = [(document, *check_document(document)) for document in workspace.calls]
    lines = sum(
        count_lines(workspace.reader, document) if document.kind == "CallSet" else 1
        for document, _, fields in checked
        if fields is not None
    )
    with progress("rendering", lines) as advance:
        for document, wrong, fields in checked:
            problems += wrong
            if fields is None:
                continue
            for found in _rendered(workspace, _without(document, fields), values, online=online):
                if isinstance(found, Problem):
                    problems.append(found)
                    continue
                calls.append(found)
                problems += (problem for problem in check_body(found) if not (fields and problem.code == SHAPE))
                if found.terms != NO_TERMS:
                    problems += check_terms(found)
                advance(1)
    problems += duplicates(calls)
    return calls, problems


def _rendered(
    workspace: Workspace, document: Document, values: Mapping[str, Value], *, online: bool
) -> Iterator[Call | Problem]:
    """The calls of one document, and what keeps it from having more."""
    from flowops.cli.sources import batches_of
    from flowops.schema import check_variables
    from flowops.templates import compile_call, compile_selection

    compiled = compile_call(
        document,
        workspace.project,
        workspace.environment.name,
        workspace.flows,
        values,
        check_variables=check_variables,
        always=_always(),
    )
    yield from compiled.check()
    if document.kind == "Call":
        call, problems = compiled.render()
        yield from problems
        if call is not None:
            yield call
        return
    selection = compile_selection(document, values)
    yield from selection.check()
    bad_rows: list[Problem] = []

    def rows() -> Iterator[Row]:
        for batch in selection.select(batches_of(workspace, document, online=online)):
            for found in batch:
                if isinstance(found, Problem):
                    bad_rows.append(found)
                else:
                    yield found

    yield from compiled.render_rows(rows())
    yield from bad_rows


def _without(document: Document, fields: frozenset[str]) -> Document:
    """A document without the fields that are wrong, so that what is wrong with the others can be told too."""
    if not fields:
        return document
    value = document.value
    if document.kind == "CallSet":
        kept = {name: item for name, item in value["call"].items() if name not in fields}
        return replace(document, value={**value, "call": kept})
    return replace(document, value={name: item for name, item in value.items() if name not in fields})


def _always() -> dict[str, Value]:
    """The fields that are sent even where nobody sets them: those that a body needs and that have a default."""
    from flowops.schema.check import checker

    schema = checker("request").schema
    properties = schema["properties"]
    return {name: properties[name]["default"] for name in schema["required"] if "default" in properties[name]}
