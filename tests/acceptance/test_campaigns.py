"""Campaigns: a plan that is handed over is placed by workers, by nobody else, and each call at most once."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import contextmanager
from textwrap import indent
from typing import TYPE_CHECKING

import httpx
import pytest
from support.commands import Ran, flowops, start
from support.listening import free_port
from support.server import TOKEN, accept, answer_with

from flowops.app.turns import OUTCOME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CAMPAIGN_KEY": "c" * 64}
E = ("--env", "production")


@pytest.fixture
def project(real: Path) -> Path:
    """A repository with workers, whose ledger exists."""
    written = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{written}    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}\n")
    asked(real, "ledger", "init")
    return real


def asked(project: Path, *args: str, env: dict[str, str] | None = None) -> Ran:
    return flowops(*args, *E, cwd=project, env={**ENV, **(env or {})})


def handed_over(project: Path, *args: str) -> None:
    ran = asked(project, "apply", "--detach", "--auto-approve", "--name", "spring", *args)
    assert ran.code == 0, ran.err


def shown(project: Path) -> dict[str, Any]:
    (campaign,) = asked(project, "campaign", "show", "spring", "--format", "json").json["campaigns"]
    return dict(campaign)


def state(project: Path) -> str:
    return str(shown(project)["state"])


def test_a_worker_places_what_was_handed_over_and_nobody_else_does(project: Path, api: ApiServer) -> None:
    handed_over(project)
    assert api.received.total() == 0
    again = asked(project, "apply", "--auto-approve")
    assert again.code == 0
    assert "it waits in campaign spring" in again.out
    assert api.received.total() == 0
    worked = asked(project, "worker", "--once")
    assert worked.code == 0, worked.err
    assert dict(api.received) == {"call-1": 1, "call-2": 1, "call-3": 1}
    assert state(project) == "finished"
    assert asked(project, "campaign", "wait", "spring").code == 0
    assert asked(project, "apply", "--auto-approve").code == 0
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 3
    assert asked(project, "ledger", "verify").code == 0


def test_what_was_handed_over_is_called_when_its_row_has_left_the_files(project: Path, api: ApiServer) -> None:
    handed_over(project)
    (project / "calls/three.yaml").unlink()
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 3


def test_an_edit_of_what_was_handed_over_is_told(project: Path, api: ApiServer) -> None:
    handed_over(project)
    file, same = project / "calls/three.yaml", asked(project, "plan")
    assert "edited since it was handed over" not in same.out
    file.write_text(file.read_text().replace("+442079460102", "+442079460109"))
    told = asked(project, "plan", "--format", "json").json
    reasons = {call["reference_id"]: call["reasons"] for call in told["calls"]}
    assert [len(reasons[f"call-{number}"]) for number in (1, 2, 3)] == [1, 2, 1]
    assert "it is called as it was then, unless that campaign is cancelled" in reasons["call-2"][1]
    file.write_text(file.read_text().replace("reference-id: call-3", "reference-id: call-3\nexpires: 2999-01-01"))
    assert asked(project, "plan", "--full").out.count("edited since it was handed over") == 2
    assert asked(project, "worker", "--once").code == 0
    assert "+442079460102" in {body["callee"] for body in api.bodies}


def test_nothing_of_a_paused_campaign_is_placed_until_it_is_resumed(project: Path, api: ApiServer) -> None:
    handed_over(project)
    assert asked(project, "campaign", "pause", "spring").code == 0
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 0
    assert asked(project, "campaign", "wait", "spring").code == 4
    assert asked(project, "campaign", "resume", "spring").code == 0
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 3


def test_what_people_did_to_a_call_since_holds_for_a_worker(project: Path, api: ApiServer) -> None:
    """One is cancelled, one was placed elsewhere, and one goes by another name and is called under that."""
    handed_over(project)
    because = ("--reason", "r", "--yes")
    assert asked(project, "ledger", "cancel", "call-1", *because).code == 0
    (project / "placed.csv").write_text("reference-id,callee\ncall-2,+442079460102\n")
    assert asked(project, "ledger", "import", "placed.csv").code == 0
    file = project / "calls/three.yaml"
    file.write_text(file.read_text().replace("reference-id: call-3", "reference-id: new-3\nmoved-from: call-3"))
    assert asked(project, "apply", "--auto-approve", "--ref", "new-3").code == 0
    assert asked(project, "worker", "--once").code == 0
    assert dict(api.received) == {"new-3": 1}
    assert asked(project, "ledger", "verify").code == 0


def test_who_has_another_name_is_told_of_what_waits_in_a_campaign_under_the_old_one(project: Path) -> None:
    """A new ledger would not know that workers of the old one are going to place it."""
    handed_over(project)
    file = project / "flowops.yaml"
    file.write_text(file.read_text().replace("name: real", "name: renamed"))
    for command in ("plan", "worker"):
        ran = asked(project, command)
        assert ran.code == 5
        assert "0 calls, 3 calls in campaigns that are not over" in ran.err


LATER = """\
---
apiVersion: flowops/v1
kind: Call
reference-id: later
callee: "+442079460199"
not-before: 2999-01-01T00:00Z
"""


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_worker_places_what_an_operator_makes_placeable_again(
    project: Path, api: ApiServer, *, is_paused: bool
) -> None:
    """Nobody else may, as long as the campaign is not over."""
    file = project / "calls/three.yaml"
    file.write_text(file.read_text() + LATER)
    handed_over(project)
    because = ("--reason", "r", "--yes")
    assert asked(project, "ledger", "cancel", "call-1", *because).code == 0
    api.behave = answer_with("503 Service Unavailable", b"{}")
    assert asked(project, "worker", "--once").code == 0
    assert dict(api.received) == {"call-2": 1, "call-3": 1}
    api.behave = accept
    if is_paused:
        asked(project, "campaign", "pause", "spring")
    assert asked(project, "ledger", "resolve", "call-2", "--not-placed", *because).code == 0
    assert asked(project, "ledger", "cancel", "call-1", "--undo", *because).code == 0
    if is_paused:
        asked(project, "campaign", "resume", "spring")
    assert asked(project, "apply", "--auto-approve").code == 7
    assert asked(project, "worker", "--once").code == 0
    assert dict(api.received) == {"call-1": 1, "call-2": 2, "call-3": 1}
    assert state(project) == "running"


def test_a_worker_goes_on_where_the_ledger_has_moved_to(project: Path, api: ApiServer) -> None:
    handed_over(project)
    assert asked(project, "ledger", "copy", "--to", "sqlite:///moved.db", "--yes").code == 0
    assert asked(project, "worker", "--once").code == 5
    assert api.received.total() == 0
    settings = project / "flowops.yaml"
    settings.write_text(settings.read_text().replace("ledger.db", "moved.db"))
    assert asked(project, "worker", "--once").code == 0
    assert dict(api.received) == {"call-1": 1, "call-2": 1, "call-3": 1}
    settings.write_text(settings.read_text().replace("moved.db", "ledger.db"))
    assert asked(project, "worker", "--once").code == 5
    assert api.received.total() == 3


def test_a_cancelled_campaign_leaves_its_calls_to_apply(project: Path, api: ApiServer) -> None:
    handed_over(project)
    ended = asked(project, "campaign", "cancel", "spring", "--yes")
    assert ended.code == 0
    assert "3 calls of it are still in the files, and are placed by: flowops apply --env production" in ended.err
    assert asked(project, "campaign", "resume", "spring").code == 64
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 0
    assert asked(project, "apply", "--auto-approve").code == 0
    assert api.received.total() == 3


def test_it_begins_when_it_is_to(project: Path, api: ApiServer) -> None:
    handed_over(project, "--start", "2999-01-01T00:00Z")
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 0
    assert state(project) == "running"


def test_another_policy_than_the_approved_one_pauses_it(project: Path, api: ApiServer) -> None:
    handed_over(project)
    written = (project / "flowops.yaml").read_text()
    (project / "flowops.yaml").write_text(f"{written}policy: {{countries: [GB]}}\n")
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == 0
    shown = asked(project, "campaign", "show", "spring")
    assert "paused: policy: not what was approved" in shown.out


@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
def test_a_token_that_is_not_accepted_pauses_it(project: Path, api: ApiServer, status: str) -> None:
    handed_over(project)
    good, api.behave = api.behave, answer_with(status, b"{}")
    ran = asked(project, "worker", "--once")
    assert ran.code == 6
    assert "once it is right: flowops campaign resume " in ran.err
    assert state(project) == "paused"
    asked_before = api.received.total()
    assert asked(project, "worker", "--once").code == 0
    assert api.received.total() == asked_before
    api.behave = good
    assert asked(project, "campaign", "resume", "spring").code == 0
    assert asked(project, "worker", "--once").code == 0
    assert state(project) == "finished"


def test_a_stopped_environment_places_nothing(project: Path, api: ApiServer) -> None:
    handed_over(project)
    asked(project, "stop", "--reason", "wrong text")
    worked = asked(project, "worker", "--once")
    assert "nothing is placed: stopped at " in worked.err
    assert api.received.total() == 0


def test_a_canary_that_the_api_refuses_pauses_the_others(project: Path, api: ApiServer) -> None:
    written = (project / "flowops.yaml").read_text()
    (project / "flowops.yaml").write_text(
        f"{written}    callbacks: {{url: 'https://hooks.example.org/f', secret: {{env: FLOWOPS_SECRET}}}}\n"
    )
    secret = {"FLOWOPS_SECRET": "s" * 40}
    api.behave = answer_with("400 Bad Request", b'{"errors":[{"code":1,"message":"no"}]}')
    ran = asked(project, "apply", "--detach", "--auto-approve", "--name", "spring", "--canary", "1", env=secret)
    assert ran.code == 0, ran.err
    assert asked(project, "worker", "--once", env=secret).code == 0
    assert api.received.total() == 1
    assert "canary: 1 of 1 phone failed" in asked(project, "campaign", "show", "spring", env=secret).out


@pytest.mark.parametrize(
    ("workers", "env", "said"),
    [
        ("", {}, "environment 'production' has no workers"),
        ("    workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}\n", {"FLOWOPS_CAMPAIGN_KEY": ""}, "FLOWOPS_CAMPAIGN_KEY"),
        ("    workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}\n", {"FLOWOPS_CAMPAIGN_KEY": "short"}, "too short"),
    ],
)
def test_nothing_is_handed_over_without_a_key(real: Path, workers: str, env: dict[str, str], said: str) -> None:
    (real / "flowops.yaml").write_text((real / "flowops.yaml").read_text() + workers)
    asked(real, "ledger", "init")
    ran = asked(real, "apply", "--detach", "--auto-approve", env=env)
    assert ran.code in (5, 64)
    assert said in ran.err


def test_a_batch_opens_with_its_own_key_only(project: Path, api: ApiServer) -> None:
    handed_over(project)
    worked = asked(project, "worker", "--once", env={"FLOWOPS_CAMPAIGN_KEY": "d" * 64})
    assert "does not open" in worked.err
    assert api.received.total() == 0


def test_nobody_is_named_in_what_waits(project: Path) -> None:
    handed_over(project)
    kept = (project / "ledger.db").read_bytes()
    assert b"44207946010" not in kept
    with sqlite3.connect(project / "ledger.db") as ledger:
        (sealed,) = ledger.execute("SELECT sealed FROM flowops_batches").fetchone()
    assert b"callee" not in sealed


def test_what_is_over_is_deleted_in_time(project: Path) -> None:
    handed_over(project)
    asked(project, "campaign", "cancel", "spring", "--yes")
    with sqlite3.connect(project / "ledger.db") as ledger:
        ledger.execute("UPDATE flowops_campaigns SET ended_at = '2020-01-01T00:00:00.000Z'")
    assert asked(project, "worker", "--once").code == 0
    assert asked(project, "campaign", "list", "--format", "json").json["campaigns"] == []
    with sqlite3.connect(project / "ledger.db") as ledger:
        assert ledger.execute("SELECT count(*) FROM flowops_batches").fetchone() == (0,)


def test_a_file_has_one_worker(project: Path, api: ApiServer) -> None:
    handed_over(project, "--start", "2999-01-01T00:00Z")
    first = start("worker", *E, cwd=project, env=ENV)
    try:
        assert first.stderr is not None
        assert "working for production" in first.stderr.readline()
        while not (project / "ledger.db.worker").exists():  # it locks this as soon as it is there
            time.sleep(0.01)
        time.sleep(0.2)
        second = asked(project, "worker", "--once")
        assert second.code == 5
        assert "another worker works on this ledger already" in second.err
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 143
        first.communicate()


def test_a_worker_that_cannot_begin_does_not_say_that_it_works(project: Path) -> None:
    ran = flowops("worker", "--env", "nowhere", cwd=project, env=ENV)
    assert ran.code == 64
    assert "nowhere" in ran.err
    assert "working for" not in ran.err


@pytest.mark.parametrize("lacks", ["ledger", "key", "workers"])
def test_a_worker_that_refuses_leaves_no_file(real: Path, lacks: str) -> None:
    written = (real / "flowops.yaml").read_text()
    if lacks != "workers":
        (real / "flowops.yaml").write_text(f"{written}    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}\n")
    if lacks != "ledger":
        asked(real, "ledger", "init")
    before = sorted(real.iterdir())
    refused = asked(real, "worker", "--once", env={"FLOWOPS_CAMPAIGN_KEY": ""} if lacks == "key" else {})
    assert (refused.code, sorted(real.iterdir())) == (5 if lacks == "ledger" else 64, before), refused.err


ONCALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: alert-7
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
callee: "{{ vars.people[attempt - 1] }}"
attempts: {max: 3, after: 1s, within: 10m}
flow-variables: {text: The database is down}
"""
PEOPLE = ("+442079460101", "+442079460102", "+442079460103")


def on_call(root: Path, environments: str) -> None:
    """Write a project whose alert goes to one person after the other."""
    (root / "calls").mkdir()
    (root / "calls/alert.yaml").write_text(ONCALL)
    (root / "flowops.yaml").write_text(
        f"""\
apiVersion: flowops/v1
kind: Project
name: oncall
defaults: {{caller: "+442079460000", voicemail-response: Stop}}
vars: {{people: {json.dumps(PEOPLE)}}}
environments:
{indent(environments, "  ")}
"""
    )


def test_a_worker_tries_again_as_callbacks_tell_how_calls_end(tmp_path: Path) -> None:
    answers = [
        part for number, code in zip(PEOPLE, (9, 9, 10), strict=True) for part in ("--number", f"{number}={code}")
    ]
    sandbox = start("sandbox", "--port", "0", "--token", TOKEN, "--log", "log.jsonl", *answers, cwd=tmp_path)
    assert sandbox.stdout is not None
    api = sandbox.stdout.readline().split()[1]
    port = free_port()
    on_call(
        tmp_path,
        f"""\
production:
  api: {api}
  token: {{env: FLOWOPS_TOKEN}}
  ledger: sqlite:///ledger.db
  callbacks: {{url: "http://127.0.0.1:{port}/flowops", secret: {{env: FLOWOPS_SECRET}}}}
  workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}""",
    )
    secret = {"FLOWOPS_SECRET": "s" * 40}
    asked(tmp_path, "ledger", "init", env=secret)
    listen = f"127.0.0.1:{port}"
    worker = start("worker", *E, "--listen", listen, cwd=tmp_path, env={**ENV, **secret})
    try:
        ran = asked(tmp_path, "apply", "--detach", "--auto-approve", "--name", "alert", env=secret)
        assert ran.code == 0, ran.err
        waited = asked(tmp_path, "campaign", "wait", "alert", "--timeout", "90s", env=secret)
        assert waited.code == 0, waited.out + waited.err
        assert httpx.get(f"http://{listen}/healthz").text == "ok\n"
        assert httpx.get(f"http://{listen}/readyz").text == "ok\n"
        page = httpx.get(f"http://{listen}/metrics").text
    finally:
        for process in (worker, sandbox):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    events = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    posts = [event["reference"] for event in events if event["event"] == "request" and event["reference"]]
    assert posts == ["alert-7", "alert-7~2", "alert-7~3"]
    assert 'flowops_worker_calls_total{outcome="placed"} 3.0' in page
    assert 'flowops_callbacks_total{outcome="recorded"} 3.0' in page
    assert "alert" not in page
    assert "79460" not in re.sub(r" [^ ]+$", "", page, flags=re.MULTILINE), "but for the digits of times"
    shown = asked(tmp_path, "campaign", "show", "alert", "--format", "json", env=secret).json["campaigns"][0]
    assert (shown["finished"], shown["waiting"], shown["calls"]) == (1, 0, 1)


def test_a_worker_in_the_sandbox_hears_how_calls_end(tmp_path: Path) -> None:
    on_call(tmp_path, "sandbox: {api: sandbox, workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}}")
    ran = flowops("apply", "--detach", "--name", "alert", cwd=tmp_path, env=ENV)
    assert ran.code == 0, ran.err
    worker = start("worker", "--listen", "127.0.0.1:0", cwd=tmp_path, env=ENV)
    try:
        waited = flowops("campaign", "wait", "alert", "--timeout", "60s", cwd=tmp_path, env=ENV)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate(timeout=60)
    assert waited.code == 0, waited.out + told
    assert flowops("ledger", "list", "--format", "json", cwd=tmp_path).json["calls"][0]["state"] == "finished"


TWICE = """\
apiVersion: flowops/v1
kind: Call
reference-id: call-1
callee: "+442079460101"
attempts: {max: 2, after: 1s}
"""


@contextmanager
def waiting_for_an_outcome(project: Path) -> Iterator[Callable[[str, str], None]]:
    """Let a worker wait for the outcome of the one call that may be tried twice; give what tells it, and why."""
    (project / "calls/three.yaml").write_text(TWICE)
    handed_over(project)
    worker = start("worker", *E, cwd=project, env=ENV)

    def resolve(outcome: str, reason: str) -> None:
        said = asked(project, "ledger", "resolve", "call-1", "--outcome", outcome, "--reason", reason, "--yes")
        assert said.code == 0, said.err

    try:
        until(lambda: shown(project)["waits_for"] == {"outcome": 1})
        yield resolve
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)


def test_an_outcome_that_another_process_records_is_noticed_at_once(project: Path, api: ApiServer) -> None:
    with waiting_for_an_outcome(project) as resolve:
        resolve("no-answer", "nobody")
        until(lambda: "call-1~2" in api.received, OUTCOME.total_seconds() / 2)
    assert dict(api.received) == {"call-1": 1, "call-1~2": 1}


def test_a_campaign_is_over_as_soon_as_its_last_call_is(project: Path, api: ApiServer) -> None:
    with waiting_for_an_outcome(project) as resolve:
        resolve("completed", "heard")
        until(lambda: state(project) == "finished", OUTCOME.total_seconds() / 2)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def test_an_attempt_that_is_due_is_placed_by_a_worker_that_runs_once(project: Path, api: ApiServer) -> None:
    (project / "calls/three.yaml").write_text(TWICE)
    handed_over(project)
    assert asked(project, "worker", "--once").code == 0
    assert dict(api.received) == {"call-1": 1}
    shown = asked(project, "campaign", "show", "spring", "--format", "json").json["campaigns"][0]
    assert shown["waits_for"] == {"outcome": 1}
    said = asked(project, "ledger", "resolve", "call-1", "--outcome", "no-answer", "--reason", "nobody", "--yes")
    assert said.code == 0, said.err
    time.sleep(1)
    assert asked(project, "worker", "--once").code == 0
    assert dict(api.received) == {"call-1": 1, "call-1~2": 1}


@pytest.mark.parametrize("suffix", [".work", ".work-wal", ".work-journal", ".worker"])
def test_no_jobs_that_came_with_a_repository_are_worked_on(project: Path, tmp_path: Path, suffix: str) -> None:
    handed_over(project)
    file = project / f"ledger.db{suffix}"
    file.touch(mode=0o600)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "-f", file.name], cwd=project, check=True)
    came = asked(project, "worker", "--once")
    assert (came.code, "is tracked by Git" in came.err) == (5, True), came.err
    file.unlink()
    (tmp_path / "elsewhere").touch(mode=0o600)
    file.symlink_to(tmp_path / "elsewhere")
    behind = asked(project, "worker", "--once")
    assert (behind.code, "is a link" in behind.err) == (5, True), behind.err
    assert (tmp_path / "elsewhere").read_bytes() == b""
