"""What a pipeline of any service needs: reports beside what is printed, a form for all commands, an input that is data,
and the paths of several projects from the root of their repository."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml
from support.commands import ROOT, flowops
from support.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs/pipelines.md").read_text()


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "clinic")
    ignore = shutil.ignore_patterns(".flowops")
    shutil.copytree(ROOT / "examples/clinic-reminders", repository.root, dirs_exist_ok=True, ignore=ignore)
    rows = (repository.root / "data/appointments.csv").read_text().splitlines(keepends=True)
    repository.write({"data/appointments.csv": "".join(rows[:4])})
    repository.commit()
    return repository


@pytest.fixture
def teams(tmp_path: Path) -> Repository:
    """Two projects of one repository, which name their calls and flows alike."""
    repository = Repository(tmp_path / "repository")
    for team in ("a", "b"):
        assert flowops("init", f"teams/{team}", cwd=repository.root).code == 0
        repository.edit(f"teams/{team}/flowops.yaml", f"name: {team}\n", f"name: team-{team}\n")
    repository.commit()
    return repository


class TestReports:
    def test_a_result_is_written_in_further_forms_beside_the_one_that_is_printed(self, clinic: Repository) -> None:
        ran = flowops("plan", "--report", "html=plan.html", "--report", "json=plan.json", cwd=clinic.root)
        assert ran.code == 0, ran.err
        assert "Plan: 3 to place" in ran.out
        assert (clinic.root / "plan.html").read_text().startswith("<!DOCTYPE html>")
        assert json.loads((clinic.root / "plan.json").read_text())["summary"]["place"] == 3

    @pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply",), ("diff", "HEAD")])
    def test_what_is_wrong_is_in_the_reports_too(self, clinic: Repository, command: tuple[str, ...]) -> None:
        clinic.edit("calls/reminders.yaml", "row.name", "row.nmae")
        ran = flowops(*command, "--report", "markdown=x.md", "--report", "html=x.html", cwd=clinic.root)
        assert ran.code == 3
        text = (clinic.root / "x.md").read_text()
        assert text.startswith("<!-- flowops:clinic-reminders:sandbox -->\n")
        assert "row&#46;nmae" in text
        assert "row.nmae" in (clinic.root / "x.html").read_text()

    @pytest.mark.parametrize(("given", "why"), [("html", "is not FORMAT=FILE"), ("csv=a", "'csv' is not one of")])
    def test_another_form_is_wrong_usage(self, clinic: Repository, given: str, why: str) -> None:
        ran = flowops("plan", "--report", given, cwd=clinic.root)
        assert ran.code == 64
        assert why in ran.err

    def test_no_report_is_written_through_a_link(self, clinic: Repository, tmp_path: Path) -> None:
        (clinic.root / "plan.html").symlink_to(tmp_path / "elsewhere")
        ran = flowops("plan", "--report", "html=plan.html", cwd=clinic.root)
        assert ran.code == 1
        assert "cannot be written" in ran.err
        assert not (tmp_path / "elsewhere").exists()


class TestTheFormOfAll:
    def test_commands_that_have_it_take_it(self, clinic: Repository) -> None:
        for format_ in ("json", "junit"):
            ran = flowops("plan", cwd=clinic.root, env={"FLOWOPS_FORMAT": format_})
            assert ran.out.startswith({"json": "{", "junit": "<?xml"}[format_])
        ran = flowops("plan", "--format", "text", cwd=clinic.root, env={"FLOWOPS_FORMAT": "json"})
        assert "Plan: 3 to place" in ran.out

    def test_others_go_on_as_they_are(self, clinic: Repository) -> None:
        ran = flowops("doctor", cwd=clinic.root, env={"FLOWOPS_FORMAT": "junit"})
        assert ran.code == 0, ran.err
        assert not ran.out.startswith("<?xml")

    def test_a_word_that_is_no_form_is_wrong_usage(self, clinic: Repository) -> None:
        assert flowops("plan", cwd=clinic.root, env={"FLOWOPS_FORMAT": "pdf"}).code == 64


class TestTheCommandOfAVariable:
    def run(self, clinic: Repository, text: str, *before: str) -> tuple[int, str, str]:
        ran = flowops(*before, "--command-from", "LINE", cwd=clinic.root, env={"LINE": text})
        return ran.code, ran.out, ran.err

    def test_its_words_are_those_of_a_shell(self, clinic: Repository) -> None:
        assert self.run(clinic, "stop\n--reason 'wrong  text'")[0] == 0
        assert "wrong  text" in self.run(clinic, "apply")[1]

    def test_nothing_else_has_a_meaning(self, clinic: Repository) -> None:
        for text in ("validate '$(touch pwned)'", "validate; touch pwned", "validate `touch pwned`", "plan > pwned"):
            assert self.run(clinic, text)[0] == 64
        assert not (clinic.root / "pwned").exists()

    def test_behind_a_directory_it_is_one_of_that(self, clinic: Repository) -> None:
        assert self.run(clinic, "validate calls", "-C", "calls/..")[0] == 0

    @pytest.mark.parametrize(
        ("text", "why"),
        [("apply --reason 'half", "a quote is not closed"), ("--command-from LINE validate", "is used alone")],
    )
    def test_what_cannot_be_meant_is_wrong_usage(self, clinic: Repository, text: str, why: str) -> None:
        code, _, err = self.run(clinic, text)
        assert code == 64
        assert why in err

    def test_a_variable_that_is_not_set_is_named(self, clinic: Repository) -> None:
        ran = flowops("--command-from", "NONE", cwd=clinic.root)
        assert ran.code == 64
        assert "the variable NONE is not set" in ran.err


def test_without_an_account_there_are_no_records_to_ask_for(clinic: Repository) -> None:
    ran = flowops("reconcile", "--if-configured", cwd=clinic.root)
    assert ran.code == 0
    assert "has no account" in ran.err
    assert flowops("reconcile", cwd=clinic.root).code != 0


class TestSeveralProjects:
    def test_each_is_checked_by_itself(self, teams: Repository) -> None:
        ran = flowops("validate", "teams/a", "teams/b", cwd=teams.root)
        assert (ran.code, ran.out) == (0, "valid: 8 files, 8 documents, 6 calls\n"), ran.err
        ran = flowops("test", "teams/a", "teams/b", "--format", "json", cwd=teams.root)
        assert ran.code == 0, ran.err
        assert ran.json["summary"]["passed"] == 2

    def test_files_have_the_names_of_the_repository(self, teams: Repository) -> None:
        for team in ("a", "b"):
            teams.edit(f"teams/{team}/calls/welcome.yaml", "row.name", "row.nmae")
        for where, paths in ((".", ("teams/a", "teams/b")), ("teams", ("a", "b")), ("teams/b", ("../a", "."))):
            ran = flowops("validate", *paths, "--format", "github", cwd=teams.root / where)
            assert ran.code == 3
            for team in ("a", "b"):
                assert f"::error file=teams/{team}/calls/welcome.yaml,line=10,col=19," in ran.out
            assert "row.nmae" in ran.err
        ran = flowops("validate", "teams/a", "teams/b", "--format", "sarif", cwd=teams.root)
        found = ran.json["runs"][0]["results"]
        files = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in found]
        assert files == ["teams/a/calls/welcome.yaml", "teams/b/calls/welcome.yaml"]

    @pytest.mark.parametrize("command", [("plan",), ("apply",), ("render",), ("diff", "HEAD")])
    def test_all_else_is_about_one_of_them(self, teams: Repository, command: tuple[str, ...]) -> None:
        ran = flowops(*command, "teams/a", "teams/b", cwd=teams.root)
        assert ran.code == 64
        assert "these paths are of 2 projects: 'teams/a'; 'teams/b'" in ran.err
        assert flowops(*command, "teams/a", cwd=teams.root).code == 0

    def test_a_plan_that_was_made_from_the_root_is_applied_from_there(self, teams: Repository) -> None:
        planned = flowops("plan", "teams/b", "-o", "plan.json", cwd=teams.root)
        assert "flowops apply teams/b --plan plan.json" in planned.err
        ran = flowops("apply", "teams/b", "--plan", "plan.json", "--format", "json", cwd=teams.root)
        assert ran.code == 0, ran.err
        assert ran.json["summary"]["placed"] == 3
        assert not (teams.root / "teams/a/.flowops/sandbox.db").exists()


def test_every_command_of_the_page_about_pipelines_runs(clinic: Repository) -> None:
    assert flowops("init", "--ci", "github", "x", cwd=clinic.root).code == 0
    azure = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    steps = [
        *azure["jobs"][0]["steps"],
        *azure["jobs"][1]["strategy"]["runOnce"]["deploy"]["steps"],
    ]
    commands = [step["script"] for step in steps if "script" in step]
    commands += re.findall(r"sh '(flowops .*)'", PAGE)
    assert len(commands) == 9
    for command in commands:
        words = shlex.split(re.sub(r"origin/\$(?:CHANGE_TARGET|\(\S+\))", "main", command))
        ran = flowops(*words[1:], cwd=clinic.root, env={"FLOWOPS_ENV": "sandbox"})
        assert ran.code == 0, (command, ran.err)
    for name in ("flowops.sarif", "flowops-diff.html", "flowops-apply.xml", "plan.json", "flowops-plan.html"):
        assert (clinic.root / name).stat().st_size
