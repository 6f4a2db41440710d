"""GitHub Actions: which jobs of a workflow run after an event, and the shell of their steps, run for real.

Sources, all docs.github.com: "Workflow syntax for GitHub Actions" (needs, if, outputs, environment, steps),
"Evaluate expressions in workflows and actions", "Control the concurrency of workflows and jobs", "Managing
environments for deployment" (required reviewers), "Metadata syntax" (composite actions); and the READMEs of
actions/checkout, actions/upload-artifact and actions/download-artifact (v4).
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from support.commands import ROOT
from support.pipelines.expressions import PURE, Unknown, condition, render
from support.pipelines.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from support.git import Repository

_OURS = "flowops/flowops/.github/actions/"
_KNOWN_JOB = {
    *("if", "needs", "runs-on", "environment", "permissions", "concurrency", "outputs", "steps"),
}
_KNOWN_STEP = {"if", "uses", "with", "env", "id", "run", "name", "shell", "working-directory"}
#: What a job says before it has ended.
_OPEN = {"waiting", "pending", "running"}


@dataclass
class Event:
    """What happened: its name, the commit and the ref that the jobs are about, and the payload.

    A pull request from a fork sees no secret.
    """

    name: str
    sha: str
    ref: str
    payload: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    fork: bool = False


@dataclass
class StepLog:
    """One step that was run: the name or the action, its end, and what it printed."""

    name: str
    failed: bool
    out: str = ""
    err: str = ""


@dataclass
class Job:
    """One job: `result` is success, failure, skipped or cancelled; before that running, waiting for somebody to approve
    it, or pending behind another one of its group.
    """

    name: str
    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    steps: list[StepLog] = field(default_factory=list)
    summary: str = ""

    @property
    def text(self) -> str:
        """What it printed."""
        return "".join(step.out + step.err for step in self.steps)


@dataclass
class Run:
    """One run of the workflow."""

    event: Event
    at: datetime
    jobs: dict[str, Job] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)

    @property
    def results(self) -> dict[str, str]:
        """How its jobs ended, but for those that were skipped."""
        return {name: job.result for name, job in self.jobs.items() if job.result != "skipped"}

    @property
    def text(self) -> str:
        """What its jobs printed."""
        return "".join(job.text for job in self.jobs.values())

    @property
    def is_red(self) -> bool:
        """Whether somebody is told that it has failed."""
        return any(job.result == "failure" for job in self.jobs.values())

    @property
    def is_waiting(self) -> bool:
        """Whether a job waits for somebody to approve it."""
        return any(job.result == "waiting" for job in self.jobs.values())


class GitHub:
    """One repository with one workflow. `reviewed` are the environments that need an approval.

    `comments` are those of pull requests, by number, as text and author. `meanwhile` has what happens while a job of a
    name runs.
    """

    def __init__(
        self,
        folder: Path,
        repository: Repository,
        workflow: Path | str,
        *,
        secrets: Mapping[str, Mapping[str, str]],
        variables: Mapping[str, str] | None = None,
        reviewed: frozenset[str] = frozenset(),
        flowops: Iterable[str] = (),
    ) -> None:
        self.repository = repository
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.runs: list[Run] = []
        self.meanwhile: dict[str, Callable[[], None]] = {}
        self.machine: Machine | None = None
        #: A service that shows a stranger what it must not.
        self.gives_secrets_away = False
        self._flowops = flowops
        self._folder = folder
        self._workflow = workflow
        self._secrets = secrets
        self._variables = dict(variables or {})
        self._reviewed = reviewed
        self._count = 0
        self._read: dict[str, dict[Any, Any]] = {}

    def beside(self, workflow: str) -> GitHub:
        """Return the same repository with another one of its workflows."""
        return GitHub(
            self._folder / workflow.rpartition("/")[2],
            self.repository,
            workflow,
            secrets=self._secrets,
            variables=self._variables,
            reviewed=self._reviewed,
            flowops=self._flowops,
        )

    def happen(self, event: Event, at: datetime) -> Run | None:
        """Run the workflow as it stands at the event's commit; None where it is not for such an event."""
        workflow = self._at(event.sha)
        unknown = workflow.keys() - {"name", True, "permissions", "jobs"}
        if unknown:
            raise Unknown(f"keys of a workflow: {unknown}")
        if not _is_for(workflow[True], event):
            return None
        run = Run(event, at)
        self.runs.append(run)
        self._go_on(run, workflow["jobs"], frozenset())
        return run

    def push(self, sha: str, at: datetime) -> Run:
        """Push a commit to the main branch."""
        return self._surely(Event("push", sha, "refs/heads/main"), at)

    def schedule(self, sha: str, at: datetime) -> Run:
        """Let the schedule come, which takes the newest commit of the main branch."""
        return self._surely(Event("schedule", sha, "refs/heads/main"), at)

    def operate(self, sha: str, at: datetime, command: str, arguments: str) -> Run:
        """Start the workflow by hand, with an operator's command; whoever has to approve it does."""
        inputs = {"command": command, "arguments": arguments}
        run = self._surely(Event("workflow_dispatch", sha, "refs/heads/main", inputs=inputs), at)
        if run.is_waiting:
            self.approve(run, at)
        return run

    def propose(self, number: int, base: str, head: str, at: datetime, *, fork: bool = False) -> Run:
        """Open a pull request, or push to it."""
        payload = {
            "number": number,
            "base": {"sha": base},
            "head": {"sha": head, "repo": {"full_name": "mallory/calls" if fork else "acme/calls"}},
        }
        event = Event("pull_request", head, f"refs/pull/{number}/merge", {"pull_request": payload}, fork=fork)
        return self._surely(event, at)

    def _surely(self, event: Event, at: datetime) -> Run:
        run = self.happen(event, at)
        assert run is not None, f"the workflow is not for {event.name}"
        return run

    def approve(self, run: Run, at: datetime) -> None:
        """Approve the jobs of a run that wait for it, and run them."""
        waiting = frozenset(name for name, job in run.jobs.items() if job.result == "waiting")
        run.at = at
        for name in waiting:
            del run.jobs[name]
        self._go_on(run, self._jobs(run), waiting)

    def _jobs(self, run: Run) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._at(run.event.sha)["jobs"]
        return found

    def _at(self, sha: str) -> dict[Any, Any]:
        """Return the workflow as it is at a commit."""
        if sha not in self._read:
            self._read[sha] = yaml.safe_load(self.repository.git("show", f"{sha}:{self._workflow}"))
        return self._read[sha]

    def _group(self, job: Mapping[str, Any], run: Run) -> str | None:
        given = job.get("concurrency")
        if given is None:
            return None
        if unknown := given.keys() - {"group", "cancel-in-progress"}:
            raise Unknown(f"keys of concurrency: {unknown}")
        return render(given["group"], self._contexts(run, {})).casefold()

    def _must_wait(self, run: Run, job: Mapping[str, Any]) -> bool:
        """Make room in a job's group, as it says: whoever is pending is cancelled; return whether one still runs.

        Refuse a job whose group has one that waits for an approval: which of them goes on is documented nowhere.
        """
        group = self._group(job, run)
        if group is None:
            return False
        found = False
        for other in self.runs:
            for each in [each for each in other.jobs.values() if each.result in _OPEN]:
                if self._group(self._jobs(other)[each.name], other) != group:
                    continue
                if each.result == "waiting" or job.get("environment") in self._reviewed:
                    raise Unknown(f"a second job of the group {group} while one waits for its approval")
                if each.result == "pending" or job["concurrency"].get("cancel-in-progress", False):
                    each.result = "cancelled"
                found |= each.result == "running"
        return found

    def _go_on(self, run: Run, jobs: Mapping[str, Any], approved: frozenset[str]) -> None:
        for name, job in jobs.items():
            if unknown := job.keys() - _KNOWN_JOB:
                raise Unknown(f"keys of a job: {unknown}")
            if name in run.jobs:
                continue
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else list(job.get("needs", ()))
            if any(each not in run.jobs or run.jobs[each].result in _OPEN for each in needs):
                continue
            contexts = self._contexts(run, {each: run.jobs[each] for each in needs})
            if not condition(job.get("if"), contexts, _status([run.jobs[each].result for each in needs])):
                run.jobs[name] = Job(name, "skipped")
            elif self._must_wait(run, job):
                run.jobs[name] = Job(name, "pending")
            elif job.get("environment") in self._reviewed and name not in approved:
                run.jobs[name] = Job(name, "waiting")
            else:
                self._start(run, name, job, contexts)

    def _start(self, run: Run, name: str, job: Mapping[str, Any], contexts: dict[str, Any]) -> None:
        """Run a job, and then what has been pending behind it."""
        log = run.jobs[name] = Job(name, "running")
        self.meanwhile.pop(name, lambda: None)()
        if log.result == "running":
            _Runner(self, run, log, job, contexts).run()
        for other in self.runs:
            changed = [each.name for each in other.jobs.values() if each.result in ("pending", "cancelled")]
            for each in changed:
                if other.jobs[each].result == "pending":
                    del other.jobs[each]
            if changed:
                self._go_on(other, self._jobs(other), frozenset())

    def _contexts(self, run: Run, needs: Mapping[str, Job]) -> dict[str, Any]:
        event = run.event
        return {
            "github": {
                "event_name": event.name,
                "event": event.payload,
                "ref": event.ref,
                "sha": event.sha,
                "repository": "acme/calls",
                "token": "a-token",
            },
            "vars": self._variables,
            "inputs": event.inputs,
            "needs": {name: {"result": job.result, "outputs": job.outputs} for name, job in needs.items()},
        }

    def secrets_of(self, run: Run, place: str | None) -> Mapping[str, str]:
        """Return the secrets that a job sees: those of its environment, and none for a stranger."""
        if place is None or (run.event.fork and not self.gives_secrets_away):
            return {}
        return self._secrets.get(place, {})

    def new_machine(self, at: datetime) -> Machine:
        """Return a new machine."""
        self._count += 1
        self.machine = Machine(self._folder / f"job-{self._count}", at, self._flowops)
        return self.machine


def _is_for(events: Mapping[str, Any], event: Event) -> bool:
    """Return whether a workflow is for an event."""
    if event.name not in events:
        return False
    given = events[event.name] or {}
    if event.name == "push":
        if given.keys() != {"branches"}:
            raise Unknown(f"a filter of push: {given}")
        return event.ref.removeprefix("refs/heads/") in given["branches"]
    if event.name in ("schedule", "workflow_dispatch"):
        return True
    if given:
        raise Unknown(f"a filter of {event.name}: {given}")
    return True


def _status(results: list[str]) -> dict[str, Callable[..., Any]]:
    """Return the status functions. Whether a job that its group has cancelled cancels the run is documented nowhere."""

    def cancelled() -> bool:
        if "cancelled" in results:
            raise Unknown("cancelled() behind a job that was cancelled")
        return False

    return {
        **PURE,
        "always": lambda: True,
        "cancelled": cancelled,
        "success": lambda: all(each == "success" for each in results),
        "failure": lambda: "failure" in results,
    }


class _Runner:
    """A machine that runs one job."""

    def __init__(self, service: GitHub, run: Run, log: Job, job: Mapping[str, Any], contexts: dict[str, Any]) -> None:
        self._service = service
        self._run = run
        self._job = job
        self._log = log
        self._machine = service.new_machine(run.at)
        self._workspace, self._temp = self._machine.work, self._machine.temp
        self._steps: dict[str, Any] = {}
        self._contexts = {
            **contexts,
            "steps": self._steps,
            "runner": {"temp": str(self._temp)},
            "secrets": service.secrets_of(run, job.get("environment")),
        }
        self._failed = False

    def run(self) -> None:
        """Run all steps whose conditions hold."""
        for step in self._job["steps"]:
            if unknown := step.keys() - _KNOWN_STEP:
                raise Unknown(f"keys of a step: {unknown}")
            if not self._machine.is_lost and self._is_due(step, self._contexts, failed=self._failed):
                self._failed |= not self._step(step)
        self._failed |= self._machine.is_lost
        self._log.result = "failure" if self._failed else "success"
        for name, value in (self._job.get("outputs") or {}).items():
            # A step that was never run has no outputs: nothing can be read from its JSON.
            self._log.outputs[name] = "" if self._failed and not self._steps else self._output(value)
        self._machine.remove()

    def _is_due(self, step: Mapping[str, Any], contexts: Mapping[str, Any], *, failed: bool) -> bool:
        seen = {key: value for key, value in contexts.items() if key != "secrets"}
        return condition(step.get("if"), seen, _status(["failure" if failed else "success"]))

    def _output(self, value: str) -> str:
        try:
            return render(value, self._contexts)
        except (json.JSONDecodeError, TypeError):
            return ""  # the job has failed before; what depends on it is skipped

    def _step(self, step: Mapping[str, Any]) -> bool:
        """Run a step; return whether it went well."""
        given = {name: render(value, self._contexts) for name, value in (step.get("with") or {}).items()}
        env = {name: render(value, self._contexts) for name, value in (step.get("env") or {}).items()}
        if "run" in step:
            return self._shell(step, step.get("name", "run"), env, self._contexts, self._outputs(step))
        action = step["uses"].split("@", 1)[0]
        if action.startswith(_OURS):
            return self._composite(action.removeprefix(_OURS), given, env, self._outputs(step))
        known = {
            "actions/checkout": self._checkout,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
        }
        if action not in known:
            raise Unknown(f"the action {action}")
        problem = known[action](given)
        self._log.steps.append(StepLog(action, problem is not None, err=problem or ""))
        return problem is None

    def _outputs(self, step: Mapping[str, Any]) -> dict[str, str]:
        outputs: dict[str, str] = {}
        if "id" in step:
            self._steps[step["id"]] = {"outputs": outputs}
        return outputs

    def _checkout(self, given: Mapping[str, str]) -> str | None:
        commit = given.get("ref") or self._run.event.sha
        source = self._service.repository.root.as_uri()
        whole = given.get("fetch-depth") == "0"
        problem = self._machine.checkout(self._service.repository, commit, None if whole else 1)
        if problem is None and whole:
            subprocess.run(
                ["git", "-C", str(self._workspace), "fetch", "-q", source, "+refs/heads/*:refs/remotes/origin/*"],
                check=True,
            )
        return problem

    def _upload(self, given: Mapping[str, str]) -> str | None:
        """Keep files. Hidden ones are left out unless asked for; a name is taken once in a run."""
        patterns, root = given["path"].split(), self._workspace
        if any(pattern.startswith(("/", "!")) for pattern in patterns):
            raise Unknown(f"a path of an artifact: {patterns}")
        files = sorted({file for pattern in patterns for file in root.glob(pattern) if file.is_file()})
        if given.get("include-hidden-files") != "true":
            hidden = [file for file in files if any(part.startswith(".") for part in file.relative_to(root).parts)]
            files = [file for file in files if file not in hidden]
        if not files:
            missing = given.get("if-no-files-found", "warn")
            return "no files were found" if missing == "error" else None
        if given["name"] in self._run.artifacts:
            return f"an artifact with the name {given['name']} exists already"
        base = root.joinpath(os.path.commonpath([_searched(pattern) for pattern in patterns]))
        self._run.artifacts[given["name"]] = {str(file.relative_to(base)): file.read_bytes() for file in files}
        return None

    def _download(self, given: Mapping[str, str]) -> str | None:
        found = self._run.artifacts.get(given["name"])
        if found is None:
            return f"Artifact not found for name: {given['name']}"
        folder = self._workspace / given.get("path", ".")
        for name, content in found.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return None

    def _composite(self, name: str, given: dict[str, str], env: dict[str, str], outputs: dict[str, str]) -> bool:
        action = _action(name)
        unknown = given.keys() - action["inputs"].keys()
        if unknown:
            raise Unknown(f"inputs of the action {name}: {unknown}")
        steps: dict[str, Any] = {}
        contexts = {key: value for key, value in self._contexts.items() if key != "secrets"}
        defaults = {key: render(each.get("default", ""), contexts) for key, each in action["inputs"].items()}
        contexts |= {"inputs": {**defaults, **given}, "steps": steps}
        well = True
        for step in action["runs"]["steps"]:
            if unknown := step.keys() - (_KNOWN_STEP - {"uses", "with"}):
                raise Unknown(f"keys of a step of an action: {unknown}")
            if self._machine.is_lost or not self._is_due(step, contexts, failed=not well):
                continue
            if step["name"] == "Install flowops":
                self._install()
                continue
            found: dict[str, str] = {}
            if "id" in step:
                steps[step["id"]] = {"outputs": found}
            own = {key: render(value, contexts) for key, value in (step.get("env") or {}).items()}
            well &= self._shell(step, f"{name}: {step['name']}", env | own, contexts, found)
        for key, each in (action.get("outputs") or {}).items():
            outputs[key] = render(each["value"], contexts)
        return well

    def _install(self) -> None:
        """Put the flowops under test where the action would install it; what it installs is another test."""
        installed = self._temp / "flowops/bin/flowops"
        if not installed.exists():
            installed.parent.mkdir(parents=True)
            installed.symlink_to(self._temp / "bin/flowops")

    def _shell(
        self,
        step: Mapping[str, Any],
        name: str,
        env: Mapping[str, str],
        contexts: Mapping[str, Any],
        outputs: dict[str, str],
    ) -> bool:
        """Run the shell of a step as the runner does (bash), with its files for the summary and outputs."""
        if step.get("shell") != "bash":
            raise Unknown(f"the shell {step.get('shell')}")
        summary, told = self._temp / "summary.md", self._temp / "outputs"
        for file in (summary, told):
            file.write_text("")
        self._gh()
        given = {
            "RUNNER_TEMP": str(self._temp),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(told),
            "GITHUB_WORKSPACE": str(self._workspace),
            "GITHUB_REPOSITORY": "acme/calls",
            "GITHUB_ACTIONS": "true",
            **env,
        }
        folder = self._workspace / render(step.get("working-directory", "."), contexts)
        ran = self._machine.shell(step["run"], given, folder)
        self._log.steps.append(StepLog(name, ran.returncode != 0, ran.stdout, ran.stderr))
        self._log.summary += summary.read_text()
        outputs |= dict(line.split("=", 1) for line in told.read_text().splitlines())
        self._posted()
        return ran.returncode == 0

    def _gh(self) -> None:
        """Put a `gh` in the way that keeps comments in files; its --jq is asked of the real jq."""
        self._machine.put("gh", _GH)
        number = (self._run.event.payload.get("pull_request") or {}).get("number", 0)
        (self._temp / "comments.json").write_text(json.dumps(self._service.comments.get(number, [])))

    def _posted(self) -> None:
        number = (self._run.event.payload.get("pull_request") or {}).get("number")
        if number is not None:
            self._service.comments[number] = json.loads((self._temp / "comments.json").read_text())


@cache
def _action(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github/actions" / name / "action.yml").read_text())


def _searched(pattern: str) -> str:
    """Return the folder that a pattern looks into: of several, the artifact begins where all have a part in it."""
    parts = PurePosixPath(pattern).parts
    fixed = next((at for at, part in enumerate(parts) if any(mark in part for mark in "*?[")), len(parts) - 1)
    return str(PurePosixPath(".", *parts[:fixed]))


_GH = r"""#!/usr/bin/env bash
# What our action asks of GitHub: the comments of a pull request, a new one, or one changed.
set -euo pipefail
store="$RUNNER_TEMP/comments.json"
case "$*" in
  "api --paginate repos/"*" --jq "*) jq -r "${@: -1}" "$store" ;;
  "api --silent --method PATCH repos/"*)
    id="${5##*/}"; file="${7#body=@}"
    jq --argjson id "$id" --rawfile body "$file" 'map(if .id == $id then .body = $body else . end)' \
      "$store" > "$store.new"
    mv "$store.new" "$store" ;;
  "api --silent --method POST repos/"*)
    file="${7#body=@}"
    jq --rawfile body "$file" '. + [{id: (length + 1), user: {login: "github-actions[bot]"}, body: $body}]' \
      "$store" > "$store.new"
    mv "$store.new" "$store" ;;
  *) echo "gh: not known here: $*" >&2; exit 1 ;;
esac
"""
