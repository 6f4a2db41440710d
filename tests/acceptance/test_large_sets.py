"""Large call sets, of many batches of rows, with something out of the ordinary in some of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path

MANY = 20_000

REFERENCE = "calls/set.yaml:5:17: reference-id"
LAST = f"(row {MANY} of data/rows.csv, line {MANY + 1})"
MINUTES = "calls/set.yaml:9:78: flow-variables.minutes"

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


#: What is out of the ordinary, by the number of the row it stands in; and what is said of that, if anything.
SETS: dict[str, tuple[dict[int, str], list[str]]] = {
    "nothing is wrong": ({}, []),
    "some texts are long": ({number: row(number, name="n" * 300) for number in range(7, MANY, 997)}, []),
    "a wrong number": (
        {12_345: row(12_345, phone="+3161234")},
        [
            (
                "calls/set.yaml:8:11: callee: '+3••••34' is not a valid number in NL "
                "(row 12345 of data/rows.csv, line 12346)"
            )
        ],
    ),
    "wrong in the first row and in the last": (
        {1: row(1, minutes="soon"), MANY: row(MANY, minutes="late")},
        [f"{MINUTES}: int: the text is not a whole number (row 1 of data/rows.csv, line 2, and 1 more row: {MANY})"],
    ),
    "many rows are wrong": (
        {number: row(number, minutes="x") for number in range(1, MANY, 3)},
        [
            "calls/set.yaml:3:11: for-each: 1,000 rows have problems; the rest was not rendered",
            (
                f"{MINUTES}: int: the text is not a whole number "
                "(row 1 of data/rows.csv, line 2, and 999 more rows: 4, 7, 10, …)"
            ),
        ],
    ),
    "a row that is no row": (
        {15_000: "1,2\n"},
        ["data/rows.csv:15001:1: the row has 2 fields, and the header has 4 (row 15000 of data/rows.csv, line 15001)"],
    ),
    "twice the same reference, far apart": (
        {MANY: row(3)},
        [
            f"{REFERENCE}: row {MANY} and row 3 of data/rows.csv both make the reference-id 'r-3' {LAST}",
        ],
    ),
}


def test_a_field_that_is_wrong_for_all_rows_is_told_for_each(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,phone,name,minutes\n" + row(1) + row(2))
    spec = SPEC.replace("../data/", "").replace('"+442079460000"', '"{{ vars.caller }}"')
    (tmp_path / "set.yaml").write_text(spec)
    for caller, told in ((5, "caller: must be"), ("+3161234", "caller: '+3••••34' is not a valid number in NL")):
        (tmp_path / "vars.json").write_text(json.dumps({"caller": caller}))
        ran = flowops("validate", "set.yaml", "--var-file", "vars.json", cwd=tmp_path)
        assert (ran.code, told in ran.err, "rows.csv, line 2, and 1 more row" in ran.err) == (3, True, True), ran.err


@pytest.mark.parametrize(("odd", "problems"), SETS.values(), ids=list(SETS))
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_whatever_stands_in_some_rows_all_of_it_is_told(
    tmp_path: Path, command: str, odd: dict[int, str], problems: list[str]
) -> None:
    for folder in ("calls", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "calls/set.yaml").write_text(SPEC)
    with (tmp_path / "data/rows.csv").open("w") as out:
        out.write("id,phone,name,minutes\n")
        out.writelines(odd.get(number, row(number)) for number in range(1, MANY + 1))
    ran = flowops(command, cwd=tmp_path)
    told = [line for line in ran.err.splitlines() if line.startswith(("calls/", "data/"))]
    assert (ran.code, told) == (3 if problems else 0, problems)
