"""What is said about a mistake: schemas, paths and values in messages, and whole documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowops.common.text import LISTED, dotted
from flowops.schema.check import KINDS, check, check_documents
from flowops.schema.explain import SchemaError
from flowops.schema.wording import choice, describe, expected

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Document


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("callees", 1), "callees[1]"),
        (("flow-variables", "slots", 0, "from"), "flow-variables.slots[0].from"),
        (("a\nb",), r"a\nb"),
    ],
)
def test_a_path_reads_like_the_file(path: tuple[str | int, ...], shown: str) -> None:
    assert dotted(path) == shown
    assert SchemaError(path, "is wrong").message == (f"{shown}: is wrong" if path else "is wrong")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 10, "maximum": 60}, "a whole number from 10 to 60"),
        ({"type": ["string", "null"]}, "text"),
        ({"type": "null"}, "empty"),
        ({"type": ["string", "array"]}, "text or a list"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 9}, "a number above 0 and at most 9"),
        ({"type": "integer", "minimum": 1}, "a whole number of at least 1"),
        ({"enum": ["a", "b", 3]}, "a, b or 3"),
        ({"const": True}, "true"),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "text or a mapping"),
        ({}, "something else"),
        (True, "something else"),
    ],
)
def test_a_schema_in_a_few_words(schema: Any, words: str) -> None:
    assert expected(schema) == words


def test_not_everything_is_listed() -> None:
    words = choice(str(number) for number in range(1000))
    assert words == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 or one of 990 others"
    assert choice(str(number) for number in range(LISTED)).endswith("10 or 11")
    assert choice(["a", "a"]) == "a"


def test_nothing_is_told_from_the_word_null() -> None:
    assert describe(None) == "nothing"
    assert describe("null") == "the text 'null'"


CASES = sorted((Path(__file__).resolve().parents[2] / "cases" / "schema").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_said_about_a_document(case: Path, read: Callable[..., Document]) -> None:
    expected = case / "expected.txt"
    lines = []
    for problem in sorted(check_documents([read((case / "document.yaml").read_text())])):
        lines.append(f"{problem.place.line}:{problem.place.column}: {problem.message}")
        lines += [f"  {problem.hint}"] if problem.hint else []
    assert lines == (expected.read_text().splitlines() if expected.exists() else [])


def test_no_secret_is_repeated(read: Callable[..., Document]) -> None:
    case = next(case for case in CASES if case.name.endswith("secrets-in-a-file"))
    problems = check_documents([read((case / "document.yaml").read_text())])
    assert {problem.code for problem in problems} == {"secret"}
    assert "hunter2" not in repr(problems)
    assert "3f0a3c64" not in repr(problems)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_schema_of_any_kind_says_the_same(case: Path, read: Callable[..., Document]) -> None:
    document = read((case / "document.yaml").read_text())
    assert sorted(check("flowops", document.value)) == sorted(check(KINDS[document.kind], document.value))
