"""`flowops test`: what a test of calls gives and expects, and what is said where they differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from support.commands import flowops

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: clinics
defaults: {caller: "+442079460000", voicemail-response: Stop}
vars: {brand: "Acme Clinics"}
environments:
  production:
    api: https://api.cm.com/voiceapi/v2
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: {env: FLOWOPS_LEDGER_URL}
    vars: {brand: Acme}
policy:
  windows: [{days: mon-fri, hours: "09:00-17:00"}]
  per-callee: {calls: 1, within: 7d}
---
apiVersion: flowops/v1
kind: Flow
name: reminder
callflow-id: {sandbox: flow-1, production: flow-2}
variables:
  patient: {type: string, x-sensitive: true}
  text: {type: string}
  minutes: {type: integer, default: 15}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/appointments.csv
where: "{{ row.when != '' }}"
call:
  reference-id: "reminder-{{ row.id }}"
  flow: reminder
  callee: "{{ row.phone }}"
  flow-variables:
    patient: "{{ row.name }}"
    text: "{{ vars.brand }} expects {{ row.name }} at {{ row.when }}"
    minutes: "{{ row.minutes | int }}"
"""
ROWS = "id,phone,name,when,minutes\n1,+442079460011,Zachary,8:15,20\n2,+442079460012,Yolanda,8:30,20\n"
GIVEN = """\
apiVersion: flowops/v1
kind: Test
name: it holds
given:
  document: ../calls/reminders.yaml
  row: {id: A1, phone: "+442079460101", name: Ann, when: "9:30", minutes: 15}
  env: production
  at: 2026-12-01T10:00Z
"""
FRIDAY_NIGHT = GIVEN.replace("2026-12-01T10:00Z", "2026-12-04T22:00Z")
OWN_ROWS = GIVEN.replace('  row: {id: A1, phone: "+442079460101", name: Ann, when: "9:30", minutes: 15}\n', "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("calls", "data", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    (tmp_path / "calls/reminders.yaml").write_text(CALLS)
    (tmp_path / "data/appointments.csv").write_text(ROWS)
    return tmp_path


def failures(root: Path, given: str, expect: str, code: int = 3) -> list[str]:
    """What differs in one test, with its place in the test."""
    (root / "tests/a.yaml").write_text(f"{given}{expect}")
    ran = flowops("test", "--format", "json", cwd=root)
    assert ran.code == code, ran.err
    assert check("test-result", ran.json) == []
    [test] = ran.json["tests"]
    assert test["passed"] == (not test["failures"]) == (ran.code == 0)
    return [f"{each['line']}:{each['column']}: {each['message']}" for each in test["failures"]]


LEDGER = "  ledger: [{{reference-id: {}, state: {}}}]\n"
HOLDS = {
    "an action": (GIVEN, "expect: {action: place}\n"),
    "a name": (GIVEN, "expect: {reference-id: reminder-A1}\n"),
    "the id of a flow there": (GIVEN, "expect: {body: {callflow-id: flow-2}}\n"),
    "a type": (GIVEN, "expect: {body: {flow-variables: {minutes: 15, patient: Ann}}}\n"),
    "what is spoken": (GIVEN, "expect: {says: [Acme expects Ann, '9:30']}\n"),
    "the variables of the environment": (GIVEN.replace("production", "sandbox"), "expect: {says: Acme Clinics}\n"),
    "variables that are given": (GIVEN + "  vars: {brand: '{{ data }}'}\n", "expect: {says: '{{ data }}'}\n"),
    "a window": (
        FRIDAY_NIGHT,
        (
            "expect: {action: deferred, rule: windows, until: 2026-12-07T10:00+01:00,"
            " reasons: [outside calling hours, may be placed]}\n"
        ),
    ),
    "the whole body": (
        GIVEN,
        (
            "expect:\n  equals:\n    instruction-id: reminder-A1\n    callee: '+442079460101'\n"
            "    caller: '+442079460000'\n    callflow-id: flow-2\n    voicemail-response: Stop\n"
            "    flow-variables: {patient: Ann, text: Acme expects Ann at 9:30, minutes: 15}\n"
        ),
    ),
    "a problem by its code": (GIVEN.replace("+442079460101", "123"), "expect: {problem: number}\n"),
    "a problem by its words": (GIVEN.replace("minutes: 15", "minutes: many"), "expect: {problem: whole number}\n"),
    "a row that makes no call": (GIVEN.replace('"9:30"', '""'), "expect: {problem: no-calls}\n"),
    "a placed call": (GIVEN + LEDGER.format("reminder-A1", "placed"), "expect: {action: unchanged}\n"),
    "a refused call": (GIVEN + LEDGER.format("reminder-A1", "rejected"), "expect: {action: retry}\n"),
    "a doubt": (GIVEN + LEDGER.format("reminder-A1", "in-doubt"), "expect: {action: in-doubt, reasons: lost}\n"),
    "a call in flight": (GIVEN + LEDGER.format("reminder-A1", "in-flight"), "expect: {action: in-flight}\n"),
    "an edited call": (
        GIVEN + "  ledger: [{reference-id: reminder-A1, state: placed, body: {flow-variables: {patient: Ben}}}]\n",
        "expect: {action: conflict}\n",
    ),
    "how often somebody was called": (
        GIVEN + "  ledger: [{reference-id: other, state: finished, at: 2026-11-30T10:00Z, callee: '+442079460101'}]\n",
        "expect: {action: deferred, rule: per-callee, until: 2026-12-07T10:00Z}\n",
    ),
    "rows of a file": (
        GIVEN.replace("  row: {", "  rows: rows.csv\n  #"),
        "expect: {body: {callee: '+442079460103'}}\n",
    ),
    "the document's own rows": (OWN_ROWS, "expect: {says: Acme, action: place}\n"),
    "one of many": (OWN_ROWS, "expect: {reference-id: reminder-2, says: Yolanda}\n"),
    "a call by its name": (
        OWN_ROWS.replace("../calls/reminders.yaml", "reminder-2"),
        "expect: {body: {flow-variables: {patient: Yolanda}}}\n",
    ),
}


@pytest.mark.parametrize(("given", "expect"), HOLDS.values(), ids=list(HOLDS))
def test_what_holds(given: str, expect: str, root: Path) -> None:
    (root / "tests/rows.csv").write_text("id,phone,name,when,minutes\n3,+442079460103,Cleo,8:45,5\n")
    assert failures(root, given, expect, code=0) == []


DIFFERS = {
    "an action": (GIVEN, "expect: {action: blocked}\n", ["9:18: action: expected blocked, found place"]),
    "a rule": (FRIDAY_NIGHT, "expect: {rule: countries}\n", ["9:16: rule: 'countries' does not hold the call back"]),
    "a time": (
        FRIDAY_NIGHT,
        "expect: {until: 2026-12-05T09:00Z}\n",
        ["9:17: until: expected 2026-12-05T09:00Z, found 2026-12-07T09:00:00Z"],
    ),
    "no time": (
        GIVEN,
        "expect: {until: 2026-12-05T09:00Z}\n",
        ["9:17: until: expected 2026-12-05T09:00Z, but nothing says from when on it may be placed"],
    ),
    "a reason": (GIVEN, "expect: {reasons: [holiday]}\n", ["9:20: reasons: 'holiday' is in none of them"]),
    "a name": (
        GIVEN,
        "expect: {reference-id: reminder-1}\n",
        ["9:24: reference-id: expected 'reminder-1', found 'reminder-A1'"],
    ),
    "a value": (
        GIVEN,
        "expect:\n  body:\n    flow-variables: {patient: Ben, minutes: '15', when: 9}\n    anonymous: true\n",
        [
            "11:31: body.flow-variables.patient: expected 'Ben', found 'Ann'",
            "11:45: body.flow-variables.minutes: expected '15', found 15",
            "11:57: body.flow-variables.when: expected 9, and it is not there",
            "12:16: body.anonymous: expected true, and it is not there",
        ],
    ),
    "what is there besides": (
        GIVEN,
        (
            "expect: {equals: {instruction-id: reminder-A1, callee: '+442079460101', callflow-id: flow-2,"
            " voicemail-response: Stop, flow-variables: {patient: Ann, text: Acme expects Ann at 9:30}}}\n"
        ),
        [
            "9:136: equals.flow-variables.minutes: found 15, and it is not expected",
            "9:18: equals.caller: found '+44 20 79•• ••00', and it is not expected",
        ],
    ),
    "what is spoken": (
        GIVEN,
        "expect: {says: [Acme, Harbour]}\n",
        ["9:23: says: 'Harbour' is in no text that is spoken"],
    ),
    "no problem": (GIVEN, "expect: {problem: number}\n", ["9:19: problem: expected 'number', found: nothing is wrong"]),
    "another problem": (
        GIVEN.replace("+442079460101", "123"),
        "expect: {problem: variable}\n",
        [
            (
                "9:19: problem: expected 'variable', found: calls/reminders.yaml:8:11: callee: '1…' is not an E.164 "
                "number (row 1 of tests/a.yaml, line 6); write + and 7 to 15 digits, the country code first; the "
                "filter e164 makes it of what people write, such as | e164('GB')"
            )
        ],
    ),
    "no call": (
        GIVEN.replace('"9:30"', '""'),
        "expect: {action: place}\n",
        ["9:18: action: expected 'place', but there is no call"],
    ),
    "no such call": (
        OWN_ROWS,
        "expect: {reference-id: reminder-3}\n",
        ["8:24: reference-id: no call is named 'reminder-3'"],
    ),
    "an environment": (
        GIVEN.replace("production", "produktion"),
        "expect: {action: place}\n",
        ["7:8: env: there is no environment 'produktion'"],
    ),
    "a document": (
        GIVEN.replace("reminders.yaml", "reminder.yaml"),
        "expect: {action: place}\n",
        ["5:13: document: there is no file '../calls/reminder.yaml'"],
    ),
    "a document outside": (
        GIVEN.replace("../calls/reminders.yaml", "../../x.yaml"),
        "expect: {action: place}\n",
        ["5:13: document: '../../x.yaml' is outside of ."],
    ),
    "a day": (
        GIVEN.replace("2026-12-01", "2026-02-30"),
        "expect: {action: place}\n",
        ["8:7: at: '2026-02-30T10:00Z' is not a time that there is"],
    ),
    "a form": (GIVEN, "expect: {actoin: place}\n", ["9:10: expect.actoin: is not a known field"]),
    "a ledger": (
        GIVEN + "  ledger:\n  - {reference-id: a, state: placed, outcome: failed, callee: '123'}\n"
        "  - {reference-id: a, state: placed}\n",
        "expect: {action: place}\n",
        [
            "10:47: outcome: only a call that is finished has one",
            "10:63: callee: '123' is not an E.164 number",
            "11:20: reference-id: 'a' is in this ledger twice",
        ],
    ),
}


@pytest.mark.parametrize(("given", "expect", "told"), DIFFERS.values(), ids=list(DIFFERS))
def test_what_differs_is_told_at_its_place(given: str, expect: str, told: list[str], root: Path) -> None:
    assert failures(root, given, expect) == told


def test_values_of_rows_that_are_not_in_the_test_are_masked(root: Path) -> None:
    (root / "tests/a.yaml").write_text(
        OWN_ROWS + "expect: {body: {callee: '+442079460101', flow-variables: {patient: Ann}}, says: Ann}\n"
    )
    for name in ("text", "json", "junit", "sarif", "markdown", "html", "github", "gitlab"):
        ran = flowops("test", "--format", name, cwd=root)
        assert ran.code == 3
        assert "flow-variables.patient: expected" in ran.out.replace("&#46;", ".").replace("&#45;", "-").replace(
            "&#58;", ":"
        ), name
        for secret in ("Zachary", "Yolanda", "8:15", "442079460011", "79460012"):
            assert secret not in ran.out + ran.err, name


def test_a_row_of_a_csv_file_is_text(root: Path) -> None:
    text = 'text: "{{ vars.brand }} expects {{ row.name }} at {{ row.when }}"\n    minutes: "{{ row.minutes | int }}"'
    (root / "calls/reminders.yaml").write_text(CALLS.replace(text, 'text: "{{ row.minutes }}"'))
    assert failures(root, GIVEN.replace("minutes: 15", "minutes: true"), "expect: {says: 'true'}\n", code=0) == []
    wrong = GIVEN.replace("minutes: 15", "minutes: 1.5")
    assert failures(root, wrong, "expect: {body: {flow-variables: {text: '1.5'}}}\n", code=0) == []


def test_every_format_counts_what_failed(root: Path) -> None:
    (root / "tests/a.yaml").write_text(f"{GIVEN}expect: {{action: place}}\n---\n{GIVEN}expect: {{action: retry}}\n")
    ran = flowops("test", cwd=root)
    assert ran.out.splitlines() == [
        "+ tests/a.yaml:1:1   it holds",
        "x tests/a.yaml:11:1  it holds",
        "    tests/a.yaml:19:18: action: expected retry, found place",
        "    19 | expect: {action: retry}",
        "       |                  ^",
        "2 tests: 1 passed, 1 failed.",
    ]
    assert ran.code == 3
    [suite] = ElementTree.fromstring(flowops("test", "--format", "junit", cwd=root).out)
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    sarif = flowops("test", "--format", "sarif", cwd=root).json["runs"][0]["results"]
    assert [each["message"]["text"] for each in sarif] == ["action: expected retry, found place"]
    assert "::error file=tests/a.yaml,line=19,col=18" in flowops("test", "--format", "github", cwd=root).out


def test_paths_choose_tests(root: Path) -> None:
    (root / "tests/a.yaml").write_text(f"{GIVEN}expect: {{action: place}}\n")
    (root / "tests/b.yaml").write_text(f"{GIVEN}expect: {{action: retry}}\n")
    for paths in (("tests/a.yaml",), ("tests/a.yaml", "tests/a.yaml")):
        assert flowops("test", *paths, cwd=root).code == 0
    assert flowops("test", "tests", cwd=root).code == 3
    assert flowops("test", "a.yaml", cwd=root / "tests").code == 0
    for path in ("calls", "tests/none.yaml", "flowops.yaml"):
        assert flowops("test", path, cwd=root).code == 64, path


def test_a_project_without_tests_says_so(root: Path) -> None:
    ran = flowops("test", cwd=root)
    assert (ran.code, ran.out) == (0, "0 tests: 0 passed, 0 failed.\n")
    assert ran.err == "there are no tests: no document of kind Test in tests/*.yaml\n"


def test_it_touches_nothing(root: Path) -> None:
    (root / "tests/a.yaml").write_text(f"{GIVEN}expect: {{action: place}}\n")
    before = sorted(path for path in root.rglob("*"))
    ran = flowops("test", cwd=root, env={"FLOWOPS_LEDGER_URL": "sqlite:///x.db", "FLOWOPS_PRODUCT_TOKEN": "t"})
    assert ran.code == 0
    assert sorted(path for path in root.rglob("*")) == before


def test_a_list_whose_key_is_a_secret_is_left_aside(root: Path) -> None:
    policy = "policy:\n  do-not-call: {file: numbers.txt, key: {env: FLOWOPS_LIST_KEY}}\n"
    (root / "flowops.yaml").write_text(PROJECT.replace("policy:\n", policy))
    assert failures(root, GIVEN, "expect: {action: place}\n", code=0) == []
    (root / "flowops.yaml").write_text(PROJECT.replace("policy:\n", "policy:\n  do-not-call: {file: numbers.txt}\n"))
    (root / "numbers.txt").write_text("# as-of: 2026-12-01\n+442079460101\n")
    assert failures(root, GIVEN, "expect: {action: blocked, rule: do-not-call}\n", code=0) == []


def test_tests_are_validated_and_hold_up_no_plan(root: Path) -> None:
    (root / "tests/a.yaml").write_text(f"{GIVEN}expect: {{action: retry}}\n")
    assert flowops("validate", cwd=root).out == "valid: 3 files, 4 documents, 2 calls\n"
    (root / "tests/a.yaml").write_text(f"{GIVEN}expect: {{actoin: retry}}\n")
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert "tests/a.yaml:9:10: expect.actoin: is not a known field" in ran.err
    assert flowops("plan", cwd=root).code == 0


def test_a_test_among_the_calls_is_no_call(root: Path) -> None:
    (root / "calls/test.yaml").write_text(f"{GIVEN.replace('../calls/', '')}expect: {{action: place}}\n")
    assert flowops("test", cwd=root).code == 0
    assert len(flowops("render", "--format", "json", cwd=root).json["calls"]) == 2


def test_what_is_wrong_in_the_files_is_told_as_anywhere(root: Path) -> None:
    (root / "tests/a.yaml").write_text("apiVersion: flowops/v1\nkind: Test\nname: [\n")
    ran = flowops("test", cwd=root)
    assert ran.code == 3
    assert ran.err.startswith("tests/a.yaml:")


def test_what_init_writes_passes(tmp_path: Path) -> None:
    assert flowops("init", ".", cwd=tmp_path).code == 0
    ran = flowops("test", "--format", "json", cwd=tmp_path)
    assert json.loads(ran.out)["summary"] == {"tests": 1, "passed": 1, "failed": 0}
