"""GitLab CI/CD: which jobs a pipeline has, when they run, and their scripts, run for real.

Sources, all docs.gitlab.com: "CI/CD YAML syntax reference" (artifacts, environment, extends, include, interruptible,
needs, resource_group, rules, variables, when), "Make jobs start earlier with needs", "Resource groups", "Job
artifacts", "Merge request pipelines", "Scheduled pipelines", "GitLab CI/CD variables".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from support.commands import ROOT
from support.pipelines.expressions import Unknown
from support.pipelines.machine import Machine
from support.pipelines.rules import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from support.git import Repository

FILE = ".gitlab-ci.yml"
BRANCH = "main"
SHIPPED = ROOT / ".gitlab/flowops.gitlab-ci.yml"
_GLOBAL = {"variables", "stages"}
_KNOWN_JOB = {
    *("extends", "image", "stage", "before_script", "script", "variables", "rules", "when", "allow_failure", "needs"),
    *("artifacts", "environment", "resource_group", "interruptible"),
}
_STAGES = (".pre", "build", "test", "deploy", ".post")
_WHEN = {"on_success", "on_failure", "always", "manual", "never"}
#: How a job has ended.
_ENDS = {"success", "failed", "skipped", "canceled"}
#: The words of others for these ends.
_WORDS = {"failed": "failure", "manual": "waiting", "canceled": "cancelled"}
#: What a clone has where nothing is said.
_DEPTH = 20


class NotCreated(Exception):
    """A pipeline that the service does not create: its file is wrong."""


@dataclass
class Event:
    """Why there is a pipeline: its source, the commit, the branch, and the variables that it was started with.

    `base` is where a merge request starts from; that of a fork runs in the fork, which has none of our variables.
    """

    source: str
    sha: str
    branch: str = BRANCH
    variables: dict[str, str] = field(default_factory=dict)
    base: str = ""
    fork: bool = False


@dataclass
class Job:
    """One job: `result` is GitLab's word for its status, and empty before it is known."""

    name: str
    spec: dict[str, Any]
    needs: list[str]
    when: str
    allow_failure: bool
    result: str = ""
    text: str = ""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    reports: dict[str, bytes] = field(default_factory=dict)

    @property
    def has_failed(self) -> bool:
        """Whether it counts as failed for what comes behind it."""
        return self.result == "failed" and not self.allow_failure


@dataclass
class Pipeline:
    """One pipeline."""

    event: Event
    at: datetime
    jobs: dict[str, Job]
    defaults: dict[str, str]

    @property
    def results(self) -> dict[str, str]:
        """How the jobs of our file ended, by their short names, but for those that were skipped."""
        found = {name.removeprefix("flowops:"): job.result for name, job in self.jobs.items()}
        return {name: _WORDS.get(result, result) for name, result in found.items() if result != "skipped"}

    @property
    def text(self) -> str:
        """What its jobs printed."""
        return "".join(job.text for job in self.jobs.values())

    @property
    def is_red(self) -> bool:
        """Whether somebody is told that it has failed."""
        return any(job.has_failed for job in self.jobs.values())

    @property
    def is_waiting(self) -> bool:
        """Whether it is blocked: a job waits for somebody to start it."""
        return any(job.result == "manual" and not job.allow_failure for job in self.jobs.values())


class GitLab:
    """One project. `secrets` are protected variables by the environment whose jobs see them.

    `meanwhile` has what happens while a job of a name runs; `files` are those that can be included, by their address.
    """

    def __init__(
        self,
        folder: Path,
        repository: Repository,
        *,
        secrets: Mapping[str, Mapping[str, str]],
        files: Mapping[str, str] | None = None,
        flowops: Iterable[str] = (),
    ) -> None:
        self.repository = repository
        self.pipelines: list[Pipeline] = []
        self.meanwhile: dict[str, Callable[[], None]] = {}
        self.machine: Machine | None = None
        self._folder, self._secrets, self._files, self._flowops = folder, secrets, files or {}, flowops
        self._held: set[str] = set()
        self._count = 0
        self._install = _steps(yaml.safe_load(SHIPPED.read_text())[".flowops"]["before_script"])

    def happen(self, event: Event, at: datetime) -> Pipeline | None:
        """Make and run the pipeline of an event, by the file as it stands at its commit; None where it has no job.

        Raise NotCreated where the file is wrong.
        """
        config = self._config(event.sha)
        defaults = self._predefined(event) | _texts(config.get("variables", {}))
        jobs = self._jobs(config, defaults, event.variables)
        if not jobs:
            return None
        pipeline = Pipeline(event, at, jobs, defaults)
        if event.source in ("push", "merge_request_event"):
            self._cancel_outdated(event)
        self.pipelines.append(pipeline)
        self._go_on(pipeline)
        return pipeline

    def push(self, sha: str, at: datetime) -> Pipeline:
        """Push a commit to the main branch."""
        return self._surely(Event("push", sha), at)

    def schedule(self, sha: str, at: datetime) -> Pipeline:
        """Let the schedule come, which takes the newest commit of the main branch."""
        return self._surely(Event("schedule", sha), at)

    def operate(self, sha: str, at: datetime, command: str, arguments: str) -> Pipeline:
        """Run a pipeline by hand, with an operator's command."""
        return self._surely(Event("web", sha, variables={"FLOWOPS_COMMAND": f"{command} {arguments}"}), at)

    def propose(self, number: int, base: str, head: str, at: datetime, *, fork: bool = False) -> Pipeline:
        """Open a merge request, or push to it."""
        event = Event("merge_request_event", head, f"refs/merge-requests/{number}/head", base=base, fork=fork)
        return self._surely(event, at)

    def approve(self, pipeline: Pipeline, at: datetime) -> None:
        """Start the jobs that wait for it."""
        for name in [name for name, job in pipeline.jobs.items() if job.result == "manual"]:
            self.play(pipeline, name, at)

    def _surely(self, event: Event, at: datetime) -> Pipeline:
        pipeline = self.happen(event, at)
        assert pipeline is not None, f"no job is for {event.source}"
        return pipeline

    def play(self, pipeline: Pipeline, name: str, at: datetime) -> None:
        """Start a job that waits for it."""
        assert pipeline.jobs[name].result == "manual", pipeline.jobs[name].result
        pipeline.at = at
        self._start(pipeline, pipeline.jobs[name])
        self._go_on(pipeline)

    def _config(self, sha: str) -> dict[str, Any]:
        """Return the file of a commit, with what it includes: what stands in the file itself comes before that."""
        own = yaml.safe_load(self.repository.git("show", f"{sha}:{FILE}"))
        included = own.pop("include", [])
        whole: dict[str, Any] = {}
        for each in [included] if isinstance(included, dict | str) else included:
            match each:
                case {"local": str() as path, **rest} if not rest:
                    text = self.repository.git("show", f"{sha}:{path.removeprefix('/')}")
                case {"remote": str() as address, **rest} if not rest and address in self._files:
                    text = self._files[address]
                case _:
                    raise Unknown(f"an include: {each}")
            found = yaml.safe_load(text)
            if "include" in found:
                raise Unknown("an include inside of what is included")
            whole = _merged(whole, found)
        return _merged(whole, own)

    def _predefined(self, event: Event) -> dict[str, str]:
        known = {
            "CI_PIPELINE_SOURCE": event.source,
            "CI_COMMIT_SHA": event.sha,
            "CI_DEFAULT_BRANCH": BRANCH,
            "GITLAB_CI": "true",
        }
        if event.source == "merge_request_event":
            return {**known, "CI_MERGE_REQUEST_DIFF_BASE_SHA": event.base}
        if event.source in ("push", "schedule", "web"):
            return {**known, "CI_COMMIT_BRANCH": event.branch}
        raise Unknown(f"the source {event.source}")

    def _jobs(self, config: Mapping[str, Any], defaults: Mapping[str, str], given: Mapping[str, str]) -> dict[str, Job]:
        """Return the jobs that the pipeline gets."""
        stages = list(config.get("stages", _STAGES))
        specs = {name: _extended(name, config) for name in config if name not in _GLOBAL}
        jobs: dict[str, Job] = {}
        for name, spec in specs.items():
            if name.startswith("."):
                continue
            if (unknown := spec.keys() - _KNOWN_JOB) or "script" not in spec:
                raise Unknown(f"what {name} is: {unknown}")
            when, allow_failure = _decided(spec, {**defaults, **_texts(spec.get("variables", {})), **given})
            if when != "never":
                jobs[name] = Job(name, spec, [], when, allow_failure)
        for name, job in jobs.items():
            place = stages.index(job.spec.get("stage", "test"))
            earlier = [each for each, other in jobs.items() if stages.index(other.spec.get("stage", "test")) < place]
            job.needs = _needs(job, jobs) if "needs" in job.spec else earlier
            if missing := set(job.needs) - jobs.keys():
                raise NotCreated(f"{name!r} job needs {missing} job, but it does not exist in the pipeline")
        return jobs

    def _cancel_outdated(self, event: Event) -> None:
        """Cancel what is redundant: pipelines of an older commit of the branch, none of whose jobs must not be ended.

        A project does so as it is made ("Auto-cancel redundant pipelines").
        """
        for other in self.pipelines:
            if (other.event.branch, other.event.fork) != (event.branch, event.fork) or other.event.sha == event.sha:
                continue
            if other.event.source not in ("push", "merge_request_event"):
                continue
            started = [each for each in other.jobs.values() if each.result in {"running", "success", "failed"}]
            if all(each.spec.get("interruptible", False) for each in started):
                for job in other.jobs.values():
                    job.result = job.result if job.result in _ENDS else "canceled"

    def _go_on(self, pipeline: Pipeline) -> None:
        """Run all that can be run by now."""
        ready = True
        while ready:
            ready = False
            for job in pipeline.jobs.values():
                needed = [pipeline.jobs[name] for name in job.needs]
                if job.result in ("", "waiting_for_resource") and all(each.result in _ENDS for each in needed):
                    before = job.result
                    job.result = before or _status(job, needed)
                    if job.result in ("", "waiting_for_resource"):
                        self._start(pipeline, job)
                    ready |= job.result != before
                elif any(each.result == "manual" and each.allow_failure for each in needed):
                    raise Unknown(f"{job.name} needs a manual job that may be left out")

    def _start(self, pipeline: Pipeline, job: Job) -> None:
        """Run a job, and what has waited for its resource meanwhile."""
        group = job.spec.get("resource_group")
        if group is not None and group in self._held:
            job.result = "waiting_for_resource"
            return
        self._held |= {group} if group else set()
        job.result = "running"
        self.meanwhile.pop(job.name, lambda: None)()
        if job.result == "running":
            self._run(pipeline, job)
        self._held -= {group}
        for other in self.pipelines:
            if any(each.result == "waiting_for_resource" for each in other.jobs.values()):
                self._go_on(other)

    def _run(self, pipeline: Pipeline, job: Job) -> None:
        event, spec = pipeline.event, job.spec
        self._count += 1
        machine = self.machine = Machine(self._folder / f"job-{self._count}", pipeline.at, self._flowops)
        # The order of precedence is documented: what a pipeline is started with comes before all else.
        env = {
            **pipeline.defaults,
            **_texts(spec.get("variables", {})),
            **self._secrets_of(event, spec),
            **event.variables,
            "CI_PROJECT_DIR": str(machine.work),
        }
        depth = int(env.get("GIT_DEPTH", _DEPTH))
        problem = machine.checkout(self.repository, event.sha, depth or None)
        assert problem is None, problem
        for name in job.needs:
            for path, content in pipeline.jobs[name].artifacts.items():
                (machine.work / path).parent.mkdir(parents=True, exist_ok=True)
                (machine.work / path).write_bytes(content)
        steps = _steps(spec.get("before_script", []))
        # flowops is installed already; what these lines install is another test.
        script = [*([] if steps == self._install else steps), *_steps(spec["script"])]
        ran = machine.shell("\n".join(script), env)
        job.text = ran.stdout + ran.stderr
        job.result = "success" if ran.returncode == 0 and not machine.is_lost else "failed"
        if not machine.is_lost:
            self._keep(machine, job)
        machine.remove()

    def _secrets_of(self, event: Event, spec: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the protected variables of the job's environment: a protected branch alone has them."""
        if event.fork or event.branch != BRANCH or "environment" not in spec:
            return {}
        place = spec["environment"]
        return self._secrets.get(place if isinstance(place, str) else place["name"], {})

    def _keep(self, machine: Machine, job: Job) -> None:
        """Keep the artifacts that a job asks for when it has ended in this way; its reports in any case."""
        asked = job.spec.get("artifacts", {})
        if unknown := asked.keys() - {"when", "paths", "reports", "expose_as", "expire_in"}:
            raise Unknown(f"keys of artifacts: {unknown}")
        when = asked.get("when", "on_success")
        if when == "always" or (when == "on_success") == (job.result == "success"):
            for pattern in asked.get("paths", ()):
                files = [file for file in machine.work.glob(pattern) if file.is_file()]
                job.artifacts |= {str(file.relative_to(machine.work)): file.read_bytes() for file in files}
        for kind, path in asked.get("reports", {}).items():
            if (machine.work / path).is_file():
                job.reports[kind] = (machine.work / path).read_bytes()


def _texts(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return variables as texts. Those that hold other variables, or are more than a value, are not known here."""
    for name, value in variables.items():
        if not isinstance(value, str | int) or "$" in str(value):
            raise Unknown(f"the variable {name}: {value!r}")
    return {name: str(value) for name, value in variables.items()}


def _steps(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as `extends` and `include` do: mappings key by key, while a list takes the place of another."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _extended(name: str, config: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    if depth > 10 or not isinstance(config[name], dict):
        raise Unknown(f"{name}")
    own = dict(config[name])
    parents = own.pop("extends", [])
    whole: dict[str, Any] = {}
    for parent in [parents] if isinstance(parents, str) else parents:
        whole = _merged(whole, _extended(parent, config, depth + 1))
    return _merged(whole, own)


def _decided(spec: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[str, bool]:
    """Return when a job runs, and whether it may fail: the first rule that matches says so.

    A manual job may be left out, except where a rule makes it manual.
    """
    when = spec.get("when", "on_success")
    allow_failure = spec.get("allow_failure", when == "manual")
    if "rules" in spec:
        if "when" in spec:
            raise Unknown("when beside rules")
        for rule in spec["rules"]:
            if unknown := rule.keys() - {"if", "when", "allow_failure"}:
                raise Unknown(f"keys of a rule: {unknown}")
            if "if" not in rule or holds(rule["if"], variables):
                when = rule.get("when", "on_success")
                allow_failure = rule.get("allow_failure", spec.get("allow_failure", False))
                break
        else:
            when = "never"
    if when not in _WHEN or not isinstance(allow_failure, bool):
        raise Unknown(f"when: {when}, allow_failure: {allow_failure}")
    return when, allow_failure


def _needs(job: Job, jobs: Mapping[str, Job]) -> list[str]:
    names = []
    for each in job.spec["needs"]:
        need = {"job": each} if isinstance(each, str) else each
        if unknown := need.keys() - {"job", "optional"}:
            raise Unknown(f"keys of needs: {unknown}")
        if need["job"] in jobs or not need.get("optional", False):
            names.append(need["job"])
    return names


def _status(job: Job, needed: list[Job]) -> str:
    """Return how a job goes on once what it needs has ended: "" says that it runs."""
    failed = any(each.has_failed for each in needed)
    well = all(each.result == "success" or (each.result == "failed" and each.allow_failure) for each in needed)
    if job.when == "always":
        return ""
    if job.when == "on_failure":
        if not failed and not well:
            raise Unknown(f"{job.name} runs on failure, and what it needs was skipped")
        return "" if failed else "skipped"
    if not well:
        return "skipped"
    return "manual" if job.when == "manual" else ""
