"""Go through the calls that are asked for, and say what is wrong with any of them, in the words of the project."""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING

from flowops.app.load import allows_numbers, excerpts, load, nothing_selected, variables
from flowops.app.observer import SILENT
from flowops.app.single_calls import names_callee
from flowops.app.walk import Walk, call_sets, known_sources
from flowops.common.duplicates import DuplicateDetector
from flowops.common.numbers import EXAMPLE_COLUMN, EXAMPLE_FILTER, info
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.errors import Invalid
from flowops.model.call import split_reference
from flowops.model.document import Problems, sentence
from flowops.templates.problems import attempt_names, duplicates, wrong_moves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.model.call import Call, CallBatch
    from flowops.model.document import Document, Place, Problem, Value
    from flowops.model.selection import Selection

_log = logging.getLogger(__name__)


def examined(walk: Walk, problems: Problems, observer: Observer = SILENT) -> Iterator[CallBatch]:
    """Go through a walk for the first time: two calls with one reference-id are a problem, too.

    Raises UsageError where nothing is wrong, and a selection takes none of the calls.
    """
    references, spent = DuplicateDetector(), time.process_time()
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
    about = {"calls": walk.count, "problems": len(problems), "warnings": len(walk.warnings)}
    # What takes the calls as they come, such as a plan, is in it.
    _log.info(
        "rendered calls: %(calls)d; problems: %(problems)d, warnings: %(warnings)d; processor time %(seconds).3f s",
        {**about, "seconds": time.process_time() - spent},
    )
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
    workspace = load(selection, with_hooks=True)
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

    sets = call_sets(workspace.calls)
    return [NotRead(document, name) for document in sets if (name := source_of(document)) is not None]


def report_not_read(workspace: Workspace, observer: Observer) -> None:
    """Say which call sets have no calls, for want of the network; a source that nobody has is a problem instead."""
    known = known_sources(workspace)
    for document, source in not_read(workspace):
        if source in known:
            place = document.place(("for-each", "source"))
            observer.report(f"{place}: rows not read: source {source} needs the network")


def _duplicates(walk: Walk, candidates: frozenset[int]) -> Iterable[Problem]:
    if not candidates:
        return []

    numbered = allows_numbers(walk.workspace.policy)
    calls = (
        batch.call(index)
        for batch in walk.whole_project()
        for index, reference in enumerate(batch.references)
        # A reference-id that is refused for a number in it is not repeated.
        if hash(reference) in candidates and (numbered or not names_callee(batch.bodies[index]))
    )
    return duplicates(chain(calls, (call for call in walk.left_out if hash(call.reference_id) in candidates)))


def _attempt_names(walk: Walk, candidates: frozenset[int]) -> Iterable[Problem]:
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


def _wrong_moves(walk: Walk, candidates: frozenset[int]) -> Iterable[Problem]:
    """Return what is wrong with the references that calls had before, by the hashes of those that may be wrong."""
    if not candidates:
        return []
    batches = walk.whole_project
    there = {name for batch in batches() for name in batch.references if hash(name) in candidates}
    calls = (batch.call(index) for batch in batches() if batch.has_terms for index in range(len(batch.references)))
    named = (call for call in calls if isinstance(call.terms.moved_from, str))
    return wrong_moves((call for call in named if hash(call.terms.moved_from) in candidates), there)


_COLUMN = regex(r"\brow(?:\.\w++|\[\s*+(?:'[^'\]]++'|\"[^\"\]]++\")\s*+\])")
#: The example stands in a template; a hint that names a column of the row by itself means that one.
_EXAMPLE = f"{{{{ {EXAMPLE_COLUMN}"
_WHO = ("callee", "callees")
_COUNTRIES = "countries"


def localized(problems: Iterable[Problem], workspace: Workspace) -> tuple[Problem, ...]:
    """Return problems whose hints name the project's country and column, where the files tell those."""
    words = _OwnWords(workspace)
    return tuple(words.in_hint(problem) for problem in problems)


class _OwnWords:
    """What the files of a project say of its numbers, looked up once: many problems ask."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def in_hint(self, problem: Problem) -> Problem:
        """Return a problem with the country and the column in its hint."""
        hint = problem.hint
        if hint is None:
            return problem
        said = hint
        if EXAMPLE_FILTER in said and self._country is not None:
            said = said.replace(EXAMPLE_FILTER, f"e164('{self._country}')")
        if _EXAMPLE in said and (column := self._column(problem.place)) is not None:
            said = said.replace(_EXAMPLE, f"{{{{ {column}")
        return problem if said == hint else problem.with_hint(said)

    @cached_property
    def _country(self) -> str | None:
        return country_of(self._workspace)

    @cached_property
    def _calls(self) -> Mapping[str, tuple[list[Place], list[Document]]]:
        """Return the documents of calls of each file, in their order, behind the places where they begin."""
        found: dict[str, tuple[list[Place], list[Document]]] = {}
        for document in sorted(self._workspace.calls, key=lambda each: each.place()):
            places, documents = found.setdefault(document.file, ([], []))
            places.append(document.place())
            documents.append(document)
        return found

    def _column(self, place: Place) -> str | None:
        """Return the one column that the callee is made of, in the document that a place lies in: ``row.phone``."""
        places, documents = self._calls.get(place.file, ((), ()))
        above = bisect_right(places, place)
        if not above:
            return None
        fields = _call_of(documents[above - 1])
        found = {column for name in _WHO for column in _COLUMN.findall(str(fields.get(name) or ""))}
        return found.pop() if len(found) == 1 else None


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


def _call_of(document: Document) -> dict[str, Value]:
    """Return the fields of a call, as far as they have been written."""
    fields = document.value.get("call") if document.kind == "CallSet" else document.value
    return fields if isinstance(fields, dict) else {}
