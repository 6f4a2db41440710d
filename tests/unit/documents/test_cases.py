"""Each folder of tests/cases/documents holds a file, and what is to be read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowops.documents import yaml as yaml_module
from flowops.documents.files import decode
from flowops.model.document import Problem

CASES = sorted((Path(__file__).parents[2] / "cases" / "documents").glob("[0-9]*"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_gives_these_values_and_these_problems(case: Path, parsed: Any, said: Any) -> None:
    text = decode("input.yaml", (case / "input.yaml").read_bytes())
    documents = [] if isinstance(text, Problem) else parsed(text)
    problems = [text] if isinstance(text, Problem) else [problem for each in documents for problem in each.problems]

    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    assert [each.value for each in documents if each.complete and not each.problems] == expected["documents"]
    assert said(problems) == expected["problems"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_libyaml_the_same_is_read(case: Path, parsed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_module, "_LOADER", yaml.SafeLoader)
    text = decode("input.yaml", (case / "input.yaml").read_bytes())
    documents = [] if isinstance(text, Problem) else parsed(text)
    problems = [text] if isinstance(text, Problem) else [problem for each in documents for problem in each.problems]

    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    assert [each.value for each in documents if each.complete and not each.problems] == expected["documents"]
    # The words for broken syntax differ, and sometimes the column does; what is broken does not.
    assert sorted(str(problem.place.line) + problem.code for problem in problems) == sorted(
        each.split(":")[0] + each.split()[1].removesuffix(":") for each in expected["problems"]
    )
