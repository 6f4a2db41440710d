"""`apply --rehearse`: one's own phone rings with the words of a call, which is as unplaced as before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer, answer_with, drop

from flowops.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
NUMBER, SHOWN = "+442079460777", "+44 20 79•• ••77"
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: real
defaults: {{caller: "+442079460000", callflow-id: flow-1}}
environments:
  production:
    api: {api}
    token: {{env: FLOWOPS_TOKEN}}
    ledger: sqlite:///ledger.db
    rate: none
policy:
{policy}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../rows.csv
call:
  reference-id: "call-{{ row.id }}"
  callees: ["{{ row.phone }}", "+442079460099"]
  callback-url: https://hooks.example.org/other
  timezone: America/New_York
  not-before: 2099-01-01T09:00Z
  flow-variables: {text: "Hello {{ row.name }}"}
"""
ASKED = ("apply", *PRODUCTION, "--rehearse", "call-1", "--to", NUMBER)
RUN = (*ASKED, "--auto-approve", "--format", "json")
NO_POLICY = "  countries: [GB]"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


def write(root: Path, url: str, policy: str = NO_POLICY) -> None:
    (root / "flowops.yaml").write_text(PROJECT.format(api=url, policy=policy))


@pytest.fixture
def root(tmp_path: Path, api: ApiServer) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/all.yaml").write_text(CALLS)
    (tmp_path / "rows.csv").write_text("id,phone,name\n1,+442079460018,Ann\n2,+442079460019,Ben\n")
    write(tmp_path, api.url)
    assert flowops("ledger", "init", *PRODUCTION, cwd=tmp_path, env=ENV).code == 0
    return tmp_path


def test_ones_own_phone_hears_the_words_of_a_call(root: Path, api: ApiServer) -> None:
    ran = flowops(*RUN, cwd=root, env=ENV)
    assert (ran.code, check("result", ran.json)) == (0, [])
    [call] = ran.json["calls"]
    assert (call["outcome"], call["phones"]) == ("placed", 1)
    [body] = api.bodies
    assert body["instruction-id"] == call["reference_id"]
    assert body["instruction-id"].startswith("rehearsal-")
    assert len(body["instruction-id"]) == 36
    assert body["callee"] == NUMBER
    assert body["flow-variables"] == {"text": "Hello Ann"}
    assert {"callees", "callback-url"}.isdisjoint(body)
    assert SHOWN in ran.err
    assert "text: Hello Ann" in ran.err
    for number in (NUMBER, "+442079460018"):
        assert number not in ran.out + ran.err


def test_what_happened_is_among_the_events_of_the_ledger(root: Path) -> None:
    reference = flowops(*RUN, cwd=root, env=ENV).json["calls"][0]["reference_id"]
    ran = flowops("ledger", "show", reference, *PRODUCTION, cwd=root, env=ENV)
    assert ran.code == 0, ran.err
    claimed, accepted = ran.out.splitlines()
    assert claimed.endswith(f"with the words of call-1, to {SHOWN}")
    # What the API calls it holds a number here, which is masked.
    assert "accepted: id-rehearsal-" in accepted
    assert flowops("ledger", "show", reference, *PRODUCTION, "--format", "json", cwd=root, env=ENV).code == 64


def test_each_rehearsal_is_another_call(root: Path, api: ApiServer) -> None:
    for _ in range(2):
        assert flowops(*RUN, cwd=root, env=ENV).code == 0
    assert len(api.received) == 2


def test_it_is_no_evidence_and_counts_nowhere(root: Path) -> None:
    saved = flowops("plan", *PRODUCTION, "-o", "plan.json", cwd=root, env=ENV)
    assert saved.code == 0
    before = flowops("plan", *PRODUCTION, "--format", "json", cwd=root, env=ENV).json
    assert flowops(*RUN, cwd=root, env=ENV).code == 0
    after = flowops("plan", *PRODUCTION, "--format", "json", cwd=root, env=ENV).json
    assert after["summary"] == before["summary"]
    assert after["summary"]["unnamed"] == 0
    assert set(flowops("status", *PRODUCTION, "--format", "json", cwd=root, env=ENV).json["counts"].values()) == {0}
    assert "rehearsal-" not in flowops("ledger", "list", *PRODUCTION, cwd=root, env=ENV).out
    assert "rehearsal-" not in flowops("ledger", "export", *PRODUCTION, cwd=root, env=ENV).out
    verified = flowops("ledger", "verify", *PRODUCTION, cwd=root, env=ENV)
    assert (verified.code, "2 events" in verified.out) == (0, True)
    # What was reviewed before the rehearsal can be placed after it.
    assert flowops("apply", *PRODUCTION, "--plan", "plan.json", cwd=root, env=ENV).code == 0


def test_somebody_is_asked(root: Path, api: ApiServer) -> None:
    ran = flowops(*ASKED, cwd=root, env=ENV)
    assert ran.code == 64
    assert f"Ring {SHOWN} in production with the words of call-1?" in ran.err
    assert not api.received


def test_the_sandbox_needs_no_asking(root: Path, api: ApiServer) -> None:
    ran = flowops("apply", "--rehearse", "call-1", "--to", "+44 20 7946 0777", cwd=root)
    assert ran.code == 0, ran.err
    assert "1 placed" in ran.out
    assert not api.received


HELD = {
    "a country": ("  countries: [FR]", "countries (flowops.yaml:"),
    "a list": ("  do-not-call: {file: numbers.txt}", "do-not-call (flowops.yaml:"),
    "a limit of the day": ("  max-calls: {per-day: 0, timezone: Europe/London}", "max-calls.per-day"),
}


@pytest.mark.parametrize(("policy", "why"), HELD.values(), ids=list(HELD))
def test_the_rules_hold_for_the_number(policy: str, why: str, root: Path, api: ApiServer) -> None:
    (root / "numbers.txt").write_text(f"{NUMBER}\n")
    write(root, api.url, policy)
    ran = flowops(*RUN, cwd=root, env=ENV)
    if ran.code == 3:
        pytest.skip(f"no such policy: {ran.err}")
    assert ran.code == 1, ran.err
    assert why in ran.json["calls"][0]["error"]
    assert not api.received


def test_windows_and_per_callee_are_not_asked(root: Path, api: ApiServer) -> None:
    write(root, api.url, '  windows: [{days: mon, hours: "03:00-03:01"}]\n  per-callee: {calls: 1, within: 30d}')
    for _ in range(2):
        assert flowops(*RUN, cwd=root, env=ENV).code == 0
    assert len(api.received) == 2


def test_a_call_that_has_expired_is_not_rehearsed(root: Path, api: ApiServer) -> None:
    (root / "calls/all.yaml").write_text(CALLS.replace("not-before: 2099", "expires: 2001"))
    ran = flowops(*RUN, cwd=root, env=ENV)
    assert ran.code == 1
    assert "expire" in ran.json["calls"][0]["error"]
    assert not api.received


def test_a_stopped_environment_rings_nobody(root: Path, api: ApiServer) -> None:
    assert flowops("stop", *PRODUCTION, "--reason", "wrong text", cwd=root, env=ENV).code == 0
    ran = flowops(*RUN, cwd=root, env=ENV)
    assert (ran.code, ran.json["guards"][0]["name"]) == (4, "stop")
    assert not api.received


def test_an_answer_that_is_lost_is_in_doubt_and_touches_no_call(root: Path, api: ApiServer) -> None:
    api.behave = drop
    ran = flowops(*RUN, cwd=root, env=ENV)
    assert (ran.code, ran.json["calls"][0]["outcome"]) == (7, "in-doubt")
    assert api.received.total() == 1
    assert set(flowops("status", *PRODUCTION, "--format", "json", cwd=root, env=ENV).json["counts"].values()) == {0}


def test_a_refusal_is_told(root: Path, api: ApiServer) -> None:
    api.behave = answer_with("400 Bad Request", b'{"error": "no such flow"}')
    ran = flowops(*RUN, cwd=root, env=ENV)
    assert ran.code == 6
    assert "no such flow" in ran.json["calls"][0]["error"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--rehearse", "call-1"), "--rehearse and --to go together"),
        (("--to", NUMBER), "--rehearse and --to go together"),
        (("--rehearse", "call-7", "--to", NUMBER), "no call is named 'call-7'"),
        (("--rehearse", "call-1", "--to", "020 7946 0777"), "has no country code"),
        (("--rehearse", "call-1", "--to", NUMBER, "--plan", "x.json"), "--plan has no meaning with --rehearse"),
        (("--rehearse", "call-1", "--to", NUMBER, "--dry-run"), "--dry-run has no meaning with --rehearse"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(args: tuple[str, ...], told: str, root: Path, api: ApiServer) -> None:
    ran = flowops("apply", *PRODUCTION, *args, cwd=root, env=ENV)
    assert ran.code == 64
    assert told in ran.err
    assert not api.received
