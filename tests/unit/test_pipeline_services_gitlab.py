"""What the simulated GitLab does is what its documentation says; each case names its page on docs.gitlab.com."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.git import Repository
from support.pipelines.expressions import Unknown
from support.pipelines.gitlab import FILE, SHIPPED, Event, GitLab, NotCreated, Pipeline
from support.pipelines.rules import holds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[str], GitLab]

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
#: The address at which a test's project finds the file that flowops ships.
ADDRESS = "https://github.com/flowops/flowops/raw/0123456789/.gitlab/flowops.gitlab-ci.yml"


@pytest.fixture
def project(tmp_path: Path) -> Make:
    def make(file: str) -> GitLab:
        repository = Repository(tmp_path / "repository")
        repository.commit({FILE: file})
        files = {ADDRESS: SHIPPED.read_text()}
        return GitLab(
            tmp_path / "machines", repository, secrets={"production": {"TOKEN": "s3cret", "LOUD": "no"}}, files=files
        )

    return make


def pushed(service: GitLab, source: str = "push", **more: Any) -> Pipeline:
    sha = service.repository.git("rev-parse", "HEAD")
    found = service.happen(Event(source, sha, **more), NOON)
    assert found is not None
    return found


def results(pipeline: Pipeline) -> dict[str, str]:
    return {name: job.result for name, job in pipeline.jobs.items()}


class TestConditions:
    """docs.gitlab.com: "Specify when jobs run with rules", CI/CD variable expressions."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('$A == "a"', True),
            ("$A == 'b'", False),
            ('$A != "b"', True),
            ("$A == $A", True),
            ("$NONE == null", True),  # "an undefined variable"
            ('$EMPTY == ""', True),
            ("$EMPTY", False),  # "a defined variable with a non-empty string"
            ("$EMPTY == null", False),
            ("$A", True),
            ('$A =~ /^A$/i && $EMPTY == ""', True),
            ("$A !~ /b/", True),
            ('$NONE || $A == "a" && $EMPTY', False),  # && before ||
            ('($NONE || $A == "a") && $A', True),
        ],
    )
    def test_operators(self, text: str, value: bool) -> None:
        assert holds(text, {"A": "a", "EMPTY": ""}) is value

    @pytest.mark.parametrize("text", ["$A == ", "$A < 2", "$NONE =~ /a/", '"a" "b"', "A"])
    def test_what_is_not_known_is_refused(self, text: str) -> None:
        with pytest.raises(Unknown):
            holds(text, {"A": "a"})


class TestRules:
    """docs.gitlab.com: "CI/CD YAML syntax reference", rules, when, allow_failure."""

    def test_the_first_rule_that_matches_decides_and_without_one_there_is_no_job(self, project: Make) -> None:
        service = project(
            "a: {script: 'true', rules: [{if: '$CI_PIPELINE_SOURCE == \"push\"', when: never}, {when: always}]}\n"
            "b: {script: 'true', rules: [{if: '$CI_PIPELINE_SOURCE == \"schedule\"'}]}\n"
            "c: {script: 'true'}\n"
        )
        assert results(pushed(service)) == {"c": "success"}
        assert results(pushed(service, "schedule")) == {"a": "success", "b": "success", "c": "success"}

    def test_without_a_job_there_is_no_pipeline(self, project: Make) -> None:
        service = project("a: {script: 'true', rules: [{if: $NONE}]}\n")
        sha = service.repository.git("rev-parse", "HEAD")
        assert service.happen(Event("push", sha), NOON) is None

    def test_a_job_that_a_rule_makes_manual_blocks_the_pipeline(self, project: Make) -> None:
        service = project("a: {script: 'true', rules: [{when: manual}]}\nb: {needs: [a], script: 'true'}\n")
        found = pushed(service)
        assert results(found) == {"a": "manual", "b": ""}
        assert found.is_waiting
        service.play(found, "a", NOON)
        assert results(found) == {"a": "success", "b": "success"}
        assert not found.is_waiting

    def test_any_other_manual_job_may_be_left_out(self, project: Make) -> None:
        found = pushed(project("a: {script: 'true', when: manual}\nb: {script: 'true'}\n"))
        assert results(found) == {"a": "manual", "b": "success"}
        assert not found.is_waiting

    def test_what_needs_one_that_may_be_left_out_is_refused(self, project: Make) -> None:
        """No page says whether it waits or runs."""
        with pytest.raises(Unknown):
            pushed(project("a: {script: 'true', when: manual}\nb: {needs: [a], script: 'true'}\n"))

    def test_a_job_that_may_fail_is_not_red_and_stops_nobody(self, project: Make) -> None:
        found = pushed(project("a: {script: 'false', allow_failure: true}\nb: {needs: [a], script: 'true'}\n"))
        assert results(found) == {"a": "failed", "b": "success"}
        assert not found.is_red


class TestNeeds:
    """docs.gitlab.com: "Make jobs start earlier with needs"; "CI/CD YAML syntax reference", when."""

    @pytest.mark.parametrize(
        ("when", "failing", "passing"),
        [
            ("on_success", "skipped", "success"),
            ("on_failure", "success", "skipped"),
            ("always", "success", "success"),
            ("manual", "skipped", "manual"),
        ],
    )
    def test_behind_a_job(self, project: Make, when: str, failing: str, passing: str) -> None:
        for script, wanted in (("false", failing), ("true", passing)):
            found = pushed(project(f"a: {{script: '{script}'}}\nb: {{needs: [a], when: {when}, script: 'true'}}\n"))
            assert results(found)["b"] == wanted

    def test_behind_what_was_skipped_nothing_runs_but_always(self, project: Make) -> None:
        found = pushed(
            project(
                "a: {script: 'false'}\nb: {needs: [a], script: 'true'}\n"
                "c: {needs: [b], script: 'true'}\nd: {needs: [b], when: always, script: 'true'}\n"
            )
        )
        assert results(found) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "success"}

    def test_a_need_that_is_not_in_the_pipeline_is_an_error_unless_it_is_optional(self, project: Make) -> None:
        file = "a: {script: 'true', rules: [{if: $NONE}]}\nb: {needs: [%s], script: 'true'}\n"
        with pytest.raises(NotCreated):
            pushed(project(file % "a"))
        assert results(pushed(project(file % "{job: a, optional: true}"))) == {"b": "success"}

    def test_without_needs_a_job_waits_for_the_earlier_stages(self, project: Make) -> None:
        found = pushed(project("b: {stage: deploy, script: 'true'}\na: {script: 'false'}\nc: {script: 'true'}\n"))
        assert results(found) == {"b": "skipped", "a": "failed", "c": "success"}


class TestArtifacts:
    """docs.gitlab.com: "CI/CD YAML syntax reference", artifacts; "Job artifacts"."""

    JOB = (
        "a: {script: ['echo 1 > a.txt; echo 2 > r.xml', '%s'], "
        "artifacts: {%s paths: [a.txt], reports: {junit: r.xml}}}\n"
    )

    @pytest.mark.parametrize(
        ("when", "failing", "passing"),
        [("", False, True), ("when: on_failure,", True, False), ("when: always,", True, True)],
    )
    def test_of_a_job_that_fails(self, project: Make, when: str, failing: bool, passing: bool) -> None:
        for script, wanted in (("false", failing), ("true", passing)):
            job = pushed(project(self.JOB % (script, when))).jobs["a"]
            assert job.artifacts == ({"a.txt": b"1\n"} if wanted else {})
            assert job.reports == {"junit": b"2\n"}  # "always uploaded, regardless of the job results"

    def test_what_is_not_there_fails_nothing(self, project: Make) -> None:
        job = pushed(project("a: {script: 'true', artifacts: {paths: [none-*.txt]}}\n")).jobs["a"]
        assert (job.result, job.artifacts) == ("success", {})

    def test_a_hidden_folder_that_is_named_is_kept(self, project: Make) -> None:
        file = "a: {script: 'mkdir .x; echo 1 > .x/s-1.l', artifacts: {paths: ['.x/s-*.l']}}\n"
        assert pushed(project(file)).jobs["a"].artifacts == {".x/s-1.l": b"1\n"}

    def test_they_are_there_for_the_jobs_that_need_them(self, project: Make) -> None:
        found = pushed(project(self.JOB % ("true", "") + "b: {needs: [a], script: 'cat a.txt'}\n"))
        assert found.jobs["b"].text == "1\n"

    def test_those_of_a_failed_job_too(self, project: Make) -> None:
        file = self.JOB % ("false", "when: always,") + "b: {needs: [a], when: always, script: 'cat a.txt'}\n"
        assert pushed(project(file)).jobs["b"].text == "1\n"


class TestScripts:
    """docs.gitlab.com: "CI/CD YAML syntax reference", script, before_script, extends, include; "Scripts"."""

    def test_the_first_line_that_fails_ends_it(self, project: Make) -> None:
        job = pushed(project("a: {before_script: [X=1], script: ['echo $X', 'false', 'echo 2']}\n")).jobs["a"]
        assert (job.result, job.text) == ("failed", "1\n")

    def test_extends_merges_mappings_and_replaces_lists(self, project: Make) -> None:
        job = pushed(
            project(
                ".base: {script: ['echo base'], variables: {A: a, B: b}}\n"
                "a: {extends: .base, script: ['echo $A $B'], variables: {B: c}}\n"
            )
        ).jobs["a"]
        assert job.text == "a c\n"

    @pytest.mark.parametrize("include", ["{local: /ci/base.yml}", f"[{{remote: '{ADDRESS}'}}]"])
    def test_what_stands_in_the_file_comes_before_what_it_includes(self, project: Make, include: str) -> None:
        service = project("{}")
        service.repository.commit(
            {
                "ci/base.yml": "variables: {FLOWOPS_ENV: production, A: included}\n"
                "flowops:plan: {script: ['echo included'], rules: [{when: on_success}]}\n",
                FILE: f"include: {include}\nvariables: {{A: ours}}\n"
                "flowops:plan: {extends: [], script: ['echo $A $FLOWOPS_ENV'], before_script: []}\n",
            }
        )
        assert pushed(service).jobs["flowops:plan"].text == "ours production\n"

    def test_another_file_cannot_be_included(self, project: Make) -> None:
        for include in ("{remote: 'https://example.org/a.yml'}", "{template: Auto-DevOps.gitlab-ci.yml}"):
            with pytest.raises(Unknown, match="an include"):
                pushed(project(f"include: {include}\na: {{script: 'true'}}\n"))

    def test_a_clone_has_twenty_commits_unless_more_are_asked_for(self, project: Make) -> None:
        """docs.gitlab.com: "Git shallow clone" (Large repositories); GIT_DEPTH."""
        service = project("a: {script: 'git rev-list --count HEAD'}\nb: {extends: a, variables: {GIT_DEPTH: '0'}}\n")
        for _ in range(24):
            service.repository.commit()
        assert [job.text for job in pushed(service).jobs.values()] == ["20\n", "25\n"]


class TestVariables:
    """docs.gitlab.com: "GitLab CI/CD variables"; "Merge request pipelines"."""

    JOB = "variables: {LOUD: file}\na: {environment: {name: production}, script: 'echo \"<$TOKEN $LOUD>\"'}\n"

    def test_an_environments_variables_come_before_those_of_the_file(self, project: Make) -> None:
        assert pushed(project(self.JOB)).jobs["a"].text == "<s3cret no>\n"

    def test_what_a_pipeline_is_started_with_comes_before_all(self, project: Make) -> None:
        assert pushed(project(self.JOB), "web", variables={"LOUD": "yes"}).jobs["a"].text == "<s3cret yes>\n"

    def test_a_job_of_no_environment_sees_none_of_it(self, project: Make) -> None:
        assert pushed(project("a: {script: 'echo \"<$TOKEN>\"'}\n")).jobs["a"].text == "<>\n"

    @pytest.mark.parametrize("fork", [True, False])
    def test_protected_variables_are_for_protected_branches(self, project: Make, fork: bool) -> None:
        found = pushed(project(self.JOB), "merge_request_event", branch="change", fork=fork)
        assert found.jobs["a"].text == "< file>\n"

    def test_a_merge_request_has_its_base_and_no_branch(self, project: Make) -> None:
        file = "a: {script: 'echo \"<$CI_MERGE_REQUEST_DIFF_BASE_SHA $CI_COMMIT_BRANCH>\"'}\n"
        found = pushed(project(file), "merge_request_event", branch="change", base="b4se")
        assert found.jobs["a"].text == "<b4se >\n"


class TestGroups:
    """docs.gitlab.com: "Resource groups"; "CI/CD YAML syntax reference", interruptible."""

    def test_two_jobs_of_a_resource_group_never_run_at_once(self, project: Make) -> None:
        service = project("a: {resource_group: g, script: 'true'}\nb: {needs: [a], script: 'true'}\n")
        during: list[dict[str, str]] = []
        service.meanwhile["a"] = lambda: during.append(results(pushed(service, "schedule")))
        assert results(pushed(service)) == {"a": "success", "b": "success"}
        assert during == [{"a": "waiting_for_resource", "b": ""}]
        assert results(service.pipelines[1]) == {"a": "success", "b": "success"}

    def test_a_manual_job_that_waits_holds_no_resource(self, project: Make) -> None:
        """Of a group "only one job can run at a time": one that nobody has started does not run."""
        service = project("a: {resource_group: g, script: 'true', rules: [{when: manual}]}\n")
        first, second = pushed(service), pushed(service)
        service.play(second, "a", NOON)
        service.play(first, "a", NOON)
        assert [results(each) for each in service.pipelines] == [{"a": "success"}] * 2

    def outdated(self, service: GitLab) -> list[dict[str, str]]:
        def more() -> None:
            service.repository.commit()
            pushed(service)

        service.meanwhile["a"] = more
        pushed(service)
        return [results(each) for each in service.pipelines]

    def test_a_newer_commit_cancels_what_is_interruptible(self, project: Make) -> None:
        file = "a: {interruptible: true, script: 'true'}\nb: {needs: [a], script: 'true'}\n"
        first, second = self.outdated(project(file))
        assert first == {"a": "canceled", "b": "canceled"}
        assert second == {"a": "success", "b": "success"}

    def test_once_a_job_that_is_not_has_started_nothing_is_cancelled(self, project: Make) -> None:
        file = "a: {script: 'true'}\nb: {needs: [a], interruptible: true, script: 'true'}\n"
        first, second = self.outdated(project(file))
        assert first == second == {"a": "success", "b": "success"}


@pytest.mark.parametrize(
    "file",
    [
        "workflow: {rules: [{when: always}]}\na: {script: 'true'}\n",
        "a: {script: 'true', parallel: 2}\n",
        "a: {script: 'true', rules: [{changes: [a]}]}\n",
        "a: {script: 'true', when: delayed}\n",
        "a: {script: 'true', needs: [{pipeline: other}]}\n",
        "a: {script: 'true', variables: {A: $B}}\n",
        "a: {script: 'true', artifacts: {untracked: true}}\n",
    ],
)
def test_what_is_not_known_is_refused(project: Make, file: str) -> None:
    with pytest.raises(Unknown):
        pushed(project(file))


def test_a_lost_machine_fails_its_job_and_keeps_nothing(project: Make) -> None:
    """docs.gitlab.com: "CI/CD YAML syntax reference", retry:when: runner_system_failure is a failure of a job."""
    file = "a: {script: ['echo 1 > a', 'flowops sandbox'], artifacts: {when: always, paths: [a]}}\n"
    service = project(file)
    losing = threading.Thread(target=lambda: lose(service))
    service.meanwhile["a"] = losing.start
    job = pushed(service).jobs["a"]
    losing.join()
    assert (job.result, job.artifacts) == ("failed", {})


def lose(service: GitLab) -> None:
    """Lose the machine once flowops runs on it."""
    while service.machine is None or not service.machine.is_busy:
        time.sleep(0.01)
    service.machine.lose()
