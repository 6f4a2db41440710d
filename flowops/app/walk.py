"""The one walk over the calls of a workspace: documents and rows, rendered and checked a batch at a time."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from flowops.app.hook_documents import beyond_limit
from flowops.app.load import allows_numbers
from flowops.app.secrets import address_of_source
from flowops.app.single_calls import CallCheck, SingleCall, checks, judge, single_call
from flowops.app.walk_warnings import (
    InvalidRows,
    RowCounter,
    no_documents,
    no_rows,
    warn_of_leftovers,
    warn_of_row_number,
)
from flowops.common.duplicates import DuplicateDetector
from flowops.common.names import did_you_mean
from flowops.model.call import INSTRUCTION_ID, split_reference
from flowops.model.document import Batch, Problem, Problems
from flowops.model.selection import selected
from flowops.schema.check import check_document, checker
from flowops.schema.flow_check import flow_variables
from flowops.templates.assemble import Compilation
from flowops.templates.leftovers import may_have_leftovers
from flowops.templates.open_variables import OpenVariables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.app.load import Workspace
    from flowops.common.budget import Budget
    from flowops.model.call import Call, CallBatch, LeftOut
    from flowops.model.document import Document, Place, RowPlace, Value
    from flowops.templates.assemble import CompiledCall
    from flowops.templates.batches import RenderedBatch

#: How many documents of one call are looked at together.
_TOGETHER = 32


class Walk:
    """The calls that are asked for of a workspace, a batch of one document at a time, in the order of files and rows.

    Each iteration reads and renders the rows again. Unless `online`, a call set whose rows come from a
    source has no calls, see `not_read`. What follows is known when somebody has gone through it by `examined`.
    `rows` gives a call set others than its own; `budget` is for walks that share what a command may do. `given` are the
    variables of a request to a hook: without any, the documents of hooks are rendered with theirs open.
    """

    def __init__(
        self,
        workspace: Workspace,
        values: Mapping[str, Value],
        *,
        online: bool = False,
        rows: Callable[[Document], Iterator[Batch]] | None = None,
        budget: Budget | None = None,
        given: Mapping[str, Value] | None = None,
    ) -> None:
        self.workspace = workspace
        self.values = values
        self.warnings = Problems(workspace.warnings)
        #: The calls of rows that are wrong and left out, as far as they are known, and all of those rows.
        self.left_out: list[Call] = []
        self.invalid: list[LeftOut] = []
        #: The calls of hooks, with their variables open, which others than this command place.
        self.of_hooks: list[Call] = []
        #: The reference-ids of the project's calls that are not asked for, and how many of the others there are.
        self.others: list[str] = []
        #: What the project's calls were called before.
        self.moved = DuplicateDetector()
        #: The names of calls with attempts, and what the names that look like those of attempts would be attempts of.
        self.with_attempts, self.attempted = DuplicateDetector(), DuplicateDetector()
        self.count = 0
        #: What is wrong with rows that are left out for a later attempt, by their documents and places.
        self._wrong_later: dict[tuple[Place, RowPlace], list[Problem]] = {}
        self._online = online
        self._given_rows = rows
        self._budget = budget
        self._given = given

    def __iter__(self) -> Iterator[CallBatch]:
        for batch in self._batches(self._compilation(), self.workspace.calls, Findings(Problems()), self._online):
            yield selected(batch, self.workspace.asked)

    def whole_project(self) -> Iterator[CallBatch]:
        """Go through all calls of the project, whatever is asked for."""
        compilation, findings = self._compilation(), Findings(Problems())
        documents = [(document, self._online) for document in self.workspace.calls]
        documents += [(document, False) for document in (*self.workspace.others, *self.workspace.open)]
        # In the order of the files: what is said of two calls does not depend on what is asked for.
        in_order = sorted(documents, key=lambda each: _in_order(each[0]))
        for online, some in groupby(in_order, key=lambda each: each[1]):
            yield from self._batches(compilation, [document for document, _ in some], findings, online)

    def examine(self, problems: Problems, references: DuplicateDetector) -> Iterator[CallBatch]:
        """Go through the calls for the first time. What is wrong anywhere in the project is put behind the `problems`
        when it is met, and the references of all its calls into the detector."""

        problems += self.workspace.problems
        if not (self.workspace.calls or self.workspace.others or self.workspace.open or problems):
            self.warnings.add(no_documents(self.workspace))
        compilation = self._compilation()
        findings = Findings(problems, self.warnings, self.left_out)
        for batch in self._batches(compilation, self.workspace.calls, findings, self._online):
            self._remember(batch, references)
            chosen = selected(batch, self.workspace.asked)
            self.count += len(chosen.references)
            if chosen is not batch:
                self.others += set(batch.references).difference(chosen.references)
            yield chosen
        self.invalid = findings.invalid
        self.count += len(self.invalid)
        # Nobody's database is asked for calls that are not asked for.
        elsewhere: list[Call] = []
        findings = Findings(problems, None, elsewhere)
        for batch in self._batches(compilation, self.workspace.others, findings, online=False):
            self._remember(batch, references)
            self.others += batch.references
        for batch in self._batches(compilation, self.workspace.open, Findings(problems), online=False):
            self._remember(batch, references)
            self.of_hooks += map(batch.call, range(len(batch.references)))
            from flowops.plan.diff import later_attempts

            for later in later_attempts(batch):
                said = zip(batch.bodies, later.bodies, strict=True)
                differ = [
                    at
                    for at, (first, then) in enumerate(said)
                    if {**first, INSTRUCTION_ID: ""} != {**then, INSTRUCTION_ID: ""}
                ]
                self.of_hooks += map(later.call, differ)
        self.left_out += elsewhere
        references.add(call.reference_id for call in self.left_out)

    def _remember(self, batch: CallBatch, references: DuplicateDetector) -> None:
        """Remember the names that calls have, had, and their attempts will have."""
        references.add(batch.references)
        if batch.has_terms:
            self.moved.add(before for _, before in moved_from(batch))
        if batch.attempts.most > 1:
            self.with_attempts.add(batch.references)
        self.attempted.add(split_reference(name)[0] for name in batch.references if "~" in name)

    def _batches(
        self, compilation: Compilation, documents: Sequence[Document], findings: Findings, online: bool
    ) -> Iterator[CallBatch]:
        """Go through the calls of some documents; what is met on the way is put into the findings."""
        with self.workspace.reader.walking():
            yield from self._of_each(compilation, documents, findings, online)

    def _of_each(
        self, compilation: Compilation, documents: Sequence[Document], findings: Findings, online: bool
    ) -> Iterator[CallBatch]:
        problems = findings.problems
        numbered = allows_numbers(self.workspace.policy)
        whole = checks(partly=False, numbered=numbered)
        phones: Counter[str] = Counter()
        for some in _together(documents) if not compilation.budget.exhausted else ():
            if problems.has_left_out:
                break
            alone: list[SingleCall] = []
            for document, fields in _well_shaped(some, problems):
                usable = _without(document, fields) if fields else document
                compiled = compilation.compiled(usable, self._open_variables(document))
                if wrong := compiled.check():
                    problems += wrong
                check = checks(partly=True, numbered=numbered) if fields else whole
                if document.kind == "CallSet":
                    yield from self._rows(compiled, check, findings, online)
                else:
                    alone.append(single_call(compiled, check, problems))
                    if self.workspace.hooks:
                        problems += self._beyond_limit(alone[-1], phones)
                if compilation.budget.exhausted:
                    break
            _look_at(alone, findings)
            if compilation.budget.exhausted and some:
                problems.add(_exhausted(document))
            yield from alone
            if compilation.budget.exhausted:
                break

    def _open_variables(self, document: Document) -> OpenVariables | None:
        """Return the variables that requests to a hook give the calls of its document; None for any other document."""
        hooks = self.workspace.hooks
        hook = hooks.get(document.place()) if hooks else None
        if hook is None:
            return None
        if self._given is None:
            return OpenVariables.shown(hook.name, hook.variables)
        values = {name: self._given[name] for name in hook.variables if name in self._given}
        return OpenVariables(hook.name, frozenset(hook.variables), values, given=True)

    def _beyond_limit(self, made: SingleCall, phones: Counter[str]) -> Iterator[Problem]:
        """Yield a problem for a call with which a request to its hook rings too many phones; count these by hook."""
        hook = self.workspace.hooks.get(made.place)
        callees = made.bodies[0].get("callees") if made.bodies else None
        if hook is not None and made.bodies:
            phones[hook.name] += len(callees) if isinstance(callees, list) else 1
            yield from beyond_limit(made.call(0), hook, phones[hook.name])

    def size(self) -> int | None:
        """Return about how many calls there will be; None where nobody can tell."""
        documents = (*self.workspace.calls, *self.workspace.others)
        alone = sum(document.kind == "Call" for document in documents)
        if alone == len(documents):
            return alone
        if self._given_rows is not None:
            return None
        from flowops.documents.rows import count_lines

        counts = [count_lines(self.workspace.reader, document) for document in call_sets(documents)]
        return None if None in counts else alone + sum(count or 0 for count in counts)

    def _compilation(self) -> Compilation:

        workspace = self.workspace
        return Compilation(
            workspace.project,
            workspace.environment.name,
            workspace.flows,
            self.values,
            taken_by=flow_variables,
            always=_always(),
            broken=workspace.broken,
            budget=self._budget,
            keep_rows=workspace.policy is not None and workspace.policy.asks_rows,
        )

    def _rows(self, compiled: CompiledCall, check: CallCheck, findings: Findings, online: bool) -> Iterator[CallBatch]:
        """Render the calls of a call set."""
        problems, warnings = findings.problems, findings.warnings
        from flowops.documents.rows import source_of
        from flowops.templates.batches import CallSet, compile_selection

        selection = compile_selection(compiled.document, self.values, compiled.budget, compiled.asked)
        problems += selection.check()
        if warnings is not None:
            warn_of_row_number(compiled.document, warnings)
        calls = CallSet(compiled)
        wrong = InvalidRows(compiled.document)
        before, taken = len(problems), 0
        rows = RowCounter(self._read(compiled.document, online))
        for batch in selection.select(rows):
            rendered = calls.render(batch, check)
            problems += rendered.problems
            if compiled.uses_attempt and not calls.exhausted:
                self._look_at_later(rendered, findings, skips=calls.skips)
            taken += len(batch.rows)
            wrong.add(rendered)
            if warnings is not None:
                warn_of_leftovers(rendered, batch.rows[0] if batch.rows else (), warnings)
            if findings.left_out is not None:
                findings.left_out += rendered.left_out
            yield rendered
            if calls.exhausted:
                break
        wrong.report(problems, warnings)
        findings.invalid += wrong.rows
        was_asked = online or self._given_rows is not None or source_of(compiled.document) is None
        is_well = len(problems) == before and not wrong.count and not compiled.check() and not selection.check()
        if warnings is not None and was_asked and not taken and is_well:
            warnings.add(no_rows(compiled.document, rows))

    def _look_at_later(self, batch: RenderedBatch, findings: Findings, *, skips: bool) -> None:
        """Find what is wrong with rows at later attempts only, on the first walk; leave such rows out of any where that
        is asked for."""
        if findings.left_out is not None:
            found = _of_later_attempts(batch)
            findings.problems += (problem for problem in found if not skips or problem.row is None)
            for problem in found if skips else ():
                if problem.row is not None:
                    self._wrong_later.setdefault((batch.place, problem.row), []).append(problem)
        if self._wrong_later:
            places = {at: (batch.place, batch.batch.place(at)) for at in batch.rows}
            batch.leave_out({at: self._wrong_later[it] for at, it in places.items() if it in self._wrong_later})

    def _read(self, document: Document, online: bool) -> Iterator[Batch]:
        """Read the rows of a call set. Raises FlowopsError when a source's address is not there, or does not answer."""
        from flowops.documents.rows import read_batches, source_of

        if self._given_rows is not None:
            return self._given_rows(document)
        name = source_of(document)
        if name is None:
            return read_batches(self.workspace.reader, document)
        if not online:
            return _unknown_source(self.workspace, document, name)
        environment = self.workspace.environment
        sources = {
            name: partial(address_of_source, self.workspace.project, environment, name) for name in environment.sources
        }
        return read_batches(self.workspace.reader, document, sources)


class Findings:
    """The findings of a walk: problems, and, if somebody asks, what to warn of, the calls of rows that are left out
    as far as they are known, and those rows."""

    def __init__(
        self, problems: Problems, warnings: Problems | None = None, left_out: list[Call] | None = None
    ) -> None:
        self.problems = problems
        self.warnings = warnings
        self.left_out = left_out
        self.invalid: list[LeftOut] = []


def _of_later_attempts(batch: RenderedBatch | SingleCall) -> list[Problem]:
    """Return what is wrong with later attempts only, which may say something else: of a call at the first of them."""
    found: list[Problem] = []
    calls: Sequence[int] = range(len(batch.references))
    for attempt in range(2, batch.attempts.most + 1):
        later = batch.repeated(calls, attempt)
        if later.problems or later.skipped:
            wrong = [*later.problems, *later.skipped]
            rows = {problem.row for problem in wrong}
            calls = [at for at in calls if batch.call(at).row not in rows]
            found += wrong
        if not calls:
            break
    return found


def _in_order(document: Document) -> tuple[str, int]:
    """Return what documents are sorted by: directory by directory, and as they stand in a file."""
    return document.file.replace(os.sep, "\0"), document.place().line


def known_sources(workspace: Workspace) -> set[str]:
    """Return the names of the sources that any environment has."""
    return {name for environment in workspace.project.environments.values() for name in environment.sources}


def _together(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    """Yield call sets one by one, and documents of one call some at a time, in their order.

    What is done with many of them, one thing after the other, takes half the time.
    """
    start = 0
    for at, document in enumerate(documents):
        if document.kind == "CallSet" or at - start == _TOGETHER:
            if start < at:
                yield documents[start:at]
            start = at
        if document.kind == "CallSet":
            yield [document]
            start = at + 1
    if start < len(documents):
        yield documents[start:]


def _well_shaped(documents: Sequence[Document], problems: Problems) -> list[tuple[Document, frozenset[str]]]:
    """Return the documents that say what their calls are, with the fields that are wrong; report what is."""
    found: list[tuple[Document, frozenset[str]]] = []
    for document in documents:
        wrong, fields = check_document(document)
        if wrong:
            problems += wrong
        if fields is not None:
            found.append((document, fields))
    return found


def _look_at(alone: Sequence[SingleCall], findings: Findings) -> None:
    """Look at the calls of some documents; what is wrong with them, and what to warn of, is put into the findings."""
    judge(alone)
    for batch in alone:
        if batch.problems:
            findings.problems += batch.problems
        if batch.uses_attempt and findings.left_out is not None:
            findings.problems += _of_later_attempts(batch)
    # What is open holds its own template.
    alone = [batch for batch in alone if not batch.open_places]
    if findings.warnings is not None and may_have_leftovers(body for batch in alone for body in batch.bodies):
        for batch in alone:
            warn_of_leftovers(batch, (), findings.warnings)


def call_sets(documents: Iterable[Document]) -> list[Document]:
    """Return the call sets whose shape says what their rows are made of."""

    sets = [document for document in documents if document.kind == "CallSet"]
    return [document for document in sets if check_document(document)[1] is not None]


def _exhausted(document: Document) -> Problem:
    """Return the problem of the document with which the steps of a command are used up."""
    message = "the templates of this command take too much work together; the rest was not rendered"
    hint = "loop over less, ask less of the variables of flows, prepare the data beforehand, or name fewer files"
    return Problem(document.place(), None, message, "template", hint)


def _unknown_source(workspace: Workspace, document: Document, name: str) -> Iterator[Batch]:
    """Read nothing, and say what is wrong with a source that no environment has."""
    known = known_sources(workspace)
    if name not in known:
        place = document.place(("for-each", "source"))
        hint = did_you_mean(name, known) or "name it under sources, in an environment of flowops.yaml"
        problem = Problem(place, None, f"for-each: no environment has a source '{name}'", "rows", hint)
        yield Batch(document.file, [], (), None, [(0, problem)])


def moved_from(batch: CallBatch) -> Iterator[tuple[str, str]]:
    """Yield the references of the calls of a batch that had others before, with those."""
    for index in range(len(batch.references)) if batch.has_terms else ():
        before = batch.call(index).terms.moved_from
        if isinstance(before, str):
            yield batch.references[index], before


def _without(document: Document, fields: frozenset[str]) -> Document:
    """Return a document without the fields that are wrong, so that what is wrong with the others is found too."""
    value = document.value
    if document.kind == "CallSet":
        kept = {name: item for name, item in value["call"].items() if name not in fields}
        return document.with_value({**value, "call": kept})
    return document.with_value({name: item for name, item in value.items() if name not in fields})


def _always() -> dict[str, Value]:
    """Return the fields that are sent even where nobody sets them: those that a body needs and that have a default."""

    schema = checker("request").schema
    properties = schema["properties"]
    return {name: properties[name]["default"] for name in schema["required"] if "default" in properties[name]}
