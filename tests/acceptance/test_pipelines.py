"""The ready-made pipelines: judged by their services' own checkers, and their shell run as the services run it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import ROOT, environment, flowops
from support.git import Repository

from flowops import __version__
from flowops.app.starter import SERVICES

ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
EXAMPLE = ROOT / ".github/examples/flowops.yml"
WORKFLOWS = [EXAMPLE, *sorted((ROOT / ".github/workflows").glob("*.yml"))]
DOCKERFILE = ROOT / ".docker/Dockerfile"
GITLAB = ROOT / ".gitlab/flowops.gitlab-ci.yml"
BIN = Path(sys.executable).parent


def judge(*command: str | Path) -> None:
    """Run a checker from beside Python, which has to have nothing to say against it."""
    ran = subprocess.run([str(part) for part in command], text=True, capture_output=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_workflows_are_sound() -> None:
    judge(BIN / "actionlint", *WORKFLOWS)
    judge(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    judge(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", *ACTIONS)


def test_the_workflows_give_nothing_away() -> None:
    judge(BIN / "zizmor", "--offline", "--quiet", *WORKFLOWS, *ACTIONS)


def test_no_job_of_a_pull_request_sees_a_secret_or_may_write_where_its_code_is() -> None:
    workflow = yaml.safe_load(EXAMPLE.read_text())
    assert workflow["permissions"] == {}
    events = {"pull_request", "merge_group", "push", "schedule", "workflow_dispatch"}
    assert set(workflow[True]) == events  # YAML 1.1 reads `on` as true
    for name in ("review", "comment"):
        assert "secrets." not in json.dumps(workflow["jobs"][name])
    assert workflow["jobs"]["review"]["permissions"] == {"contents": "read"}
    comment = workflow["jobs"]["comment"]
    assert comment["permissions"] == {"pull-requests": "write"}
    assert not any("checkout" in step["uses"] for step in comment["steps"])
    for name, where in (("apply", "production"), ("scheduled", "production-schedule"), ("operate", "production")):
        assert workflow["jobs"][name]["environment"] == where
        # The red button waits for no run: it ends one.
        assert workflow["jobs"][name].get("concurrency", {}).get("cancel-in-progress", False) is False


def test_the_workflow_is_pinned_to_a_release_by_the_command_in_it(tmp_path: Path) -> None:
    release = Repository(tmp_path / "release")
    release.commit({"README.md": "flowops"})
    tag = f"v{__version__}"
    user = tmp_path / "user"
    workflow = user / ".github/workflows/flowops.yml"
    workflow.parent.mkdir(parents=True)
    (command,) = re.findall(r"#   (PIN=.*)", EXAMPLE.read_text())
    shutil.copy(EXAMPLE, workflow)
    none = subprocess.run(["bash", "-c", command], cwd=user, env=environment(FROM=str(release.root)), check=False)
    assert none.returncode != 0, "there is no such release yet"
    assert workflow.read_text() == EXAMPLE.read_text()
    for options in (["tag", tag], ["tag", "--force", "--annotate", "--message", "a release", tag]):
        release.git(*options)
        shutil.copy(EXAMPLE, workflow)
        subprocess.run(["bash", "-c", command], cwd=user, env=environment(FROM=str(release.root)), check=True)
        pins = re.findall(r"uses: flowops/\S+@(\S+) # (\S+)", workflow.read_text())
        assert set(pins) == {(release.git("rev-parse", "HEAD"), tag)}
        judge(BIN / "actionlint", workflow)
        judge(BIN / "zizmor", "--offline", "--quiet", workflow)


@pytest.mark.parametrize("service", SERVICES)
def test_init_writes_a_project_that_can_be_pushed(service: str, tmp_path: Path) -> None:
    folder, target = tmp_path / "new", SERVICES[service].target
    written = flowops("init", "--ci", service, str(folder), cwd=tmp_path)
    assert written.code == 0, written.err
    assert str(folder / target) in written.out
    assert f"read the head of {folder / target}" in written.err
    assert flowops("validate", cwd=folder).code == 0
    assert flowops("validate", "--env", "production", cwd=folder).code == 0
    if service == "github":
        judge(BIN / "actionlint", folder / target)
    else:
        judge(BIN / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", folder / target)
    again = flowops("init", "--ci", service, str(folder), cwd=tmp_path)
    assert again.code == 1
    assert "nothing was written" in again.err


def test_git_takes_no_ledger_no_key_and_no_plan_of_a_new_project(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "new")
    assert flowops("init", cwd=repository.root).code == 0
    repository.commit()
    (repository.root / "flowops.yaml").write_text(
        (repository.root / "flowops.yaml").read_text()
        + "environments:\n  rehearsal: {api: sandbox, ledger: {env: FLOWOPS_LEDGER_URL}}\n"
    )
    ledger = {"FLOWOPS_LEDGER_URL": "sqlite:///rehearsal.db"}
    env = ("--env", "rehearsal")
    assert flowops("ledger", "init", *env, cwd=repository.root, env=ledger).code == 0
    assert flowops("plan", *env, "-o", "plan.json", cwd=repository.root, env=ledger).code == 0
    assert flowops("apply", *env, "--plan", "plan.json", cwd=repository.root, env=ledger).code == 0
    assert flowops("apply", cwd=repository.root).code == 0
    assert (repository.root / "rehearsal.db").exists()
    assert repository.git("status", "--porcelain").split() == ["M", "flowops.yaml"]


def test_the_image_is_sound() -> None:
    judge(BIN / "hadolint", DOCKERFILE)


def test_the_image_gets_everything_that_is_built_into_it(tmp_path: Path) -> None:
    """What the Dockerfile copies makes the same wheel as the whole repository."""
    copied = tmp_path / "source"
    for paths in re.findall(r"^COPY ([^-].*)$", DOCKERFILE.read_text(), re.MULTILINE):
        *sources, target = paths.split()
        for source in sources:
            into = copied / target / (Path(source).name if target.endswith("/") else "")
            into.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, into)
    names = []
    for root in (ROOT, copied):
        folder = tmp_path / f"dist-{root.name}"
        built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(built, cwd=root, check=True, capture_output=True)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            names.append({name for name in wheel.namelist() if "__pycache__" not in name})
    assert names[0] == names[1]


def test_the_templates_of_gitlab_are_sound() -> None:
    judge(BIN / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", GITLAB)


def test_the_hooks_are_sound() -> None:
    judge(BIN / "pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")


@pytest.mark.long
def test_the_hooks_run_from_the_repository(tmp_path: Path) -> None:
    """pre-commit clones flowops, builds its environment, and runs both hooks."""
    user = Repository(tmp_path / "user")
    shutil.copytree(ROOT / "examples/clinic-reminders", user.root, dirs_exist_ok=True)
    user.write({".gitignore": ".flowops/\n"})
    user.commit()
    # A query over files needs the extra `data`.
    other = Repository(tmp_path / "other")
    shutil.copytree(ROOT / "examples/recalls", other.root, dirs_exist_ok=True)
    other.write({".gitignore": ".flowops/\n"})
    other.commit()
    env = environment(PRE_COMMIT_HOME=str(tmp_path / "home"))
    env.pop("PYTHONWARNINGS")
    command = [BIN / "pre-commit", "try-repo", ROOT, "--ref", "HEAD", "--all-files", "--verbose"]
    ran = subprocess.run(
        list(map(str, command)), cwd=user.root, env=env, text=True, capture_output=True, check=False, timeout=900
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "valid: 3 files" in ran.stdout
    assert (user.root / ".flowops/schemas/call.schema.json").exists()
    queried = subprocess.run(
        list(map(str, command)), cwd=other.root, env=env, text=True, capture_output=True, check=False, timeout=900
    )
    assert queried.returncode == 0, queried.stdout + queried.stderr
    user.edit("calls/reminders.yaml", "row.name", "row.nmae")
    wrong = subprocess.run(
        list(map(str, command)), cwd=user.root, env=env, text=True, capture_output=True, check=False, timeout=900
    )
    assert wrong.returncode == 1
    assert "did you mean 'row.name'?" in wrong.stdout


def step(action: str, name: str) -> dict[str, Any]:
    steps = yaml.safe_load((ROOT / f".github/actions/{action}/action.yml").read_text())["runs"]["steps"]
    return next(each for each in steps if each["name"] == name)


class Runner:
    """What GitHub gives a step: files for its summary and outputs, and an environment."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "runner"
        (self.temp / "flowops/bin").mkdir(parents=True)
        (self.temp / "bin").mkdir()
        flowops = self.temp / "flowops/bin/flowops"
        flowops.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowops "$@"\n')
        flowops.chmod(0o755)
        self.summary, self.outputs = self.temp / "summary.md", self.temp / "outputs"

    def run(self, action: str, name: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """A step as the runner runs it (shell: bash)."""
        for file in (self.summary, self.outputs):
            file.write_text("")
        given = environment(
            PATH=f"{self.temp / 'bin'}:{os.environ['PATH']}",
            RUNNER_TEMP=str(self.temp),
            GITHUB_STEP_SUMMARY=str(self.summary),
            GITHUB_OUTPUT=str(self.outputs),
            GITHUB_WORKSPACE=str(cwd),
            GITHUB_REPOSITORY="acme/clinic",
            GITHUB_ACTIONS="true",
            CI="true",
            **env,
        )
        shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step(action, name)["run"]]
        return subprocess.run(shell, cwd=cwd, env=given, text=True, capture_output=True, check=False, timeout=900)

    @property
    def output(self) -> dict[str, str]:
        """What the step told GitHub."""
        return dict(line.split("=", 1) for line in self.outputs.read_text().splitlines())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "clinic")
    ignore = shutil.ignore_patterns(".flowops")
    shutil.copytree(ROOT / "examples/clinic-reminders", repository.root, dirs_exist_ok=True, ignore=ignore)
    repository.commit()
    return repository


def given(command: str, *arguments: str) -> dict[str, str]:
    return {
        "FLOWOPS_COMMAND": "\n".join([command, *arguments]),
        "FLOWOPS_ENV": "sandbox",
        "FLOWOPS_FORMAT": "github",
    }


class TestTheStep:
    def test_a_diff_is_a_summary_and_a_comment(self, runner: Runner, clinic: Repository) -> None:
        for file in ("flowops.yaml", "tests/reminders.yaml"):
            clinic.edit(file, "Harbour Street", "Station Road")
        clinic.commit()
        comment = clinic.root / "comment.md"
        asked = given("diff", "main~1...main", "--report markdown=comment.md")
        ran = runner.run("flowops", "Run flowops", clinic.root, **asked)
        assert ran.returncode == 0, ran.stderr
        assert runner.output["changed"] == "200"
        assert comment.read_text() == runner.summary.read_text()
        assert comment.read_text().startswith("<!-- flowops:clinic-reminders:sandbox -->\n")
        assert "<del><code>Harbour Street</code></del>" in comment.read_text()

    def test_what_is_wrong_is_annotated_and_fails(self, runner: Runner, clinic: Repository) -> None:
        clinic.edit("calls/reminders.yaml", "row.name", "row.nmae")
        for command in (given("validate"), given("plan"), given("diff", "main")):
            ran = runner.run("flowops", "Run flowops", clinic.root, **command)
            assert ran.returncode == 3
            assert "::error file=calls/reminders.yaml,line=13,col=18,title=" in ran.stdout
            assert "row&#46;nmae" in runner.summary.read_text()

    def test_files_have_the_names_of_the_repository_wherever_it_runs(self, runner: Runner, clinic: Repository) -> None:
        clinic.edit("calls/reminders.yaml", "row.name", "row.nmae")
        ran = runner.run("flowops", "Run flowops", clinic.root / "calls", **given("validate"))
        assert "::error file=calls/reminders.yaml,line=13," in ran.stdout

    def test_a_plan_is_counted_and_applied(self, runner: Runner, clinic: Repository) -> None:
        planned = runner.run("flowops", "Run flowops", clinic.root, **given("plan", "-o", "plan.json"))
        assert planned.returncode == 0, planned.stderr
        assert runner.output["place"] == "200"
        assert runner.output["digest"].startswith("sha256:")
        applied = runner.run("flowops", "Run flowops", clinic.root, **given("apply", "--plan", "plan.json"))
        assert applied.returncode == 0, applied.stderr
        assert runner.output["placed"] == "200"
        again = runner.run("flowops", "Run flowops", clinic.root, **given("apply", "--plan", "plan.json"))
        assert again.returncode == 0, again.stderr
        assert runner.output["placed"] == "0"

    def test_what_the_files_say_is_no_command_to_the_runner(self, runner: Runner, clinic: Repository) -> None:
        rows = clinic.root / "data/appointments.csv"
        rows.write_text(
            rows.read_text() + '::error ::x,"::add-mask::Name",+442079460018,2026-12-01T08:00,##[error]doctor,10\n'
        )
        for command in (given("plan", "--full"), given("diff", "main", "--full")):
            ran = runner.run("flowops", "Run flowops", clinic.root, **command)
            assert ran.returncode == 0, ran.stderr
            first, *told, last = ran.stdout.splitlines()
            token = first.removeprefix("::stop-commands::")
            assert len(token) == 32
            assert last == f"::{token}::"
            assert not any(line.startswith("::") for line in told)

    def test_an_operators_command_is_run_with_its_words(self, runner: Runner, clinic: Repository) -> None:
        assert runner.run("flowops", "Run flowops", clinic.root, **given("apply")).returncode == 0
        ran = runner.run("flowops", "Run flowops", clinic.root, **given("ledger verify"))
        assert ran.returncode == 0, ran.stderr
        ran = runner.run("flowops", "Run flowops", clinic.root, **given("stop", "--reason 'wrong text'"))
        assert ran.returncode == 0, ran.stderr
        ran = runner.run("flowops", "Run flowops", clinic.root, **given("apply"))
        assert ran.returncode == 4
        assert "wrong text" in ran.stdout

    def test_arguments_are_data(self, runner: Runner, clinic: Repository) -> None:
        for command in (given("validate", "'$(touch pwned); `touch pwned`'"), given("validate; touch pwned")):
            ran = runner.run("flowops", "Run flowops", clinic.root, **command)
            assert ran.returncode == 64
            assert not (clinic.root / "pwned").exists()

    def test_a_quote_that_is_not_closed_runs_nothing(self, runner: Runner, clinic: Repository) -> None:
        ran = runner.run("flowops", "Run flowops", clinic.root, **given("apply", "--reason 'half"))
        assert ran.returncode != 0
        assert not (clinic.root / ".flowops/sandbox.db").exists()


def test_two_projects_of_one_repository_have_a_comment_each(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "both")
    for team in ("a", "b"):
        shutil.copytree(
            ROOT / "examples/clinic-reminders", repository.root / team, ignore=shutil.ignore_patterns(".flowops")
        )
        repository.edit(f"{team}/flowops.yaml", "name: clinic-reminders", f"name: team-{team}")
    repository.commit()
    for team in ("a", "b"):
        repository.edit(f"{team}/calls/reminders.yaml", "row.name", "row.nmae")
        for command in (("diff", "HEAD"), ("plan",), ("validate",)):
            ran = flowops(*command, team, "--format", "markdown", cwd=repository.root)
            assert ran.code == 3
            assert ran.out.startswith(f"<!-- flowops:team-{team}:sandbox -->\n")


class TestTheComment:
    def run(self, runner: Runner, text: str, known: str = "") -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """Run the step beside a `gh` that writes down what it is asked."""
        file, log = runner.temp / "comment.md", runner.temp / "asked"
        file.write_text(text)
        gh = runner.temp / "bin/gh"
        gh.write_text(
            f'#!/bin/sh\necho "$@" | tr -d "\\n" >> "{log}"; echo >> "{log}"\n'
            f'case "$*" in *--jq*) printf "{known}";; esac\n'
        )
        gh.chmod(0o755)
        given = {"COMMENT_FILE": str(file), "COMMENT_ISSUE": "7", "GH_TOKEN": "a-token"}
        ran = runner.run("comment", "Comment", runner.temp, **given)
        return ran, log.read_text().splitlines() if log.exists() else []

    def test_the_first_is_written(self, runner: Runner) -> None:
        ran, asked = self.run(runner, "<!-- flowops:diff:production -->\nhello\n")
        assert ran.returncode == 0, ran.stderr
        assert asked[-1].startswith("api --silent --method POST repos/acme/clinic/issues/7/comments --field body=@")

    def test_a_later_one_updates_it(self, runner: Runner) -> None:
        ran, asked = self.run(runner, "<!-- flowops:diff:production -->\nhello\n", known="4711\\n4712\\n")
        assert ran.returncode == 0, ran.stderr
        assert asked[-1].startswith("api --silent --method PATCH repos/acme/clinic/issues/comments/4711 --field body=@")

    def test_another_file_is_not_posted(self, runner: Runner) -> None:
        ran, asked = self.run(runner, "TOKEN=secret\n")
        assert ran.returncode == 64
        assert asked == []

    @pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
    def test_only_a_comment_of_the_bot_is_taken(self) -> None:
        script = step("comment", "Comment")["run"]
        query = script.split("--jq '", 1)[1].split("'", 1)[0]
        comments = [
            {"id": 1, "user": {"login": "mallory"}, "body": "<!-- flowops:diff:x -->"},
            {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another tool"},
            {"id": 3, "user": {"login": "github-actions[bot]"}, "body": "<!-- flowops:diff:y -->\nanother project's"},
            {"id": 4, "user": {"login": "github-actions[bot]"}, "body": "<!-- flowops:diff:x -->\r\nours"},
        ]
        ours = environment(marker="<!-- flowops:diff:x -->")
        asked = json.dumps(comments)
        ran = subprocess.run(["jq", query], input=asked, text=True, capture_output=True, check=True, env=ours)
        assert ran.stdout == "4\n"


class TestGitLab:
    def run(self, clinic: Repository, job: dict[str, Any], **variables: str) -> None:
        """Run the script of a job as the service does: one shell for all of its lines."""
        flowops = clinic.root.parent / "bin/flowops"
        flowops.parent.mkdir(exist_ok=True)
        flowops.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowops "$@"\n')
        flowops.chmod(0o755)
        path = f"{flowops.parent}:{os.environ['PATH']}"
        given = {"PATH": path, **job.get("variables", {}), "FLOWOPS_ENV": "sandbox", **variables}
        env = environment(**given)
        shell = ["bash", "-e", "-o", "pipefail", "-c", "\n".join(job["script"])]
        ran = subprocess.run(shell, cwd=clinic.root, env=env, text=True, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stderr

    def test_the_scripts_run(self, clinic: Repository) -> None:
        jobs = yaml.safe_load(GITLAB.read_text())
        base = clinic.git("rev-parse", "HEAD")
        for file in ("flowops.yaml", "tests/reminders.yaml"):
            clinic.edit(file, "Harbour Street", "Station Road")
        for name in ("flowops:review", "flowops:plan", "flowops:apply"):
            self.run(clinic, jobs[name], CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
        assert json.loads((clinic.root / "flowops-quality.json").read_text()) == []
        counts = json.loads((clinic.root / "flowops-diff.json").read_text())
        assert counts == {"create": 0, "update": 200, "delete": 0}
        assert 'tests="200" failures="0"' in (clinic.root / "flowops-result.xml").read_text()
        page = (clinic.root / "flowops-plan.html").read_text()
        assert page.startswith("<!DOCTYPE html>")
        assert "GB +44" in page
        assert "What people will hear" in page

    def test_the_schedule_places_and_an_operator_asks(self, clinic: Repository) -> None:
        jobs = yaml.safe_load(GITLAB.read_text())
        self.run(clinic, jobs["flowops:scheduled"])
        assert 'tests="200" failures="0"' in (clinic.root / "flowops-result.xml").read_text()
        self.run(clinic, jobs["flowops:operate"], FLOWOPS_COMMAND="stop --reason 'wrong text'")
        self.run(clinic, jobs["flowops:operate"], FLOWOPS_COMMAND="ledger verify")

    def test_no_name_of_a_distribution_is_installed(self) -> None:
        script = "\n".join(yaml.safe_load(GITLAB.read_text())[".flowops"]["before_script"])
        assert "--require-hashes" in script
        for line in script.splitlines():
            if "pip install" in line:
                assert line.removesuffix("; fi").split()[-1].startswith(("/tmp/flowops", '"$FLOWOPS_REQUIREMENTS"'))


def projects(folder: Path) -> list[Path]:
    """All examples that are projects, copied without what a run of them left there."""
    ignore = shutil.ignore_patterns(".flowops")
    return [
        Path(shutil.copytree(project.parent, folder / project.parent.name, ignore=ignore))
        for project in sorted((ROOT / "examples").glob("*/flowops.yaml"))
    ]


@pytest.mark.long
def test_the_action_runs_every_example_with_what_it_installs(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "install")
    shutil.rmtree(runner.temp / "flowops")
    plugin = tmp_path / "words"
    plugin.mkdir()
    built = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(plugin)]
    (plugin / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "words"\nversion = "1"\n[tool.hatch.build.targets.wheel]\nonly-include = ["words.py"]\n'
    )
    (plugin / "words.py").write_text("WORD = 'hello'\n")
    subprocess.run(built, check=True, capture_output=True, env=environment())
    (wheel,) = tmp_path.glob("*.whl")
    further = tmp_path / "further.txt"
    further.write_text(f"words @ {wheel.as_uri()} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    asked = {
        "GITHUB_ACTION_PATH": str(ROOT / ".github/actions/flowops"),
        "FLOWOPS_REQUIREMENTS": str(further),
        "PYTHONWARNINGS": "default",
    }
    installed = runner.run("flowops", "Install flowops", tmp_path, **asked)
    assert installed.returncode == 0, installed.stderr
    program = "import apprise, cryptography, dbos, duckdb, psycopg, words; print(words.WORD)"
    libraries = [runner.temp / "flowops/bin/python", "-I", "-c", program]
    assert subprocess.run(libraries, check=True, capture_output=True, text=True).stdout == "hello\n"
    for project in projects(tmp_path / "examples"):
        variables = "--var-file incident.yaml" if (project / "incident.yaml").exists() else ""
        for command in ("validate", "plan"):
            env = {"PYTHONPATH": "", "PYTHONWARNINGS": "default"}
            ran = runner.run("flowops", "Run flowops", project, **given(command, variables), **env)
            assert ran.returncode == 0, (project.name, ran.stdout, ran.stderr)
        assert "place" in runner.output, project.name


def test_the_action_is_given_what_it_installs_besides() -> None:
    """The input reaches the shell as a variable, and nothing is installed without its hash."""
    install = step("flowops", "Install flowops")
    assert install["env"] == {"FLOWOPS_REQUIREMENTS": "${{ inputs.requirements }}"}
    lines = [line for line in install["run"].splitlines() if '"${install[@]}"' in line]
    assert all("--require-hashes" in line or '--no-deps --no-build-isolation "$source"' in line for line in lines)
    assert len(lines) == 3
