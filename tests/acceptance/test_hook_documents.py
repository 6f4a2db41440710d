"""A hook's document is reviewed with its variables open, and what these may decide is checked when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: pager
defaults: {caller: "+442079460000"}
vars:
  rota: [{name: Ann, phone: "+442079460101"}, {name: Bob, phone: "+442079460102"}]
hooks:
  oncall:
    document: calls/oncall.yaml
    secret: {env: FLOWOPS_HOOK_SECRET}
    limit: 20/h
    vars: {headline: /alerts/0/summary, incident: /groupKey, minutes: /minutes}
"""
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: alert
callflow-id: 2c9b3f64-1d7e-4a52-8f0b-6a1d9e0c4b77
variables:
  text: {type: string, maxLength: 60}
  minutes: {type: integer, default: 5}
"""
CALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: "alert-{{ vars.incident }}"
flow: alert
callee: "{{ vars.rota[attempt - 1].phone }}"
attempts: {max: 2, on: [no-answer], after: 1m}
flow-variables:
  text: "{{ vars.rota[attempt - 1].name }}: {{ vars.headline }}"
  minutes: "{{ vars.minutes | int }}"
"""


@pytest.fixture
def pager(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "flows").mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    (tmp_path / "flows/alert.yaml").write_text(FLOW)
    (tmp_path / "calls/oncall.yaml").write_text(CALL)
    (tmp_path / "calls/other.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: other\ncallee: "+442079460105"\ncallflow-id: x\n'
    )
    return tmp_path


def replace(path: Path, before: str, after: str) -> None:
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def problems(root: Path) -> list[tuple[str, int, str]]:
    found = flowops("validate", "--format", "json", cwd=root).json["diagnostics"]
    return [(each["file"], each["line"], each["message"]) for each in found]


def test_every_view_has_the_call_with_its_variables_open_and_apply_leaves_it_out(pager: Path) -> None:
    assert flowops("validate", cwd=pager).out.startswith("valid: 4 files, 4 documents, 2 calls")
    bodies = {
        call["reference_id"]: call["body"] for call in flowops("render", "--format", "json", cwd=pager).json["calls"]
    }
    assert bodies["alert-{{ vars.incident }}"]["flow-variables"] == {
        "text": "Ann: {{ vars.headline }}",
        "minutes": "{{ vars.minutes | int }}",
    }
    plan = flowops("plan", "--format", "json", cwd=pager)
    assert [call["reference_id"] for call in plan.json["calls"]] == ["other"]
    (hook,) = plan.json["hooks"]
    assert (hook["name"], hook["limit"], hook["variables"]) == ("oncall", "20/h", ["headline", "incident", "minutes"])
    assert [(each["reference_id"], each["texts"][0]["text"]) for each in hook["calls"]] == [
        ("alert-{{ vars.incident }}", "Ann: {{ vars.headline }}"),
        ("alert-{{ vars.incident }}~2", "Bob: {{ vars.headline }}"),
    ]
    assert "hook oncall: not placed here; limit 20/h" in flowops("plan", cwd=pager).out
    ran = flowops("apply", "--format", "json", cwd=pager)
    assert ran.json["summary"]["placed"] == 1
    assert flowops("apply", "calls/oncall.yaml", "--var", "incident=1", cwd=pager).code == 0
    assert flowops("status", "--format", "json", cwd=pager).json["summary"]["placed"] == 1


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('callee: "{{ vars.rota[attempt - 1].phone }}"', 'callee: "{{ vars.headline }}"', "callee"),
        ('callee: "{{ vars.rota[attempt - 1].phone }}"', 'callee: "{{ vars.rota[vars.minutes].phone }}"', "callee"),
        ('callee: "{{ vars.rota[attempt - 1].phone }}"', "callee: \"{{ vars['head' ~ 'line'] }}\"", "callee"),
        (
            'callee: "{{ vars.rota[attempt - 1].phone }}"',
            'callee: "{% if vars.headline %}+442079460101{% else %}+442079460102{% endif %}"',
            "callee",
        ),
        (
            'callee: "{{ vars.rota[attempt - 1].phone }}"',
            'callee: "{% for key in vars %}{{ vars[key] }}{% endfor %}"',
            "callee",
        ),
        ("flow: alert", 'flow: "{{ vars.headline }}"', "flow"),
        ("flow: alert", 'callflow-id: "{{ vars.headline | lower }}"', "callflow-id"),
        ("flow: alert", 'flow: alert\ncaller: "{{ vars.headline }}"', "caller"),
        ("flow: alert", 'flow: alert\ntimezone: "{{ vars.headline }}"', "timezone"),
        ("flow: alert", 'flow: alert\nnot-before: "{{ vars.headline }}"', "not-before"),
        ("flow: alert", 'flow: alert\nmax-ringing-timeout: "{{ vars.minutes }}"', "max-ringing-timeout"),
    ],
)
def test_what_a_request_gives_decides_nothing_but_what_is_said(
    pager: Path, before: str, after: str, named: str
) -> None:
    call = CALL.replace(before, after)
    (pager / "calls/oncall.yaml").write_text(call)
    line = call[: call.index(f'{named}: "{{')].count("\n") + 1
    found = [each for each in problems(pager) if "is what a request of the hook 'oncall' gives" in each[2]]
    assert [(file, at, text.partition(":")[0]) for file, at, text in found] == [("calls/oncall.yaml", line, named)]


def test_it_does_not_come_by_way_of_defaults_or_vars_either(pager: Path) -> None:
    replace(pager / "flowops.yaml", 'caller: "+442079460000"', 'caller: "{{ vars.headline }}"')
    assert ("flowops.yaml", 4) in [(file, line) for file, line, text in problems(pager) if "decides nothing" in text]
    (pager / "flowops.yaml").write_text(PROJECT.replace("vars:\n", "vars:\n  number: '{{ vars.headline }}'\n", 1))
    assert any("'vars.headline' is not defined" in text for _, _, text in problems(pager))


def test_a_variable_of_a_request_takes_no_name_that_vars_has(pager: Path) -> None:
    replace(pager / "flowops.yaml", "{headline: /alerts/0/summary,", "{rota: /rota, headline: /alerts/0/summary,")
    replace(pager / "flowops.yaml", "hooks:", "environments: {test: {api: sandbox, vars: {incident: 1}}}\nhooks:")
    named = [text.partition(": ")[0] for _, _, text in problems(pager) if "already" in text]
    assert sorted(named) == ["hooks.oncall.vars.incident", "hooks.oncall.vars.rota"]


@pytest.mark.parametrize(
    ("file", "before", "after", "why"),
    [
        ("flowops.yaml", "calls/oncall.yaml", "calls/gone.yaml", "the project has no call in"),
        ("flowops.yaml", "calls/oncall.yaml", "../../../etc/passwd", "the project has no call in"),
        ("flowops.yaml", "limit: 20/h", "limit: none", "not a limit"),
        ("flowops.yaml", "    limit: 20/h\n", "", "limit"),
        ("flowops.yaml", "/groupKey", "groupKey", "not a JSON Pointer"),
        ("flowops.yaml", "{env: FLOWOPS_HOOK_SECRET}", "letmein-letmein-letmein", "a secret is never written"),
        ("flowops.yaml", "{env: FLOWOPS_HOOK_SECRET}", "{env: AWS_SECRET_ACCESS_KEY}", "may not name the variable"),
        ("flowops.yaml", "  oncall:", "  On/Call:", "not the name of a hook"),
        ("calls/oncall.yaml", "kind: Call\n", "kind: Call\nmoved-from: before\n", "moved-from"),
        ("calls/oncall.yaml", "alert-{{ vars.incident }}", "alert", "has no variable of the hook oncall"),
        ("calls/oncall.yaml", "alert-{{ vars.incident }}", "a-{{ vars.rota[0].name }}", "has no variable of the hook"),
        ("calls/oncall.yaml", "kind: Call\n", "kind: Call\nlabels: {hook: oncall}\n", "labels.hook: is the label"),
        ("calls/other.yaml", "kind: Call\n", "kind: Call\nlabels: {hook: oncall}\n", "labels.hook: is the label"),
    ],
)
def test_what_is_wrong_with_a_hook_is_told_at_its_place(
    pager: Path, file: str, before: str, after: str, why: str
) -> None:
    replace(pager / file, before, after)
    found = [each for each in problems(pager) if why in each[2]]
    assert found, problems(pager)
    assert {each[0] for each in found} == {file}


def test_a_hook_places_calls_and_no_call_sets_and_one_document_has_one_hook(pager: Path) -> None:
    (pager / "calls/oncall.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nfor-each: {matrix: {a: [1]}}\n"
        'call: {reference-id: "a-{{ row.a }}", flow: alert, callee: "+442079460101", flow-variables: {text: x}}\n'
    )
    assert any("places a Call, and this is a CallSet" in text for _, _, text in problems(pager))
    (pager / "calls/oncall.yaml").write_text(CALL)
    again = PROJECT.partition("  oncall:\n")[2]
    (pager / "flowops.yaml").write_text(f"{PROJECT}  again:\n{again}")
    assert any("is the document of the hook oncall already" in text for _, _, text in problems(pager))


def test_one_request_rings_no_more_phones_than_the_limit(pager: Path) -> None:
    replace(pager / "flowops.yaml", "limit: 20/h", "limit: 2/h")
    callee = 'callee: "{{ vars.rota[attempt - 1].phone }}"'
    numbers = [f'"+4420794601{number:02}"' for number in range(3)]
    replace(pager / "calls/oncall.yaml", callee, f"callees: [{', '.join(numbers[:2])}]")
    replace(pager / "calls/oncall.yaml", "attempts: {max: 2, on: [no-answer], after: 1m}\n", "")
    replace(pager / "calls/oncall.yaml", "[attempt - 1].name", "[0].name")
    assert problems(pager) == []
    replace(pager / "calls/oncall.yaml", numbers[1], f"{numbers[1]}, {numbers[2]}")
    assert problems(pager) == [
        ("calls/oncall.yaml", 5, "callees: a request to the hook oncall rings 3 phones, and its limit is 2/h")
    ]
    listed = f"[{', '.join(numbers[:2])}, {numbers[2]}]"
    replace(pager / "calls/oncall.yaml", listed, f"'{{{{ {listed} }}}}'")
    assert [each[:2] for each in problems(pager)] == [("calls/oncall.yaml", 5)]
    call = (pager / "calls/oncall.yaml").read_text().replace(f"'{{{{ {listed} }}}}'", f"[{numbers[0]}]")
    (pager / "calls/oncall.yaml").write_text(
        "---\n".join([call, call.replace("alert-", "also-"), call.replace("alert-", "more-")])
    )
    lines = call.count("\n") + 1
    assert [each[:2] for each in problems(pager)] == [("calls/oncall.yaml", 5 + 2 * lines)]


def test_a_test_of_the_document_gives_the_variables(pager: Path) -> None:
    (pager / "tests").mkdir()
    (pager / "tests/pager.yaml").write_text(
        """\
apiVersion: flowops/v1
kind: Test
name: it says what is wrong
given: {document: ../calls/oncall.yaml, vars: {incident: "7", headline: the disk is full, minutes: "10"}}
expect: {action: place, reference-id: alert-7, body: {flow-variables: {minutes: 10}}, says: "Ann: the disk is full"}
---
apiVersion: flowops/v1
kind: Test
name: a headline that is too long is refused
given: {document: ../calls/oncall.yaml, vars: {incident: "7", headline: LONG, minutes: 1}}
expect: {problem: "60"}
""".replace("LONG", "x" * 61)
    )
    ran = flowops("test", cwd=pager)
    assert ran.code == 0, ran.out + ran.err
