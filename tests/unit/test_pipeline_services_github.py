"""What the simulated GitHub Actions does is what its documentation says; each case names its page."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.git import Repository
from support.pipelines.expressions import Unknown, condition, evaluate, render
from support.pipelines.github import Event, GitHub, Run

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
FILE = ".github/workflows/w.yml"


def status(**results: bool) -> dict[str, Any]:
    return {"always": lambda: True, "cancelled": lambda: False, **{k: (lambda v=v: v) for k, v in results.items()}}


class TestExpressions:
    """docs.github.com: "Evaluate expressions in workflows and actions"."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("'a' == 'A'", True),  # "GitHub ignores case when comparing strings"
            ("'' == 0", True),  # "if the types do not match, GitHub coerces the type to a number"
            ("null == 0", True),
            ("'x' == 0", False),
            ("true && 'b'", "b"),  # the operators give one of their operands
            ("'' || 'sandbox'", "sandbox"),
            ("!''", True),
            ("github.event.none.deeper", None),  # a property that is not there is null
            ("fromJSON('{\"a\": 3}').a != '3'", False),
            ("'it''s'", "it's"),
        ],
    )
    def test_operators(self, text: str, value: object) -> None:
        assert evaluate(text, {"github": {"event": {}}}) == value

    def test_a_text_takes_values_as_the_service_writes_them(self) -> None:
        assert render("${{ a }}-${{ b }}-${{ c }}", {"a": None, "b": True, "c": 2.0}) == "-true-2"

    @pytest.mark.parametrize("text", ["env.X", "hashFiles('a')", "a.*.b", "1 < 2"])
    def test_what_is_not_known_is_refused(self, text: str) -> None:
        with pytest.raises(Unknown):
            evaluate(text, {"a": {}})

    def test_without_a_status_function_success_is_asked_too(self) -> None:
        failed = status(success=False, failure=True)
        assert not condition("true", {}, failed)
        assert condition("always()", {}, failed)
        assert condition("${{ !cancelled() && true }}", {}, failed)
        assert condition("failure()", {}, failed)
        assert not condition(None, {}, failed)


@pytest.fixture
def service(tmp_path: Path) -> Any:
    def make(jobs: str, *, reviewed: frozenset[str] = frozenset(), on: str = "[push]") -> GitHub:
        repository = Repository(tmp_path / "repository")
        repository.commit({FILE: f"on: {on}\njobs:\n{jobs}"})
        secrets = {"production": {"TOKEN": "s3cret"}}
        return GitHub(tmp_path / "machines", repository, Path(FILE), secrets=secrets, reviewed=reviewed)

    return make


def pushed(service: GitHub, name: str = "push", **more: Any) -> Run:
    sha = service.repository.git("rev-parse", "HEAD")
    run = service.happen(Event(name, sha, "refs/heads/main", **more), NOON)
    assert run is not None
    return run


def results(run: Run) -> dict[str, str]:
    return {name: job.result for name, job in run.jobs.items()}


STEP = "runs-on: ubuntu-latest, steps: [{shell: bash, run: '%s'}]"


class TestJobs:
    """docs.github.com: "Workflow syntax for GitHub Actions", jobs.<job_id>.needs and jobs.<job_id>.if."""

    PUSH = "{push: {branches: [main]}}"

    def jobs(self, condition: str = "") -> str:
        return (
            f"  a: {{{STEP % 'exit 1'}}}\n"
            f"  b: {{needs: a, {condition}{STEP % 'true'}}}\n"
            f"  c: {{needs: b, {STEP % 'true'}}}\n"
        )

    def test_behind_a_failure_all_that_needs_it_is_skipped(self, service: Any) -> None:
        assert results(pushed(service(self.jobs(), on=self.PUSH))) == {"a": "failure", "b": "skipped", "c": "skipped"}

    def test_a_condition_without_a_status_function_changes_nothing(self, service: Any) -> None:
        run = pushed(service(self.jobs("if: true, "), on=self.PUSH))
        assert results(run)["b"] == "skipped"

    @pytest.mark.parametrize("condition", ["always()", "${{ !cancelled() }}", "failure()"])
    def test_a_status_function_lets_it_run(self, service: Any, condition: str) -> None:
        run = pushed(service(self.jobs(f'if: "{condition}", '), on=self.PUSH))
        assert results(run) == {"a": "failure", "b": "success", "c": "success"}

    def test_a_skipped_job_is_not_red(self, service: Any) -> None:
        run = pushed(service(f"  a: {{if: false, {STEP % 'exit 1'}}}\n", on=self.PUSH))
        assert results(run) == {"a": "skipped"}
        assert not run.is_red

    def test_a_push_elsewhere_is_not_for_it(self, service: Any) -> None:
        made = service(self.jobs(), on="{push: {branches: [other]}}")
        sha = made.repository.git("rev-parse", "HEAD")
        assert made.happen(Event("push", sha, "refs/heads/main"), NOON) is None


class TestSteps:
    """docs.github.com: "Workflow syntax for GitHub Actions", jobs.<job_id>.steps[*].if; "Metadata syntax"."""

    PUSH = "{push: {branches: [main]}}"

    def test_behind_a_failed_step_only_what_asks_for_it_runs(self, service: Any) -> None:
        steps = (
            "{shell: bash, run: 'false'}, {shell: bash, run: 'echo next'}, "
            "{if: '${{ !cancelled() }}', shell: bash, run: 'echo still'}, "
            "{if: 'always()', shell: bash, run: 'echo ever'}"
        )
        run = pushed(service(f"  a: {{runs-on: ubuntu-latest, steps: [{steps}]}}\n", on=self.PUSH))
        assert run.jobs["a"].result == "failure"
        assert run.jobs["a"].text == "still\never\n"

    def test_outputs_reach_the_jobs_that_need_them(self, service: Any) -> None:
        jobs = (
            "  a:\n    runs-on: ubuntu-latest\n    outputs: {n: '${{ steps.x.outputs.n }}'}\n"
            "    steps: [{id: x, shell: bash, run: 'echo n=0 >> $GITHUB_OUTPUT'}]\n"
            f"  b: {{needs: a, if: \"needs.a.outputs.n != '0'\", {STEP % 'true'}}}\n"
        )
        assert results(pushed(service(jobs, on=self.PUSH))) == {"a": "success", "b": "skipped"}

    def test_a_pipe_that_fails_fails_the_step(self, service: Any) -> None:
        run = pushed(service(f"  a: {{{STEP % 'false | true'}}}\n", on=self.PUSH))
        assert run.is_red


class TestArtifacts:
    """github.com/actions/upload-artifact and download-artifact, v4: README, inputs and limitations."""

    PUSH = "{push: {branches: [main]}}"

    def upload(self, path: str, more: str = "") -> str:
        return f"{{uses: 'actions/upload-artifact@v4', with: {{name: n, path: '{path}'{more}}}}}"

    def job(self, *steps: str) -> str:
        return f"  a: {{runs-on: ubuntu-latest, steps: [{', '.join(steps)}]}}\n"

    def test_hidden_files_are_left_out_unless_asked_for(self, service: Any) -> None:
        made = "{shell: bash, run: 'mkdir .hidden; echo 1 > .hidden/a.txt'}"
        run = pushed(service(self.job(made, self.upload(".hidden/*.txt")), on=self.PUSH))
        assert run.artifacts == {}
        assert not run.is_red  # if-no-files-found: warn

    def test_hidden_files_can_be_asked_for(self, service: Any) -> None:
        made = "{shell: bash, run: 'mkdir .hidden; echo 1 > .hidden/a.txt'}"
        run = pushed(
            service(self.job(made, self.upload(".hidden/*.txt", ", include-hidden-files: true")), on=self.PUSH)
        )
        assert run.artifacts == {"n": {"a.txt": b"1\n"}}

    def test_several_paths_are_kept_from_where_they_part(self, service: Any) -> None:
        """The README: the least common ancestor of all the search paths is the root of the artifact."""
        made = "{shell: bash, run: 'mkdir -p d/e; echo 1 > d/a.txt; echo 2 > d/e/b-1.txt'}"
        upload = self.upload("PATHS").replace("'PATHS'", '"d/a.txt\\nd/e/b-*.txt"')
        run = pushed(service(self.job(made, upload), on=self.PUSH))
        assert run.artifacts == {"n": {"a.txt": b"1\n", "e/b-1.txt": b"2\n"}}

    def test_a_name_is_taken_once_in_a_run(self, service: Any) -> None:
        made = "{shell: bash, run: 'echo 1 > a.txt'}"
        run = pushed(service(self.job(made, self.upload("a.txt"), self.upload("a.txt")), on=self.PUSH))
        assert run.is_red

    def test_what_was_not_uploaded_cannot_be_downloaded(self, service: Any) -> None:
        run = pushed(service(self.job("{uses: 'actions/download-artifact@v4', with: {name: n}}"), on=self.PUSH))
        assert run.is_red

    def test_behind_a_failed_step_nothing_is_uploaded_unless_it_is_asked_for(self, service: Any) -> None:
        made = "{shell: bash, run: 'echo 1 > a.txt; exit 1'}"
        run = pushed(service(self.job(made, self.upload("a.txt")), on=self.PUSH))
        assert run.artifacts == {}


class TestEnvironments:
    """docs.github.com: "Managing environments for deployment": required reviewers, secrets of an environment."""

    PUSH = "{push: {branches: [main]}}"
    JOB = (
        "  a: {environment: production, runs-on: ubuntu-latest, "
        "steps: [{shell: bash, env: {T: '${{ secrets.TOKEN }}'}, run: 'echo \"<$T>\"'}]}\n"
    )

    def test_a_job_waits_for_its_reviewer(self, service: Any) -> None:
        made = service(self.JOB, reviewed=frozenset({"production"}), on=self.PUSH)
        run = pushed(made)
        assert results(run) == {"a": "waiting"}
        made.approve(run, NOON)
        assert run.jobs["a"].text == "<s3cret>\n"

    def test_a_strangers_pull_request_sees_no_secret(self, service: Any) -> None:
        run = pushed(service(self.JOB, on="{pull_request: }"), "pull_request", fork=True)
        assert run.jobs["a"].text == "<>\n"

    def test_a_second_job_of_a_group_that_waits_is_refused(self, service: Any) -> None:
        """docs.github.com, "Control the concurrency of workflows and jobs", does not speak of approvals."""
        job = self.JOB.replace("{environment", "{concurrency: {group: g}, environment")
        made = service(job, reviewed=frozenset({"production"}), on=self.PUSH)
        pushed(made)
        with pytest.raises(Unknown, match="while one waits"):
            pushed(made)


class TestGroups:
    """docs.github.com: "Control the concurrency of workflows and jobs"."""

    ON = "{push: {branches: [main]}, schedule: [{cron: '7 * * * *'}]}"

    def during(self, service: GitHub, *names: str) -> list[dict[str, str]]:
        """Let events come, one after the other, while the job of the first one runs."""
        service.meanwhile["a"] = lambda: [pushed(service, name) for name in names] and None
        pushed(service)
        return [results(run) for run in service.runs]

    def job(self, more: str = "") -> str:
        return f"  a: {{concurrency: {{group: g{more}}}, {STEP % 'true'}}}\n  b: {{needs: a, {STEP % 'true'}}}\n"

    def test_the_next_one_is_pending_until_the_first_has_ended(self, service: Any) -> None:
        whole = {"a": "success", "b": "success"}
        assert self.during(service(self.job(), on=self.ON), "schedule") == [whole, whole]

    def test_whoever_is_pending_is_cancelled_by_the_next(self, service: Any) -> None:
        whole = {"a": "success", "b": "success"}
        found = self.during(service(self.job(), on=self.ON), "schedule", "schedule")
        assert found == [whole, {"a": "cancelled", "b": "skipped"}, whole]

    def test_one_in_progress_is_cancelled_where_it_is_asked_for(self, service: Any) -> None:
        found = self.during(service(self.job(", cancel-in-progress: true"), on=self.ON), "schedule")
        assert found == [{"a": "cancelled", "b": "skipped"}, {"a": "success", "b": "success"}]

    def test_cancelled_behind_a_job_that_its_group_has_cancelled_is_refused(self, service: Any) -> None:
        """No page says whether the run counts as cancelled."""
        jobs = self.job(", cancel-in-progress: true").replace("needs: a", "needs: a, if: '${{ !cancelled() }}'")
        with pytest.raises(Unknown, match="cancelled"):
            self.during(service(jobs, on=self.ON), "schedule")


def test_on_a_lost_machine_no_step_runs_any_more(service: Any) -> None:
    """docs.github.com: "Workflow syntax": always() is asked by the runner, and there is none."""
    steps = "{shell: bash, run: 'flowops sandbox'}, {if: always(), shell: bash, run: 'echo still'}"
    made = service(f"  a: {{runs-on: ubuntu-latest, steps: [{steps}]}}\n", on="{push: {branches: [main]}}")
    losing = threading.Thread(target=lambda: lose(made))
    made.meanwhile["a"] = losing.start
    run = pushed(made)
    losing.join()
    assert results(run) == {"a": "failure"}
    assert "still" not in run.text


def lose(service: GitHub) -> None:
    """Lose the machine once flowops runs on it."""
    while service.machine is None or not service.machine.is_busy:
        time.sleep(0.01)
    service.machine.lose()
