"""``apply --events`` tells what happens while it happens, a JSON object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.commands import flowops
from support.server import TOKEN, ApiServer, answer_with

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
APPLY = ("apply", *PRODUCTION, "--auto-approve")


def events(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert [each for each in found if check("event", each)] == []
    assert "+442079" not in text
    return found


def test_each_call_is_told_from_its_claim_to_its_answer(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    ran = flowops(*APPLY, "--events", "-", "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    found = events(ran.out)
    assert [each["event"] for each in found[:2]] == ["version", "planned"]
    assert found[1]["summary"]["place"] == 3
    for number in (1, 2, 3):
        of_call = [each["event"] for each in found if each.get("reference_id") == f"call-{number}"]
        assert of_call == ["claimed", "placed"]
    assert (found[-1]["event"], found[-1]["summary"]["placed"]) == ("summary", 3)
    assert '"format_version": 1' in ran.err  # the result stands there
    runs = flowops("ledger", "runs", *PRODUCTION, "--format", "json", cwd=real, env=ENV).json["runs"]
    assert [found[1]["run"], found[-1]["run"]] == [runs[0]["run"]] * 2


def test_refusals_doubts_and_what_is_not_attempted_are_told(real: Path, api: ApiServer) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    for behave, event, code in (
        (answer_with("400 Bad Request", b'{"error": "no"}'), "rejected", 6),
        (answer_with("502 Bad Gateway", b""), "in_doubt", 7),
    ):
        api.behave = behave
        ran = flowops(*APPLY, "--ref", "call-1", "--events", "events.jsonl", cwd=real, env=ENV)
        assert ran.code == code
        found = events((real / "events.jsonl").read_text())
        assert [each["event"] for each in found] == ["version", "planned", "claimed", event, "summary"]
        assert found[3]["error"]


def test_a_canary_tells_how_its_calls_ended(real: Path) -> None:
    ran = flowops("apply", "--canary", "1", "--events", "-", cwd=real)
    assert ran.code == 0, ran.err
    finished = [each for each in events(ran.out) if each["event"] == "finished"]
    assert [(each["reference_id"], each["codes"]) for each in finished] == [("call-1", [10])]


def test_a_failure_is_a_diagnostic(real: Path) -> None:
    ran = flowops(*APPLY, "--events", "events.jsonl", cwd=real, env=ENV)
    assert ran.code == 5
    found = events((real / "events.jsonl").read_text())
    assert [(each["event"], each.get("code")) for each in found] == [("version", None), ("diagnostic", "ledger")]


def test_a_file_that_cannot_be_made_and_a_dry_run_are_refused(real: Path) -> None:
    assert flowops("apply", "--events", "nowhere/events.jsonl", cwd=real).code == 1
    assert flowops("apply", "--dry-run", "--events", "-", cwd=real).code == 64
