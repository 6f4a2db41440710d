"""Ordinary days of a team whose calls go out from the shipped pipelines: red only where a person has to act.

The services are simulated (tests/support/pipelines), the shell of their steps and flowops run for real; the judge is
the log of the API.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support.pipelines.forked import forked
from support.pipelines.github import Event, GitHub
from support.pipelines.team import SERVICES, Team
from support.server import ApiServer, accept, answer_with

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from support.pipelines.github import Run
    from support.pipelines.gitlab import Pipeline

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


class Clinic(Team):
    """A team that reminds people of their appointments."""

    def __init__(self, folder: Path, api: ApiServer, service: str, flowops: list[str]) -> None:
        super().__init__(folder, api, service, flowops=flowops)
        self.people: list[str] = []
        self.repository.write({"calls/reminders.yaml": CALLS})

    def add(self, *names: str, when: str = "9:30", date: str = "2026-12-02") -> None:
        """Give people an appointment."""
        for name in names:
            self.people.append(f"{name},+4420794601{len(self.people):02},{date},{when}")
        self.repository.write({"data/people.csv": "id,phone,date,when\n" + "".join(f"{p}\n" for p in self.people)})


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture(scope="module")
def command() -> Iterator[list[str]]:
    with forked() as command:
        yield command


@pytest.fixture(params=SERVICES)
def team(request: pytest.FixtureRequest, tmp_path: Path, api: ApiServer, command: list[str]) -> Clinic:
    team = Clinic(tmp_path, api, request.param, command)
    team.add("ann", "bob")
    team.init(at(7))
    team.repository.commit()
    return team


ANN, BOB, EVE = ("reminder-ann-2026-12-02", "reminder-bob-2026-12-02", "reminder-eve-2026-12-02")


def test_what_was_merged_and_approved_is_placed_and_the_schedule_has_nothing_to_do(team: Clinic) -> None:
    run = team.merge(at(9))
    assert run.results == {"plan": "success", "apply": "success"}
    assert team.called == [ANN, BOB]
    assert team.scheduled(at(9, 37)).results["scheduled"] == "success"
    assert team.called == [ANN, BOB]


def test_nobody_is_asked_to_approve_nothing(team: Clinic) -> None:
    team.merge(at(9))
    team.repository.write({"notes.txt": "nothing of a call"})
    run = team.merge(at(10))
    # GitLab decides whether there is a manual job before the plan is made.
    assert run.results == {"plan": "success"} | ({} if isinstance(team.service, GitHub) else {"apply": "success"})
    assert team.called == [ANN, BOB]


def test_a_do_not_call_hit_is_an_ordinary_day(team: Clinic) -> None:
    team.repository.write({"dnc.txt": "+442079460100\n"})
    project = (team.repository.root / "flowops.yaml").read_text()
    team.repository.write({"flowops.yaml": f"{project}policy: {{do-not-call: dnc.txt}}\n"})
    run = team.merge(at(9))
    assert run.results == {"plan": "success", "apply": "success"}
    assert team.called == [BOB]
    assert not team.scheduled(at(9, 37)).is_red


def test_a_call_whose_day_is_over_is_an_ordinary_day(team: Clinic) -> None:
    team.repository.edit("calls/reminders.yaml", "  callee:", '  expires: "{{ row.date }}"\n  callee:')
    team.add("late", date="2026-11-30")
    run = team.merge(at(9))
    assert run.results == {"plan": "success", "apply": "success"}, run.text
    assert "the call has expired" in run.text
    assert team.called == [ANN, BOB]
    assert not team.scheduled(at(9, 37)).is_red


def test_a_schedule_that_comes_while_calls_are_placed_is_no_doubt(team: Clinic) -> None:
    others: list[Run | Pipeline] = []
    coming = threading.Thread(target=lambda: others.append(team.scheduled(at(9, 7))))

    def answer(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        team.api.behave = accept
        coming.start()
        time.sleep(1)
        accept(connection, request, headers)

    team.api.behave = answer
    run = team.merge(at(9))
    coming.join()
    assert run.results == {"plan": "success", "apply": "success"}, run.text
    assert [each.results["scheduled"] for each in others] == ["success"], others[0].text
    assert team.called == [ANN, BOB]


def test_a_merge_in_the_night_is_placed_in_the_morning(team: Clinic) -> None:
    project = (team.repository.root / "flowops.yaml").read_text()
    windows = "policy: {windows: [{days: mon-fri, hours: 09:00-18:00}]}\n"
    team.repository.write({"flowops.yaml": project + windows})
    assert not team.merge(at(3)).is_red
    assert team.scheduled(at(7, 37)).results["scheduled"] == "success"
    assert team.called == []
    assert team.scheduled(at(9, 7)).results["scheduled"] == "success"
    assert team.called == [ANN, BOB]


def test_an_edited_row_is_red_and_stops_nobody_else(team: Clinic) -> None:
    team.merge(at(9))
    team.people = [person.replace("9:30", "11:00") if person.startswith("ann") else person for person in team.people]
    team.add("eve")
    run = team.merge(at(10))
    assert run.results == {"plan": "success", "apply": "failure"}
    assert ANN in run.text
    assert team.called == [ANN, BOB, EVE]


def test_a_doubt_is_red_until_an_operator_settles_it(team: Clinic) -> None:
    team.api.behave = answer_with("503 Service Unavailable", b"")
    run = team.merge(at(9))
    assert run.results == {"plan": "success", "apply": "failure"}
    assert team.called == [ANN, BOB]
    team.api.behave = accept
    assert team.scheduled(at(9, 37)).results["scheduled"] == "failure"
    settled = team.operate("ledger resolve", f"{ANN} {BOB} --placed --reason 'both were called' --yes", at(10))
    assert settled.results == {"operate": "success"}, settled.text
    assert team.scheduled(at(10, 7)).results["scheduled"] == "success"
    assert team.called == [ANN, BOB]


def test_the_red_button_is_there(team: Clinic) -> None:
    assert team.operate("stop", "--reason 'wrong text'", at(8)).results == {"operate": "success"}
    run = team.merge(at(9))
    assert run.results == {"plan": "success", "apply": "failure"}
    assert "wrong text" in run.text
    assert team.called == []
    assert team.operate("resume", "", at(10)).results == {"operate": "success"}
    assert team.scheduled(at(10, 7)).results["scheduled"] == "success"
    assert team.called == [ANN, BOB]


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq, which GitHub's machines have")
def test_a_pull_request_is_reviewed_and_kept_up_to_date_in_one_place(team: Clinic) -> None:
    team.merge(at(9))
    team.repository.git("switch", "-q", "-c", "change")
    team.add("eve")
    run = team.propose(7, team.repository.commit(), at(10))
    assert set(run.results.values()) == {"success"}, run.text
    team.add("fay")
    run = team.propose(7, team.repository.commit(), at(11))
    if isinstance(team.service, GitHub):
        (comment,) = team.service.comments[7]
        shown = comment["body"]
    else:
        shown = run.text
        assert json.loads(team.service.pipelines[-1].jobs["flowops:review"].reports["terraform"])["create"] == 2
    assert "reminder-eve" in shown
    assert "reminder-fay" in shown
    assert team.called == [ANN, BOB]


def test_a_merge_queue_is_reviewed_and_nothing_is_commented(team: Clinic) -> None:
    if not isinstance(team.service, GitHub):
        pytest.skip("a merge train of GitLab is a pipeline of a merge request")
    base = team.repository.commit()
    team.add("eve")
    head = team.repository.commit()
    payload = {"merge_group": {"head_sha": head, "base_sha": base}}
    run = team.service.happen(Event("merge_group", head, "refs/heads/gh-readonly-queue/main/pr-7", payload), at(10))
    assert run is not None
    assert run.results == {"review": "success"}, run.text
    assert "reminder-eve" in run.text
    assert (team.called, team.service.comments) == ([], {})


def test_a_stranger_changes_nothing_but_a_comment_that_is_not_written(team: Clinic) -> None:
    team.repository.commit()
    team.repository.git("switch", "-q", "-c", "evil")
    team.repository.edit("calls/reminders.yaml", "row.phone", "row.fone")
    run = team.propose(8, team.repository.commit(), at(10), fork=True)
    assert run.is_red
    assert "did you mean 'row.phone'?" in run.text
    if isinstance(team.service, GitHub):
        assert not any(team.service.comments.values())
    assert team.called == []
