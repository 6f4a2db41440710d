"""Canary numbers and names go through the whole life of campaigns, and are found nowhere afterwards."""

from __future__ import annotations

import csv
import signal
from typing import TYPE_CHECKING

import pytest
from support.canaries import leaked, left_behind, numbers, secrets
from support.commands import Ran, flowops, start
from support.listening import free_port
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Server

E = ("--env", "production")
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: reminder
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables: {patient: {type: string, x-sensitive: true}}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/rows.csv
attempts: {max: 2, after: 1s}
call:
  reference-id: "r-{{ row.id }}"
  flow: reminder
  callee: "{{ row.phone }}"
  flow-variables: {patient: "{{ row.name }}"}
"""
NUMBERS = numbers(24)
NAMES = secrets(24)


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server | None]]:
    """Where the ledger is, and the server that can be asked for all that it holds."""
    if request.param == "sqlite":
        yield "sqlite:///ledger.db", None
        return
    server: Server = request.getfixturevalue("server")
    with server.database() as url:
        yield url, server


def test_nobody_is_named_in_what_a_campaign_leaves(tmp_path: Path, ledger: tuple[str, Server | None]) -> None:
    url, server = ledger
    root, temp = tmp_path / "work", tmp_path / "temp"
    temp.mkdir()
    port = free_port()
    answers = [part for number in NUMBERS[:8] for part in ("--number", f"{number.e164}=9,10")]
    refused = ("--number", f"{NUMBERS[8].e164}=refused")
    sandbox = start("sandbox", "--port", "0", "--token", TOKEN, *answers, *refused, cwd=tmp_path)
    assert sandbox.stdout is not None
    write(root, sandbox.stdout.readline().split()[1], port)
    inputs = [path for path in root.rglob("*") if path.is_file()]
    env = {
        "FLOWOPS_LEDGER_URL": url,
        "FLOWOPS_TOKEN": TOKEN,
        "FLOWOPS_SECRET": "s" * 40,
        "FLOWOPS_CAMPAIGN_KEY": "c" * 64,
        "TMPDIR": str(temp),
    }
    log = ("--log-level", "debug", "--log-file", str(tmp_path / "flowops.log"))
    told: list[str] = []

    def asked(*args: str, **other: str) -> Ran:
        ran = flowops(*args, *E, *log, cwd=root, env={**env, **other})
        told.extend((ran.out, ran.err))
        return ran

    assert asked("ledger", "init").code == 0
    listening = start("listen", *E, "--port", str(port), *log, cwd=root, env=env)
    try:
        assert asked("apply", "--detach", "--auto-approve", "--name", "spring").code == 0
        asked("worker", "--once", FLOWOPS_CAMPAIGN_KEY="d" * 64)
        asked("campaign", "pause", "spring")
        asked("campaign", "resume", "spring")
        hurried(url, root, server)
        for _ in range(2):
            assert asked("worker", "--once").code == 0
        assert asked("status").code == 0
        asked("campaign", "cancel", "spring", "--yes")
    finally:
        for process in (listening, sandbox):
            process.send_signal(signal.SIGTERM)
            told.extend(process.communicate(timeout=60))
    states = asked("ledger", "list", "--format", "json").json["calls"]
    assert len(states) > len(NUMBERS), "further attempts were made"
    kept = dict(left_behind([root, temp], inputs))
    assert not list(temp.iterdir())
    kept[tmp_path / "flowops.log"] = (tmp_path / "flowops.log").read_text()
    if server is not None:
        kept[tmp_path / "dump"] = server.dump(url)
        assert "flowops_work" in kept[tmp_path / "dump"]
    else:
        assert {path.name for path in kept} >= {"ledger.db", "ledger.db.work"}
    for where, text in [*((str(path), text) for path, text in kept.items()), *(("printed", text) for text in told)]:
        assert leaked(text, NUMBERS, NAMES) == [], where


def hurried(url: str, root: Path, server: Server | None) -> None:
    """Have the batch looked at now that did not open, and is looked at again only later."""
    statement = "UPDATE flowops_batches SET turn = turn + 1, due_at = '2020-01-01T00:00:00.000Z'"
    if server is not None:
        server.execute(statement, url)
        return
    import sqlite3

    with sqlite3.connect(root / "ledger.db") as connection:
        connection.execute(statement)
    connection.close()


def write(root: Path, api: str, port: int) -> None:
    for folder in ("calls", "data", "flows"):
        (root / folder).mkdir(parents=True)
    (root / "flows/reminder.yaml").write_text(FLOW)
    (root / "calls/all.yaml").write_text(CALLS)
    with (root / "data/rows.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "phone", "name"])
        rows.writerows((at, number.e164, name) for at, (number, name) in enumerate(zip(NUMBERS, NAMES, strict=True)))
    (root / "flowops.yaml").write_text(
        f"""\
apiVersion: flowops/v1
kind: Project
name: canaries
defaults: {{caller: "+442079460000", voicemail-response: Stop}}
environments:
  production:
    api: {api}
    token: {{env: FLOWOPS_TOKEN}}
    ledger: {{env: FLOWOPS_LEDGER_URL}}
    callbacks: {{url: "http://127.0.0.1:{port}/flowops", secret: {{env: FLOWOPS_SECRET}}}}
    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}
    rate: none
"""
    )
