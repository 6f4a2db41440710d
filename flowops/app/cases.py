"""Tests of calls: what a Test document gives and expects, what is wrong with it, and what the files make of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.common.masking import mask, mask_quoted, mask_text, masked_but
from flowops.common.names import did_you_mean, same_name
from flowops.common.numbers import explain
from flowops.common.text import dotted, quoted
from flowops.documents.discovery import YAML
from flowops.model.document import Problem, sentence
from flowops.model.ledger import State
from flowops.model.plan import Action
from flowops.model.project import SANDBOX
from flowops.policy.rule import names_rule
from flowops.schema.check import check_documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.documents.reader import Reader
    from flowops.model.call import Call
    from flowops.model.document import Document, Place, Value
    from flowops.model.document import Path as ValuePath
    from flowops.model.plan import Plan, PlannedCall
    from flowops.model.project import Project

#: The code of what is wrong with a test, and of what differs in one.
CODE = "test"


@dataclass(frozen=True, slots=True)
class Case:
    """A Test document that fits its schema, or one of which only the name is asked."""

    document: Document

    @property
    def name(self) -> str:
        """Return what the test shows."""
        name = self.document.value.get("name")
        return name if isinstance(name, str) else "a test without a name"

    @property
    def given(self) -> Mapping[str, Value]:
        """Return what the plan is made of."""
        given: Mapping[str, Value] = self.document.value["given"]
        return given

    @property
    def expected(self) -> Mapping[str, Value]:
        """Return what has to come of it."""
        expected: Mapping[str, Value] = self.document.value["expect"]
        return expected

    @property
    def environment(self) -> str:
        """Return where the calls would be placed."""
        return str(self.given.get("env", SANDBOX))

    @property
    def at(self) -> datetime | None:
        """Return the time of the plan; None for now."""
        return None if "at" not in self.given else moment(self.given["at"])

    @property
    def reference(self) -> str | None:
        """Return the reference-id of the one call that the test is about, where it names a call and not a file."""
        name = str(self.given["document"])
        return None if name.endswith(YAML) else name

    @property
    def replaces_rows(self) -> str | None:
        """Return the field that gives other rows than the document's own, if one does."""
        return next((name for name in ("row", "rows") if name in self.given), None)

    def file(self, reader: Reader, name: str) -> Path:
        """Return a file that the test names, relative to its own."""
        return Path(os.path.normpath(reader.path(self.document).parent / name))

    def place(self, path: ValuePath = ()) -> Place:
        """Return where the value at a path stands."""
        return self.document.place(path)

    def problem(self, path: ValuePath, message: str, hint: str | None = None) -> Problem:
        """Return something that is wrong, or differs, at a path."""
        return Problem(self.place(path), None, message, CODE, hint)


def moment(text: str) -> datetime:
    """Return the time that a text of the schema's form says. Raises ValueError where there is none such."""
    return datetime.fromisoformat(text).astimezone(UTC)


def check_cases(documents: Iterable[Document], reader: Reader, project: Project) -> Iterator[Problem]:
    """Yield what is wrong with Test documents."""
    for document in documents:
        yield from case_problems(document, reader, project)


def case_problems(document: Document, reader: Reader, project: Project) -> Sequence[Problem]:
    """Return what is wrong with a Test document: its shape, or else what it names."""
    return check_documents([document]) or list(_wrong(Case(document), reader, project))


def _wrong(case: Case, reader: Reader, project: Project) -> Iterator[Problem]:
    given = case.given
    if case.reference is not None:
        if case.replaces_rows is not None:
            message = f"{case.replaces_rows}: needs a file in document, and {mask_quoted(case.reference)} names a call"
            yield case.problem(("given", case.replaces_rows), message)
    else:
        yield from _missing(case, reader, "document")
    if "rows" in given:
        yield from _missing(case, reader, "rows")
    if case.environment not in project.environments:
        message = f"env: there is no environment {mask_quoted(case.environment)}"
        yield case.problem(("given", "env"), message, did_you_mean(case.environment, project.environments))
    yield from _wrong_times(case)
    seen: set[str] = set()
    for index, row in enumerate(given.get("ledger", ())):
        at = ("given", "ledger", index)
        reference, callee = row["reference-id"], row.get("callee")
        if reference in seen:
            yield case.problem((*at, "reference-id"), f"reference-id: {mask_quoted(reference)} is in this ledger twice")
        seen.add(reference)
        if "outcome" in row and row["state"] != State.FINISHED:
            yield case.problem((*at, "outcome"), "outcome: only a call that is finished has one")
        if callee is not None and (refusal := explain(callee)) is not None:
            yield case.problem((*at, "callee"), f"callee: {mask_quoted(callee)} {refusal.message}", refusal.hint)


def _missing(case: Case, reader: Reader, field: str) -> Iterator[Problem]:
    """Yield a problem where there is no such file in the repository."""
    name = case.given[field]
    path = case.file(reader, name)
    if not path.is_relative_to(reader.files.root):
        yield case.problem(
            ("given", field), f"{field}: {mask_quoted(name)} is outside of {reader.shown(reader.files.root)}"
        )
    elif reader.files.kind(path) != "file":
        hint = "names start at the folder of the test"
        yield case.problem(("given", field), f"{field}: there is no file {mask_quoted(name)}", hint)


def _wrong_times(case: Case) -> Iterator[Problem]:
    """Yield a problem for each text that looks like a time and is none."""
    times: list[tuple[ValuePath, Value]] = [(("given", "at"), case.given.get("at"))]
    times += [(("given", "ledger", n, "at"), row.get("at")) for n, row in enumerate(case.given.get("ledger", ()))]
    times.append((("expect", "until"), case.expected.get("until")))
    for path, text in times:
        try:
            if text is not None:
                moment(text)
        except (ValueError, OverflowError):
            yield case.problem(path, f"{path[-1]}: {mask_quoted(text)} is not a time that there is")


#: So many references are looked at for the one that was probably meant.
NEAR = 200


#: A difference: its path below ``expect``, what to say, and what helps to understand it.
Difference = tuple["ValuePath", str, str | None]


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of rendering what a test gives: a plan, or the problems that there are instead of one.

    `warnings` say what of the rows makes no call, `invalid` how many of them are wrong and left out.
    """

    plan: Plan | None = None
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    invalid: int = 0


class Comparison:
    """Holds what was found against what a test expects."""

    def __init__(self, case: Case, found: Found) -> None:
        self._case = case
        self._found = found
        #: The texts and numbers that stand in the test, and of these the ones that hold a phone number.
        self._known = {*_texts(case.given.get("row")), *_texts(case.given.get("vars")), *_texts(case.expected)}
        self._numbers = [text for text in self._known if mask_text(text) != text]

    def differences(self) -> Iterator[Problem]:
        """Yield what differs, at its place in the test."""
        expected = dict(self._case.expected)
        found = self._found
        if "problem" in expected:
            yield from self._problem(expected.pop("problem"))
        elif found.plan is None:
            for problem in found.problems:
                yield self._case.problem(("given",), f"the calls are not valid: {sentence(problem)}")
        if not expected or found.plan is None:
            return
        calls = found.plan.calls
        total = sum(batch.size for batch in found.plan.batches)
        name = self._case.reference or (expected.get("reference-id") if total > 1 else None)
        if name is not None:
            yield from self._named(same_name(name), expected)
        elif not total:
            yield from self._none(expected)
        else:
            yield from self._first(calls, expected)

    def _problem(self, expected: str) -> Iterator[Problem]:
        """Yield a difference unless one of the problems is the one that is expected."""
        met = [*self._found.problems, *self._found.warnings]
        if any(expected == each.code or expected.casefold() in each.message.casefold() for each in met):
            return
        told = "; ".join(map(sentence, met[:3])) if met else "nothing is wrong"
        yield self._case.problem(("expect", "problem"), f"problem: expected {quoted(expected)}, found: {told}")

    def _named(self, name: str, expected: Mapping[str, Value]) -> Iterator[Problem]:
        """Compare the one call of a name, at whichever attempt it is."""
        plan = self._found.plan
        assert plan is not None, "what has no plan is not compared"
        for call in plan.calls:
            if name in (call.reference_id, call.root):
                yield from self._first([call], expected)
                return
        path = ("given", "document") if self._case.reference else ("expect", "reference-id")
        near = did_you_mean(name, [each.reference_id for each in islice(plan.references(), NEAR)])
        yield self._case.problem(path, f"{path[-1]}: no call is named {quoted(name)}", near)

    def _none(self, expected: Mapping[str, Value]) -> Iterator[Problem]:
        """Compare with no call at all."""
        why = "; ".join(map(sentence, self._found.warnings)) or None
        for name, value in expected.items():
            if not (name == "action" and value == Action.INVALID and self._found.invalid):
                found = f"the row is {Action.INVALID}, and left out" if self._found.invalid else "there is no call"
                yield self._case.problem(("expect", name), f"{name}: expected {quoted(value)}, but {found}", why)

    def _first(self, calls: Iterable[PlannedCall], expected: Mapping[str, Value]) -> Iterator[Problem]:
        """Compare calls up to the first in which something differs."""
        for call in calls:
            met = list(self._of_call(call, expected))
            for path, message, hint in met:
                problem = self._case.problem(("expect", *path), message, hint)
                if call.call.row is not None and call.call.row.file != self._case.document.file:
                    problem.rows, problem.count = (call.call.row,), 1
                yield problem
            if met:
                return

    def _of_call(self, call: PlannedCall, expected: Mapping[str, Value]) -> Iterator[Difference]:
        """Yield what differs in one call."""
        reasons = [mask_text(reason) for reason in call.reasons]
        why = "; ".join([*reasons, *self._guards()]) or None
        for name, value in expected.items():
            match name:
                case "body" | "equals":
                    yield from self._different(call.call, value, call.call.body, (name,), whole=name == "equals")
                case "says":
                    yield from self._unsaid(call.call, value)
                case "reasons":
                    for at, text in _each(name, value):
                        if not any(text in reason for reason in reasons):
                            yield at, f"reasons: {quoted(text)} is in none of them", why
                case _:
                    message = _decided(call, name, value)
                    if message is not None:
                        yield (name,), message, why

    def _unsaid(self, call: Call, expected: Value) -> Iterator[Difference]:
        """Yield a difference for each of some words that nobody hears."""
        variables = call.body.get("flow-variables") or {}
        texts = {name: text for name, text in variables.items() if isinstance(text, str)}
        shown = (f"{name}: {self._shown(call, ('flow-variables', name), text)}" for name, text in texts.items())
        for at, text in _each("says", expected):
            if not any(text in other for other in texts.values()):
                yield at, f"says: {quoted(text)} is in no text that is spoken", "; ".join(shown) or "there is no text"

    def _guards(self) -> list[str]:
        """Return the guards of the run that have tripped: their rules hold no single call back."""
        plan = self._found.plan
        return (
            [f"a guard of the whole run has tripped: {mask_text(guard.reason)}" for guard in plan.guards]
            if plan
            else []
        )

    def _different(
        self, call: Call, expected: Value, found: Value, at: ValuePath, *, whole: bool
    ) -> Iterator[Difference]:
        """Yield what differs in a value of the body; `whole`, also what is in it besides."""
        if isinstance(expected, dict) and isinstance(found, dict):
            for name, value in expected.items():
                if name not in found:
                    yield (*at, name), f"{dotted((*at, name))}: expected {quoted(value)}, and it is not there", None
                else:
                    yield from self._different(call, value, found[name], (*at, name), whole=whole)
            for name in found if whole else ():
                if name not in expected:
                    shown = self._shown(call, (*at[1:], name), found[name])
                    yield at, f"{dotted((*at, name))}: found {shown}, and it is not expected", None
        elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
            for index, (one, other) in enumerate(zip(expected, found, strict=True)):
                yield from self._different(call, one, other, (*at, index), whole=whole)
        elif not _same(expected, found):
            yield at, f"{dotted(at)}: expected {quoted(expected)}, found {self._shown(call, at[1:], found)}", None

    def _shown(self, call: Call, path: ValuePath, value: Value) -> str:
        """Return a value of a call as far as it may be shown: whole where it is made of a row that is in the test."""
        if isinstance(value, dict | list) or str(value) in self._known:
            return quoted(value)
        if "row" in self._case.given:
            return quoted(masked_but(value, self._numbers)) if isinstance(value, str) else quoted(value)
        if any(path[:length] in call.sensitive for length in range(1, len(path) + 1)):
            return f"'{mask(value)}'"
        return call.shown(path, value)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text and number in a value."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif value not in (None, "") and not isinstance(value, bool):
        yield str(value)


def _each(name: str, value: Value) -> Iterator[tuple[ValuePath, str]]:
    """Yield the texts of a field that has one or several, with their paths."""
    if isinstance(value, str):
        yield (name,), value
    else:
        yield from (((name, index), text) for index, text in enumerate(value))


def _same(one: Value, other: Value) -> bool:
    """Return whether two values are one to JSON: 1 and 1.0 are, 1 and true are not."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _decided(call: PlannedCall, name: str, expected: str) -> str | None:
    """Return how what a plan decided about a call differs in one respect; None where it does not."""
    match name:
        case "action" if expected != call.action:
            return f"action: expected {expected}, found {call.action}"
        case "until" if call.until is None:
            return f"until: expected {expected}, but nothing says from when on it may be placed"
        case "until" if call.until != moment(expected):
            return f"until: expected {expected}, found {call.until:%Y-%m-%dT%H:%M:%SZ}"
        case "rule" if not any(names_rule(reason, expected) for reason in call.reasons):
            return f"rule: {quoted(expected)} does not hold the call back"
        case "reference-id" if same_name(expected) != call.reference_id:
            return f"reference-id: expected {quoted(expected)}, found {quoted(call.reference_id)}"
    return None
