"""Numbers that an operator has blocked are never called again, whatever was planned before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, ApiServer

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
APPLY = ("apply", *PRODUCTION, "--auto-approve", "--format", "json")
SECOND = "+44 20 7946 0102"
#: The digits by which the second callee's number would be known.
CANARY = "79460102"


class Clinic:
    """A repository of three calls, what was said about it, and what is written there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []

    def run(self, *args: str, stdin: str | None = None) -> Ran:
        ran = flowops(*args, cwd=self.root, env=ENV, stdin=stdin)
        self.said += [ran.out, ran.err]
        return ran

    def block(self, *numbers: str, reason: str = "asked us to stop", stdin: str | None = None) -> Ran:
        return self.run("policy", "block", *numbers, *PRODUCTION, "--reason", reason, stdin=stdin)

    def blocked(self) -> dict:
        ran = self.run("policy", "blocked", *PRODUCTION, "--format", "json")
        assert ran.code == 0, ran.err
        assert check("blocked", ran.json) == []
        return ran.json


@pytest.fixture
def clinic(real: Path) -> Clinic:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    return Clinic(real)


def outcomes(applied: Ran) -> dict[str, str]:
    return {call["reference_id"]: call["outcome"] for call in applied.json["calls"]}


def test_a_blocked_number_is_shown_in_the_plan_with_who_and_why_and_is_not_called(
    clinic: Clinic, api: ApiServer
) -> None:
    blocked = clinic.block(SECOND)
    assert (blocked.code, blocked.out) == (0, "production: 1 number blocked\n")
    plan = clinic.run("plan", *PRODUCTION, "--format", "json")
    assert [call["action"] for call in plan.json["calls"]] == ["place", "blocked", "place"]
    [entry] = clinic.blocked()["numbers"]
    why = f"policy block: blocked by {entry['who']} on {entry['at'][:10]}: asked us to stop"
    assert plan.json["calls"][1]["reasons"] == [why]
    assert why in clinic.run("plan", *PRODUCTION).out
    assert clinic.run("plan", *PRODUCTION, "--fail-on", "blocked").code == 4
    applied = clinic.run(*APPLY)
    assert applied.code == 0
    assert outcomes(applied) == {"call-1": "placed", "call-2": "blocked", "call-3": "placed"}
    assert sorted(api.received) == ["call-1", "call-3"]


def test_a_plan_that_was_made_before_the_block_does_not_place(clinic: Clinic, api: ApiServer) -> None:
    assert clinic.run("plan", *PRODUCTION, "-o", "saved.plan").code == 0
    clinic.block(SECOND)
    applied = clinic.run("apply", *PRODUCTION, "--plan", "saved.plan", "--format", "json")
    assert applied.code == 0, applied.err
    assert outcomes(applied) == {"call-1": "placed", "call-2": "blocked", "call-3": "placed"}
    assert sorted(api.received) == ["call-1", "call-3"]


def test_one_blocked_phone_blocks_the_request_and_unblocking_lets_it_pass(clinic: Clinic, api: ApiServer) -> None:
    (clinic.root / "calls/three.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: both\ncallees: ["+442079460101", "+442079460102"]\n'
    )
    clinic.block(SECOND)
    assert outcomes(clinic.run(*APPLY)) == {"both": "blocked"}
    assert "+44 20 79•• ••02 is blocked by" in clinic.run("plan", *PRODUCTION).out
    lifted = clinic.run("policy", "unblock", SECOND, *PRODUCTION, "--reason", "it was the wrong one")
    assert (lifted.code, lifted.out) == (0, "production: 1 number unblocked\n")
    assert outcomes(clinic.run(*APPLY)) == {"both": "placed"}
    assert api.received == {"both": 1}
    listed = clinic.blocked()
    assert listed["summary"] == {"blocked": 0, "lifted": 1}
    assert listed["numbers"][0]["lifted_reason"] == "it was the wrong one"


def test_a_rehearsal_does_not_ring_a_blocked_number(clinic: Clinic, api: ApiServer) -> None:
    clinic.block("+442079460199")
    rung = clinic.run(
        "apply", *PRODUCTION, "--rehearse", "call-1", "--to", "+442079460199", "--auto-approve", "--format", "json"
    )
    assert list(outcomes(rung).values()) == ["blocked"]
    assert api.received.total() == 0


def test_numbers_come_from_a_file_or_stdin_and_each_counts_once(clinic: Clinic) -> None:
    (clinic.root / "stop.txt").write_text("# as-of: 2026-11-27\n+442079460101\n\n+44 (0)20 7946 0102\n")
    assert clinic.block("--from-file", "stop.txt").out == "production: 2 numbers blocked\n"
    again = clinic.block(SECOND, "--from-file", "-", stdin="\ufeff+442079460103\r\n+442079460102\r\n")
    assert again.out == "production: 1 number blocked, 1 number was blocked already\n"
    assert clinic.blocked()["summary"] == {"blocked": 3, "lifted": 0}


def test_what_is_no_international_number_is_refused_and_blocks_nothing(clinic: Clinic) -> None:
    national = clinic.block("+442079460101", "020 7946 0102")
    assert national.code == 64
    assert "has no country code" in national.err
    (clinic.root / "stop.txt").write_text("+442079460101\n020 7946 0102\nnobody\n")
    listed = clinic.block("--from-file", "stop.txt")
    assert listed.code == 3
    assert "stop.txt:2:1: " in listed.err
    assert "stop.txt:3:1: " in listed.err
    (clinic.root / "stop.txt").write_text("".join(f"020 7946 {line:04d}\n" for line in range(50)))
    listed = clinic.block("--from-file", "stop.txt")
    assert "(row 1 of stop.txt, line 1, and 49 more rows: 2, 3, 4, …)" in listed.err
    assert "1 problem in 1 file" in listed.err
    assert clinic.block().code == 64
    assert "stdin has no number" in clinic.block("--from-file", "-", stdin="# nobody\n").err
    for misplaced in (("policy", "blocked", "+442079460102"), ("policy", "+442079460102")):
        assert clinic.run(*misplaced, "--format", "json").code == 64
    assert clinic.block(SECOND, reason=" ").code == 64
    assert clinic.blocked()["numbers"] == []
    assert CANARY not in "".join(clinic.said).replace(" ", "")


def test_the_number_is_in_no_output_log_or_byte_of_the_ledger(clinic: Clinic) -> None:
    log = ("--log-level", "debug", "--log-file", "flowops.log")
    clinic.run("policy", "block", SECOND, *PRODUCTION, "--reason", f"{SECOND} asked us to stop", *log)
    for format_ in ("text", "json", "markdown"):
        shown = clinic.run("policy", "blocked", *PRODUCTION, "--format", format_, *log)
        assert "asked us to stop" in shown.out
        assert "••02" in shown.out
        clinic.run("plan", *PRODUCTION, "--format", format_, *log)
    clinic.run(*APPLY, *log)
    clinic.run("policy", "unblock", SECOND, *PRODUCTION, "--reason", f"{SECOND} may be called", *log)
    clinic.run("policy", "blocked", *PRODUCTION, *log)
    assert CANARY not in "".join(clinic.said).replace(" ", "")
    written = [file for file in clinic.root.rglob("*") if file.is_file() and file.suffix != ".yaml"]
    assert {"ledger.db", "flowops.log"} <= {file.name for file in written}
    for file in written:
        assert CANARY.encode() not in file.read_bytes().replace(b" ", b""), file


def test_a_further_attempt_asks_too(clinic: Clinic, api: ApiServer) -> None:
    (clinic.root / "calls/three.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: alarm\ncallee: "+442079460102"\n'
        "attempts: {max: 2, after: 1s}\n"
    )
    assert outcomes(clinic.run(*APPLY)) == {"alarm": "placed"}
    assert clinic.run(
        "ledger", "resolve", "alarm", *PRODUCTION, "--outcome", "no-answer", "--reason", "seen", "--yes"
    ).code == 0  # fmt: skip
    clinic.block(SECOND)
    time.sleep(1.2)  # by then it is due
    applied = clinic.run(*APPLY)
    assert applied.code == 0, applied.err
    [call] = applied.json["calls"]
    assert (call["attempt"], call["outcome"]) == (2, "blocked")
    assert api.received == {"alarm": 1}
