"""Documents and everything that is said about them: ``tests/cases/schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowops.schema.check import check_documents

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model import Document

CASES = sorted((Path(__file__).resolve().parents[2] / "cases" / "schema").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_said_about_a_document(case: Path, read: Callable[..., Document]) -> None:
    expected = case / "expected.txt"
    lines = []
    for problem in sorted(check_documents([read((case / "document.yaml").read_text())])):
        lines.append(f"{problem.place.line}:{problem.place.column}: {problem.message}")
        lines += [f"  {problem.hint}"] if problem.hint else []
    assert lines == (expected.read_text().splitlines() if expected.exists() else [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_said_without_the_better_engine_too(
    case: Path, read: Callable[..., Document], without_jsonschema_rs: None
) -> None:
    from flowops.schema.check import checker

    checker.cache_clear()
    try:
        test_what_is_said_about_a_document(case, read)
    finally:
        checker.cache_clear()


def test_no_secret_is_repeated(read: Callable[..., Document]) -> None:
    case = next(case for case in CASES if case.name.endswith("secrets-in-a-file"))
    problems = check_documents([read((case / "document.yaml").read_text())])
    assert {problem.code for problem in problems} == {"secret"}
    assert "hunter2" not in repr(problems)
    assert "3f0a3c64" not in repr(problems)
