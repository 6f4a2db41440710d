"""A team whose calls go out from the shipped pipeline: a repository, a ledger, secrets, and the API that it calls."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from support.commands import ROOT, flowops
from support.git import Repository
from support.pipelines.clock import clock_of
from support.pipelines.github import GitHub
from support.pipelines.gitlab import FILE, GitLab
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from support.pipelines.github import Run
    from support.pipelines.gitlab import Pipeline
    from support.server import ApiServer

WORKFLOW = ".github/workflows/flowops.yml"
SERVICES = ("github", "gitlab")
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: clinic
defaults: {caller: "+442079460000", voicemail-response: Stop}
environments:
  production:
    api: %s
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: {env: FLOWOPS_LEDGER_URL}
    rate: none
"""


class Team:
    """A repository at a service. `secrets` are what the jobs see that place calls."""

    def __init__(
        self, folder: Path, api: ApiServer, service: str, project: str = PROJECT, flowops: Iterable[str] = ()
    ) -> None:
        self.api = api
        self.repository = Repository(folder / "repository")
        (folder / "ledger").mkdir(mode=0o700)
        self.secrets: dict[str, str] = {}
        self._of_plans: dict[str, str] = {}
        self.keep_secret("FLOWOPS_PRODUCT_TOKEN", TOKEN)
        self.keep_secret("FLOWOPS_LEDGER_URL", f"sqlite:///{folder}/ledger/calls.db")
        self.service = self._service(folder / "machines", service, tuple(flowops))
        self.repository.write({"flowops.yaml": project % api.url})

    def _service(self, folder: Path, service: str, command: tuple[str, ...]) -> GitHub | GitLab:
        if service == "gitlab":
            shutil.copy(ROOT / ".gitlab/flowops.gitlab-ci.yml", self.repository.root / FILE)
            return GitLab(folder, self.repository, secrets={"production": self.secrets}, flowops=command)
        workflow = self.repository.root / WORKFLOW
        workflow.parent.mkdir(parents=True)
        shutil.copy(ROOT / ".github/examples/flowops.yml", workflow)
        return GitHub(
            folder,
            self.repository,
            WORKFLOW,
            secrets={
                "production": self.secrets,
                "production-schedule": self.secrets,
                "production-plan": self._of_plans,
            },
            reviewed=frozenset({"production"}),
            flowops=command,
        )

    def keep_secret(self, name: str, value: str) -> None:
        """Put a secret, or its new value, where the jobs find it; a job that plans sees the ledger's address only."""
        self.secrets[name] = value
        if name == "FLOWOPS_LEDGER_URL":
            self._of_plans[name] = value

    def init(self, at: datetime, project: str = ".") -> None:
        """Make the ledger of a project, as somebody does once."""
        env = {**self.secrets, **clock_of(at)}
        made = flowops("ledger", "init", "--env", "production", cwd=self.repository.root / project, env=env)
        assert made.code == 0, made.err

    @property
    def head(self) -> str:
        """The newest commit of the main branch."""
        return self.repository.git("rev-parse", "main")

    def merge(self, at: datetime) -> Run | Pipeline:
        """Commit what there is to the main branch; whoever reviews the plan approves it at once."""
        run = self.service.push(self.repository.commit(), at)
        if run.is_waiting:
            self.approve(run, at)
        return run

    def approve(self, run: Run | Pipeline, at: datetime) -> None:
        """Approve what waits for it."""
        self.service.approve(run, at)  # type: ignore[arg-type] # a run of this service

    def scheduled(self, at: datetime) -> Run | Pipeline:
        """Let the schedule come."""
        return self.service.schedule(self.head, at)

    def operate(self, command: str, arguments: str, at: datetime) -> Run | Pipeline:
        """Let an operator run a command."""
        return self.service.operate(self.head, at, command, arguments)

    def propose(self, number: int, head: str, at: datetime, *, fork: bool = False) -> Run | Pipeline:
        """Open a pull request, or push to it."""
        return self.service.propose(number, self.head, head, at, fork=fork)

    @property
    def called(self) -> list[str]:
        """Who was called, as the API saw it: each reference once."""
        assert set(self.api.received.values()) <= {1}, self.api.received
        return sorted(self.api.received)
