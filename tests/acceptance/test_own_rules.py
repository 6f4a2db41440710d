"""Rules of a user's own: asked in the plan, before each claim and by workers; what they cannot decide is blocked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """apiVersion: flowops/v1
kind: Project
name: shop
defaults: {caller: "+442079460000", callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10}
environments:
  sandbox: {api: sandbox, workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}}
policy:
  rules:
    - name: only-customers
      when: "{{ row.status is defined and row.status != 'customer' }}"
      action: block
      reason: only customers are called
    - {name: winter, when: "{{ call.labels.season is defined and call.labels.season == 'winter' }}", action: defer, reason: wait for the snow}
"""  # noqa: E501
CALLS = """apiVersion: flowops/v1
kind: CallSet
for-each: people.csv
call:
  reference-id: "p-{{ row.id }}"
  callee: "{{ row.phone | e164('GB') }}"
  flow-variables: {name: "{{ row.name }}"}
"""
ROWS = """id,phone,name,status
1,020 7946 0101,Ann,customer
2,020 7946 0102,Ben,prospect
3,020 7946 0103,Cleo,customer
"""
WINTER = """apiVersion: flowops/v1
kind: Call
labels: {season: winter}
reference-id: snow
callee: "+442079460104"
"""
KEY = {"FLOWOPS_CAMPAIGN_KEY": "c" * 64}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {"flowops.yaml": PROJECT, "calls/people.yaml": CALLS, "calls/people.csv": ROWS, "calls/snow.yaml": WINTER}
    (tmp_path / "calls").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def edit(shop: Path, old: str, new: str, name: str = "flowops.yaml") -> None:
    text = (shop / name).read_text()
    assert old in text
    (shop / name).write_text(text.replace(old, new))


def test_they_block_and_defer_in_every_format_and_tell_no_value(shop: Path) -> None:
    assert flowops("validate", cwd=shop).code == 0
    plan = flowops("plan", "--format", "json", cwd=shop).json
    assert check("plan", plan) == []
    found = {call["reference_id"]: (call["action"], call["reasons"], call["deferred_until"]) for call in plan["calls"]}
    assert found == {
        "p-1": ("place", [], None),
        "p-2": ("blocked", ["rules.only-customers (flowops.yaml:9): only customers are called"], None),
        "p-3": ("place", [], None),
        "snow": ("deferred", ["rules.winter (flowops.yaml:13): wait for the snow"], None),
    }
    for format_ in ("text", "markdown", "html", "github", "junit"):
        told = flowops("plan", "--format", format_, cwd=shop)
        assert told.code == 0, told.err
        assert "only customers are called" in told.out, format_
        assert "wait for the snow" in told.out, format_
    assert flowops("plan", "--fail-on", "blocked", cwd=shop).code == 4
    ran = flowops("apply", "--format", "json", cwd=shop)
    assert ran.code == 0
    outcomes = {call["reference_id"]: call["outcome"] for call in ran.json["calls"]}
    assert outcomes["p-1"] == outcomes["p-3"] == "placed"
    assert {outcomes["p-2"], outcomes["snow"]} == {"blocked", "deferred"}
    # What a rule lets go since is placed.
    edit(shop, "2,020 7946 0102,Ben,prospect", "2,020 7946 0102,Ben,customer", "calls/people.csv")
    assert "1 placed" in flowops("apply", cwd=shop).out


def test_the_digest_has_them_and_a_saved_plan_is_refused_with_others(shop: Path) -> None:
    assert flowops("plan", "-o", "saved.json", cwd=shop).code == 0
    edit(shop, "!= 'customer'", "== 'nobody'")
    ran = flowops("apply", "--plan", "saved.json", cwd=shop)
    assert ran.code == 8
    assert "policy: sha256:" in ran.err + ran.out


def test_a_question_that_has_no_answer_blocks_the_call(shop: Path) -> None:
    edit(shop, "row.status is defined and row.status != 'customer'", "row.status != 'customer'")
    reasons = {
        call["reference_id"]: call["reasons"] for call in flowops("plan", "--format", "json", cwd=shop).json["calls"]
    }
    assert reasons["snow"] == ["rules.only-customers (flowops.yaml:9): cannot be decided: 'row.status' is not defined"]
    assert reasons["p-1"] == []
    edit(shop, "row.status != 'customer'", "row.name")
    reasons = {
        call["reference_id"]: call["reasons"] for call in flowops("plan", "--format", "json", cwd=shop).json["calls"]
    }
    said = "cannot be decided: the answer has to be true or false, not text"
    assert reasons["p-1"] == [f"rules.only-customers (flowops.yaml:9): {said}"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{{ row.status is", "{{ rows.status is", "flowops.yaml:10:17: rules.only-customers: when: 'rows' is not"),
        ("row.status != ", "row.status | shout != ", "templates have no filter 'shout'"),
        ("row.status is defined", "vars.status is defined", "flowops.yaml:10:17: rules.only-customers: when: 'vars'"),
        ('"{{ row.status is defined and row.status != \'customer\' }}"', "yes", "when: 'yes' is not a question"),
        ("reason: only customers", "reason: only {{ row.name }}", "a template is not rendered here"),
        ("name: winter", "name: only-customers", "flowops.yaml:13:14: name: 'only-customers' is the name of"),
        ("action: block", "action: place", "flowops.yaml:11:15: policy.rules[0].action"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_is_told_once_at_its_place(shop: Path, old: str, new: str, said: str) -> None:
    edit(shop, old, new)
    ran = flowops("validate", cwd=shop)
    assert ran.code == 3
    assert said in ran.err
    assert "1 problem in 1 file" in ran.err


def test_they_are_asked_again_by_a_worker_with_the_row_as_it_was_handed_over(shop: Path) -> None:
    ran = flowops("apply", "--detach", "--auto-approve", "--name", "spring", cwd=shop, env=KEY)
    assert ran.code == 0, ran.err
    # The file is gone, and with it the row: the campaign knows it.
    (shop / "calls/people.csv").unlink()
    worked = flowops("worker", "--once", cwd=shop, env=KEY)
    assert worked.code == 0, worked.err
    listed = flowops("ledger", "list", "--format", "json", cwd=shop).json["calls"]
    assert {call["reference_id"] for call in listed} == {"p-1", "p-3"}


def test_a_test_of_specs_names_them(shop: Path) -> None:
    (shop / "tests").mkdir()
    (shop / "tests/a.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Test\nname: a prospect is not called\ngiven:\n  document: ../calls/people.yaml\n"
        "  row: {id: 9, phone: '+442079460109', name: Dan, status: prospect}\n"
        "expect: {action: blocked, rule: rules.only-customers, reasons: [only customers are called]}\n"
    )
    ran = flowops("test", cwd=shop)
    assert ran.code == 0, ran.out + ran.err


def test_the_work_of_all_of_them_is_bounded(shop: Path) -> None:
    rows = "".join(f"{n},020 7946 0{100 + n % 100},Ann,customer\n" for n in range(3_000))
    (shop / "calls/people.csv").write_text(f"id,phone,name,status\n{rows}")
    items = json.dumps(["x"] * 400).replace('"', "'")
    heavy = f"{{{{ {items} | sort | sort | sort | sort | length == 0 }}}}"
    edit(shop, "{{ row.status is defined and row.status != 'customer' }}", heavy)
    plan = flowops("plan", "--format", "json", cwd=shop)
    assert plan.code == 0, plan.err
    assert plan.json["summary"]["blocked"] > 1_000
    assert "the templates of this call take too much work" in plan.out
