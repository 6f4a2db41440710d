"""An outside judge: apply places just what was judged, and nothing where the plan or the files are others by then."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import EXAMPLES, flowops

if TYPE_CHECKING:
    from pathlib import Path

JUDGE = EXAMPLES / "judge"
CALLS = "calls/welcome.yaml"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    assert flowops("init", root, cwd=tmp_path).code == 0
    label(root, "campaign")
    return root


def label(shop: Path, name: str) -> None:
    text = (shop / CALLS).read_text()
    (shop / CALLS).write_text(text.replace("for-each:", f"labels: {{{name}: welcome}}\nfor-each:"))


def planned(shop: Path) -> dict[str, Any]:
    ran = flowops("plan", "-o", "plan.saved", "--format", "json", cwd=shop)
    assert ran.code == 0, ran.err
    (shop / "plan.json").write_text(ran.out)
    return dict(ran.json)


def denied(shop: Path) -> list[str]:
    command = [sys.executable, JUDGE / "judge.py", shop / "plan.json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    said = ran.stderr.splitlines()
    assert ran.returncode == bool(said)
    return said


def test_what_was_judged_is_placed(shop: Path) -> None:
    digest = planned(shop)["digest"]
    assert denied(shop) == []
    ran = flowops("apply", "--plan", "plan.saved", "--digest", digest, "--format", "json", cwd=shop)
    assert ran.code == 0, ran.err
    assert ran.json["summary"]["placed"] == 3


def test_the_judge_says_what_it_has_against_a_plan(shop: Path) -> None:
    (shop / CALLS).write_text((shop / CALLS).read_text().replace("{campaign: welcome}", "{team: a}"))
    planned(shop)
    assert denied(shop) == [f"denied: welcome-{n}: has no label campaign" for n in (1, 2, 3)]


def test_rego_says_the_same(shop: Path) -> None:
    for name, denials in (("campaign", []), ("team", [f"welcome-{n}: has no label campaign" for n in (1, 2, 3)])):
        text = (shop / CALLS).read_text()
        (shop / CALLS).write_text(text.replace("{campaign:", f"{{{name}:"))
        plan = planned(shop)
        if shutil.which("opa"):
            command = ["opa", "eval", "--input", shop / "plan.json", "--data", JUDGE / "plan.rego", "data.main.deny"]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            said = json.loads(ran.stdout)["result"][0]["expressions"][0]["value"]
        else:
            engine = pytest.importorskip("opa_eval", reason="neither OPA nor another engine for Rego is installed")
            said = engine.OpaEval(str(JUDGE / "plan.rego"), query="data.main.deny").evaluate_parsed(json.dumps(plan))
        assert sorted(said) == denials


def test_nothing_is_placed_where_something_is_another_by_then(shop: Path) -> None:
    digest = planned(shop)["digest"]
    approved = ("--plan", "plan.saved", "--digest", digest)
    saved, calls, rows = (shop / "plan.saved").read_text(), (shop / CALLS).read_text(), shop / "data/customers.csv"

    def refused(*args: str) -> None:
        ran = flowops("apply", *args, cwd=shop)
        assert ran.code == 8, ran.out + ran.err
        assert flowops("ledger", "list", "--format", "json", cwd=shop).json["calls"] == []

    # Files were changed since, by a word, by a row, by the policy.
    (shop / CALLS).write_text(calls.replace("welcome-", "hello-"))
    refused(*approved)
    (shop / CALLS).write_text(calls)
    before = rows.read_text()
    rows.write_text(before.replace("18", "19"))
    refused(*approved)
    rows.write_text(before)
    project = (shop / "flowops.yaml").read_text()
    (shop / "flowops.yaml").write_text(
        f"{project}policy: {{number-types: [mobile, fixed-line, fixed-line-or-mobile]}}\n"
    )
    refused(*approved)
    (shop / "flowops.yaml").write_text(project)
    # The saved plan was edited: a call fewer, another action.
    edited = json.loads(saved)
    edited["calls"].pop()
    (shop / "plan.saved").write_text(json.dumps(edited))
    refused(*approved)
    edited = json.loads(saved)
    edited["calls"][0]["action"] = "blocked"
    (shop / "plan.saved").write_text(json.dumps(edited))
    refused(*approved)
    # A plan of other calls was put in its place, with a digest of its own that is right.
    (shop / CALLS).write_text(calls.replace("welcome-", "hello-"))
    planned(shop)
    refused(*approved)
    (shop / CALLS).write_text(calls)
    (shop / "plan.saved").write_text(saved)
    refused("--plan", "plan.saved", "--digest", f"sha256:{'0' * 64}")
    assert flowops("apply", *approved, cwd=shop).code == 0
