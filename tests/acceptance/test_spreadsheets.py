"""Files of rows as spreadsheets, exports and Git leave them: each gets the one message that ends the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: sheets
defaults: {caller: "+442079460000", callflow-id: flow-1}
"""
SET = """\
apiVersion: flowops/v1
kind: CallSet
for-each: {FOR_EACH}
call:
  reference-id: "r-{{ row_number }}"
  callee: "{{ row.phone }}"
  flow-variables: {name: "{{ row.name }}"}
"""
ANN = "+442079460018"
BEN = "+442079460019"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("calls", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    return tmp_path


def validate(root: Path, data: str | bytes | None, for_each: str = "../data/d.csv", name: str = "d.csv") -> str:
    """What is said of a file of rows: at a place, with the hint behind it."""
    (root / "calls/c.yaml").write_text(SET.replace("{FOR_EACH}", for_each))
    if data is not None:
        (root / "data" / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    ran = flowops("validate", cwd=root)
    assert ran.code == 3, ran.out
    # That the set is named by row_number is told as well, in front.
    return "".join(line for line in ran.err.splitlines(keepends=True) if "row_number" not in line)


#: A file, where its problem is, what is said, and the hint; each is the only problem.
FILES = {
    "sep=": (
        f"sep=;\nphone;name\n{ANN};Ann\n",
        "data/d.csv:1:1: the first line says to a spreadsheet what separates fields, and is no header",
        'delete the line, and declare the delimiter: for-each: {file: …, delimiter: ";"}',
    ),
    "blank rows at the end": (
        f"phone,name\n{ANN},Ann\n,\n,\n",
        (
            "calls/c.yaml:3:11: for-each: the row is blank: all of its fields are empty "
            "(row 2 of data/d.csv, line 3, and 1 more row: 3)"
        ),
        "delete blank rows, or leave them out: where: \"{{ row.phone | trim != '' }}\"",
    ),
    "empty columns at the end": (
        f"phone,name,,,\n{ANN},Ann,,,\n",
        "data/d.csv:1:1: columns 3, 4, 5 have no name",
        "empty columns at the end: delete them",
    ),
    "a title above the header": (
        f"Reminders of 1 December\n\nphone,name\n{ANN},Ann\n{BEN},Ben\n",
        "data/d.csv:1:1: the header has 1 field, and every row has 2",
        (
            "if this line is a title, delete everything above the header; "
            "if not, a value with a comma in it has to be in quotes"
        ),
    ),
    "a title as wide as the table": (
        f"Reminders,,\nphone,name,id\n{ANN},Ann,1\n",
        "data/d.csv:1:1: columns 2, 3 have no name",
        "if this line is a title, delete everything above the header; if not, delete empty columns",
    ),
    "a pointer of Git LFS": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 4711\n",
        "data/d.csv:1:1: the file is a Git LFS pointer: its content has not been fetched",
        "run: git lfs pull",
    ),
    "an unfinished merge": (
        f"phone,name\n<<<<<<< HEAD\n{ANN},Ann\n=======\n{BEN},Ben\n>>>>>>> main\n",
        "data/d.csv:2:1: there is a conflict mark of Git here: the merge is not finished",
        None,
    ),
    "a workbook": (
        b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00",
        "data/d.csv:1:1: the file is a workbook of a spreadsheet (.xlsx, .ods) or another ZIP archive",
        "save it as CSV UTF-8",
    ),
    "an old workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "data/d.csv:1:1: the file is a workbook of a spreadsheet (.xls)",
        "save it as CSV UTF-8",
    ),
    "a formula": (
        f'phone,name\n="{ANN}",Ann\n',
        'data/d.csv:2:1: a field is the formula of a spreadsheet, ="…" (row 1 of data/d.csv, line 2)',
        "write the value alone, without = and quotes",
    ),
    "an unquoted comma": (
        f"phone,name\n{ANN},Smith, Ann\n{BEN},Ben\n",
        "data/d.csv:2:1: the row has 3 fields, and the header has 2 (row 1 of data/d.csv, line 2)",
        "a value with a comma in it has to be in quotes",
    ),
    "a blank in front of a quote": (
        f'phone,name\n"{ANN}", "Ann"\n',
        "data/d.csv:2:1: there is a blank before a quote (row 1 of data/d.csv, line 2)",
        "delete the blanks between fields",
    ),
    "a quote inside of a field": (
        f'phone,name\n{ANN},Ann "Nan" Smith\n',
        "data/d.csv:2:1: there is a quote inside a field that does not begin with one (row 1 of data/d.csv, line 2)",
        "put the whole field in quotes, and write a quote inside of it twice; or declare quote: none",
    ),
    "no header": (
        f"{ANN},Ann\n{BEN},Ben\n",
        (
            "data/d.csv:1:1: the first line is a row, and not a header: "
            "it holds what looks like a phone number or an address"
        ),
        "write a line with the names of the columns above it, such as id,phone,name",
    ),
    "no header, and semicolons": (
        f"{ANN};Ann\n{BEN};Ben\n",
        (
            "data/d.csv:1:1: the first line is a row, and not a header: "
            "it holds what looks like a phone number or an address"
        ),
        "write a line with the names of the columns above it, such as id,phone,name",
    ),
    "JSON Lines": (
        f'{{"phone": "{ANN}", "name": "Ann"}}\n',
        "data/d.csv:1:1: the file is JSON, and not CSV",
        "name it .jsonl, with an object in each line",
    ),
    "a web page": (
        "<!DOCTYPE html>\n<title>Log in</title>\n",
        "data/d.csv:1:1: the file is a web page: perhaps that of a login or of an error",
        "download it again",
    ),
}


@pytest.mark.parametrize(("data", "problem", "hint"), FILES.values(), ids=list(FILES))
def test_what_is_no_table_gets_one_message_that_ends_the_search(
    root: Path, data: str | bytes, problem: str, hint: str | None
) -> None:
    told = validate(root, data)
    lines = told.splitlines()
    assert problem in lines, told
    assert [line.strip() for line in lines if "hint: " in line] == ([f"hint: {hint}"] if hint else []), told
    assert lines[-1].startswith("1 problem"), told
    assert ANN not in told
    assert "Ann" not in told


def test_blank_rows_can_be_left_out(root: Path) -> None:
    (root / "calls/c.yaml").write_text(SET.replace("{FOR_EACH}", "../data/d.csv\nwhere: \"{{ row.phone != '' }}\""))
    (root / "data/d.csv").write_text(f"phone,name\n{ANN},Ann\n,\n")
    ran = flowops("validate", cwd=root)
    assert (ran.code, ran.out) == (0, "valid: 2 files, 2 documents, 1 call\n"), ran.err


def test_quotes_that_are_quoted_are_no_problem(root: Path) -> None:
    (root / "calls/c.yaml").write_text(SET.replace("{FOR_EACH}", "../data/d.csv"))
    (root / "data/d.csv").write_text(f'phone,name\n{ANN},"Ann ""Nan"", of\nLondon"\n{BEN},""""\n')
    ran = flowops("render", "--format", "json", cwd=root)
    names = [call["body"]["flow-variables"]["name"] for call in ran.json["calls"]]
    assert names == ['Ann "Nan", of\nLondon', '"']


@pytest.mark.parametrize(
    ("for_each", "hint"),
    [
        ("data/d.csv", "names start at the document's folder: '../data/d.csv' is there"),
        (r"..\data\d.csv", "names start at the document's folder: '../data/d.csv' is there"),
        ("../data/D.csv", "did you mean 'd.csv'?"),
        ("https://example.org/d.csv", "rows are read from files: download it, and name the file"),
        ("../data/*.csv", "name one file: there are no wildcards"),
    ],
)
def test_a_file_that_is_not_there_leads_to_the_one_that_is(root: Path, for_each: str, hint: str) -> None:
    (root / "data/d.csv").write_text(f"phone,name\n{ANN},Ann\n")
    told = validate(root, None, for_each)
    assert f"calls/c.yaml:3:11: for-each: '{for_each}' does not exist" in told
    assert f"hint: {hint}" in told
    query = validate(root, None, "{sql: \"from '" + for_each.replace("\\", "\\\\") + "' order by 1\"}")
    assert f"hint: {hint}" in query, query


@pytest.mark.parametrize(
    ("data", "problem", "hint"),
    [
        (
            f'[{{"phone": "{ANN}", "name": "Ann"}}]\n',
            "data/d.jsonl:1:1: the file is one JSON array: JSON Lines has one object a line",
            "jq -c '.[]' data/d.jsonl makes it",
        ),
        (
            f'[\n  {{"phone": "{ANN}", "name": "Ann"}}\n]\n',
            "data/d.jsonl:1:1: the file is one JSON array: JSON Lines has one object a line",
            "jq -c '.[]' data/d.jsonl makes it",
        ),
        (
            f'{{\n  "phone": "{ANN}",\n  "name": "Ann"\n}}\n',
            "data/d.jsonl:1:1: the first object goes over several lines: JSON Lines has one object a line",
            "write each on one line: jq -c . data/d.jsonl",
        ),
    ],
)
def test_json_that_is_not_json_lines_gets_the_command_that_makes_it(
    root: Path, data: str, problem: str, hint: str
) -> None:
    told = validate(root, data, "../data/d.jsonl", "d.jsonl")
    assert [*told.splitlines()[:1], *(line.strip() for line in told.splitlines() if "hint" in line)] == [
        problem,
        f"hint: {hint}",
    ]
    assert told.splitlines()[-1].startswith("1 problem")


def test_rows_are_named_with_file_and_line_for_machines_too(root: Path) -> None:
    (root / "calls/c.yaml").write_text(SET.replace("{FOR_EACH}", "../data/d.csv"))
    (root / "data/d.csv").write_text(f'phone,name\n{ANN},"Ann\nSmith"\n\n+44207946,Ben\n')
    ran = flowops("validate", "--format", "json", cwd=root)
    (problem,) = ran.json["diagnostics"]
    assert (problem["file"], problem["row"], problem["row_file"], problem["row_line"]) == (
        "calls/c.yaml",
        2,
        "data/d.csv",
        5,
    )
    assert "(row 2 of data/d.csv, line 5)" in ran.err


def test_a_number_that_is_null_is_told_as_null(root: Path) -> None:
    told = validate(root, '{"phone": null, "name": "Ann"}\n', "../data/d.jsonl", "d.jsonl")
    assert told.splitlines()[0] == (
        "calls/c.yaml:6:11: callee: there is no number: it is null (row 1 of data/d.jsonl, line 1)"
    )


FRENCH = PROJECT.replace("+442079460000", "+33199001234")


@pytest.mark.parametrize(
    ("project", "country"),
    [
        (PROJECT.replace('caller: "+442079460000", ', ""), "GB"),
        (FRENCH, "FR"),
        (f"{FRENCH}policy: {{countries: [NL]}}\n", "NL"),
        (f"{FRENCH}policy: {{countries: [NL, DE]}}\n", "GB"),
        (f"{FRENCH}environments: {{sandbox: {{api: sandbox, policy: {{countries: [DE]}}}}}}\n", "DE"),
    ],
)
def test_a_hint_names_the_country_and_the_column_where_the_files_tell_them(
    root: Path, project: str, country: str
) -> None:
    (root / "flowops.yaml").write_text(project)
    rows = "phone,name\n020 7946 0018,Ann\n,Ben\n"
    direct = validate(root, rows)
    assert f"such as | e164('{country}')\n" in direct
    assert "callee: is empty, not a phone number (row 2 of data/d.csv, line 3)" in direct
    assert "hint: leave such rows out: where: \"{{ row.phone != '' }}\"\n" in direct
    (root / "calls/c.yaml").write_text(
        SET.replace("{FOR_EACH}", "../data/d.csv").replace("row.phone", "row['the phone'] | e164")
    )
    (root / "data/d.csv").write_text(rows.replace("phone", "the phone"))
    filtered = flowops("validate", cwd=root).err
    assert f"or name the region: e164('{country}')\n" in filtered
    assert "hint: leave such rows out: where: \"{{ row['the phone'] != '' }}\"\n" in filtered


def test_a_hint_works_as_it_is_printed(root: Path) -> None:
    (root / "calls/c.yaml").write_text(
        SET.replace("{FOR_EACH}", "../data/d.csv\nwhere: \"{{ row.phone != '' }}\"").replace(
            "row.phone }}", "row.phone | e164('GB') }}"
        )
    )
    (root / "data/d.csv").write_text("phone,name\n020 7946 0018,Ann\n,Ben\n")
    assert flowops("validate", cwd=root).code == 0


@pytest.mark.parametrize(
    ("command", "name", "code"),
    [
        (("plan",), "rows.parquet", 3),
        (("reconcile", "--from-file"), "records.jsonl", 64),
        (("ledger", "resolve", "--placed", "--reason", "r", "--from-file"), "list.txt", 64),
        (("ledger", "cancel", "--reason", "r", "--from-file"), "list.csv", 64),
        (("ledger", "rename", "--reason", "r", "--from-file"), "pairs.csv", 64),
        (("policy", "block", "--reason", "r", "--from-file"), "numbers.txt", 64),
    ],
)
def test_a_pointer_of_git_lfs_is_told_wherever_a_file_is_named(
    tmp_path: Path, command: tuple[str, ...], name: str, code: int
) -> None:
    """A list of calls that is none would be taken for the names of calls, and recorded."""
    oid = "0" * 64
    (tmp_path / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 4711\n")
    if command == ("plan",):
        (tmp_path / "calls").mkdir()
        (tmp_path / "calls/set.yaml").write_text(
            "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../rows.parquet\n"
            "call: {reference-id: 'a-{{ row.id }}', callee: '+442079460101', caller: '+442079460000', callflow-id: f}\n"
        )
    ran = flowops(*command, *([name] if code == 64 else []), cwd=tmp_path)
    assert (ran.code, "is a Git LFS pointer: its content has not been fetched: run: git lfs pull" in ran.err) == (
        code,
        True,
    ), ran.err
    assert flowops("ledger", "list", "--format", "json", cwd=tmp_path).json["calls"] == []
