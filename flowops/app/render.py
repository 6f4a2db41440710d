"""The one walk over the calls of a workspace: documents and rows, rendered and checked a batch at a time."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from flowops.app.hints import localized
from flowops.app.invalid_rows import InvalidRows
from flowops.app.load import allows_numbers, excerpts, load, variables
from flowops.app.observer import SILENT
from flowops.app.secrets import address_of_source
from flowops.app.selection import nothing_selected, selected
from flowops.common.duplicates import DuplicateDetector
from flowops.common.names import did_you_mean
from flowops.common.numbers import any_names_number, names_number
from flowops.errors import Invalid
from flowops.model.attempts import split_reference
from flowops.model.call import (
    HOLDS_NUMBER,
    HOLDS_NUMBER_HINT,
    INSTRUCTION_ID,
    Script,
    Terms,
    callees_of,
)
from flowops.model.document import Batch, Place, Problem
from flowops.model.problems import Problems, sentence
from flowops.plan.canonical import Uncanonical, hashes_of
from flowops.schema.check import FIELD, body_predicate, check_body, check_document, checker, reference_errors
from flowops.schema.flow_check import flow_variables
from flowops.templates.assemble import Compilation
from flowops.templates.leftovers import leftovers, may_have_leftovers
from flowops.templates.problems import attempt_names, duplicates, wrong_moves

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.app.selection import Selection
    from flowops.common.budget import Budget
    from flowops.model.attempts import Attempts
    from flowops.model.call import Call, CallBatch, LeftOut
    from flowops.model.document import Document, Value
    from flowops.templates.assemble import CompiledCall
    from flowops.templates.batches import RenderedBatch

#: The code of problems of a body's shape: where the document's shape is wrong, they have been reported already.
SHAPE = "schema"
NO_TERMS = Terms()
#: The codes of warnings: of texts that hold what was to be rendered, of documents without calls.
LEFTOVER = "leftover"
#: The code of the warning about references that change with their rows' places; and such a template, which takes the
#: number itself, and no column of that name.
ROW_NUMBER = "row-number"
_BY_ROW_NUMBER = re.compile(r"(?<![\w.'\"])row_number\b")
NO_CALLS = "no-calls"
#: How many documents of one call are looked at together.
_TOGETHER = 32


class Walk:
    """The calls that are asked for of a workspace, a batch of one document at a time, in the order of files and rows.

    Each iteration reads and renders the rows again. Unless `online`, a call set whose rows come from a
    source has no calls, see `not_read`. What follows is known when somebody has gone through it by `examined`.
    `rows` gives a call set others than its own; `budget` is for walks that share what a command may do.
    """

    def __init__(
        self,
        workspace: Workspace,
        values: Mapping[str, Value],
        *,
        online: bool = False,
        rows: Callable[[Document], Iterator[Batch]] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.workspace = workspace
        self.values = values
        self.warnings = Problems(workspace.warnings)
        #: The calls of rows that are wrong and left out, as far as they are known, and all of those rows.
        self.left_out: list[Call] = []
        self.invalid: list[LeftOut] = []
        #: The reference-ids of the project's calls that are not asked for, and how many of the others there are.
        self.others: list[str] = []
        #: What the project's calls were called before.
        self.moved = DuplicateDetector()
        #: The names of calls with attempts, and what the names that look like those of attempts would be attempts of.
        self.with_attempts, self.attempted = DuplicateDetector(), DuplicateDetector()
        self.count = 0
        self._online = online
        self._given_rows = rows
        self._budget = budget

    def __iter__(self) -> Iterator[CallBatch]:
        for batch in self._batches(self._compilation(), self.workspace.calls, Findings(Problems()), self._online):
            yield selected(batch, self.workspace.asked)

    def whole_project(self) -> Iterator[CallBatch]:
        """Go through all calls of the project, whatever is asked for."""
        compilation, findings = self._compilation(), Findings(Problems())
        documents = [(document, self._online) for document in self.workspace.calls]
        documents += [(document, False) for document in self.workspace.others]
        # In the order of the files: what is said of two calls does not depend on what is asked for.
        for document, online in sorted(documents, key=lambda each: _in_order(each[0])):
            yield from self._batches(compilation, [document], findings, online)

    def examine(self, problems: Problems, references: DuplicateDetector) -> Iterator[CallBatch]:
        """Go through the calls for the first time. What is wrong anywhere in the project is put behind the `problems`
        when it is met, and the references of all its calls into the detector."""

        problems += self.workspace.problems
        if not (self.workspace.calls or self.workspace.others or problems):
            self.warnings.add(_no_documents(self.workspace))
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
        self.left_out += elsewhere
        references.add(call.reference_id for call in self.left_out)

    def _remember(self, batch: CallBatch, references: DuplicateDetector) -> None:
        """Remember the names that calls have, had, and their attempts will have."""
        references.add(batch.references)
        if batch.has_terms:
            self.moved.add(moved_from(batch))
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
        for some in _together(documents) if not compilation.budget.exhausted else ():
            alone: list[_Alone] = []
            for document, fields in _well_shaped(some, problems):
                compiled = compilation.compiled(_without(document, fields) if fields else document)
                if wrong := compiled.check():
                    problems += wrong
                check = checks(partly=True, numbered=numbered) if fields else whole
                if document.kind == "CallSet":
                    yield from self._rows(compiled, check, findings, online)
                else:
                    alone.append(_alone(compiled, check, problems))
                if compilation.budget.exhausted:
                    problems.add(_exhausted(document))
                    break
            _look_at(alone, findings)
            yield from alone
            if compilation.budget.exhausted:
                break

    def size(self) -> int | None:
        """Return about how many calls there will be; None where nobody can tell."""
        documents = (*self.workspace.calls, *self.workspace.others)
        alone = sum(document.kind == "Call" for document in documents)
        if alone == len(documents):
            return alone
        if self._given_rows is not None:
            return None
        from flowops.documents.rows import count_lines

        counts = [count_lines(self.workspace.reader, document) for document in _call_sets(documents)]
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
        )

    def _rows(self, compiled: CompiledCall, check: CallCheck, findings: Findings, online: bool) -> Iterator[CallBatch]:
        """Render the calls of a call set."""
        problems, warnings = findings.problems, findings.warnings
        from flowops.documents.rows import source_of
        from flowops.templates.batches import CallSet, compile_selection

        selection = compile_selection(compiled.document, self.values, compiled.budget)
        problems += selection.check()
        if warnings is not None:
            _warn_of_row_number(compiled.document, warnings)
        calls = CallSet(compiled)
        wrong = InvalidRows(compiled.document)
        before, rendered_in_all = len(problems), 0
        rows = RowCounter(self._read(compiled.document, online))
        for batch in selection.select(rows):
            rendered = calls.render(batch, check)
            problems += rendered.problems
            if compiled.uses_attempt:
                problems += _of_later_attempts(rendered, findings)
            rendered_in_all += len(rendered.references)
            wrong.add(rendered)
            if warnings is not None:
                _warn(rendered, batch.rows[0] if batch.rows else (), warnings)
            if findings.left_out is not None:
                findings.left_out += rendered.left_out
            yield rendered
            if calls.exhausted:
                break
        wrong.report(problems, warnings)
        findings.invalid += wrong.rows
        was_asked = online or self._given_rows is not None or source_of(compiled.document) is None
        is_well = len(problems) == before and not wrong.count and not compiled.check() and not selection.check()
        if warnings is not None and was_asked and not rendered_in_all and is_well:
            warnings.add(_no_rows(compiled.document, rows))

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


@dataclass(slots=True)
class Findings:
    """What is met on a walk: what is wrong, and, if somebody asks, what to warn of, the calls of rows that are left out
    as far as they are known, and those rows."""

    problems: Problems
    warnings: Problems | None = None
    left_out: list[Call] | None = None
    invalid: list[LeftOut] = field(default_factory=list)


def _of_later_attempts(batch: RenderedBatch | _Alone, findings: Findings) -> list[Problem]:
    """Return what is wrong with later attempts only, which may say something else; once, on the first walk.

    It is an error also where wrong rows are left out: the first attempt of such a call may have been placed.
    """
    if findings.left_out is None:
        return []
    everyone = range(len(batch.references))
    later = [batch.repeated(everyone, attempt) for attempt in range(2, batch.attempts.most + 1)]
    return [problem for some in later for problem in (*some.problems, *some.skipped)]


class RowCounter:
    """Batches on their way, counted: `count` rows were read, the first of them from `file`."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.count = 0
        self.file = ""
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._batches:
            self.file = self.file or batch.file
            self.count += len(batch.rows)
            yield batch


def _warn_of_row_number(document: Document, warnings: Problems) -> None:
    """Warn of calls that are named by where their rows stand."""
    reference = document.value["call"].get("reference-id")
    if isinstance(reference, str) and "{" in reference and _BY_ROW_NUMBER.search(reference):
        message = "reference-id: is made of row_number, which is another one for each row below one that is inserted"
        hint = "name calls by what belongs to them, such as {{ row.id }}: another name is another call, and rings"
        place = document.place(("call", "reference-id"))
        warnings.add(Problem(place, message=message, code=ROW_NUMBER, hint=hint))


def _warn(batch: CallBatch, columns: Collection[str], warnings: Problems) -> None:
    """Warn of what a call says that it was not meant to say."""
    bodies = batch.bodies
    for index, body in enumerate(bodies) if may_have_leftovers(bodies) else ():
        for found in leftovers(body, columns):
            call = batch.call(index)
            place = call.origin.place(found.path)
            warnings.add(Problem(place, call.row, found.message, LEFTOVER, found.hint))


def _in_order(document: Document) -> tuple[str, int]:
    """Return what documents are sorted by: directory by directory, and as they stand in a file."""
    return document.file.replace(os.sep, "\0"), document.place().line


def _no_documents(workspace: Workspace) -> Problem:
    """Return why there are no calls at all."""
    project = workspace.project
    if project.document is None:
        place, looked = Place(workspace.reader.shown(project.root)), "the files that were read"
    else:
        place, looked = project.document.place(("include",)), f"include: {', '.join(project.include)}"
    message = f"there are no calls: no document of kind Call or CallSet ({looked})"
    return Problem(place, message=message, code=NO_CALLS)


def _no_rows(document: Document, rows: RowCounter) -> Problem:
    """Return why a call set has no calls, although nothing is wrong with it."""
    if not rows.count:
        field = "matrix" if "matrix" in document.value else "for-each"
        return Problem(document.place((field,)), message=f"{field}: there are no rows, so no calls", code=NO_CALLS)
    if document.value.get("limit") == 0:
        return Problem(document.place(("limit",)), message="limit: takes none of the rows", code=NO_CALLS)
    message = f"where: false for all rows, {rows.count:,} of {rows.file}, so there are no calls"
    return Problem(document.place(("where",)), message=message, code=NO_CALLS)


def examined(walk: Walk, problems: Problems, observer: Observer = SILENT) -> Iterator[CallBatch]:
    """Go through a walk for the first time: two calls with one reference-id are a problem, too.

    Raises UsageError where nothing is wrong, and a selection takes none of the calls.
    """
    references = DuplicateDetector()
    total = walk.size()
    batches = walk.examine(problems, references)
    # The first one takes longest: all that it needs has to be imported.
    first = list(islice(batches, 1))
    with observer.progress("rendering", total) as advance:
        for batch in chain(first, batches):
            yield batch
            advance(len(batch.references))
    problems += _duplicates(walk, references.candidates())
    problems += _attempt_names(walk, walk.attempted.common(walk.with_attempts))
    problems += _wrong_moves(walk, walk.moved.candidates() | walk.moved.common(references))
    if not problems and walk.workspace.asked.narrows and not walk.count:
        workspace = walk.workspace
        labels = {label for document in (*workspace.calls, *workspace.others) for label in document.labels.items()}
        raise nothing_selected(workspace.asked, labels)


def checked(walk: Walk, observer: Observer = SILENT) -> Iterator[CallBatch]:
    """Go through a walk for the first time, up to its first problem. Raises Invalid, in the end, with all of them."""
    problems = Problems()
    for batch in examined(walk, problems, observer):
        if not problems:
            yield batch
    if problems:
        with excerpts(walk.workspace.reader):
            raise Invalid(localized(problems, walk.workspace))


def render(selection: Selection, observer: Observer = SILENT) -> Iterator[Call]:
    """Render the calls that are selected, once it is known that nothing is wrong with any. Raises Invalid otherwise.

    Rows of the environment's sources are read, too, so this may need the network.
    """
    workspace = load(selection)
    walk = Walk(workspace, variables(workspace, selection.var, selection.var_files), online=True)
    for _ in checked(walk, observer):
        pass
    for warning in localized(walk.warnings, workspace):
        observer.report(f"warning: {sentence(warning)}")
    return calls_of(walk)


def batches_asked(asked: Selection) -> Iterator[CallBatch]:
    """Read, render and check the calls that are asked for, rows of sources too. Raises Invalid, in the end."""
    workspace = load(asked)
    return checked(Walk(workspace, variables(workspace, asked.var, asked.var_files), online=True))


def calls_of(batches: Iterable[CallBatch]) -> Iterator[Call]:
    """Go through the calls of some batches."""
    for batch in batches:
        yield from map(batch.call, range(len(batch.references)))


class NotRead(NamedTuple):
    """A call set whose rows are in a source, and are not read without the network."""

    document: Document
    source: str


def not_read(workspace: Workspace) -> list[NotRead]:
    """Return the call sets whose rows are not read without the network."""
    if all(document.kind == "Call" for document in workspace.calls):
        return []
    from flowops.documents.rows import source_of

    sets = _call_sets(workspace.calls)
    return [NotRead(document, name) for document in sets if (name := source_of(document)) is not None]


def report_not_read(workspace: Workspace, observer: Observer) -> None:
    """Say which call sets have no calls, for want of the network; a source that nobody has is a problem instead."""
    known = known_sources(workspace)
    for document, source in not_read(workspace):
        if source in known:
            place = document.place(("for-each", "source"))
            observer.report(f"{place}: rows not read: source {source} needs the network")


def known_sources(workspace: Workspace) -> set[str]:
    """Return the names of the sources that any environment has."""
    return {name for environment in workspace.project.environments.values() for name in environment.sources}


class CallCheck:
    """What is asked of a rendered call. `partly`: of its shape everything has been said already.

    A reference-id stands in every output, so it may not hold its callee's number unless `numbered`.
    """

    def __init__(self, *, partly: bool, numbered: bool = False) -> None:
        self._conform = body_predicate()
        self._partly = partly
        self._numbered = numbered

    def hashes(self, bodies: Sequence[Mapping[str, Value]]) -> list[bytes] | None:
        """Return what the fingerprints of bodies are made of, when nothing is wrong with any.

        Where it is None, `judge` says of each whether something is.
        """
        if not self._conform(bodies) or not (self._numbered or not _any_names_callee(bodies)):
            return None
        try:
            # Of all that stands elsewhere the schema knows what it is.
            return hashes_of(bodies, [body[FIELD] for body in bodies if FIELD in body])
        except Uncanonical:
            return None

    def judge(self, call: Call) -> tuple[bytes, list[Problem]]:
        """Return what the fingerprint of a call is made of, or nothing and what is wrong with its body."""
        hashes = self.hashes([call.body])
        return (b"", self._problems(call)) if hashes is None else (hashes[0], [])

    def _problems(self, call: Call) -> list[Problem]:
        problems = check_body(call)
        if not self._numbered and _names_callee(call.body):
            message = f"reference-id: {HOLDS_NUMBER}"
            problems.append(call.problem((INSTRUCTION_ID,), message, code="number", hint=HOLDS_NUMBER_HINT))
        return [problem for problem in problems if problem.code != SHAPE] if self._partly else problems

    def terms_problems(self, call: Call) -> list[Problem]:
        """Return what is wrong with when and why a call may be placed."""
        if call.terms == NO_TERMS:
            return []
        from flowops.policy.terms import check_terms

        return [*check_terms(call), *_moved_problems(call)]


def _moved_problems(call: Call) -> list[Problem]:
    """Return what is wrong with the reference that a call had before, by itself."""
    before = call.terms.moved_from
    if before is None:
        return []
    wrong = [error.text for error in reference_errors(before)] if isinstance(before, str) else ["must be text"]
    return [call.problem(("moved-from",), f"moved-from: {text}", code=SHAPE) for text in wrong[:1]]


def _any_names_callee(bodies: Sequence[Mapping[str, Value]]) -> bool:
    """Return whether the reference-id of one of some bodies, which fit their schema, holds the number of a callee."""
    references = [body[INSTRUCTION_ID] for body in bodies for _ in callees_of(body)]
    return any_names_number(references, [number for body in bodies for number in callees_of(body)])


def _names_callee(body: Mapping[str, Value]) -> bool:
    """Return whether a body's reference-id holds the number of one of its callees."""
    reference, callee = body[INSTRUCTION_ID], body.get("callee")
    if isinstance(callee, str) and names_number(reference, callee):
        return True
    return "callees" in body and any(
        isinstance(number, str) and names_number(reference, number) for number in body["callees"] or ()
    )


@lru_cache(maxsize=4)
def checks(*, partly: bool, numbered: bool = False) -> CallCheck:
    """Return what is asked of the calls of a document; `partly` when wrong fields of it have been left out."""
    return CallCheck(partly=partly, numbered=numbered)


class _Alone:
    """The call of a document of kind Call, as a batch; of a wrong one there is none."""

    __slots__ = ("_calls", "_compiled", "bodies", "check", "hashes", "problems", "references", "skipped")

    def __init__(self, compiled: CompiledCall, call: Call | None, check: CallCheck) -> None:
        self._compiled = compiled
        #: What is wrong with it as a whole, see `_judge`.
        self.problems: list[Problem] = []
        #: A call that stands alone is never left out.
        self.skipped: tuple[Problem, ...] = ()
        self.check = check
        self.hashes: list[bytes] = []
        self._calls = [] if call is None else [call]
        self.references = [call.reference_id for call in self._calls]
        self.bodies = [call.body for call in self._calls]

    @property
    def place(self) -> Place:
        return self._compiled.document.place()

    @property
    def labels(self) -> Mapping[str, str]:
        return self._compiled.document.labels

    @property
    def attempts(self) -> Attempts:
        return self._compiled.attempts

    @property
    def uses_attempt(self) -> bool:
        return self._compiled.uses_attempt

    def repeated(self, indices: Sequence[int], attempt: int) -> _Alone:
        assert list(indices) == [0][: len(self.bodies)], "there is one call, or none"
        call, wrong = self._compiled.render(attempt)
        again = _Alone(self._compiled, call, self.check)
        _judge([again])
        again.problems[:0] = wrong
        return again

    @property
    def scripts(self) -> frozenset[Script]:
        return frozenset(
            Script(call.flow, call.body.get("callflow-id"), frozenset(call.body.get("flow-variables") or ()))
            for call in self._calls
        )

    @property
    def has_terms(self) -> bool:
        return self._compiled.has_terms

    def call(self, index: int) -> Call:
        return self._calls[index]


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
        problems += wrong
        if fields is not None:
            found.append((document, fields))
    return found


def _alone(compiled: CompiledCall, check: CallCheck, problems: Problems) -> _Alone:
    """Return the call of a document of kind Call, if it can be made; report what is wrong with it by itself."""
    call, wrong = compiled.render()
    if wrong:
        problems += wrong
    return _Alone(compiled, call, check)


def _look_at(alone: Sequence[_Alone], findings: Findings) -> None:
    """Look at the calls of some documents; what is wrong with them, and what to warn of, is put into the findings."""
    _judge(alone)
    for batch in alone:
        if batch.problems:
            findings.problems += batch.problems
        if batch.uses_attempt:
            findings.problems += _of_later_attempts(batch, findings)
    if findings.warnings is not None and may_have_leftovers(body for batch in alone for body in batch.bodies):
        for batch in alone:
            _warn(batch, (), findings.warnings)


def _judge(batches: Sequence[_Alone]) -> None:
    """Look at the calls of some documents: all at once, and one by one where something is wrong with any."""
    made = [batch for batch in batches if batch.bodies]
    if not made:
        return
    hashes = made[0].check.hashes([batch.bodies[0] for batch in made])
    for at, batch in enumerate(made):
        call = batch.call(0)
        own, wrong = batch.check.judge(call) if hashes is None else (hashes[at], [])
        batch.hashes.append(own)
        batch.problems += [*wrong, *batch.check.terms_problems(call)]


def _call_sets(documents: Iterable[Document]) -> list[Document]:
    """Return the call sets whose shape says what their rows are made of."""

    sets = [document for document in documents if document.kind == "CallSet"]
    return [document for document in sets if check_document(document)[1] is not None]


def _exhausted(document: Document) -> Problem:
    """Return the problem of the document with which the steps of a command are used up."""
    message = "the templates of this command take too much work together; the rest was not rendered"
    hint = "loop over less, prepare the data beforehand, or name fewer files"
    return Problem(document.place(), None, message, "template", hint)


def _unknown_source(workspace: Workspace, document: Document, name: str) -> Iterator[Batch]:
    """Read nothing, and say what is wrong with a source that no environment has."""
    known = known_sources(workspace)
    if name not in known:
        place = document.place(("for-each", "source"))
        hint = did_you_mean(name, known) or "name it under sources, in an environment of flowops.yaml"
        problem = Problem(place, None, f"for-each: no environment has a source '{name}'", "rows", hint)
        yield Batch(document.file, [], (), None, [(0, problem)])


def _duplicates(walk: Walk, candidates: frozenset[int]) -> list[Problem]:
    if not candidates:
        return []

    numbered = allows_numbers(walk.workspace.policy)
    calls = (
        batch.call(index)
        for batch in walk.whole_project()
        for index, reference in enumerate(batch.references)
        # A reference-id that is refused for a number in it is not repeated.
        if hash(reference) in candidates and (numbered or not _names_callee(batch.bodies[index]))
    )
    return duplicates(chain(calls, (call for call in walk.left_out if hash(call.reference_id) in candidates)))


def _attempt_names(walk: Walk, candidates: frozenset[int]) -> list[Problem]:
    """Return what is wrong with calls that have the name of another's attempt, by the hashes of those others."""
    if not candidates:
        return []
    others = {
        reference: batch.call(index)
        for batch in walk.whole_project()
        if batch.attempts.most > 1
        for index, reference in enumerate(batch.references)
        if hash(reference) in candidates
    }
    calls = (
        batch.call(index)
        for batch in walk.whole_project()
        for index, reference in enumerate(batch.references)
        if "~" in reference and split_reference(reference)[0] in others
    )
    return attempt_names(calls, others)


def moved_from(batch: CallBatch) -> Iterator[str]:
    """Yield the references that the calls of a batch had before, as far as they had others."""
    for index in range(len(batch.references)) if batch.has_terms else ():
        before = batch.call(index).terms.moved_from
        if isinstance(before, str):
            yield before


def _wrong_moves(walk: Walk, candidates: frozenset[int]) -> list[Problem]:
    """Return what is wrong with the references that calls had before, by the hashes of those that may be wrong."""
    if not candidates:
        return []
    batches = walk.whole_project
    there = {name for batch in batches() for name in batch.references if hash(name) in candidates}
    calls = (batch.call(index) for batch in batches() if batch.has_terms for index in range(len(batch.references)))
    named = (call for call in calls if isinstance(call.terms.moved_from, str))
    return wrong_moves((call for call in named if hash(call.terms.moved_from) in candidates), there)


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
