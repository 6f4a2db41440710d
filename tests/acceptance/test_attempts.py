"""Attempts: how often one call may be tried, and what its documents may say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from support.commands import flowops
from support.git import Repository

if TYPE_CHECKING:
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
    return [call["body"] for call in ran.json]


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
    assert "hint: write it beside for-each" in told


def test_a_name_that_attempts_leave_room_for_is_long_enough(clinic: Repository) -> None:
    clinic.write({"calls/a.yaml": ALONE.replace("alarm-1", "a" * 61)})
    assert flowops("validate", cwd=clinic.root).code == 0
