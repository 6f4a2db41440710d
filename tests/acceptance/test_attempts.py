"""Attempts: how often one call may be tried, and what its documents may say of it."""

from __future__ import annotations

import json
import re
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import yaml
from support.commands import ROOT, Ran, flowops, start
from support.git import Repository
from support.listening import free_port
from support.server import TOKEN

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: clinic
defaults: {caller: "+442079460000", voicemail-response: Stop}
"""
ALONE = """\
apiVersion: flowops/v1
kind: Call
reference-id: alarm-1
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
callee: "+442079460101"
attempts: {max: 3}
flow-variables: {text: "{{ 'again: ' if attempt > 1 else '' }}wake up"}
"""
SET = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/people.csv
attempts: {max: 3, on: [no-answer, failed], after: [30m, 2h]}
call:
  reference-id: "reminder-{{ row.id }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  callee: "{{ row.phone }}"
  flow-variables: {text: "{{ row['text' ~ attempt] }}"}
"""


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "clinic")
    repository.write({"flowops.yaml": PROJECT})
    return repository


def rendered(clinic: Repository) -> list[dict[str, object]]:
    ran = flowops("render", "--format", "json", cwd=clinic.root)
    assert ran.code == 0, ran.err
    return [call["body"] for call in ran.json["calls"]]


def problem(clinic: Repository) -> str:
    ran = flowops("validate", cwd=clinic.root)
    assert ran.code == 3, ran.out
    return ran.err


def test_the_first_attempt_has_the_bare_name_and_templates_see_which_it_is(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": ALONE})
    (body,) = rendered(clinic)
    assert body["instruction-id"] == "alarm-1"
    assert body["flow-variables"] == {"text": "wake up"}
    assert "attempts" not in body


def test_what_a_later_attempt_would_say_is_checked_before_the_first(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": SET, "data/people.csv": "id,phone,text1,text2\n1,+442079460101,hello,hello again\n"})
    told = problem(clinic)
    assert "flow-variables.text: 'row[…]' is not defined" in told
    assert "the row has: id, phone, text1, text2" in told
    clinic.write({"data/people.csv": "id,phone,text1,text2,text3\n1,+442079460101,one,two,three\n"})
    assert flowops("validate", cwd=clinic.root).code == 0


def test_defaults_of_the_project_lie_below(clinic: Repository) -> None:
    clinic.edit("flowops.yaml", "Stop}", "Stop, attempts: {max: 4, after: [10m, 20m, 30m]}}")
    clinic.write({"calls/a.yaml": ALONE})
    assert "attempts: after: has 3 times, and max: 3 has 2 further attempts" in problem(clinic)
    clinic.edit("calls/a.yaml", "{max: 3}", "{on: [failed]}")
    assert flowops("validate", cwd=clinic.root).code == 0
    clinic.edit("calls/a.yaml", "{on: [failed]}", "null")
    assert flowops("validate", cwd=clinic.root).code == 0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("alarm-1", "'alarm-{{ attempt }}'", "reference-id: 'attempt' is not defined"),
        ("alarm-1", "a" * 62, "reference-id: has 62 characters; a call with attempts may have 61"),
        ('callee: "+442079460101"', 'callees: ["+442079460101"]', "callees: does not go with attempts"),
        ("attempts:", "callback-url: https://example.org/\nattempts:", "callback-url: does not go with attempts"),
        ("{max: 3}", "{max: 100}", "attempts.max"),
        ("{max: 3}", "{max: 2, on: [completed]}", "attempts.on"),
        ("{max: 3}", "{max: 2, after: soon}", "attempts.after"),
        ("{max: 3}", "{max: 2, every: 2h}", "attempts"),
        ("{max: 3}", "{max: '{{ 3 }}'}", "attempts.max"),
    ],
)
def test_what_cannot_be_meant_is_an_error_at_its_place(clinic: Repository, old: str, new: str, expected: str) -> None:
    clinic.write({"calls/a.yaml": ALONE.replace(old, new)})
    told = problem(clinic)
    assert expected in told
    assert "calls/a.yaml:" in told


def test_inside_of_a_sets_call_they_are_refused_with_where_they_belong(clinic: Repository) -> None:
    document = yaml.safe_load(SET)
    document["call"]["attempts"] = document.pop("attempts")
    clinic.write({"calls/a.yaml": yaml.safe_dump(document), "data/people.csv": "id,phone\n1,+442079460101\n"})
    told = problem(clinic)
    assert "attempts: belongs to the call set" in told
    assert "hint: write it next to for-each" in told


def test_a_call_that_has_the_name_of_anothers_attempt_is_an_error_at_its_place(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": ALONE, "calls/b.yaml": ALONE.replace("alarm-1", "alarm-1~3")})
    told = problem(clinic)
    assert (
        "calls/b.yaml:3:15: reference-id: 'alarm-1~3' is the name of attempt 3 of the call at calls/a.yaml:3:15" in told
    )
    assert "1 problem in 1 file" in told
    for name, attempts in (("alarm-1~4", "{max: 3}"), ("alarm-1~2", "null")):
        clinic.write({"calls/a.yaml": ALONE.replace("{max: 3}", attempts)})
        clinic.write({"calls/b.yaml": ALONE.replace("alarm-1", name).replace("{max: 3}", "null")})
        assert flowops("validate", cwd=clinic.root).code == 0


def test_a_diff_says_once_a_document_how_often_its_calls_may_be_tried(clinic: Repository) -> None:
    people = {"data/people.csv": "id,phone,text1,text2,text3\n1,+442079460101,a,b,c\n2,+442079460102,a,b,c\n"}
    before = SET.replace("attempts: {max: 3, on: [no-answer, failed], after: [30m, 2h]}\n", "")
    clinic.commit({"calls/a.yaml": before, **people})
    clinic.write({"calls/a.yaml": SET, "calls/b.yaml": ALONE})
    told = flowops("diff", "HEAD", cwd=clinic.root)
    assert "attempts  2 calls" in told.out
    assert "max 3, on failed no-answer, after 30m, 2h, within 3d" in told.out
    found = json.loads(flowops("diff", "HEAD", "--format", "json", cwd=clinic.root).out)
    assert found["summary"] == {"added": 1, "changed": 0, "removed": 0, "unchanged": 2}
    assert [(each["source"]["file"], each["calls"], each["before"]) for each in found["attempts"]] == [
        ("calls/a.yaml", 2, "max 1, on no-answer, after 2h, within 3d"),
        ("calls/b.yaml", 1, None),
    ]
    clinic.commit()
    clinic.edit("calls/a.yaml", "max: 3, on: [no-answer, failed], after: [30m, 2h]", "max: 2")
    assert flowops("diff", "HEAD", "--detailed-exitcode", cwd=clinic.root).code == 2


def test_a_diff_says_what_only_a_later_attempt_says_otherwise(clinic: Repository) -> None:
    people = "id,phone,text1,text2,text3\n1,+442079460101,a,b,c\n"
    clinic.commit({"calls/a.yaml": SET, "calls/b.yaml": ALONE, "data/people.csv": people})
    clinic.write({"data/people.csv": people.replace("a,b,c", "a,b,d")})
    found = json.loads(flowops("diff", "HEAD", "--format", "json", cwd=clinic.root).out)
    (changed,) = found["calls"]
    assert (changed["reference_id"], changed["change"]) == ("reminder-1~3", "changed")
    assert found["summary"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 1}
    clinic.write({"data/people.csv": people.replace("a,b,c", "a,e,d")})
    found = json.loads(flowops("diff", "HEAD", "--ref", "reminder-1~2", "--format", "json", cwd=clinic.root).out)
    assert [call["reference_id"] for call in found["calls"]] == ["reminder-1~2", "reminder-1~3"]
    assert found["summary"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 0}
    clinic.write({"data/people.csv": people.replace("a,b,c", "a,b,d")})
    clinic.edit("calls/b.yaml", "+442079460101", "+442079460102")
    found = json.loads(flowops("diff", "HEAD", "--format", "json", cwd=clinic.root).out)["calls"]
    assert [call["reference_id"] for call in found] == ["reminder-1~3", "alarm-1"], "what all say is told once"


def test_a_name_that_attempts_leave_room_for_is_long_enough(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": ALONE.replace("alarm-1", "a" * 61)})
    assert flowops("validate", cwd=clinic.root).code == 0


ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CALLBACK_SECRET": "s3cret-" * 6}
ONCALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: "alert-{{ vars.incident }}"
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
callee: "{{ vars.people[attempt - 1] }}"
attempts: {max: 3, after: 1s}
flow-variables: {text: "{{ vars.headline }}{{ ', nobody before you took this call' if attempt > 1 else '' }}"}
"""
PEOPLE = ["+442079460101", "+442079460102", "+442079460103"]


class OnCall:
    """An alert over three people: an API that calls back, and somebody who listens."""

    def __init__(self, root: Path, api: str, listener: str) -> None:
        self.root = root
        people = ", ".join(f"'{number}'" for number in PEOPLE)
        (root / "flowops.yaml").write_text(
            "apiVersion: flowops/v1\nkind: Project\nname: oncall\n"
            "defaults: {caller: '+442079460000', voicemail-response: Stop}\n"
            f"vars: {{people: [{people}], incident: 7, headline: The database is down}}\n"
            f"environments:\n  production:\n    api: {api}\n    token: {{env: FLOWOPS_TOKEN}}\n"
            "    ledger: sqlite:///ledger.db\n    rate: none\n"
            f"    callbacks: {{url: {listener}, secret: {{env: FLOWOPS_CALLBACK_SECRET}}}}\n"
        )
        (root / "calls").mkdir(exist_ok=True)
        (root / "calls/alert.yaml").write_text(ONCALL)

    def run(self, *args: str) -> Ran:
        return flowops(*args, "--env", "production", cwd=self.root, env=ENV)

    def apply(self) -> dict[str, int]:
        ran = self.run("apply", "--auto-approve", "--format", "json")
        assert ran.code == 0, ran.out + ran.err
        return ran.json["summary"]

    def posts(self) -> list[str]:
        """The references that the API was asked to call, in order."""
        events = map(json.loads, (self.root / "log.jsonl").read_text().splitlines())
        return [event["reference"] for event in events if event["event"] == "request" and event["reference"]]

    def planned(self) -> dict[str, object]:
        (call,) = self.run("plan", "--full", "--format", "json").json["calls"]
        return call

    def wait(self, action: str, seconds: float = 30) -> dict[str, object]:
        """Plan until the one call has an action."""
        until = time.monotonic() + seconds
        while (call := self.planned())["action"] != action:
            assert time.monotonic() < until, call
            time.sleep(0.2)
        return call


@pytest.fixture
def oncall(tmp_path: Path) -> Iterator[OnCall]:
    """The first two people do not answer, the third takes the call."""
    codes = dict(zip(PEOPLE, (9, 9, 10), strict=True))
    numbers = [part for number, code in codes.items() for part in ("--number", f"{number}={code}")]
    log = tmp_path / "log.jsonl"
    with ExitStack() as stopped:
        sandbox = start("sandbox", "--port", "0", "--token", TOKEN, "--log", log, *numbers, cwd=tmp_path)
        stopped.callback(stop, sandbox)
        assert sandbox.stdout is not None
        api = sandbox.stdout.readline().split()[1]
        port = free_port()
        team = OnCall(tmp_path, api, f"http://127.0.0.1:{port}/flowops")
        made = team.run("ledger", "init")
        assert made.code == 0, made.err
        listener = start("listen", "--env", "production", "--port", str(port), cwd=tmp_path, env=ENV)
        stopped.callback(stop, listener)
        assert listener.stderr is not None
        assert "listening" in listener.stderr.readline().lower()
        yield team


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_an_alert_goes_to_the_next_person_when_nobody_answered(oncall: OnCall) -> None:
    assert oncall.apply()["placed"] == 1
    second = oncall.wait("place")
    assert second["reference_id"] == "alert-7~2"
    assert (second["root"], second["attempt"], second["max_attempts"]) == ("alert-7", 2, 3)
    assert second["reasons"][0].startswith("attempt 2 of 3: no answer ")
    assert second["callees"] == ["+44 20 79•• ••02"]
    ran = oncall.run("apply", "--auto-approve", "--events", "-")
    told = [each for each in map(json.loads, ran.out.splitlines()) if each["event"] in ("claimed", "placed")]
    assert [(each["root"], each["attempt"], each["max_attempts"]) for each in told] == [("alert-7", 2, 3)] * 2
    assert oncall.wait("place")["reference_id"] == "alert-7~3"
    assert oncall.apply()["placed"] == 1
    until = time.monotonic() + 30
    while oncall.planned()["reasons"] != ["completed at attempt 3"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    time.sleep(1)
    assert oncall.apply()["placed"] == 0
    assert oncall.posts() == ["alert-7", "alert-7~2", "alert-7~3"]
    assert oncall.run("ledger", "verify").code == 0


def test_status_and_show_tell_the_attempts_and_a_plan_when_the_next_run_is_needed(oncall: OnCall) -> None:
    alert = oncall.root / "calls/alert.yaml"
    alert.write_text(ONCALL.replace("after: 1s", "after: 1h"))
    oncall.apply()
    waiting = oncall.wait("deferred")
    planned = oncall.run("plan", "--format", "json").json
    assert planned["next_run"] == waiting["deferred_until"]
    assert "The next run is needed at 20" in oncall.run("plan").out
    ran = oncall.run("apply", "--auto-approve", "--format", "json").json
    assert ran["next_run"] == ran["calls"][0]["deferred_until"] == planned["next_run"]
    chains = oncall.run("status", "--format", "json").json["chains"]
    assert (chains["waiting"], chains["due"], chains["later"]) == (0, 0, 1)
    assert chains["next_due"][:16] == planned["next_run"][:16]
    told = {format_: oncall.run("status", "--format", format_).out for format_ in ("text", "markdown", "html", "csv")}
    assert all("1 call waits for the time of another attempt" in told[each] for each in ("text", "markdown", "html"))
    assert "chains,later,1" in told["csv"]
    (held,) = oncall.run("status", "--since", "today", "--format", "json").json["held_back"]
    assert (held["action"], held["calls"]) == ("deferred", 1)
    assert held["reason"] == "attempt 2 of 3"
    assert "1 of 3, of alert-7" in oncall.run("ledger", "show", "alert-7").out
    shown = oncall.run("ledger", "show", "alert-7", "--format", "json").json
    assert (shown["attempt"], shown["max_attempts"], shown["chain"][0]["codes"]) == (1, 3, [9])


def test_what_waits_for_an_outcome_is_told_with_what_to_do(oncall: OnCall) -> None:
    project = oncall.root / "flowops.yaml"
    project.write_text("\n".join(it for it in project.read_text().splitlines() if "callbacks" not in it))
    oncall.apply()
    told = oncall.run("status").out
    assert "1 call waits for the outcome of an attempt, since 20" in told
    assert "`flowops ledger resolve REF --env production --outcome no-answer --reason …`" in told
    assert oncall.planned()["reasons"] == ["waits for the outcome of attempt 1"]
    said = oncall.run("ledger", "resolve", "alert-7", "--outcome", "no-answer", "--reason", "asked", "--yes")
    assert said.code == 0, said.err
    assert oncall.wait("place")["reference_id"] == "alert-7~2"


def test_two_runs_never_both_place_a_later_attempt(oncall: OnCall) -> None:
    oncall.apply()
    oncall.wait("place")
    runs = [start("apply", "--auto-approve", "--env", "production", cwd=oncall.root, env=ENV) for _ in range(3)]
    for each in runs:
        each.communicate(timeout=60)
    assert oncall.posts().count("alert-7~2") == 1


def test_a_saved_plan_of_a_later_attempt_is_that_attempt(oncall: OnCall) -> None:
    oncall.apply()
    oncall.wait("place")
    saved = oncall.run("plan", "-o", "plan.json")
    assert saved.code == 0, saved.err
    placed = oncall.run("apply", "--plan", "plan.json", "--format", "json")
    assert placed.code == 0, placed.err
    assert [call["reference_id"] for call in placed.json["calls"]] == ["alert-7~2"]
    oncall.root.joinpath("calls/alert.yaml").write_text(ONCALL.replace("max: 3", "max: 2"))
    assert oncall.run("apply", "--plan", "plan.json").code == 8


def test_adding_attempts_rings_nobody_again(oncall: OnCall) -> None:
    alert = oncall.root / "calls/alert.yaml"
    alert.write_text(ONCALL.replace("attempts: {max: 3, after: 1s}\n", ""))
    oncall.apply()
    time.sleep(1.5)
    alert.write_text(ONCALL)
    assert oncall.apply()["placed"] == 0
    assert oncall.posts() == ["alert-7"]


def test_the_page_about_attempts_has_an_example_that_works(clinic: Repository) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/attempts.md").read_text(), re.DOTALL)
    clinic.write({"calls/a.yaml": example, "data/appointments.csv": "id,date,phone\n1,2026-12-02,+442079460101\n"})
    assert flowops("validate", cwd=clinic.root).code == 0


def test_a_plan_warns_where_no_further_attempt_can_follow(oncall: OnCall) -> None:
    project = oncall.root / "flowops.yaml"
    lines = [line for line in project.read_text().splitlines() if "callbacks" not in line]
    project.write_text("\n".join([*lines, "policy: {per-callee: {calls: 2, within: 1d}}"]))
    told = oncall.run("plan").out
    assert "attempts: environment 'production' has no callbacks" in told
    assert "attempts: 3 are more than per-callee lets through: 2 calls (flowops.yaml:" in told


def test_a_call_that_is_renamed_goes_on_where_it_was_with_all_of_its_attempts(oncall: OnCall) -> None:
    oncall.apply()
    oncall.wait("place")
    oncall.apply()
    oncall.wait("place")
    refused = oncall.run("ledger", "rename", "alert-7~2", "alert-8", "--reason", "a test", "--yes")
    assert (refused.code, "it is an attempt of alert-7: rename that" in refused.out) == (1, True)
    renamed = oncall.run("ledger", "rename", "alert-7", "alarm-7", "--reason", "a test", "--yes")
    assert renamed.code == 0, renamed.err
    assert "alarm-7 from then on, with its 2 attempts" in renamed.err + renamed.out
    assert oncall.planned()["action"] == "unchanged", "an old commit does not go on with it"
    alert = oncall.root / "calls/alert.yaml"
    alert.write_text(ONCALL.replace("alert-{{", "alarm-{{"))
    assert oncall.planned()["reference_id"] == "alarm-7~3"
    assert oncall.apply()["placed"] == 1
    assert oncall.posts() == ["alert-7", "alert-7~2", "alarm-7~3"]


def test_moved_from_and_cancel_mean_the_whole_call(oncall: OnCall) -> None:
    oncall.apply()
    oncall.wait("place")
    oncall.apply()
    oncall.wait("place")
    alert = oncall.root / "calls/alert.yaml"
    alert.write_text(ONCALL.replace("alert-{{", "alarm-{{") + 'moved-from: "alert-{{ vars.incident }}"\n')
    assert oncall.planned()["action"] == "moved"
    assert oncall.apply()["moved"] == 1
    assert oncall.planned()["reference_id"] == "alarm-7~3"
    listed = oncall.run("status", "--ref", "alarm-7", "--format", "json").json["calls"]
    assert [call["reference_id"] for call in listed] == ["alarm-7", "alarm-7~2"]
    cancelled = oncall.run("ledger", "cancel", "alarm-7~2", "--reason", "a test", "--yes")
    assert cancelled.code == 0, cancelled.err
    assert "2 attempts were made, and no other follows" in cancelled.err + cancelled.out
    assert oncall.planned()["action"] == "cancelled"
    assert oncall.apply()["placed"] == 0
    assert oncall.run("ledger", "cancel", "--undo", "--ref", "alarm*", "--reason", "a test", "--yes").code == 0
    assert oncall.planned()["reference_id"] == "alarm-7~3"


def test_a_call_with_the_name_of_an_attempt_is_evidence_of_itself_alone(clinic: Repository) -> None:
    """No document has attempts: `alarm~2` is a call of its own, and says nothing of `alarm`, whose time is to come."""
    alone = ALONE.replace("attempts: {max: 3}\n", "").replace("attempt > 1", "false")
    later = alone.replace("alarm-1", "alarm") + "not-before: 2999-01-01T00:00Z\n"
    clinic.write({"calls/a.yaml": later + "---\n" + alone.replace("alarm-1", "alarm~2")})
    ran = flowops("apply", "--format", "json", cwd=clinic.root)
    assert ran.code == 0, ran.err
    planned = flowops("plan", "--format", "json", "--full", cwd=clinic.root)
    assert {call["reference_id"]: call["action"] for call in planned.json["calls"]} == {
        "alarm": "deferred",
        "alarm~2": "unchanged",
    }


DEPUTIES = SET.replace('"{{ row.phone }}"', '"{{ row.phone if attempt == 1 else row.deputy }}"')
ROWS = "id,phone,deputy,text1,text2,text3\n1,+442079460101,+442079460102,a,b,c\n"


def test_a_row_that_is_wrong_at_a_later_attempt_only_is_wrong_before_the_first(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": DEPUTIES, "data/people.csv": f"{ROWS}2,+442079460103,,a,b,c\n"})
    assert "row 2 of data/people.csv" in problem(clinic)


def test_where_wrong_rows_are_left_out_so_is_one_that_is_wrong_at_a_later_attempt_only(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": f"on-invalid: skip\n{DEPUTIES}", "data/people.csv": ROWS})
    assert flowops("apply", "--auto-approve", "--format", "json", cwd=clinic.root).json["summary"]["placed"] == 1
    bad = "2,+442079460103,,a,b,c\n"
    good = "3,+442079460104,+442079460105,a,b,c\n"
    clinic.write({"data/people.csv": ROWS + bad + good})
    planned = flowops("plan", "--format", "json", "--full", cwd=clinic.root).json
    assert (planned["summary"]["place"], planned["summary"]["invalid"], planned["summary"]["unnamed"]) == (1, 1, 0)
    ran = flowops("apply", "--auto-approve", "--format", "json", cwd=clinic.root)
    assert ran.code == 0, ran.err
    assert [each["reference_id"] for each in ran.json["calls"] if each["outcome"] == "placed"] == ["reminder-3"]
    # That of a call which was placed: it has no other attempt, and is told.
    clinic.write({"data/people.csv": ROWS.replace("+442079460102", "") + good})
    planned = flowops("plan", "--format", "json", "--full", cwd=clinic.root).json
    assert (planned["summary"]["invalid"], planned["summary"]["unnamed"]) == (1, 0)
    clinic.write({"data/people.csv": ROWS + bad + bad.replace("2,", "4,")})
    assert "2 of 3 rows are invalid, more than max-invalid allows: 1" in problem(clinic)


def test_moved_from_names_a_call_and_no_attempt_of_one(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": ALONE})
    assert flowops("apply", "--auto-approve", cwd=clinic.root).code == 0
    clinic.write({"calls/a.yaml": ALONE.replace("alarm-1", "alarm-2") + "moved-from: alarm-1~2\n"})
    (planned,) = flowops("plan", "--format", "json", cwd=clinic.root).json["calls"]
    assert planned["action"] == "conflict"
    assert planned["reasons"] == ["moved-from: alarm-1~2 is an attempt of alarm-1, and no call: write that"]
    assert flowops("apply", "--auto-approve", cwd=clinic.root).code == 9


def test_one_attempt_goes_with_several_callees_and_with_a_callback_url(clinic: Repository) -> None:
    clinic.edit("flowops.yaml", "Stop}", "Stop, attempts: {max: 3}}")
    several = ALONE.replace('callee: "+442079460101"', 'callees: ["+442079460101", "+442079460102"]')
    several += "callback-url: https://example.org/\n"
    clinic.write({"calls/a.yaml": several})
    assert "does not go with attempts" in problem(clinic)
    for attempts in ("{max: 1}", "null"):
        clinic.write({"calls/a.yaml": several.replace("{max: 3}", attempts)})
        assert flowops("validate", cwd=clinic.root).code == 0
