"""With ``--format json`` a failure is JSON too: stdout holds it, and stderr stays for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
#: Commands that fail, what they end with, and the code of what is told first.
FAILURES = {
    "plan --env staging": (64, "usage"),
    "plan --nope": (64, "usage"),
    "render --ref z*": (64, "usage"),
    "validate nowhere.yaml": (64, "usage"),
    "apply --env production": (6, "api"),
    "plan --env production": (5, "ledger"),
    "status --env production": (5, "ledger"),
    "ledger list --env production": (5, "ledger"),
    "ledger show call-1": (1, "failed"),
    "apply --digest sha256:0": (8, "stale-plan"),
    "diff main": (64, "usage"),
    "show nowhere.json": (64, "usage"),
}
BROKEN = ("validate", "render", "plan", "apply")


@pytest.mark.parametrize("command", FAILURES)
def test_a_failure_is_json(real: Path, command: str) -> None:
    code, kind = FAILURES[command]
    ran = flowops(*command.split(), "--format=json", cwd=real)
    assert (ran.code, ran.json["exit_code"]) == (code, code), ran
    assert check("diagnostics", ran.json) == []
    assert ran.json["diagnostics"][0]["code"] == kind
    assert ran.json["diagnostics"][0]["message"]
    assert ran.err.startswith(("error: ", "Usage: ", "Plan for", "warning: "))


@pytest.mark.parametrize("command", BROKEN)
def test_what_is_wrong_with_files_has_its_place(real: Path, command: str) -> None:
    (real / "calls/wrong.yaml").write_text("apiVersion: flowops/v1\nkind: Call\nreference-id: x\ncalee: x\n")
    ran = flowops(command, "--format", "json", cwd=real)
    assert ran.code == 3, ran
    found = ran.json["diagnostics"]
    assert {(each["file"], each["severity"], each["count"]) for each in found} == {("calls/wrong.yaml", "error", 1)}
    assert (found[-1]["line"], found[-1]["column"]) == (4, 1)
    assert check("validate" if command == "validate" else "diagnostics", ran.json) == []


def test_a_failure_in_another_format_is_for_people_alone(real: Path) -> None:
    ran = flowops("plan", "--env", "staging", "--format", "text", cwd=real)
    assert (ran.code, ran.out) == (64, "")


def test_a_result_that_is_printed_is_the_only_document(real: Path) -> None:
    ran = flowops("plan", "--format", "json", "--fail-on", "none", "--detailed-exitcode", cwd=real)
    assert (ran.code, ran.json["summary"]["place"]) == (2, 3)
