"""What is in doubt is settled by records, imports and operators, and by nothing else."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import Ran, flowops, start
from support.server import TOKEN, accept

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_ACCOUNT": "6f1d5c1e-0000-4000-8000-000000000001"}
PRODUCTION = ("--env", "production")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose production is a sandbox process; `serve` starts it."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/two.yaml").write_text(
        "---\n".join(
            f"apiVersion: flowops/v1\nkind: Call\nreference-id: {name}\ncallee: '+44207946010{number}'\n"
            for number, name in ((1, "lost-1"), (2, "clear-2"))
        )
    )
    return tmp_path


def test_what_a_machine_that_is_gone_could_not_record_is_taken_in_from_its_artifact(real: Path, api: ApiServer) -> None:
    """The ledger is gone in the middle of a run, and so is the workspace then, but for the spool."""
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0

    def away(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        while api.received.total() < 3:  # all of them are claimed by then
            time.sleep(0.001)
        with contextlib.suppress(FileNotFoundError):
            (real / "ledger.db").rename(real / "away.db")
        accept(connection, request, headers)

    api.behave = away
    ran = flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV)
    assert (ran.code, "results kept in" in ran.out) == (7, True), ran.out
    artifact = (real / "ledger.db.spool").rename(real.parent / "artifact.jsonl")
    (real / "away.db").rename(real / "ledger.db")
    shutil.rmtree(real / ".flowops")
    api.behave = accept
    # Answers that came before the file was missed are in the ledger, wherever it is.
    for new in (r"[1-3]", "0"):
        ran = flowops("ledger", "import", artifact, *PRODUCTION, cwd=real, env=ENV)
        assert ran.code == 0, ran.err
        said = re.fullmatch(rf"({new}) imported, (\d) already present\n", ran.out)
        assert said, ran.out
        assert int(said[1]) + int(said[2]) == 3
    ran = flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV)
    assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.out
    assert api.received == {"call-1": 1, "call-2": 1, "call-3": 1}
    artifact.write_text(artifact.read_text().replace('"accepted"', '"refused"'))
    ran = flowops("ledger", "import", artifact, *PRODUCTION, cwd=real, env=ENV)
    assert (ran.code, "was not written with the ledger's key" in ran.err) == (5, True), ran.err


def test_the_line_ends_of_a_checkout_are_no_edit(real: Path, api: ApiServer) -> None:
    """`core.autocrlf` changes them within a cell, too."""
    (real / "calls/three.yaml").unlink()
    rows = 'id,phone,who\n1,+442079460101,"Ann\nMoss"\n'
    (real / "calls/set.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nfor-each: rows.csv\ncall:\n"
        '  reference-id: "r-{{ row.id }}"\n  callee: "{{ row.phone }}"\n  flow-variables: {who: "{{ row.who }}"}\n'
    )
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    for text, placed in ((rows, "1 placed"), (rows.replace("\n", "\r\n"), "1 unchanged"), (rows, "1 unchanged")):
        (real / "calls/rows.csv").write_bytes(text.encode())
        ran = flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV)
        assert (ran.code, placed in ran.out) == (0, True), ran.out
    assert api.received == {"r-1": 1}


@pytest.fixture
def sandbox(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A sandbox that drops the answer to the calls named lost-*, after it has placed them."""
    process = start(
        "sandbox", "--port", "0", "--token", TOKEN, "--log", project / "log.jsonl",
        "--fault", "drop:lost-*", "--records-pause", "1s", cwd=project,
    )  # fmt: skip
    assert process.stdout is not None
    api = process.stdout.readline().split()[1]
    (project / "flowops.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Project\nname: settling\n"
        "defaults: {caller: '+442079460000', callflow-id: flow-1}\n"
        f"environments: {{production: {{api: '{api}', token: {{env: FLOWOPS_TOKEN}}, "
        "account: {env: FLOWOPS_ACCOUNT}, ledger: 'sqlite:///ledger.db', rate: none}}\n"
    )
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM


def run(project: Path, *args: str) -> Ran:
    return flowops(*args, *PRODUCTION, cwd=project, env=ENV)


def posts(project: Path) -> list[str]:
    events = map(json.loads, (project / "log.jsonl").read_text().splitlines())
    return sorted(event["reference"] for event in events if event["event"] == "request" and event["reference"])


@pytest.mark.usefixtures("sandbox")
def test_a_record_settles_a_call_whose_answer_was_lost(project: Path) -> None:
    assert run(project, "ledger", "init").code == 0
    assert run(project, "apply", "--auto-approve").code == 7
    time.sleep(1.1)  # records are given by the second
    settled = run(project, "reconcile")
    assert settled.code == 0, settled.err
    assert "0 in doubt" in settled.out
    throttled = run(project, "reconcile", "--since", "1h", "--no-wait")
    assert throttled.code in (0, 6)
    again = run(project, "apply", "--auto-approve", "--format", "json")
    assert again.code == 0, again.err
    assert again.json["summary"]["unchanged"] == 2
    assert posts(project) == ["clear-2", "lost-1"]


@pytest.mark.usefixtures("sandbox")
def test_records_exported_by_hand_settle_too_and_no_record_proves_nothing(project: Path) -> None:
    assert run(project, "ledger", "init").code == 0
    assert run(project, "apply", "--auto-approve").code == 7
    records = project / "records.jsonl"
    records.write_text(json.dumps({"instruction-id": "clear-2", "call-id": "x"}) + "\n")
    nothing = run(project, "reconcile", "--from-file", str(records))
    assert nothing.code == 7
    assert "proves nothing" in nothing.err
    records.write_text(json.dumps({"instruction-id": "lost-1", "call-id": "x"}) + "\n")
    assert run(project, "reconcile", "--from-file", str(records)).code == 0


@pytest.mark.usefixtures("sandbox")
def test_calls_that_a_copy_put_back_does_not_know_are_not_placed_again_once_records_name_them(project: Path) -> None:
    assert run(project, "ledger", "init").code == 0
    copy = (project / "ledger.db").read_bytes()
    assert run(project, "apply", "--auto-approve").code == 7
    (project / "ledger.db").write_bytes(copy)
    records = project / "records.jsonl"
    named = [{"instruction-id": name, "call-id": f"id-{name}"} for name in ("lost-1", "clear-2", "of-another-program")]
    records.write_text("".join(json.dumps(record) + "\n" for record in named))
    met = run(project, "reconcile", "--from-file", str(records))
    assert met.code == 7
    assert "2 in doubt now: the files name them" in met.out
    assert "1 of other calls on the account" in met.out
    assert "--adopt" in met.err
    assert run(project, "apply", "--auto-approve").code == 5
    assert run(project, "ledger", "verify", "--accept", "--reason", "the newest one is lost").code == 0
    doubtful = run(project, "apply", "--auto-approve", "--format", "json")
    assert (doubtful.code, doubtful.json["summary"]["in_doubt"]) == (7, 2)
    assert run(project, "reconcile", "--from-file", str(records), "--adopt").code == 0
    assert run(project, "apply", "--auto-approve", "--format", "json").json["summary"]["unchanged"] == 2
    assert [entry["reference_id"] for entry in run(project, "ledger", "list", "--format", "json").json["calls"]] == [
        "clear-2",
        "lost-1",
    ]
    assert run(project, "reconcile", "--from-file", str(records), "--adopt", "all").code == 0
    assert len(run(project, "ledger", "list", "--format", "json").json["calls"]) == 3
    assert run(project, "ledger", "verify").code == 0
    assert posts(project) == ["clear-2", "lost-1"]


@pytest.mark.usefixtures("sandbox")
def test_what_another_environment_placed_on_the_account_is_never_taken_for_placed_here_unseen(project: Path) -> None:
    """Two environments have one account, and calls of the same names: the records of one are no proof for the other."""
    settings = (project / "flowops.yaml").read_text()
    _, _, production = settings.partition("{production: ")
    other = production.removesuffix("}\n").replace("ledger.db", "staging.db")
    (project / "flowops.yaml").write_text(settings.replace("{production: ", f"{{staging: {other}, production: "))
    (project / "calls/of_staging.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: of-staging\ncallee: '+442079460103'\n"
    )
    for environment in ("staging", "production"):
        assert flowops("ledger", "init", "--env", environment, cwd=project, env=ENV).code == 0
    staging = flowops("apply", "--env", "staging", "--auto-approve", cwd=project, env=ENV)
    assert staging.code == 7, staging.err
    (project / "calls/of_staging.yaml").unlink()
    time.sleep(1.1)  # records are given by the second
    met = run(project, "reconcile", "--since", "1h")
    assert met.code == 7, met.err
    assert "2 in doubt now: the files name them" in met.out
    assert "1 of other calls on the account" in met.out
    assert {it["state"] for it in run(project, "ledger", "list", "--format", "json").json["calls"]} == {"in-doubt"}
    told = run(project, "apply", "--auto-approve", "--format", "json")
    assert (told.code, told.json["summary"]["in_doubt"]) == (7, 2)
    # The operator knows that they are those of staging: here they were not placed, and are.
    said = ("--not-placed", "--reason", "those are the calls of staging", "--yes")
    assert run(project, "ledger", "resolve", "--ref", "*", *said).code == 0
    assert run(project, "apply", "--auto-approve").code == 7
    assert posts(project) == ["clear-2", "clear-2", "lost-1", "lost-1", "of-staging"]


def test_records_of_other_calls_with_the_same_references_change_nothing_of_placed_ones(
    real: Path, api: ApiServer
) -> None:
    """Another environment on the account uses the same references, or the API names another leg by one."""
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0

    def known() -> dict[str, Any]:
        calls = flowops("ledger", "list", *PRODUCTION, "--format", "json", cwd=real, env=ENV).json["calls"]
        return {call["reference_id"]: (call["state"], call["callees"]) for call in calls}

    def told(*records: dict[str, Any]) -> dict[str, Any]:
        (real / "records.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
        args = ("reconcile", *PRODUCTION, "--from-file", "records.jsonl", "--format", "json")
        return dict(flowops(*args, cwd=real, env=ENV).json)

    before = known()
    own = {name: legs[0]["call_id"] for name, (_, legs) in before.items()}
    number = "+442079460101"
    other = {"instruction-id": "call-1", "call-id": "another", "callee": number, "code": 9}
    done = told(other)
    assert (done["settled"], done["namesakes"], done["foreign"]) == (0, 1, 0)
    assert known() == before
    # Beside one of its own it says nothing, either.
    done = told(other, {"instruction-id": "call-1", "call-id": own["call-1"], "callee": number, "code": 10})
    assert (done["settled"], done["namesakes"]) == (1, 0)
    state, (leg,) = known()["call-1"]
    assert (state, leg["call_id"], leg["code"]) == ("finished", own["call-1"], 10)
    # An id of the record's own is no other call's.
    done = told({"instruction-id": "call-2", "id": "record-7", "callee": "+442079460102", "code": 10})
    assert (done["settled"], done["namesakes"]) == (1, 0)
    state, (leg,) = known()["call-2"]
    assert (state, leg["call_id"], leg["code"]) == ("finished", own["call-2"], 10)


@pytest.mark.usefixtures("sandbox")
def test_imported_calls_are_never_placed(project: Path) -> None:
    assert run(project, "ledger", "init").code == 0
    rows = project / "placed.csv"
    rows.write_text("reference-id,callee,placed-at\nlost-1,+442079460101,2026-11-01T09:00:00Z\nclear-2,,yesterday\n")
    wrong = run(project, "ledger", "import", str(rows))
    assert wrong.code == 3
    assert "placed.csv:3:1: placed-at" in wrong.err
    assert run(project, "ledger", "list", "--format", "json").json["calls"] == []
    rows.write_text("reference-id,callee,placed-at\nlost-1,+442079460101,2026-11-01T09:00:00Z\nclear-2,,\n")
    imported = run(project, "ledger", "import", str(rows))
    assert (imported.code, imported.out) == (0, "2 imported, 0 already present\n"), imported.err
    assert "they count as placed: apply never places them again" in imported.err
    assert "warning: no number is known of 1 call (an export masks it): per-callee does not count" in imported.err
    applied = run(project, "apply", "--auto-approve", "--format", "json")
    assert applied.code == 0, applied.err
    assert applied.json["summary"]["unchanged"] == 2
    assert posts(project) == []
    exported = run(project, "ledger", "export")
    assert [json.loads(line)["reference_id"] for line in exported.out.splitlines()] == ["clear-2", "lost-1"]
    assert run(project, "ledger", "verify").code == 0


@pytest.mark.usefixtures("sandbox")
def test_a_purged_call_is_forgotten_but_never_placed_again(project: Path) -> None:
    (project / "calls/two.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: clear-2\ncallee: '+442079460102'\n"
    )
    assert run(project, "ledger", "init").code == 0
    assert run(project, "apply", "--auto-approve").code == 0
    time.sleep(0.01)
    assert run(project, "ledger", "purge", "--older-than", "0h").code == 64
    purged = run(project, "ledger", "purge", "--older-than", "0h", "--auto-approve")
    assert purged.code == 0, purged.err
    assert "1 call purged" in purged.out
    shown = run(project, "ledger", "show", "clear-2", "--format", "json").json
    assert shown["purged"]
    assert shown["body"] == {}
    assert run(project, "ledger", "verify").code == 0
    assert run(project, "apply", "--auto-approve", "--format", "json").json["summary"]["unchanged"] == 1
    assert posts(project) == ["clear-2"]
