"""What a Test document gives and expects, and what is wrong with it besides its shape."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean
from flowops.common.numbers import explain
from flowops.documents.discovery import YAML
from flowops.model.document import Problem
from flowops.model.ledger import State
from flowops.model.project import SANDBOX
from flowops.schema.check import check_documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.documents.reader import Reader
    from flowops.model.document import Document, Place, Value
    from flowops.model.document import Path as ValuePath
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
