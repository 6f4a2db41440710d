"""A saved plan knows how it was asked for; what happened since makes it smaller, and never stale."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer, answer_with

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
SAVE = ("plan", *PRODUCTION, "-o", "plan.json")
PLACE = ("apply", "--plan", "plan.json")


@pytest.fixture(autouse=True)
def ledger(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0


def printed(err: str) -> list[str]:
    """The command that is printed for placing a plan."""
    found = re.search(r"place it with: flowops ([^,\n]+)", err)
    assert found is not None, err
    return shlex.split(found[1])


def test_a_plan_knows_its_environment_paths_and_selection(real: Path, api: ApiServer) -> None:
    saved = flowops(*SAVE, "calls", "--ref", "call-[123]", "--ref", "call-2", "--exclude-ref", "x*", cwd=real, env=ENV)
    ran = flowops(*printed(saved.err), "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert api.received == {"call-2": 1}
    assert [call["reference_id"] for call in ran.json["calls"]] == ["call-2"]


@pytest.mark.parametrize("place", ["calls", "..", "../elsewhere", "../clone/x"])
def test_a_plan_is_placed_from_any_directory_and_in_another_clone(real: Path, api: ApiServer, place: str) -> None:
    (real / "vars.yaml").write_text("brand: Acme\n")
    assert flowops(*SAVE, "calls/three.yaml", "--var-file", "vars.yaml", cwd=real, env=ENV).code == 0
    where, plan = real / place, real / "plan.json"
    if "clone" in place:
        shutil.copytree(real, real.parent / "clone")
        real.rename(real.parent / "gone")
        plan = real.parent / "gone/plan.json"
    where.mkdir(parents=True, exist_ok=True)
    ran = flowops("apply", "--plan", plan, cwd=where, env=ENV)
    assert (ran.code, api.received.total()) == (0, 3), ran.err


def test_what_came_due_since_is_placed_and_what_was_blocked_or_cancelled_is_skipped(real: Path, api: ApiServer) -> None:
    opens = datetime.now(UTC) + timedelta(seconds=8)
    (real / "calls/later.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: later\ncallee: '+442079460107'\n"
        f"not-before: '{opens.isoformat(timespec='seconds')}'\n"
    )
    saved = flowops(*SAVE, "--format", "json", cwd=real, env=ENV)
    assert saved.code == 0, saved.err
    assert (saved.json["summary"]["place"], saved.json["summary"]["deferred"]) == (3, 1)
    why = ("--reason", "said so")
    assert flowops("policy", "block", "+442079460101", *PRODUCTION, *why, cwd=real, env=ENV).code == 0
    assert flowops("ledger", "cancel", "call-2", *PRODUCTION, *why, "--yes", cwd=real, env=ENV).code == 0
    time.sleep(max(0.0, (opens - datetime.now(UTC)).total_seconds()))
    ran = flowops(*PLACE, "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert api.received == {"call-3": 1, "later": 1}
    assert [call["outcome"] for call in ran.json["calls"]] == ["placed", "blocked", "cancelled", "placed"]


def test_a_plan_names_the_variables_that_are_missing_and_takes_them(real: Path, api: ApiServer) -> None:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(
        project.replace("callflow-id: flow-1", 'callflow-id: flow-1, flow-variables: {brand: "{{ vars.brand }}"}')
    )
    saved = flowops(*SAVE, "--var", "brand=Acme", cwd=real, env=ENV)
    assert "apply --plan plan.json --var brand=VALUE" in saved.err
    assert "Acme" not in (real / "plan.json").read_text()
    without = flowops(*PLACE, cwd=real, env=ENV)
    assert without.code == 64
    assert "variables that are missing: brand" in without.err
    assert flowops(*printed(saved.err), cwd=real, env=ENV).code == 8
    assert not api.received
    assert flowops(*(word.replace("VALUE", "Acme") for word in printed(saved.err)), cwd=real, env=ENV).code == 0
    assert api.received.total() == 3


def test_a_plan_that_is_given_as_a_path_is_refused_with_the_option_for_it(real: Path, api: ApiServer) -> None:
    assert flowops(*SAVE, cwd=real, env=ENV).code == 0
    ran = flowops("apply", "plan.json", "--auto-approve", cwd=real, env=ENV)
    assert (ran.code, ran.out) == (64, "")
    assert "plan.json is a saved plan" in ran.err
    assert "hint: flowops apply --plan plan.json" in ran.err
    assert not api.received


def test_variable_files_are_read_again(real: Path, api: ApiServer) -> None:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(
        project.replace("callflow-id: flow-1", 'callflow-id: flow-1, flow-variables: {brand: "{{ vars.brand }}"}')
    )
    (real / "vars.yaml").write_text("brand: Acme\n")
    saved = flowops(*SAVE, "--var-file", "vars.yaml", cwd=real, env=ENV)
    assert flowops(*printed(saved.err), cwd=real, env=ENV).code == 0
    assert api.received.total() == 3


def test_another_environment_or_other_calls_are_refused(real: Path, api: ApiServer) -> None:
    assert flowops(*SAVE, "calls", cwd=real, env=ENV).code == 0
    assert flowops(*PLACE, "--env", "sandbox", cwd=real, env=ENV).code == 8
    assert flowops(*PLACE, cwd=real, env={**ENV, "FLOWOPS_ENV": "sandbox"}).code == 8
    assert flowops(*PLACE, "--ref", "call-1", cwd=real, env=ENV).code == 64
    assert not api.received
    assert flowops(*PLACE, *PRODUCTION, "calls", cwd=real, env=ENV).code == 0


def test_what_was_placed_since_is_skipped(real: Path, api: ApiServer) -> None:
    assert flowops(*SAVE, cwd=real, env=ENV).code == 0
    apply = ("apply", *PRODUCTION, "--ref", "call-1", "--auto-approve")
    assert flowops(*apply, cwd=real, env=ENV).code == 0
    ran = flowops(*PLACE, "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert api.received == {"call-1": 1, "call-2": 1, "call-3": 1}
    assert ran.json["summary"]["unchanged"] == 1
    again = flowops(*PLACE, cwd=real, env=ENV)
    assert again.code == 0, again.err
    assert api.received.total() == 3


def test_what_was_refused_since_is_placed_and_a_doubt_since_is_skipped(real: Path, api: ApiServer) -> None:
    assert flowops(*SAVE, cwd=real, env=ENV).code == 0
    accepting = api.behave
    one, two = (("apply", *PRODUCTION, "--ref", f"call-{number}", "--auto-approve") for number in (1, 2))
    api.behave = answer_with("400 Bad Request", b'{"error": "not now"}')
    assert flowops(*one, cwd=real, env=ENV).code == 6
    api.behave = answer_with("502 Bad Gateway", b"")
    assert flowops(*two, cwd=real, env=ENV).code == 7
    api.behave = accepting
    ran = flowops(*PLACE, "--format", "json", cwd=real, env=ENV)
    assert ran.code == 7, ran.err
    assert api.received == {"call-1": 2, "call-2": 1, "call-3": 1}
    assert (ran.json["summary"]["placed"], ran.json["summary"]["in_doubt"]) == (2, 1)


def test_a_doubt_that_is_settled_since_waits_for_a_new_plan(real: Path, api: ApiServer) -> None:
    accepting = api.behave
    api.behave = answer_with("502 Bad Gateway", b"")
    one = ("apply", *PRODUCTION, "--ref", "call-1", "--auto-approve")
    assert flowops(*one, cwd=real, env=ENV).code == 7
    assert flowops(*SAVE, cwd=real, env=ENV).code == 0
    settle = ("ledger", "resolve", "call-1", *PRODUCTION, "--not-placed", "--reason", "asked the vendor", "--yes")
    assert flowops(*settle, cwd=real, env=ENV).code == 0
    api.behave = accepting
    for _ in range(2):
        ran = flowops(*PLACE, "--format", "json", cwd=real, env=ENV)
        assert ran.code == 0, ran.err
        assert api.received == {"call-1": 1, "call-2": 1, "call-3": 1}
        (first,) = [call for call in ran.json["calls"] if call["reference_id"] == "call-1"]
        assert first["outcome"] == "deferred"
        assert first["error"] == "may be placed since the plan was saved: plan again, and have it reviewed"
    assert "may be placed since the plan was saved" in flowops(*PLACE, cwd=real, env=ENV).out
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0
    assert api.received["call-1"] == 2


def test_what_a_list_holds_back_since_is_skipped_and_what_it_lets_go_waits(real: Path, api: ApiServer) -> None:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{project}policy: {{do-not-call: {{file: dnc.txt, may-be-empty: true}}}}\n")
    (real / "dnc.txt").write_text("+442079460101\n")
    assert flowops(*SAVE, cwd=real, env=ENV).code == 0
    (real / "dnc.txt").write_text("+442079460102\n")
    ran = flowops(*PLACE, "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert api.received == {"call-3": 1}
    assert [call["outcome"] for call in ran.json["calls"]] == ["deferred", "blocked", "placed"]


def test_a_plan_keeps_its_canary_and_needs_callbacks_for_it(real: Path, api: ApiServer) -> None:
    without = flowops(*SAVE, "--canary", "1", cwd=real, env=ENV)
    assert without.code == 64
    assert "has no callbacks" in without.err
    assert flowops("plan", "--canary", "1", cwd=real).code == 64
    assert flowops("plan", "-o", "plan.json", "--canary", "1", "--canary-wait", "2s", cwd=real).code == 0
    request = json.loads((real / "plan.json").read_text())["request"]
    assert (request["canary"], request["patience"]) == (1, "2s")
    assert flowops(*PLACE, "--canary", "2", cwd=real).code == 64
    ran = flowops(*PLACE, "--format", "json", cwd=real)
    assert "waiting for the outcomes of the first 1 phone" in ran.err


def test_a_plan_that_is_older_than_the_policy_allows_is_refused(real: Path, api: ApiServer) -> None:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{project}policy: {{max-plan-age: 1d}}\n")
    assert flowops(*SAVE, cwd=real, env=ENV).code == 0
    plan = json.loads((real / "plan.json").read_text())
    plan["request"]["saved_at"] = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    (real / "plan.json").write_text(json.dumps(plan))
    ran = flowops(*PLACE, cwd=real, env=ENV)
    assert ran.code == 8
    assert "max-plan-age (flowops.yaml:" in ran.err
    assert not api.received
    plan["request"]["saved_at"] = (datetime.now(UTC) - timedelta(hours=23)).isoformat()
    (real / "plan.json").write_text(json.dumps(plan))
    assert flowops(*PLACE, cwd=real, env=ENV).code == 0


def test_the_age_of_plans_is_a_span_of_time(real: Path) -> None:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{project}policy: {{max-plan-age: soon}}\n")
    ran = flowops("validate", cwd=real)
    assert ran.code == 3
    assert "max-plan-age" in ran.err
