"""The main job: what the plan shows is placed, and nothing rings twice."""

from __future__ import annotations

import shlex
import signal
import time
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops, start
from support.server import TOKEN, ApiServer, accept, answer_with, drop, half, reset, stranger

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}


def place(root: Path, *args: str) -> object:
    return flowops("apply", *PRODUCTION, "--auto-approve", "--format", "json", *args, cwd=root, env=ENV)


def ledger(root: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=root, env=ENV).code == 0


def test_two_hundred_calls_are_posted_once_and_an_edit_posts_nothing(clinic: Path, api: ApiServer) -> None:
    project = clinic / "flowops.yaml"
    text = project.read_text().replace("https://api.cm.com/voiceapi/v2", api.url).replace("rate: 5/s", "rate: none")
    project.write_text(text)
    env = {"FLOWOPS_PRODUCT_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": f"sqlite:///{clinic}/production.db"}
    assert flowops("ledger", "init", *PRODUCTION, cwd=clinic, env=env).code == 0
    apply = ("apply", *PRODUCTION, "--auto-approve", "--format", "json")

    first = flowops(*apply, cwd=clinic, env=env)
    assert first.code == 0, first.err
    assert first.json["summary"]["placed"] == 200
    assert sum(api.received.values()) == 200
    assert set(api.received.values()) == {1}
    assert all(headers["x-cm-producttoken"] == TOKEN for headers in api.headers)

    second = flowops(*apply, cwd=clinic, env=env)
    assert second.code == 0
    assert second.json["summary"] == {**second.json["summary"], "placed": 0, "unchanged": 200}
    assert sum(api.received.values()) == 200

    rows = clinic / "data/appointments.csv"
    rows.write_text(rows.read_text().replace("Dr Lindqvist", "Dr Moreau", 1))
    third = flowops("apply", *PRODUCTION, "--auto-approve", cwd=clinic, env=env)
    assert third.code == 9
    assert "Dr Lindqvist" in third.err
    assert "Dr Moreau" in third.err
    assert "new reference-id" in third.err
    assert sum(api.received.values()) == 200


def test_the_sandbox_needs_no_asking_and_its_second_run_places_nothing(clinic: Path) -> None:
    first = flowops("apply", cwd=clinic)
    assert first.code == 0, first.err
    assert "no phone rings" in (first.out + first.err).lower()
    assert "200" in first.out
    second = flowops("apply", "--format", "json", cwd=clinic)
    assert second.code == 0
    assert second.json["summary"]["placed"] == 0
    assert second.json["summary"]["unchanged"] == 200
    assert (clinic / ".flowops/sandbox.db").stat().st_mode & 0o077 == 0


def test_a_dry_run_is_the_plan_and_writes_nothing(clinic: Path) -> None:
    planned = flowops("plan", "--format", "json", cwd=clinic)
    dry = flowops("apply", "--dry-run", "--format", "json", cwd=clinic)
    assert planned.code == dry.code == 0
    assert planned.json == dry.json
    assert planned.json["summary"]["place"] == 200
    assert flowops("plan", "--detailed-exitcode", cwd=clinic).code == 2
    assert not (clinic / ".flowops").exists()


def test_a_real_environment_needs_its_ledger_before_and_after(real: Path, api: ApiServer) -> None:
    for again in (False, True):
        missing = place(real)
        assert missing.code == 5, missing.err
        assert "flowops ledger init --env production" in missing.err
        assert api.received.total() == (3 if again else 0)
        if again:
            return
        ledger(real)
        placed = place(real)
        assert placed.code == 0, placed.err
        assert api.received.total() == 3
        (real / "ledger.db").unlink()


@pytest.mark.parametrize(
    "behave",
    [
        drop,
        reset,
        half,
        stranger,
        answer_with("503 Service Unavailable", b"{}"),
        answer_with("200 OK", b"<html>hi</html>"),
    ],
    ids=["drop", "reset", "half", "another-reference", "503", "html"],
)
def test_what_is_not_proven_is_in_doubt_and_never_sent_again(real: Path, api: ApiServer, behave: object) -> None:
    ledger(real)
    api.behave = behave
    first = place(real)
    assert first.code == 7, first.err
    assert first.json["summary"]["in_doubt"] == 3
    assert set(api.received.values()) == {1}
    api.behave = accept
    second = place(real)
    assert second.code == 7
    assert set(api.received.values()) == {1}
    assert TOKEN not in first.out + first.err + second.out + second.err


def test_nobody_listening_is_proof_that_nothing_rang(real: Path, api: ApiServer) -> None:
    ledger(real)
    project = real / "flowops.yaml"
    text = project.read_text()
    project.write_text(text.replace(str(api.port), "1"))
    refused = place(real)
    assert refused.code == 6, refused.err
    assert refused.json["summary"]["not_attempted"] == 3
    project.write_text(text)
    placed = place(real)
    assert placed.code == 0, placed.err
    assert set(api.received.values()) == {1}
    assert api.received.total() == 3


def test_a_refused_call_may_be_mended_and_placed(real: Path, api: ApiServer) -> None:
    ledger(real)
    api.behave = answer_with("400 Bad Request", b'{"error": "caller not allowed"}')
    assert place(real).code == 6
    planned = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert planned.json["summary"]["retry"] == 3
    api.behave = accept
    assert place(real).code == 0
    assert set(api.received.values()) == {2}


def test_one_refusal_of_the_token_stops_the_run(real: Path, api: ApiServer) -> None:
    ledger(real)
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("rate: none", "rate: none\n    concurrency: 1"))
    api.behave = answer_with("401 Unauthorized", b"{}")
    ran = place(real)
    assert ran.code == 6
    assert ran.json["summary"]["rejected"] == 0
    assert ran.json["summary"]["not_attempted"] == 3


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGTERM,)], ids=["INT", "TERM"])
def test_an_interrupted_run_records_what_was_in_flight(
    real: Path, api: ApiServer, signals: tuple[signal.Signals]
) -> None:
    ledger(real)
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("rate: none", "rate: none\n    concurrency: 1"))
    api.delay = 1
    running = start("apply", *PRODUCTION, "--auto-approve", "--format", "json", cwd=real, env=ENV)
    deadline = time.monotonic() + 30
    while not api.received and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signals[0])
    out, err = running.communicate(timeout=30)
    assert running.returncode == 128 + signals[0], err
    api.delay = 0
    assert '"placed": 1' in out
    assert place(real).code == 0
    assert set(api.received.values()) == {1}
    assert api.received.total() == 3


def test_a_killed_run_leaves_its_calls_in_doubt(real: Path, api: ApiServer) -> None:
    ledger(real)
    api.delay = 30
    running = start("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV)
    deadline = time.monotonic() + 30
    while api.received.total() < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.kill()
    running.communicate()
    api.delay = 0
    after = place(real)
    assert after.code == 7, after.err
    assert set(api.received.values()) == {1}
    word = ("--yes", "--reason", "asked the vendor", *PRODUCTION)
    resolved = flowops("ledger", "resolve", "call-1", "--not-placed", *word, cwd=real, env=ENV)
    assert resolved.code == 0, resolved.err
    assert flowops("ledger", "resolve", "call-2", "--placed", *word, cwd=real, env=ENV).code == 0
    assert place(real).code == 7
    assert api.received == {"call-1": 2, "call-2": 1, "call-3": 1}


def test_a_real_environment_is_not_applied_without_a_terminal_or_approval(real: Path, api: ApiServer) -> None:
    ledger(real)
    ran = flowops("apply", *PRODUCTION, cwd=real, env=ENV)
    assert ran.code == 64
    assert "--auto-approve" in ran.err
    assert not api.received


def test_a_saved_plan_is_placed_once_and_has_nothing_left_after(real: Path, api: ApiServer) -> None:
    ledger(real)
    saved = flowops("plan", *PRODUCTION, "-o", "plan.json", cwd=real, env=ENV)
    assert saved.code == 0, saved.err
    text = (real / "plan.json").read_text()
    assert "+4420" not in text
    assert flowops("show", "plan.json", cwd=real).code == 0
    command = shlex.split(saved.err.splitlines()[-1].partition("place it with: flowops ")[2])
    assert command == ["apply", "--plan", "plan.json"]
    ran = flowops(*command, cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert api.received.total() == 3
    again = flowops("apply", *PRODUCTION, "--plan", "plan.json", cwd=real, env=ENV)
    assert again.code == 0, again.err
    assert "No changes." in again.out
    assert api.received.total() == 3


def test_a_callback_url_of_ones_own_is_kept_and_told(real: Path, api: ApiServer) -> None:
    ledger(real)
    project = real / "flowops.yaml"
    callbacks = "callbacks: {url: 'http://127.0.0.1:9/hooks', secret: {env: FLOWOPS_SECRET}}"
    project.write_text(project.read_text().replace("rate: none", f"rate: none\n    {callbacks}"))
    calls = real / "calls/three.yaml"
    own = "https://hooks.example.org/mine"
    calls.write_text(calls.read_text().replace("kind: Call\n", f"kind: Call\ncallback-url: {own}\n", 1))
    env = {**ENV, "FLOWOPS_SECRET": "0123456789abcdef0123456789abcdef"}
    ran = flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=env)
    assert ran.code == 0, ran.err
    assert "1 call has a callback-url of its own" in ran.err
    urls = {body["instruction-id"]: body["callback-url"] for body in api.bodies}
    assert urls.pop("call-1") == own
    assert len(set(urls.values())) == 2
    assert all(url.startswith("http://127.0.0.1:9/hooks/") for url in urls.values())
    assert env["FLOWOPS_SECRET"] not in str(urls)
    assert flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV).json["summary"]["unchanged"] == 3
