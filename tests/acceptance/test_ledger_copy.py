"""`ledger copy` moves a ledger: nothing rings twice, whatever address a run has or when the copying is killed."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops, start
from support.listening import CALLBACKS, SECRET, call_back, listening
from support.server import TOKEN

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from support.commands import Ran
    from support.postgres import Server
    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CALLBACK_SECRET": SECRET}
PLACE = ("apply", "--auto-approve")
OLD = "sqlite:///ledger.db"


@pytest.fixture
def clinic(real: Path) -> Path:
    """A repository whose ledger's address stands in a variable, and which is called back."""
    project = real / "flowops.yaml"
    text = project.read_text().replace(OLD, "{env: FLOWOPS_LEDGER}")
    text = text.replace("    rate: none", f"{CALLBACKS}    rate: none")
    project.write_text(text)
    return real


@pytest.fixture
def postgres(server: Server) -> Iterator[str]:
    with server.database() as url:
        yield url


def run(root: Path, url: str, *args: str) -> Ran:
    return flowops(*args, "--env", "production", cwd=root, env={**ENV, "FLOWOPS_LEDGER": url})


def copied(root: Path, url: str, to: str) -> Ran:
    return run(root, url, "ledger", "copy", "--to", to, "--yes")


def adopt(root: Path, url: str, count: int) -> None:
    """Let a ledger have many calls."""
    rows = (
        {"reference_id": f"r-{n}", "callee": f"+4420794602{n % 100:02d}", "call_id": f"c-{n}"} for n in range(count)
    )
    (root / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(root, url, "ledger", "import", "many.jsonl").code == 0


def test_there_and_back_again_each_call_is_placed_once(clinic: Path, postgres: str, api: ApiServer) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    assert run(clinic, OLD, *PLACE, "--ref", "call-1").code == 0
    known = run(clinic, OLD, "ledger", "list", "--format", "json").json["calls"]
    moved = copied(clinic, OLD, postgres)
    assert (moved.code, "2 events moved, audit trail verified" in moved.out) == (0, True), moved.err
    assert "give environments.production.ledger its new address" in moved.err
    stale = run(clinic, OLD, *PLACE)
    assert (stale.code, "the ledger has moved to another database" in stale.err) == (5, True), stale.err
    reading = run(clinic, OLD, "status")
    assert (reading.code, "warning: " in reading.err, "has moved" in reading.err) == (0, True, True)
    assert "the ledger has moved to another database" in run(clinic, OLD, "doctor").out
    assert run(clinic, postgres, "ledger", "list", "--format", "json").json["calls"] == known
    assert run(clinic, postgres, *PLACE, "--exclude-ref", "call-3").code == 0
    new = "sqlite:///new.db"
    assert copied(clinic, postgres, new).code == 0
    assert run(clinic, postgres, *PLACE).code == 5
    assert run(clinic, new, *PLACE).code == 0
    assert dict(api.received) == {"call-1": 1, "call-2": 1, "call-3": 1}
    assert run(clinic, new, "ledger", "verify").code == 0


def test_a_listener_at_the_old_one_has_the_callback_sent_again_and_the_new_one_takes_it(
    clinic: Path, postgres: str, api: ApiServer
) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    assert run(clinic, OLD, *PLACE).code == 0
    with listening(clinic, {**ENV, "FLOWOPS_LEDGER": OLD}) as address:
        assert call_back(address, api.bodies[0]) == 200
        assert copied(clinic, OLD, postgres).code == 0
        assert call_back(address, api.bodies[1]) == 503
    with listening(clinic, {**ENV, "FLOWOPS_LEDGER": postgres}) as address:
        assert call_back(address, api.bodies[1]) == 200
    states = {
        it["reference_id"]: it["state"]
        for it in run(clinic, postgres, "ledger", "list", "--format", "json").json["calls"]
    }
    ended = {api.bodies[0]["instruction-id"], api.bodies[1]["instruction-id"]}
    assert {name for name, state in states.items() if state == "finished"} == ended


@pytest.mark.parametrize("ends", ["taken up", "taken back"])
def test_a_copy_that_is_killed_is_taken_up_or_back_and_no_run_places_from_both(
    clinic: Path, postgres: str, api: ApiServer, ends: str
) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    assert run(clinic, OLD, *PLACE, "--ref", "call-1").code == 0
    adopt(clinic, OLD, 2_000)
    began = time.monotonic()
    assert run(clinic, OLD, "ledger", "verify").code == 0
    reading = time.monotonic() - began
    killed = 0
    for part in (0.9, 1.5, 2.0):
        env = {**ENV, "FLOWOPS_LEDGER": OLD}
        command = ("ledger", "copy", "--to", postgres, "--yes", "--env", "production")
        copying = start(*command, cwd=clinic, env=env)
        time.sleep(reading * part)
        copying.kill()
        copying.communicate()
        killed += copying.returncode != 0
        places = [url for url in (OLD, postgres) if run(clinic, url, *PLACE, "--ref", "call-1").code == 0]
        assert len(places) <= 1, "calls could be placed from both"
        if ends == "taken back" and copying.returncode != 0:
            back = run(clinic, OLD, "ledger", "copy", "--undo", "--to", postgres)
            assert back.code == 0, back.err
            assert run(clinic, OLD, *PLACE, "--ref", "call-1").code == 0
            assert run(clinic, postgres, *PLACE).code == 5
    assert killed
    assert copied(clinic, OLD, postgres).code == 0
    assert run(clinic, postgres, *PLACE).code == 0
    assert dict(api.received) == {"call-1": 1, "call-2": 1, "call-3": 1}
    assert len(run(clinic, postgres, "ledger", "list", "--format", "json").json["calls"]) == 2_003


def test_a_backup_of_the_old_one_is_an_older_copy_in_a_workspace_that_knows_of_the_move(
    clinic: Path, postgres: str, api: ApiServer
) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    assert run(clinic, OLD, *PLACE, "--ref", "call-1").code == 0
    shutil.copy(clinic / "ledger.db", clinic / "backup.db")
    assert copied(clinic, OLD, postgres).code == 0
    shutil.copy(clinic / "backup.db", clinic / "ledger.db")
    ran = run(clinic, OLD, *PLACE)
    assert (ran.code, "this is an older copy of the ledger" in ran.err) == (5, True), ran.err
    assert run(clinic, postgres, *PLACE).code == 0
    assert set(api.received.values()) == {1}


def test_nothing_moves_while_a_run_places(clinic: Path, postgres: str, api: ApiServer) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    answer = api.behave

    def slowly(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        ran.append(copied(clinic, OLD, postgres))
        answer(connection, request, headers)

    ran: list[Ran] = []
    api.behave = slowly
    assert run(clinic, OLD, *PLACE, "--ref", "call-1").code == 0
    assert [it.code for it in ran] == [5]
    assert "still lives, and a ledger only moves while nothing is placed from it" in ran[0].err
    assert copied(clinic, OLD, postgres).code == 0


@pytest.mark.parametrize(
    "to",
    [
        "postgresql://some%25one:p@ss/w:rd%#?@/x",
        "postgres//someone:pass-word@host/x",
        "sqlite://pass-word",
        "mysql://someone:pass-word@host/x",
        "postgresql://someone:pass-word@127.0.0.1:1/x",
    ],
)
def test_what_is_wrong_with_the_address_is_told_without_a_piece_of_it_and_nothing_is_sealed(
    clinic: Path, api: ApiServer, to: str
) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    ran = copied(clinic, OLD, to)
    assert ran.code == 5
    for piece in ("pass-word", "p@ss", "w:rd", "rd%", "some%25one", "someone"):
        assert piece not in ran.err + ran.out
    assert run(clinic, OLD, *PLACE).code == 0


def test_wrong_usage_is_told(clinic: Path) -> None:
    assert run(clinic, OLD, "ledger", "init").code == 0
    assert "say where it moves to" in run(clinic, OLD, "ledger", "copy").err
    assert "no terminal to ask" in run(clinic, OLD, "ledger", "copy", "--to", "sqlite:///new.db").err
    ran = run(clinic, OLD, "ledger", "copy", "--undo")
    assert (ran.code, ran.out) == (0, "it was not being moved\n")
