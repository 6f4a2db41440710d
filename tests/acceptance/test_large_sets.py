"""Large call sets: however many processes render them, what comes out is the same, byte for byte."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, environment, flowops

from flowops.cli.callsets import MANY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset, for one process alone")

SPEC = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/rows.csv
call:
  reference-id: "r-{{ row.id }}"
  callflow-id: flow-1
  caller: "+442079460000"
  callee: "{{ row.phone }}"
  flow-variables: {name: "{{ row.name | trim }}", minutes: "{{ row.minutes | int }}"}
"""


def row(number: int, phone: str | None = None, minutes: str | int | None = None, name: str | None = None) -> str:
    callee = phone or f"+888{10_000_000_000 + number}"
    return f"{number},{callee},{name or f' Zoë {number} '},{number % 60 if minutes is None else minutes}\n"


#: What is out of the ordinary, by the number of the row it stands in.
SETS: dict[str, dict[int, str]] = {
    "nothing is wrong": {},
    "some rows are rendered the plain way": {number: row(number, name="n" * 300) for number in range(7, MANY, 997)},
    "a wrong number": {12_345: row(12_345, phone="+3161234")},
    "wrong in the first row and in the last": {1: row(1, minutes="soon"), MANY: row(MANY, minutes="late")},
    "many rows are wrong": {number: row(number, minutes="x") for number in range(1, MANY, 3)},
    "a row that is no row": {15_000: "1,2\n"},
    "twice the same reference, far apart": {MANY: row(3)},
}


def test_a_field_that_is_wrong_for_all_rows_is_told_for_each(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,phone,name,minutes\n" + row(1) + row(2))
    spec = SPEC.replace("../data/", "").replace('"+442079460000"', '"{{ vars.caller }}"')
    (tmp_path / "set.yaml").write_text(spec)
    for caller, told in ((5, "caller: must be"), ("+3161234", "caller: '+3161234' is not a valid number in NL")):
        (tmp_path / "vars.json").write_text(json.dumps({"caller": caller}))
        ran = flowops("validate", "set.yaml", "--var-file", "vars.json", cwd=tmp_path)
        assert (ran.code, told in ran.err, "rows.csv and 1 more row" in ran.err) == (3, True, True), ran.err


@pytest.fixture(params=SETS.values(), ids=list(SETS))
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for folder in ("calls", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "calls/set.yaml").write_text(SPEC)
    with (tmp_path / "data/rows.csv").open("w") as out:
        out.write("id,phone,name,minutes\n")
        out.writelines(request.param.get(number, row(number)) for number in range(1, MANY + 1))
    return tmp_path


def alone(*args: str, cwd: Path) -> Ran:
    """Run flowops where there is one processor, and so one process."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "flowops", *args]
    ran = subprocess.run(
        command, cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    "command", [("validate", "--format", "json"), ("plan", "--format", "json")], ids=lambda it: it[0]
)
def test_as_many_processes_as_there_are_say_what_one_says(repository: Path, command: tuple[str, ...]) -> None:
    together, by_itself = flowops(*command, cwd=repository), alone(*command, cwd=repository)
    assert (together.code, together.out) == (by_itself.code, by_itself.out)
    said = [[line for line in ran.err.splitlines() if "rendering: " not in line] for ran in (together, by_itself)]
    assert said[0] == said[1]
    assert together.code in (0, 3)
