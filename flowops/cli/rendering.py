"""Documents to rendered calls: `documents`, `templates` and `schema`, wired for every command that needs them."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from flowops.cli.workspace import excerpts
from flowops.errors import Invalid
from flowops.model import FewCalls, Terms
from flowops.model.twice import Twice

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from flowops.cli.workspace import Workspace
    from flowops.model import Call, Calls, Document, Problem, Value
    from flowops.plan import Identified
    from flowops.templates import CompiledCall

#: What a body is told about its shape; of a document whose shape is wrong all of that has been said.
SHAPE = "schema"
NO_TERMS = Terms()


class Rendered(NamedTuple):
    """Some calls of one document with their bodies; what `odd` means says `flowops.plan.fingerprints`."""

    calls: Calls
    bodies: list[dict[str, Value]]
    odd: Collection[int]


class Examination:
    """Renders and checks the calls of a workspace; `problems` are complete when all have been gone through."""

    def __init__(self, workspace: Workspace, values: Mapping[str, Value]) -> None:
        self.workspace = workspace
        self.values = values
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[Rendered]:
        from flowops.report.progress import progress
        from flowops.schema import check_document

        compile_ = self._compiler()
        self.problems += self.workspace.problems
        checked = [(document, *check_document(document)) for document in self.workspace.calls]
        references = Twice()
        kept: list[Calls] = []
        with progress("rendering", self._size(checked)) as advance:
            for document, wrong, fields in checked:
                self.problems += wrong
                if fields is None:
                    continue
                for rendered in self._document(compile_(_without(document, fields)), partly=bool(fields)):
                    references.add(body["instruction-id"] for body in rendered.bodies)
                    kept.append(rendered.calls)
                    yield rendered
                    advance(len(rendered.bodies))
        self.problems += _duplicates(kept, references)

    def _size(self, checked: list[tuple[Document, list[Problem], frozenset[str] | None]]) -> int:
        """About how many calls there will be."""
        usable = [document for document, _, fields in checked if fields is not None]
        sets = [document for document in usable if document.kind == "CallSet"]
        if not sets:
            return len(usable)
        from flowops.documents import count_lines

        return len(usable) - len(sets) + sum(count_lines(self.workspace.reader, document) for document in sets)

    def _compiler(self) -> Callable[[Document], CompiledCall]:
        from flowops.schema import check_variables
        from flowops.templates import compile_call

        workspace = self.workspace
        return partial(
            compile_call,
            project=workspace.project,
            environment=workspace.environment.name,
            flows=workspace.flows,
            variables=self.values,
            check_variables=check_variables,
            always=_always(),
        )

    def _document(self, compiled: CompiledCall, *, partly: bool) -> Iterator[Rendered]:
        """The calls of one document; `partly` when some of its fields were wrong and have been left out."""
        document = compiled.document
        self.problems += compiled.check()
        check = _check(partly=partly)
        if document.kind == "Call":
            call, problems = compiled.render()
            self.problems += problems
            if call is not None:
                self.problems += check(call, True)
                yield Rendered(FewCalls(document.place(), (call,)), [call.body], (0,))
            return
        from flowops.documents import read_batches
        from flowops.schema import bodies_of
        from flowops.templates import CallSet

        calls = CallSet(compiled, None if partly else bodies_of)
        for batch in read_batches(self.workspace.reader, document):
            rendered = calls.render(batch, check)
            self.problems += rendered.problems
            if rendered.bodies:
                yield Rendered(rendered.calls, rendered.bodies, rendered.odd)
            if calls.exhausted:
                break
        self.problems += calls.rest()


def examine(workspace: Workspace, values: Mapping[str, Value]) -> tuple[list[Calls], list[Problem]]:
    """The calls that can be rendered, in the order of the files and rows, and everything that is wrong."""
    found = Examination(workspace, values)
    return [rendered.calls for rendered in found], found.problems


def render(workspace: Workspace, values: Mapping[str, Value]) -> list[Calls]:
    """The calls of a workspace, in the order of the files and rows. Raises Invalid with every problem there is."""
    calls, problems = examine(workspace, values)
    _hold(workspace, problems)
    return calls


def identified(workspace: Workspace, values: Mapping[str, Value]) -> Iterator[Identified]:
    """The same, as they come, with their fingerprints; raises Invalid in the end."""
    from flowops.plan import Identified, Uncanonical, fingerprints, unfit

    found = Examination(workspace, values)
    for calls, bodies, odd in ((each.calls, each.bodies, each.odd) for each in found):
        if found.problems:
            continue
        try:
            yield Identified(calls, [body["instruction-id"] for body in bodies], fingerprints(bodies, odd))
        except Uncanonical:
            found.problems += unfit(calls)
    _hold(workspace, found.problems)


def again(calls: Calls) -> Identified:
    """Calls that have been rendered before, with their fingerprints."""
    from flowops.plan import Identified, fingerprint

    made = [(call.reference_id, fingerprint(call.body)) for call in calls]
    return Identified(calls, [reference for reference, _ in made], [found for _, found in made])


def _hold(workspace: Workspace, problems: list[Problem]) -> None:
    if problems:
        with excerpts(workspace.reader):
            raise Invalid(problems)


@lru_cache(maxsize=2)
def _check(*, partly: bool) -> Callable[[Call, bool], list[Problem]]:
    """What is asked of a rendered call: all, or its terms alone, where its body has been looked at."""
    from flowops.schema import check_body

    def check(call: Call, whole: bool) -> list[Problem]:
        problems = check_body(call) if whole else []
        if partly:
            problems = [problem for problem in problems if problem.code != SHAPE]
        if call.terms == NO_TERMS:
            return problems
        from flowops.policy import check_terms

        return [*problems, *check_terms(call)]

    return check


def _duplicates(calls: list[Calls], references: Twice) -> list[Problem]:
    from flowops.templates import duplicates

    suspects = references.suspects()
    if not suspects:
        return []
    return duplicates(call for some in calls for call in some if hash(call.reference_id) in suspects)


def _without(document: Document, fields: frozenset[str]) -> Document:
    """A document without the fields that are wrong, so that what is wrong with the others can be told too."""
    if not fields:
        return document
    value = document.value
    if document.kind == "CallSet":
        kept = {name: item for name, item in value["call"].items() if name not in fields}
        return document.with_value({**value, "call": kept})
    return document.with_value({name: item for name, item in value.items() if name not in fields})


def _always() -> dict[str, Value]:
    """The fields that are sent even where nobody sets them: those that a body needs and that have a default."""
    from flowops.schema.check import checker

    schema = checker("request").schema
    properties = schema["properties"]
    return {name: properties[name]["default"] for name in schema["required"] if "default" in properties[name]}
