"""What would be done, and what was done, is counted alike wherever it is told."""

from __future__ import annotations

import json
import time
from html import unescape
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}


def call(name: str, number: int, more: str = "") -> str:
    return f"apiVersion: flowops/v1\nkind: Call\nreference-id: {name}\ncallee: '+4420794601{number}'\n{more}"


@pytest.fixture
def busy(real: Path) -> Path:
    """One call that is moved, one whose second attempt is due, one that is new, one that waits, one that is done."""
    (real / "calls/three.yaml").write_text(
        "---\n".join([call("old", 10), call("done", 11), call("again", 12, "attempts: {max: 2, after: 1s}\n")])
    )
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0
    told = ("ledger", "resolve", "again", *PRODUCTION, "--outcome", "no-answer", "--reason", "seen", "--yes")
    assert flowops(*told, cwd=real, env=ENV).code == 0
    time.sleep(1.1)  # the second attempt is due a second behind the first one's end
    text = (real / "calls/three.yaml").read_text()
    text = text.replace("reference-id: old\n", "reference-id: new-name\nmoved-from: old\n")
    later = call("later", 14, "not-before: 2999-01-01T00:00Z\n")
    (real / "calls/three.yaml").write_text("---\n".join([text, call("new", 13), later]))
    return real


def test_a_plan_counts_alike_everywhere_and_apply_does_that(busy: Path, api: ApiServer, tmp_path: Path) -> None:
    output = tmp_path / "output"
    planned = flowops("plan", *PRODUCTION, "--format", "json", "--detailed-exitcode", cwd=busy, env=ENV)
    summary = planned.json["summary"]
    counts = {"place": 2, "moved": 1, "unchanged": 1, "deferred": 1, "to_apply": 3, "phones": 2}
    assert (planned.code, summary) == (2, {**dict.fromkeys(summary, 0), **counts})
    github = flowops("plan", *PRODUCTION, "--format", "github", cwd=busy, env={**ENV, "GITHUB_OUTPUT": str(output)})
    told = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert {name: int(told[name]) for name in counts if name != "phones"} == {
        name: number for name, number in counts.items() if name != "phones"
    }
    widget = flowops("plan", *PRODUCTION, "--format", "gitlab", cwd=busy, env=ENV).json
    assert widget == {"create": 2, "update": 1, "delete": 0}
    said = "2 to place, 0 to retry, 1 unchanged, 1 deferred, 1 moved."
    assert f"Plan: {said}" in github.out
    assert said in flowops("plan", *PRODUCTION, cwd=busy, env=ENV).out
    table = unescape(flowops("plan", *PRODUCTION, "--format", "markdown", cwd=busy, env=ENV).out)
    heads, numbers = (line.strip("| ").split(" | ") for line in table.split("\n\n")[1].splitlines()[::2])
    found = dict(zip(heads, map(int, numbers), strict=True))
    assert {name: number for name, number in found.items() if number} == {
        "to place": 2,
        "unchanged": 1,
        "deferred": 1,
        "moved": 1,
    }
    assert flowops("plan", *PRODUCTION, "-o", "plan.json", cwd=busy, env=ENV).code == 0
    assert said in flowops("show", "plan.json", cwd=busy).out
    ran = flowops("apply", "--plan", "plan.json", "--format", "json", cwd=busy, env=ENV)
    done = {"placed": 2, "moved": 1, "unchanged": 1, "deferred": 1, "phones": 2}
    assert ran.json["summary"] == {**dict.fromkeys(ran.json["summary"], 0), **done}
    status = flowops("status", *PRODUCTION, "--since", "today", "--format", "json", cwd=busy, env=ENV).json
    assert (status["summary"]["placed"], status["summary"]["held_back"]) == (5, 1)
    nothing = flowops("plan", *PRODUCTION, "--format", "json", "--detailed-exitcode", cwd=busy, env=ENV)
    assert (nothing.code, nothing.json["summary"]["to_apply"]) == (0, 0)


def test_a_result_that_is_shown_again_knows_its_refused_callees_and_causes(real: Path, api: ApiServer) -> None:
    (real / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: both\ncallees: ['+442079460110', '+442079460111']\n"
    )
    sandbox = ("apply", "--env", "sandbox", "--format", "json")
    ran = flowops(*sandbox, cwd=real)
    document = ran.json
    (only,) = document["calls"]
    assert (only["refused"], only["phones"]) == (0, 2)
    document["calls"] = [{**only, "refused": 1, "error": "+442079460111: no route"}]
    (real / "result.json").write_text(json.dumps(document))
    shown = flowops("show", "result.json", cwd=real)
    assert shown.code == 0, shown.err
    assert "Placed in part" in shown.out
    assert "no route" in shown.out
    assert "+442079460111" not in shown.out
