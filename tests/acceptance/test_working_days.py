"""Ordinary days of a team whose calls go out from the shipped workflow: red only where a person has to act.

The services are simulated (tests/support/pipelines), the shell of their steps and flowops run for real; the judge is
the log of the API.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import ROOT, flowops
from support.git import Repository
from support.pipelines.clock import clock_of
from support.pipelines.github import Event, GitHub, Run
from support.server import TOKEN, ApiServer, accept, answer_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKFLOW = ".github/workflows/flowops.yml"
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
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/people.csv
call:
  reference-id: "reminder-{{ row.id }}-{{ row.date }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  callee: "{{ row.phone }}"
  flow-variables: {when: "{{ row.when }}"}
"""
#: A Tuesday.
DAY = datetime(2026, 12, 1, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    return DAY.replace(hour=hour, minute=minute)


class Team:
    """A repository at a service, its ledger and its secrets; and the API that it calls."""

    def __init__(self, folder: Path, api: ApiServer) -> None:
        self.api = api
        self.repository = Repository(folder / "repository")
        self.people: list[str] = []
        ledger = folder / "ledger" / "calls.db"
        ledger.parent.mkdir(mode=0o700)
        self.env = {"FLOWOPS_PRODUCT_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": f"sqlite:///{ledger}"}
        places = ("production", "production-plan", "production-schedule")
        secrets = {place: dict(self.env) for place in places}
        del secrets["production-plan"]["FLOWOPS_PRODUCT_TOKEN"]
        self.service = GitHub(
            folder / "machines",
            self.repository,
            WORKFLOW,
            secrets=secrets,
            reviewed=frozenset({"production"}),
        )
        workflow = self.repository.root / WORKFLOW
        workflow.parent.mkdir(parents=True)
        shutil.copy(ROOT / ".github/examples/flowops.yml", workflow)
        self.repository.write({"flowops.yaml": PROJECT % api.url, "calls/reminders.yaml": CALLS})

    def add(self, *names: str, when: str = "9:30", date: str = "2026-12-02") -> None:
        """Give people an appointment."""
        for name in names:
            self.people.append(f"{name},+4420794601{len(self.people):02},{date},{when}")
        self.repository.write({"data/people.csv": "id,phone,date,when\n" + "".join(f"{p}\n" for p in self.people)})

    def init(self) -> None:
        """Make the ledger, as somebody does once."""
        made = flowops(
            "ledger", "init", "--env", "production", cwd=self.repository.root, env={**self.env, **clock_of(at(7))}
        )
        assert made.code == 0, made.err

    def merge(self, when: datetime) -> Run:
        """Commit what there is to the main branch; whoever reviews the plan approves it at once."""
        sha = self.repository.commit()
        run = self.service.happen(Event("push", sha, "refs/heads/main"), when)
        assert run is not None
        if run.is_waiting:
            self.service.approve(run, when)
        return run

    def scheduled(self, when: datetime) -> Run:
        """Let the schedule come."""
        return self._happen("schedule", when)

    def operate(self, command: str, arguments: str, when: datetime) -> Run:
        """Let an operator run a command, which somebody approves."""
        run = self._happen("workflow_dispatch", when, inputs={"command": command, "arguments": arguments})
        self.service.approve(run, when)
        return run

    def _happen(self, name: str, when: datetime, **more: Any) -> Run:
        sha = self.repository.git("rev-parse", "main")
        run = self.service.happen(Event(name, sha, "refs/heads/main", **more), when)
        assert run is not None
        return run

    @property
    def called(self) -> list[str]:
        """Return who was called: references and how often, as the API saw it."""
        assert set(self.api.received.values()) <= {1}, self.api.received
        return sorted(self.api.received)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def team(tmp_path: Path, api: ApiServer) -> Team:
    team = Team(tmp_path, api)
    team.add("ann", "bob")
    team.init()
    team.repository.commit()
    return team


def results(run: Run) -> dict[str, str]:
    return {name: job.result for name, job in run.jobs.items() if job.result != "skipped"}


ANN, BOB, EVE = ("reminder-ann-2026-12-02", "reminder-bob-2026-12-02", "reminder-eve-2026-12-02")


def test_what_was_merged_and_approved_is_placed_and_the_schedule_has_nothing_to_do(team: Team) -> None:
    run = team.merge(at(9))
    assert results(run) == {"plan": "success", "apply": "success"}
    assert team.called == [ANN, BOB]
    assert results(team.scheduled(at(9, 37))) == {"scheduled": "success"}
    assert team.called == [ANN, BOB]


def test_nobody_is_asked_to_approve_nothing(team: Team) -> None:
    team.merge(at(9))
    team.repository.write({"notes.txt": "nothing of a call"})
    assert results(team.merge(at(10))) == {"plan": "success"}


def test_a_do_not_call_hit_is_an_ordinary_day(team: Team) -> None:
    team.repository.write({"dnc.txt": "+442079460100\n"})
    project = (team.repository.root / "flowops.yaml").read_text()
    team.repository.write({"flowops.yaml": f"{project}policy: {{do-not-call: dnc.txt}}\n"})
    run = team.merge(at(9))
    assert results(run) == {"plan": "success", "apply": "success"}
    assert team.called == [BOB]
    assert not team.scheduled(at(9, 37)).is_red


def test_a_merge_in_the_night_is_placed_in_the_morning(team: Team) -> None:
    project = (team.repository.root / "flowops.yaml").read_text()
    windows = "policy: {windows: [{days: mon-fri, hours: 09:00-18:00}]}\n"
    team.repository.write({"flowops.yaml": project + windows})
    assert results(team.merge(at(3))) == {"plan": "success"}
    assert results(team.scheduled(at(7, 37))) == {"scheduled": "success"}
    assert team.called == []
    assert results(team.scheduled(at(9, 7))) == {"scheduled": "success"}
    assert team.called == [ANN, BOB]


def test_an_edited_row_is_red_and_stops_nobody_else(team: Team) -> None:
    team.merge(at(9))
    team.people = [person.replace("9:30", "11:00") if person.startswith("ann") else person for person in team.people]
    team.add("eve")
    run = team.merge(at(10))
    assert results(run) == {"plan": "success", "apply": "failure"}
    assert ANN in run.jobs["apply"].text
    assert team.called == [ANN, BOB, EVE]


def test_a_doubt_is_red_until_an_operator_settles_it(team: Team) -> None:
    team.api.behave = answer_with("503 Service Unavailable", b"")
    run = team.merge(at(9))
    assert results(run) == {"plan": "success", "apply": "failure"}
    assert team.called == [ANN, BOB]
    team.api.behave = accept
    assert results(team.scheduled(at(9, 37))) == {"scheduled": "failure"}
    settled = team.operate("ledger resolve", f"{ANN} {BOB} --placed --reason 'both were called' --yes", at(10))
    assert results(settled) == {"operate": "success"}, settled.jobs["operate"].text
    assert results(team.scheduled(at(10, 7))) == {"scheduled": "success"}
    assert team.called == [ANN, BOB]


def test_the_red_button_is_there(team: Team) -> None:
    assert results(team.operate("stop", "--reason 'wrong text'", at(8))) == {"operate": "success"}
    run = team.merge(at(9))
    assert results(run) == {"plan": "success", "apply": "failure"}
    assert "wrong text" in run.jobs["apply"].text
    assert team.called == []
    assert results(team.operate("resume", "", at(10))) == {"operate": "success"}
    assert results(team.scheduled(at(10, 7))) == {"scheduled": "success"}
    assert team.called == [ANN, BOB]


def pull_request(team: Team, number: int, head: str, *, fork: bool = False) -> Event:
    repo = "mallory/calls" if fork else "acme/calls"
    payload = {
        "pull_request": {
            "number": number,
            "base": {"sha": team.repository.git("rev-parse", "main")},
            "head": {"sha": head, "repo": {"full_name": repo}},
        }
    }
    return Event("pull_request", head, f"refs/pull/{number}/merge", payload, fork=fork)


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq, which GitHub's machines have")
def test_a_pull_request_gets_one_comment_and_it_is_kept_up_to_date(team: Team) -> None:
    team.merge(at(9))
    team.repository.git("switch", "-q", "-c", "change")
    team.add("eve")
    first = team.repository.commit()
    run = team.service.happen(pull_request(team, 7, first), at(10))
    assert run is not None
    assert results(run) == {"review": "success", "comment": "success"}, run.jobs["review"].text
    team.add("fay")
    second = team.repository.commit()
    assert team.service.happen(pull_request(team, 7, second), at(11)) is not None
    (comment,) = team.service.comments[7]
    assert "reminder-eve" in comment["body"]
    assert "reminder-fay" in comment["body"]
    assert team.called == [ANN, BOB]


def test_a_stranger_changes_nothing_but_a_comment_that_is_not_written(team: Team) -> None:
    team.repository.commit()
    team.repository.git("switch", "-q", "-c", "evil")
    team.repository.edit("calls/reminders.yaml", "row.phone", "row.fone")
    head = team.repository.commit()
    run = team.service.happen(pull_request(team, 8, head, fork=True), at(10))
    assert run is not None
    assert results(run) == {"review": "failure"}
    assert team.service.comments == {8: []} or team.service.comments == {}
    assert team.called == []
