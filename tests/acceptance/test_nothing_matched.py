"""Where nothing matched somebody is told why: files not read, no rows, templates that nobody renders."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import normalize

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: names
defaults: {caller: "+442079460000", callflow-id: flow-1}
"""
CALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: {REF}
callee: "+442079460018"
"""
SET = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/d.csv
call:
  reference-id: "r-{{ row.id }}"
  callee: "{{ row.phone }}"
  flow-variables: {text: "Hello {{ row.name }}"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("calls", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    return tmp_path


def test_yml_is_read_wherever_yaml_is(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL.replace("{REF}", "a"))
    (root / "calls/b.yml").write_text(CALL.replace("{REF}", "b"))
    (root / "flows").mkdir()
    (root / "flows/f.yml").write_text("apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: flow-1\n")
    (root / "flowops.yaml").rename(root / "flowops.yml")
    (root / "flowops.yml").write_text(PROJECT + "environments: {production: {api: sandbox}}\n")
    for include in ("", 'include: ["calls/*.yaml", "flows/*.yaml"]\n'):
        (root / "flowops.yml").write_text(f"{PROJECT}environments: {{production: {{api: sandbox}}}}\n{include}")
        ran = flowops("validate", "--env", "production", cwd=root)
        assert (ran.code, ran.out, ran.err) == (0, "valid: 4 files, 4 documents, 2 calls\n", "")
    assert flowops("render", "--format", "json", cwd=root / "calls").json["calls"][1]["reference_id"] == "b"


def test_two_project_files_are_an_error(root: Path) -> None:
    (root / "flowops.yml").write_text(PROJECT)
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert ran.err.startswith("flowops.yaml:1:1: flowops.yaml and flowops.yml are both here: a project has one file"), (
        ran.err
    )


@pytest.mark.parametrize("name", ["Flowops.yaml", "flowops.YML", ".flowops.yaml", "FLOWOPS.yaml"])
def test_a_project_file_whose_name_does_not_fit_is_an_error_since_its_policy_would_not_count(
    root: Path, name: str
) -> None:
    (root / "flowops.yaml").rename(root / name)
    (root / "calls/a.yaml").write_text(CALL.replace("{REF}", "a"))
    (root / ".git").mkdir()
    for start in (".", "calls"):
        ran = flowops("validate", cwd=root / start)
        assert (ran.code, ran.out) == (3, "")
        assert f"{name}:1:1: this file is not read: a project's file is called flowops.yaml" in ran.err


def test_a_yaml_file_whose_name_does_not_fit_is_a_warning(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL.replace("{REF}", "a"))
    (root / "calls/b.YAML").write_text(CALL.replace("{REF}", "b"))
    told = "calls/b.YAML:1:1: this file is not read: its name fits no pattern of include; name it *.yaml, or include it"
    ran = flowops("validate", cwd=root)
    assert (ran.code, ran.out, ran.err) == (0, "valid: 2 files, 2 documents, 1 call\n", f"warning: {told}\n")
    assert flowops("validate", "--format", "json", cwd=root).json["warnings"] == [told]
    assert told in flowops("plan", "--format", "json", cwd=root).json["warnings"]
    assert f"warning: {told}\n" in flowops("render", cwd=root).err
    assert flowops("validate", "calls/b.YAML", cwd=root).err == ""


NONE = {
    "no documents": (
        {},
        (
            "flowops.yaml:1:1: there are no calls: no document of kind Call or CallSet "
            "(include: calls/**/*.yaml, flows/**/*.yaml)"
        ),
    ),
    "no rows": (
        {"calls/c.yaml": SET, "data/d.csv": "id,phone,name\n"},
        "calls/c.yaml:3:11: for-each: there are no rows, so no calls",
    ),
    "no row fits": (
        {
            "calls/c.yaml": SET.replace("call:", "where: \"{{ row.id == '9' }}\"\ncall:"),
            "data/d.csv": "id,phone,name\n1,+442079460018,Ann\n2,+442079460019,Ben\n",
        },
        "calls/c.yaml:4:8: where: false for all rows, 2 of data/d.csv, so there are no calls",
    ),
}


@pytest.mark.parametrize(("files", "warning"), NONE.values(), ids=list(NONE))
def test_no_calls_is_told_with_its_reason(root: Path, files: dict[str, str], warning: str) -> None:
    for name, text in files.items():
        (root / name).write_text(text)
    for command in ("validate", "render"):
        ran = flowops(command, cwd=root)
        assert (ran.code, ran.err) == (0, f"warning: {warning}\n")
    planned = flowops("plan", cwd=root)
    assert planned.code == 0
    assert f"warning: {warning}\n" in planned.out


LEFT = {
    "braces": (
        "Hello {{ row.name }}",
        (
            "the rendered text still holds {{, and is sent with it (row 1 of data/d.csv, line 2, and 1 more row: 2); "
            "what a row, --var or a --var-file holds is not rendered"
        ),
        "{{ vars.x }}",
    ),
    "{name}": (
        "Hello {name}",
        (
            "the text holds {…} around the name of a column, and is sent with it "
            "(row 1 of data/d.csv, line 2, and 1 more row: 2); a column is written {{ row.name }}, "
            "or {{ row['first name'] }}"
        ),
        "Ann",
    ),
    "${row.name}": (
        "Hello ${row.name}",
        (
            "the text holds {…} around the name of a column, and is sent with it "
            "(row 1 of data/d.csv, line 2, and 1 more row: 2); a column is written {{ row.name }}, "
            "or {{ row['first name'] }}"
        ),
        "Ann",
    ),
    "[name]": (
        "Hello [name]",
        (
            "the text holds […] around the name of a column, and is sent with it "
            "(row 1 of data/d.csv, line 2, and 1 more row: 2); a column is written {{ row.name }}, "
            "or {{ row['first name'] }}"
        ),
        "Ann",
    ),
    "C1": (
        "Hello {{ row.name }}",
        (
            "the text holds U+0080, a control character (row 1 of data/d.csv, line 2, and 1 more row: 2); "
            "is the data windows-1252 (or 1254), and declared as ISO 8859?"
        ),
        "5 \x80",
    ),
}


@pytest.mark.parametrize(("text", "warning", "name"), LEFT.values(), ids=list(LEFT))
def test_what_was_meant_to_be_rendered_is_a_warning(root: Path, text: str, warning: str, name: str) -> None:
    (root / "calls/c.yaml").write_text(SET.replace("Hello {{ row.name }}", text))
    (root / "data/d.csv").write_text(f"id,phone,name\n1,+442079460018,{name}\n2,+442079460019,{name}\n")
    planned = flowops("plan", "--format", "json", cwd=root)
    assert planned.json["warnings"] == [f"calls/c.yaml:7:26: flow-variables.text: {warning}"]
    validated = flowops("validate", cwd=root)
    assert (validated.code, validated.err) == (0, f"warning: calls/c.yaml:7:26: flow-variables.text: {warning}\n")


def test_words_in_brackets_that_are_no_columns_are_words(root: Path) -> None:
    (root / "calls/c.yaml").write_text(SET.replace("Hello", "Press [1] or {2}"))
    (root / "data/d.csv").write_text("id,phone,name\n1,+442079460018,Ann [née Smith] {x}\n")
    ran = flowops("validate", cwd=root)
    assert (ran.code, ran.err) == (0, "")


def test_a_text_that_a_comment_cuts_is_a_warning(root: Path) -> None:
    variables = (
        "flow-variables:\n  a: Press 1 to confirm or # to repeat\n  b: 'Press # now'  # quoted\n  c: 5 # a number\n"
        "  # a comment of its own\n  d: Press #\n"
    )
    (root / "calls/a.yaml").write_text(CALL.replace("{REF}", "a") + variables)
    ran = flowops("validate", cwd=root)
    told = (
        "flow-variables.{}: the text ends here, and a comment begins; "
        "put the text in quotes if the # belongs to it; a comment can be on a line of its own"
    )
    assert ran.code == 0
    assert ran.err.splitlines() == [
        f"warning: calls/a.yaml:6:28: {told.format('a')}",
        f"warning: calls/a.yaml:10:12: {told.format('d')}",
    ]


def test_an_escape_as_json_writes_it_gets_a_hint(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL.replace("{REF}", "a") + 'flow-variables: {a: "\\ud83d\\ude0d"}\n')
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert "write the character itself" in ran.err


def test_names_that_look_the_same_are_the_same(root: Path) -> None:
    composed, apart = (normalize(form, "zo\u00eb") for form in ("NFC", "NFD"))
    (root / "flows").mkdir()
    (root / f"flows/{apart}.yaml").write_text(
        f"apiVersion: flowops/v1\nkind: Flow\nname: {apart}\ncallflow-id: flow-2\n"
    )
    (root / "calls/a.yaml").write_text(CALL.replace("{REF}", "a") + f"flow: {composed}\n")
    (root / "flowops.yaml").write_text(f'{PROJECT}include: ["calls/*.yaml", "flows/{composed}*.yaml"]\n')
    ran = flowops("render", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    assert ran.json["calls"][0]["body"]["callflow-id"] == "flow-2"
