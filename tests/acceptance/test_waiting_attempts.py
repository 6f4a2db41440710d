"""Attempts that wait: a plan says when each can be placed, by the policy as it is then, or that it never will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: clinic
defaults: {caller: "+442079460000", voicemail-response: Stop}
environments:
  production:
    api: https://api.cm.com/voiceapi/v2
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: sqlite:///ledger.db
    callbacks: {url: "https://hooks.example.org/", secret: {env: FLOWOPS_CALLBACK_SECRET}}
policy: %s
"""
CALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: r
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
callee: "+442079460101"
attempts: {max: 4, on: [no-answer, failed], after: 2h, within: 7d}
"""
TEST = """\
apiVersion: flowops/v1
kind: Test
name: a law
given:
  document: ../calls/a.yaml
  env: production
  at: %s
  ledger:
%s
expect: %s
"""
#: A Friday, in winter: London has the time of UTC.
MISSED = "    - {reference-id: r, state: finished, outcome: no-answer, at: 2026-11-27T16:30Z}"
HOURS = "windows: [{days: mon-fri, hours: 09:00-17:00, holidays: national}]"


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "clinic")
    repository.write({"flowops.yaml": PROJECT % "{}", "calls/a.yaml": CALL})
    return repository


def check(clinic: Repository, at: str, expect: str, ledger: str = MISSED) -> None:
    """Hold what a plan says at a time, behind what the ledger has, against what is expected of it."""
    clinic.write({"tests/a.yaml": TEST % (at, ledger, expect)})
    ran = flowops("test", cwd=clinic.root)
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.parametrize(
    ("policy", "terms", "expect"),
    [
        ("{}", "", "until: 2026-11-27T18:30Z, reasons: [attempt 2 of 4]"),
        (f"{{{HOURS}}}", "", "until: 2026-11-30T09:00Z, rule: windows, reasons: [when it is due, may be placed from]"),
        ("{per-callee: {calls: 1, within: 1d}}", "", "until: 2026-11-28T16:30Z, rule: per-callee"),
        (f"{{{HOURS}, per-callee: {{calls: 1, within: 73h}}}}", "", "until: 2026-12-01T09:00Z, rule: windows"),
        ("{max-calls: {per-day: 1, timezone: Europe/London}}", "", "until: 2026-11-28T00:00Z"),
        ("{}", "expires: 2026-11-27T19:00Z", "until: 2026-11-27T18:30Z"),
        ("{}", "not-before: 2026-12-24T12:00Z", "until: 2026-12-24T12:00Z, rule: not-before"),
        # A holiday, and a weekend behind it.
        (f"{{{HOURS}}}", "not-before: 2026-12-24T17:00Z", "until: 2026-12-29T09:00Z"),
    ],
)
def test_an_attempt_that_waits_waits_until_it_can_really_be_placed(
    clinic: Repository, policy: str, terms: str, expect: str
) -> None:
    clinic.write({"flowops.yaml": PROJECT % policy, "calls/a.yaml": f"{CALL}{terms}\n"})
    check(clinic, "2026-11-27T17:00Z", f"{{action: deferred, reference-id: r~2, {expect}}}")


@pytest.mark.parametrize(
    ("policy", "terms", "expect"),
    [
        ("{}", "expires: 2026-11-27T18:00Z", "rule: expires, reasons: [has expired, may not be placed]"),
        (f"{{{HOURS}}}", "expires: 2026-11-30T09:00Z", "rule: expires, reasons: [has expired, may not be placed]"),
        ("{countries: [DE]}", "", "rule: countries"),
        ("{do-not-call: {file: dnc.txt}}", "", "rule: do-not-call"),
    ],
)
def test_one_that_never_will_be_placed_is_said_to_be_blocked(
    clinic: Repository, policy: str, terms: str, expect: str
) -> None:
    clinic.write({"flowops.yaml": PROJECT % policy, "calls/a.yaml": f"{CALL}{terms}\n", "dnc.txt": "+442079460101\n"})
    check(clinic, "2026-11-27T17:00Z", f"{{action: blocked, reference-id: r~2, {expect}}}")


REFUSED = f"{MISSED}\n    - {{reference-id: r~2, state: rejected, at: 2026-11-27T18:40Z}}"


def test_an_attempt_that_was_refused_is_tried_again_unless_its_call_has_ended_since(clinic: Repository) -> None:
    check(clinic, "2026-11-27T20:00Z", "{action: retry, reference-id: r~2}", REFUSED)
    for outcome, why in (("completed", "completed at attempt 1"), ("declined", "not in `on`")):
        ended = REFUSED.replace("no-answer", outcome)
        check(clinic, "2026-11-27T20:00Z", f"{{action: unchanged, reasons: [{why}]}}", ended)
