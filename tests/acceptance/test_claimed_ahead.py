"""What a run has claimed and not sent yet, when something happens that would have kept it from being claimed."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import Ran, flowops, start
from support.server import TOKEN, Gate, accept

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Server
    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN}
PRODUCTION = ("--env", "production")
WORD = ("--reason", "told so", *PRODUCTION)
#: So many connections; half as many calls are claimed ahead of them before the first answer.
CONNECTIONS, AHEAD, CALLS = 4, 2, 12


@pytest.fixture(params=["sqlite", "postgres"])
def project(request: pytest.FixtureRequest, real: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository of twelve calls that are placed over four connections, with a ledger."""
    with ExitStack() as stack:
        address = "sqlite:///ledger.db"
        if request.param == "postgres":
            server: Server = request.getfixturevalue("server")
            address = stack.enter_context(server.database())
        monkeypatch.setitem(ENV, "FLOWOPS_LEDGER", address)
        yield repository(real)


def repository(real: Path) -> Path:
    project = real / "flowops.yaml"
    text = (
        project.read_text().replace("answer: 2", "answer: 60").replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}")
    )
    project.write_text(text + f"    concurrency: {CONNECTIONS}\n")
    (real / "calls/three.yaml").write_text(
        "---\n".join(
            f'apiVersion: flowops/v1\nkind: Call\nreference-id: call-{n:02}\ncallee: "+4420794601{n:02}"\n'
            for n in range(CALLS)
        )
    )
    assert asked(real, "ledger", "init", *PRODUCTION).code == 0
    return real


def asked(root: Path, *args: str) -> Ran:
    return flowops(*args, cwd=root, env=ENV)


def states(root: Path) -> dict[str, str]:
    calls = asked(root, "ledger", "list", *PRODUCTION, "--format", "json").json["calls"]
    return {call["reference_id"]: call["state"] for call in calls}


def gated(root: Path, api: ApiServer, *args: str) -> tuple[Gate, subprocess.Popen[str]]:
    """Begin a run whose first requests are not answered, and wait until it has claimed ahead of them."""
    gate = Gate()
    api.behave = gate
    running = start("apply", *PRODUCTION, "--auto-approve", "--format", "json", *args, cwd=root, env=ENV)
    api.wait_for(CONNECTIONS)
    end = time.monotonic() + 30
    while len(states(root)) < CONNECTIONS + AHEAD:
        assert time.monotonic() < end, "nothing is claimed ahead"
    return gate, running


def waiting(root: Path, api: ApiServer) -> list[str]:
    """The calls that are claimed and were not sent."""
    return sorted(states(root).keys() - set(api.received))


def ended(gate: Gate, running: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    gate.open()
    out, _ = running.communicate(timeout=60)
    return running.returncode, json.loads(out)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_is_put_back_when_a_signal_comes(project: Path, api: ApiServer, sent: signal.Signals) -> None:
    gate, running = gated(project, api)
    ahead = waiting(project, api)
    running.send_signal(sent)
    end = time.monotonic() + 30
    while states(project).keys() & set(ahead):  # before what is in flight is answered
        assert time.monotonic() < end, "what was claimed ahead is not put back"
    code, result = ended(gate, running)
    assert (code, result["summary"]["placed"]) == (128 + sent, CONNECTIONS)
    assert not set(ahead) & set(api.received)
    api.behave = accept
    assert asked(project, "apply", *PRODUCTION, "--auto-approve").code == 0
    assert Counter(api.received.values()) == {1: CALLS}


def test_a_stop_holds_back_all_but_what_is_claimed(project: Path, api: ApiServer) -> None:
    gate, running = gated(project, api)
    assert asked(project, "stop", *WORD).code == 0
    code, result = ended(gate, running)
    assert code == 4
    assert CONNECTIONS <= api.received.total() <= CONNECTIONS + AHEAD
    assert result["summary"]["placed"] == api.received.total()
    assert set(states(project).values()) == {"placed"}
    assert asked(project, "resume", *PRODUCTION).code == 0
    assert asked(project, "apply", *PRODUCTION, "--auto-approve").code == 0
    assert Counter(api.received.values()) == {1: CALLS}


def test_nobody_cancels_renames_or_resolves_it(project: Path, api: ApiServer) -> None:
    gate, running = gated(project, api)
    ahead = waiting(project, api)
    for told in (
        ("cancel", ahead[0]),
        ("rename", ahead[0], "another"),
        ("resolve", ahead[0], "--not-placed"),
        ("accept", ahead[0]),
    ):
        ran = asked(project, "ledger", *told, "--yes", *WORD)
        assert ran.code != 0, ran.out
        assert states(project)[ahead[0]] == "in-flight"
    code, result = ended(gate, running)
    assert (code, result["summary"]["placed"]) == (0, CALLS)
    assert Counter(api.received.values()) == {1: CALLS}


def test_a_number_that_is_blocked_meanwhile_is_called_only_if_it_is_claimed(project: Path, api: ApiServer) -> None:
    gate, running = gated(project, api)
    numbers = [f"+4420794601{n:02}" for n in range(CONNECTIONS + AHEAD, CALLS)]
    assert asked(project, "policy", "block", *numbers, *WORD).code == 0
    code, result = ended(gate, running)
    assert (code, result["summary"]["blocked"]) == (0, len(numbers))
    assert set(states(project).values()) == {"placed"}
    assert len(api.received) == CONNECTIONS + AHEAD


def test_proof_that_comes_meanwhile_is_kept_beside_the_answer(project: Path, api: ApiServer) -> None:
    gate, running = gated(project, api)
    ahead = waiting(project, api)
    records = [{"instruction-id": name, "call-id": f"of-{name}", "code": 9} for name in ahead]
    (project / "records.json").write_text(json.dumps(records))
    told = asked(project, "reconcile", *PRODUCTION, "--from-file", "records.json")
    assert told.code == 0, told.err
    code, result = ended(gate, running)
    assert (code, result["summary"]["placed"]) == (0, CALLS)
    calls = asked(project, "ledger", "list", *PRODUCTION, "--format", "json").json["calls"]
    ids = {call["reference_id"]: [leg["call_id"] for leg in call["callees"]] for call in calls}
    for name in ahead:
        assert f"of-{name}" in ids[name]
        assert any(str(call_id).startswith("id-") for call_id in ids[name]), ids[name]
    assert asked(project, "ledger", "verify", *PRODUCTION).code == 0


def test_a_run_under_which_an_older_copy_is_put_claims_nothing_more(
    real: Path, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the very file, so that the file is the one that the run has opened."""
    monkeypatch.setitem(ENV, "FLOWOPS_LEDGER", "sqlite:///ledger.db")
    project = repository(real)
    copy = (project / "ledger.db").read_bytes()
    gate, running = gated(project, api)
    ahead = waiting(project, api)
    with (project / "ledger.db").open("r+b") as file:
        file.write(copy)
        file.truncate()
    (project / "ledger.db-journal").unlink()
    code, result = ended(gate, running)
    assert (code, "this run has seen its event" in result["failure"]) == (5, True), result
    assert result["summary"]["placed"] == api.received.total() <= CONNECTIONS + len(ahead)
    assert asked(project, "apply", *PRODUCTION, "--auto-approve").code == 5
    assert max(api.received.values()) == 1


@pytest.mark.long
def test_a_run_that_was_frozen_over_it_sends_nothing_that_is_old(project: Path, api: ApiServer) -> None:
    gate, running = gated(project, api)
    ahead = waiting(project, api)
    running.send_signal(signal.SIGSTOP)
    try:
        gate.open()
        time.sleep(1)
        assert asked(project, "stop", *WORD).code == 0
        time.sleep(15)
    finally:
        running.send_signal(signal.SIGCONT)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 4, out
    assert not set(ahead) & set(api.received)
    assert len(api.received) == CONNECTIONS
    assert set(states(project).values()) == {"placed"}


def test_nothing_is_claimed_ahead_of_a_limit(project: Path, api: ApiServer) -> None:
    assert asked(project, "apply", *PRODUCTION, "--auto-approve", "--limit", "5").code == 0
    assert len(states(project)) == len(api.received) == 5
