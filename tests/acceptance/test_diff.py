"""What two revisions render differently, told so that a reviewer sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import ROOT, flowops
from support.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: clinic
defaults: {caller: "+442079460000", voicemail-response: Stop}
vars: {brand: Acme}
"""
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: reminder
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: string, x-sensitive: true}
  brand: {type: string}
  text: {type: string}
  closing: {type: string, default: "Thank you for listening to this message, and have a pleasant day."}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/rows.csv
call:
  reference-id: "reminder-{{ row.id }}"
  flow: reminder
  callee: "{{ row.phone }}"
  flow-variables:
    patient: "{{ row.name }}"
    brand: "{{ vars.brand }}"
    text: "Good morning from the clinic: your appointment number {{ row.id }} is tomorrow, please bring your card."
"""


def rows(count: int) -> str:
    lines = (f"{n},Name{n},+4420794600{n % 100:02}" for n in range(1, count + 1))
    return "\n".join(["id,name,phone", *lines, ""])


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    """A repository of twelve calls in one commit on main."""
    repository = Repository(tmp_path / "clinic")
    repository.commit({"flowops.yaml": PROJECT, "flows/f.yaml": FLOW, "calls/c.yaml": CALLS, "data/rows.csv": rows(12)})
    return repository


def summary(repository: Repository, *args: str) -> dict[str, int]:
    ran = flowops("diff", *args, "--format", "json", cwd=repository.root)
    assert ran.code == 0, ran.err
    return ran.json["summary"]


def test_no_change_is_no_difference(clinic: Repository) -> None:
    assert summary(clinic, "main") == {"added": 0, "changed": 0, "removed": 0, "unchanged": 12}
    assert flowops("diff", "main", "--detailed-exitcode", cwd=clinic.root).code == 0


def test_calls_are_added_changed_and_removed(clinic: Repository) -> None:
    clinic.edit("data/rows.csv", "3,Name3,", "3,Name3b,")
    clinic.edit("data/rows.csv", "5,Name5,+442079460005\n", "")
    with (clinic.root / "data/rows.csv").open("a") as file:
        file.write("13,Name13,+442079460013\n")
    ran = flowops("diff", "main", "--format", "json", "--detailed-exitcode", cwd=clinic.root)
    assert ran.code == 2
    assert ran.json["summary"] == {"added": 1, "changed": 1, "removed": 1, "unchanged": 10}
    assert ran.json["people"] == 2
    found = {call["reference_id"]: call for call in ran.json["calls"]}
    assert found["reminder-3"]["changes"] == [{"path": "/flow-variables/patient", "before": "•••", "after": "•••"}]
    assert found["reminder-13"]["source"]["row"] == 12
    assert found["reminder-5"]["source"] is None


def test_the_output_fits_its_schema_for_a_judge_that_is_not_ours(clinic: Repository, tmp_path: Path) -> None:
    clinic.edit("flowops.yaml", "brand: Acme", "brand: Acme Clinics")
    out = tmp_path / "diff.json"
    out.write_text(flowops("diff", "main", "--format", "json", cwd=clinic.root).out)
    subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--schemafile", str(ROOT / "schemas/diff.schema.json"), str(out)],
        check=True,
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "place"),
    [
        ("flows/f.yaml", "a pleasant day", "a lovely day", "flow-variables/closing", "flows/f.yaml:9"),
        ("calls/c.yaml", "your appointment", "your visit", "flow-variables/text", "calls/c.yaml:11"),
        ("flowops.yaml", "brand: Acme", "brand: Acme Clinics", "flow-variables/brand", "calls/c.yaml:10"),
        ("flowops.yaml", "+442079460000", "+442079460001", "caller", "flowops.yaml:4"),
        ("data/rows.csv", ",Name", ",Nome", "flow-variables/patient", "calls/c.yaml:9"),
    ],
    ids=["flow", "template", "variable", "default", "rows"],
)
def test_one_change_that_many_calls_have_is_told_once(
    clinic: Repository, file: str, old: str, new: str, path: str, place: str
) -> None:
    clinic.edit(file, old, new)
    text = flowops("diff", "main", cwd=clinic.root).out
    assert f"{place}  {path}  12 calls" in text
    assert text.count("  ~ ") == 1
    assert "in 12 calls: reminder-1, reminder-2, reminder-3, …" in text


def test_the_words_that_changed_are_shown_and_not_the_whole_text(clinic: Repository) -> None:
    clinic.edit("calls/c.yaml", "your appointment", "your visit")
    text = flowops("diff", "main", cwd=clinic.root).out
    assert '"… the clinic: your appointment number 1 is …" → "… the clinic: your visit number 1 is …"' in text
    markdown = flowops("diff", "main", "--format", "markdown", cwd=clinic.root).out
    assert "<del><code>appointment</code></del> <ins><code>visit</code></ins>" in markdown


def test_a_moved_file_is_no_change_whole_or_by_path(clinic: Repository) -> None:
    clinic.git("mv", "calls/c.yaml", "calls/deeper.yaml")
    clinic.git("mv", "flows/f.yaml", "flows/g.yaml")
    same = {"added": 0, "changed": 0, "removed": 0, "unchanged": 12}
    assert summary(clinic, "main") == same
    assert summary(clinic, "main", "calls/deeper.yaml") == same
    clinic.commit()
    assert summary(clinic, "main~1..main") == same
    assert summary(clinic, "main~1..main", "calls/c.yaml") == same


def test_two_revisions_are_compared_without_touching_the_work_tree(clinic: Repository) -> None:
    clinic.edit("calls/c.yaml", "your appointment", "your visit")
    clinic.commit()
    clinic.edit("calls/c.yaml", "kind: CallSet", "kind: Nonsense")
    before = clinic.git("status", "--porcelain")
    assert summary(clinic, "main~1..main")["changed"] == 12
    assert summary(clinic, "main~1..")["changed"] == 12
    assert clinic.git("status", "--porcelain") == before
    assert not (clinic.root / ".flowops").exists()


def test_three_dots_leave_out_what_only_the_base_did(clinic: Repository) -> None:
    clinic.git("checkout", "-q", "-b", "feature")
    clinic.edit("data/rows.csv", "3,Name3,", "3,Name3b,")
    clinic.commit()
    clinic.git("checkout", "-q", "main")
    clinic.edit("data/rows.csv", "7,Name7,", "7,Name7b,")
    clinic.commit()
    assert summary(clinic, "main..feature")["changed"] == 2
    assert summary(clinic, "main...feature")["changed"] == 1


def test_an_invalid_head_is_every_problem_and_nothing_else(clinic: Repository) -> None:
    clinic.edit("calls/c.yaml", "row.name", "row.nmae")
    clinic.edit("flowops.yaml", "voicemail-response: Stop", "voicemail-response: Stopp")
    ran = flowops("diff", "main", cwd=clinic.root)
    assert ran.code == 3
    assert not ran.out
    clinic.edit("flowops.yaml", "voicemail-response: Stopp", "voicemail-response: Stop")
    ran = flowops("diff", "main", "--format", "markdown", cwd=clinic.root)
    assert ran.code == 3
    assert "did you mean 'row.name'?" in ran.err
    assert "row&#46;nmae" in ran.out


def test_an_invalid_base_is_told_and_does_not_hide_the_head(clinic: Repository) -> None:
    clinic.edit("calls/c.yaml", "row.name", "row.nmae")
    clinic.commit()
    clinic.edit("calls/c.yaml", "row.nmae", "row.name")
    ran = flowops("diff", "main", "--format", "json", cwd=clinic.root)
    assert ran.code == 0
    assert "main is not valid" in ran.err
    assert "row.nmae" in ran.err
    assert ran.json["summary"]["added"] == 12
    assert ran.json["base_problems"] > 0
    assert "The base has" in flowops("diff", "main", "--format", "markdown", cwd=clinic.root).out


def test_a_base_from_before_the_project_has_no_calls(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "new")
    repository.commit({"README.md": "nothing yet\n"})
    repository.write({"flowops.yaml": PROJECT, "flows/f.yaml": FLOW, "calls/c.yaml": CALLS, "data/rows.csv": rows(2)})
    assert summary(repository, "HEAD") == {"added": 2, "changed": 0, "removed": 0, "unchanged": 0}


@pytest.mark.parametrize(
    "revision", ["nowhere", "--help", "-x", "--output=/tmp/x", "main..nowhere", "main:calls", "a\nb"]
)
def test_what_is_no_commit_is_wrong_usage(clinic: Repository, revision: str) -> None:
    ran = flowops("diff", "--", revision, cwd=clinic.root)
    assert ran.code == 64, ran.err


def test_without_git_there_is_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    ran = flowops("diff", "main", cwd=tmp_path)
    assert ran.code == 64
    assert "not in a Git repository" in ran.err


def test_a_path_of_neither_side_is_wrong_usage(clinic: Repository) -> None:
    assert flowops("diff", "main", "calls/none.yaml", cwd=clinic.root).code == 64


def test_no_secret_and_no_ledger_is_needed(clinic: Repository) -> None:
    clinic.edit(
        "flowops.yaml",
        "vars: {brand: Acme}",
        "vars: {brand: Acme}\nenvironments:\n  production:\n    api: https://api.cm.com/voiceapi/v2\n"
        "    token: {env: FLOWOPS_NOT_SET}\n    ledger: {env: FLOWOPS_NOT_SET_EITHER}\n",
    )
    clinic.commit()
    clinic.edit("calls/c.yaml", "your appointment", "your visit")
    assert summary(clinic, "main", "--env", "production")["changed"] == 12


def test_variables_are_the_same_on_both_sides(clinic: Repository) -> None:
    clinic.edit("flowops.yaml", "brand: Acme", "brand: Other")
    assert summary(clinic, "main")["changed"] == 12
    assert summary(clinic, "main", "--var", "brand=Fixed")["unchanged"] == 12


def test_a_wording_change_in_ten_thousand_calls_fits_a_comment(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "clinic")
    lines = [f"{n},Name{n},+3319900{n:04}" for n in range(10_000)]
    repository.commit(
        {
            "flowops.yaml": PROJECT,
            "flows/f.yaml": FLOW,
            "calls/c.yaml": CALLS,
            "data/rows.csv": "\n".join(["id,name,phone", *lines, ""]),
        }
    )
    repository.edit("flows/f.yaml", "listening to this message", "calling our clinic")
    ran = flowops("diff", "main", "--format", "markdown", cwd=repository.root)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("<!-- flowops:clinic:sandbox -->\n")
    assert len(ran.out) < 65_536
    first_screen = "\n".join(ran.out.splitlines()[:20])
    assert "**10,000 people**" in first_screen
    assert "| 10,000 |" in first_screen
    assert "<del><code>listening to this message" in first_screen
    assert "<ins><code>calling our clinic" in first_screen


def test_the_json_is_one_document(clinic: Repository) -> None:
    clinic.edit("flowops.yaml", "brand: Acme", "brand: Acme Clinics")
    found = json.loads(flowops("diff", "main", "--format", "json", cwd=clinic.root).out)
    assert found["base"] == "main"
    assert found["head"] is None


def test_what_is_around_the_calls_is_compared_in_every_environment(real: Path) -> None:
    repository = Repository(real)
    project = real / "flowops.yaml"
    project.write_text(project.read_text() + "policy: {countries: [GB], callers: ['+442079460000']}\n")
    repository.commit()
    text = project.read_text()
    text = text.replace("http://127.0.0.1", "http://localhost").replace("FLOWOPS_TOKEN", "FLOWOPS_OTHER")
    text = text.replace("countries: [GB]", "countries: [GB, US]").replace("+442079460000']", "+442079460001']")
    more = "    callbacks: {url: https://evil.example.org, secret: {file: secret}}\n"
    project.write_text(text.replace("    rate: none\n", f"    rate: none\n{more}"))
    # In the environment that nobody names, too: it is a sandbox, and what changed is another one.
    compared = flowops("diff", "HEAD", "--format", "json", cwd=real).json
    assert compared["summary"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 3}
    changes = {change["path"]: (change.get("before"), change.get("after")) for change in compared["environment"]}
    assert changes.pop("/environments/production/api")[1].startswith("http://localhost:")
    assert changes == {
        "/environments/production/callbacks": (None, {"url": "https://evil.example.org", "secret": "{file: secret}"}),
        "/environments/production/token": ("{env: FLOWOPS_TOKEN}", "{env: FLOWOPS_OTHER}"),
        "/policy/callers/0": ("+44 20 79•• ••00", "+44 20 79•• ••01"),
        "/policy/countries/1": (None, "US"),
    }
    for format_ in ("text", "markdown", "html"):
        told = flowops("diff", "HEAD", "--format", format_, cwd=real).out
        assert "environment" in told
        assert "environments/production/token" in told
        assert "OTHER" in told
        assert "442079460001" not in told


def test_the_terms_of_a_call_are_compared(real: Path) -> None:
    repository = Repository(real)
    repository.commit()
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("kind: Call\n", "kind: Call\ntimezone: Asia/Tokyo\n", 1))
    compared = flowops("diff", "HEAD", "--format", "json", cwd=real).json
    assert compared["summary"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 2}
    assert compared["calls"][0]["changes"] == [{"path": "/timezone", "after": "Asia/Tokyo"}]
    assert "Asia/Tokyo" in flowops("diff", "HEAD", cwd=real).out
