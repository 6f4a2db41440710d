"""Documents to rendered calls: `documents`, `templates` and `schema`, wired for every command that needs them."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from flowops.cli.workspace import excerpts
from flowops.errors import Invalid
from flowops.model import FewCalls, Identified, Terms
from flowops.model.twice import Twice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowops.cli.workspace import Workspace
    from flowops.model import Call, Calls, Document, Problem, Value
    from flowops.templates import Compilation, CompiledCall

#: A document, what is wrong with its shape, and which of its fields that are; None: no call can be made of it.
Checked: TypeAlias = "tuple[Document, list[Problem], frozenset[str] | None]"
#: What a body is told about its shape; of a document whose shape is wrong all of that has been said.
SHAPE = "schema"
NO_TERMS = Terms()


class Examination:
    """Renders and checks the calls of a workspace; `problems` are complete when all have been gone through.

    Calls get fingerprints only where it is asked to `identify` them. Unless `online`, a call set whose rows come from a
    source has no calls, and that is told.
    """

    def __init__(
        self, workspace: Workspace, values: Mapping[str, Value], *, identify: bool = False, online: bool = False
    ) -> None:
        self.workspace = workspace
        self.values = values
        self.identify = identify
        self.online = online
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[Identified]:
        from flowops.report.progress import progress
        from flowops.schema import check_document

        self.problems += self.workspace.problems
        checked = [(document, *check_document(document)) for document in self.workspace.calls]
        sizes = [0 if fields is None else self._size(document) for document, _, fields in checked]
        references = Twice()
        kept: list[Calls] = []
        batches = self._documents(checked)
        # The first one takes longest: all that it needs has to be imported.
        first = list(islice(batches, 1))
        total = sum(size or 0 for size in sizes)
        with progress("rendering", None if None in sizes else total) as advance:
            for found in chain(first, batches):
                references.add(found.references)
                kept.append(found.calls)
                yield found
                advance(len(found.references))
        self.problems += _duplicates(kept, references)

    def _size(self, document: Document) -> int | None:
        """About how many calls a document will have; None where nobody can tell."""
        if document.kind == "Call":
            return 1
        from flowops.documents import count_lines

        return count_lines(self.workspace.reader, document)

    def _documents(self, checked: Sequence[Checked]) -> Iterator[Identified]:
        compilation = self._compilation()
        for document, wrong, fields in checked:
            self.problems += wrong
            if fields is None:
                continue
            compiled = compilation.compiled(_without(document, fields))
            self.problems += compiled.check()
            if document.kind == "CallSet":
                yield from self._rows(compiled, partly=bool(fields))
            elif (found := self._call(compiled, partly=bool(fields))) is not None:
                yield found

    def _compilation(self) -> Compilation:
        from flowops.schema import check_variables
        from flowops.templates import Compilation

        workspace = self.workspace
        return Compilation(
            workspace.project,
            workspace.environment.name,
            workspace.flows,
            self.values,
            check_variables=check_variables,
            always=_always(),
        )

    def _rows(self, compiled: CompiledCall, *, partly: bool) -> Iterator[Identified]:
        """The calls of a call set; `partly` when some of its fields were wrong and have been left out."""
        from flowops.cli.callsets import CallSetRows
        from flowops.cli.sources import batches_of
        from flowops.templates import CallSet, compile_selection

        document = compiled.document
        selection = compile_selection(document, self.values)
        self.problems += selection.check()
        batches = selection.select(batches_of(self.workspace, document, online=self.online))
        rows = CallSetRows(batches, CallSet(compiled), checks(partly=partly), self.identify)
        yield from rows.identified(self.problems)

    def _call(self, compiled: CompiledCall, *, partly: bool) -> Identified | None:
        """The one call of a document, if there is nothing to say against that."""
        call, problems = compiled.render()
        self.problems += problems
        if call is None:
            return None
        self.problems += checks(partly=partly).problems(call)
        calls = FewCalls(compiled.document.place(), (call,))
        if not self.identify:
            return Identified(calls, [call.reference_id], ())
        from flowops.plan import Uncanonical, unfit

        try:
            return again(calls)
        except Uncanonical:
            if not self.problems:
                self.problems += unfit(calls)
            return None


def examine(workspace: Workspace, values: Mapping[str, Value]) -> tuple[list[Calls], list[Problem]]:
    """The calls that can be rendered without the network, in the order of the files and rows, and all that is wrong."""
    return _examined(Examination(workspace, values))


def _examined(found: Examination) -> tuple[list[Calls], list[Problem]]:
    return [each.calls for each in found], found.problems


def render(workspace: Workspace, values: Mapping[str, Value]) -> list[Calls]:
    """The calls of a workspace, in the order of the files and rows. Raises Invalid with every problem there is.

    Rows of the environment's sources are read, too, so this may need the network.
    """
    calls, problems = _examined(Examination(workspace, values, online=True))
    _hold(workspace, problems)
    return calls


def identified(workspace: Workspace, values: Mapping[str, Value]) -> Iterator[Identified]:
    """The same, as they come, with their fingerprints; raises Invalid in the end."""
    found = Examination(workspace, values, identify=True, online=True)
    yield from (each for each in found if not found.problems)
    _hold(workspace, found.problems)


def again(calls: Calls) -> Identified:
    """Calls that have been rendered before, with their fingerprints."""
    from flowops.plan import fingerprint

    made = [(call.reference_id, fingerprint(call.body)) for call in calls]
    return Identified(calls, [reference for reference, _ in made], [found for _, found in made])


def _hold(workspace: Workspace, problems: list[Problem]) -> None:
    if problems:
        with excerpts(workspace.reader):
            raise Invalid(problems)


class CallCheck:
    """What is asked of a rendered call. `partly`: of its shape everything has been said already."""

    def __init__(self, *, partly: bool) -> None:
        from flowops.schema import body_predicate

        self.accepts = body_predicate()
        self._partly = partly

    def problems(self, call: Call) -> list[Problem]:
        """What is wrong with a call."""
        wrong = [] if self.accepts(call.body) else self.body_problems(call)
        return [*wrong, *self.terms_problems(call)]

    def body_problems(self, call: Call) -> list[Problem]:
        """What is wrong with the body of a call."""
        from flowops.schema import check_body

        problems = check_body(call)
        return [problem for problem in problems if problem.code != SHAPE] if self._partly else problems

    def terms_problems(self, call: Call) -> list[Problem]:
        """What is wrong with when and why a call may be placed."""
        if call.terms == NO_TERMS:
            return []
        from flowops.policy import check_terms

        return check_terms(call)


@lru_cache(maxsize=2)
def checks(*, partly: bool) -> CallCheck:
    """What is asked of the calls of a document; `partly` when some of its fields were wrong and have been left out."""
    return CallCheck(partly=partly)


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
