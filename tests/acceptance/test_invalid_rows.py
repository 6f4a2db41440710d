"""on-invalid: wrong rows are told and left out as long as they are few; duplicates and bad files always fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path

SET = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/d.csv
on-invalid: skip
{MORE}call:
  reference-id: "r-{{ row.id }}"
  callee: "{{ row.phone }}"
  flow-variables: {name: "{{ row.name | upper }}", n: "{{ row.n | int }}"}
"""
GOOD = 40


def rows(*odd: str) -> str:
    good = "".join(f"{n},+4420794600{n:02},Ann,{n}\n" for n in range(1, GOOD + 1 - len(odd)))
    return "id,phone,name,n\n" + good + "".join(f"{each}\n" for each in odd)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("calls", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flowops.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Project\nname: p\ndefaults: {caller: "+442079460000", callflow-id: f}\n'
    )
    return tmp_path


def write(root: Path, data: str, more: str = "") -> None:
    (root / "calls/c.yaml").write_text(SET.replace("{MORE}", more))
    (root / "data/d.csv").write_text(data)


BAD_NUMBER, BAD_TEMPLATE, SHORT = "x1,+4420794600,Ann,1", "x2,+442079460099,Ann,soon", "x3,+442079460098"


def test_wrong_rows_are_told_and_left_out(root: Path) -> None:
    write(root, rows(BAD_NUMBER, BAD_TEMPLATE), "max-invalid: 2\n")
    checked = flowops("validate", "--format", "json", cwd=root)
    assert checked.code == 0, checked.err
    assert checked.json["summary"] == {"files": 2, "documents": 2, "calls": 38, "problems": 0}
    told = checked.json["warnings"]
    assert [each.partition(": ")[0] for each in told] == ["calls/c.yaml:4:13", "calls/c.yaml:8:11", "calls/c.yaml:9:67"]
    assert told[0] == "calls/c.yaml:4:13: on-invalid: 2 of 40 rows are invalid and left out"
    assert "(row 39 of data/d.csv, line 40)" in told[1]
    assert "(row 40 of data/d.csv, line 41)" in told[2]
    planned = flowops("plan", cwd=root)
    assert planned.code == 0
    assert "Plan: 38 to place, 0 to retry, 0 unchanged, 2 invalid." in planned.out
    machine = flowops("plan", "--format", "json", cwd=root)
    assert (machine.json["summary"]["place"], machine.json["summary"]["invalid"]) == (38, 2)
    applied = flowops("apply", "--auto-approve", "--format", "json", cwd=root)
    assert (applied.code, applied.json["summary"]["placed"]) == (0, 38), applied.err


def test_a_plan_lists_them_with_their_reasons_and_nobodys_number(root: Path) -> None:
    """Without a name where that cannot be rendered; and what may be a number in a name is hidden."""
    odd = (BAD_TEMPLATE, SHORT, "020 7946 0077,020 7946 0077,Ann,1")
    write(root, rows(*odd), "max-invalid: 3\n")
    machine = flowops("plan", "--format", "json", cwd=root)
    listed = [call for call in machine.json["calls"] if call["action"] == "invalid"]
    assert [(call["reference_id"], call["source"]["row"], *call["reasons"]) for call in listed] == [
        ("r-x2", 38, "flow-variables.n: int: the text is not a whole number"),
        (None, 39, "the row has 2 fields, and the header has 4"),
        (
            "r-020 •••• ••77",
            40,
            "callee: '020 •••••••77' is not an E.164 number",
            "reference-id: holds the number of its callee, which every output would show",
        ),
    ]
    assert (len(machine.json["calls"]), machine.json["summary"]["invalid"]) == (40, 3)
    (root / "plan.json").write_text(machine.out)
    assert flowops("plan", "-o", "saved.json", cwd=root).code == 0
    for args in (("plan",), ("show", "plan.json")):
        for format_ in ("text", "markdown", "html", "junit", "github"):
            ran = flowops(*args, "--format", format_, cwd=root)
            assert ran.code == 0, ran.err
            assert "7946 0077" not in ran.out + ran.err
            if format_ != "github":
                assert "the row has 2 fields, and the header has 4" in ran.out, format_
    assert "  / r-x2 " in flowops("plan", cwd=root).out
    assert flowops("apply", "--plan", "saved.json", cwd=root).code == 0


def test_two_rows_of_one_name_do_not_tell_the_number_in_it(root: Path) -> None:
    write(root, rows(*["020 7946 0077,020 7946 0077,Ann,1"] * 2), "max-invalid: 3\n")
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert "row 40 and row 39 of data/d.csv both make the reference-id 'r-020 •••• ••77'" in ran.err


def test_a_row_that_is_no_row_is_one_of_them(root: Path) -> None:
    write(root, rows(SHORT, SHORT.replace("x3", "x4")))
    ran = flowops("render", cwd=root)
    assert ran.code == 0, ran.err
    assert "on-invalid: 2 of 40 rows are invalid and left out" in ran.err
    assert "data/d.csv:40:1: the row has 2 fields, and the header has 4" in ran.err


@pytest.mark.parametrize(
    ("more", "odd", "code"),
    [
        ("", 2, 0),
        ("", 3, 3),
        ("max-invalid: 0\n", 1, 3),
        ("max-invalid: 3\n", 3, 0),
        ("max-invalid: 7.5%\n", 3, 0),
        ("max-invalid: 7%\n", 3, 3),
        ("max-invalid: 1%\n", 1, 0),
        ("max-invalid: 0%\n", 1, 0),
        ("where: \"{{ row.id in ['1', '2', 'x0', 'x1'] }}\"\n", 2, 3),
        ("where: \"{{ row.id in ['1', '2', 'x0'] }}\"\n", 2, 0),
    ],
)
def test_more_than_max_invalid_fails_with_all_of_them(root: Path, more: str, odd: int, code: int) -> None:
    write(root, rows(*(f"x{n},+4420794600,Ann,1" for n in range(odd))), more)
    ran = flowops("validate", cwd=root)
    assert ran.code == code, ran.err
    if code:
        assert "more than max-invalid allows" in ran.err
        assert "callee: " in ran.err


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (rows("1,+442079460099,Ann,1"), "reference-id"),
        # The reference of a row that is wrong counts, too, also where the body cannot be made.
        (rows("1,+4420794600,Ann,1"), "reference-id"),
        (rows("1,+442079460099,Ann,soon"), "reference-id"),
        (rows()[:-1] + "\0\n", "there is a NUL in the row"),
    ],
)
def test_duplicates_and_unreadable_files_always_fail(root: Path, data: str, problem: str) -> None:
    write(root, data, "max-invalid: 100%\n")
    ran = flowops("validate", cwd=root)
    assert ran.code == 3, ran.out
    assert problem in ran.err


def test_an_invalid_row_still_names_its_call(root: Path) -> None:
    write(root, rows())
    assert flowops("apply", "--auto-approve", cwd=root).code == 0
    write(root, rows("40,+442079460040,Ann,soon"))
    summary = flowops("plan", "--format", "json", cwd=root).json["summary"]
    assert (summary["unchanged"], summary["invalid"], summary["unnamed"]) == (39, 1, 0)


def test_many_rows_may_be_wrong_where_as_many_may_be_left_out(root: Path) -> None:
    bad = "".join(f"x{n},+4420794600,Ann,1\n" for n in range(1_500)) + "".join(f"y{n}\n" for n in range(150))
    write(root, rows() + bad, "max-invalid: 99%\n")
    ran = flowops("validate", cwd=root)
    assert (ran.code, ran.out) == (0, "valid: 2 files, 2 documents, 40 calls\n"), ran.err
    assert "on-invalid: 1,650 of 1,690 rows are invalid and left out" in ran.err


def test_a_call_that_cannot_be_rendered_is_not_said_to_have_no_rows(root: Path) -> None:
    write(root, rows())
    (root / "calls/c.yaml").write_text(SET.replace("{MORE}", "").replace("row.name | upper", "omit"))
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert "no calls" not in ran.err


def test_without_on_invalid_one_wrong_row_fails(root: Path) -> None:
    write(root, rows(BAD_NUMBER))
    (root / "calls/c.yaml").write_text(SET.replace("on-invalid: skip\n", "").replace("{MORE}", ""))
    assert flowops("validate", cwd=root).code == 3
