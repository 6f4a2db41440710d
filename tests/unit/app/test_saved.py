"""Saved plans and results as files: what flowops wrote is read again, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowops.app.plan import planned
from flowops.app.saved import load_plan, read_output, save_plan
from flowops.errors import Invalid, UsageError
from flowops.model.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path


def saved(root: Path) -> Path:
    with planned(Selection((), "sandbox"), readonly=True) as found:
        save_plan(found.plan, root / "plan.json")
        assert load_plan(root / "plan.json").digest == found.plan.digest
    return root / "plan.json"


def test_a_saved_plan_is_read_again(root: Path) -> None:
    found = read_output(saved(root))
    assert (found.kind, len(found.document["calls"])) == ("saved-plan", 5)
    assert [path.name for path in root.glob("*plan*")] == ["plan.json"], "nothing is left of the writing"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("{", '{"digest": "", ', "not JSON that flowops wrote"),
        ("{", "", "not JSON that flowops wrote"),
        ('"format_version": ', '"format_version": 9', "not a saved plan: "),
    ],
    ids=["a key twice", "no JSON", "another version"],
)
def test_what_flowops_did_not_write_is_refused(root: Path, before: str, after: str, message: str) -> None:
    file = saved(root)
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    with pytest.raises(Invalid) as caught:
        read_output(file)
    (problem,) = caught.value.problems
    assert problem.message.startswith(message)


def test_a_file_that_is_not_there_is_wrong_usage(root: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.json does not exist"):
        read_output(root / "no.json")
