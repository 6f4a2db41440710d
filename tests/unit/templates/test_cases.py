"""Whole documents with their rows: the bodies and the problems that stand beside them as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowops.model.call import Call
from flowops.model.document import Row, RowPlace

CASES = sorted(Path(__file__).parents[2].joinpath("cases", "templates").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_comes_out_as_its_files_say(case, compiled, told, render_rows):
    calls = compiled(case.joinpath("spec.yaml").read_text("utf-8"), file="spec.yaml")
    lines = case.joinpath("rows.jsonl")
    if lines.exists():
        values = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
        rows = [Row(one, RowPlace("rows.jsonl", number, number)) for number, one in enumerate(values, start=1)]
        rendered = render_rows(calls, rows)
    else:
        call, problems = calls.render()
        rendered = [*problems, *([call] if call is not None else [])]
    found = {
        "bodies": [item.body for item in rendered if isinstance(item, Call)],
        "problems": told([*calls.check(), *(item for item in rendered if not isinstance(item, Call))]),
    }
    expected = case.joinpath("expected.json").read_text("utf-8")
    assert json.dumps(found, ensure_ascii=False, indent=2) + "\n" == expected
