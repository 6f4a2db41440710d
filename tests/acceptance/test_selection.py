"""Paths, labels and names say which calls a command is about; the project is judged as a whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: acme
defaults: {caller: "+442079460000", voicemail-response: Stop, callflow-id: flow-1}
"""
A_SET = """\
apiVersion: flowops/v1
kind: CallSet
labels: {campaign: reminders}
matrix: {n: [1, 2, 3]}
call: {reference-id: "a-{{ row.n }}", callee: "+44207946010{{ row.n }}"}
"""
A_CALL = """\
apiVersion: flowops/v1
kind: Call
labels: {campaign: recall}
reference-id: b-1
callee: "+442079460111"
"""
RECALL = ("-l", "campaign=recall")
FIRST = ("--ref", "a-*", "--exclude-ref", "a-[23]", "--exclude-ref", "a-2", "--exclude-ref", "a-3")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    repository = Repository(tmp_path / "acme")
    files = {"flowops.yaml": PROJECT, "calls/a.yaml": A_SET, "calls/b.yaml": A_CALL, ".gitignore": ".flowops"}
    repository.commit(files)
    return repository.root


def test_render_plan_and_apply_take_the_same_calls(root: Path) -> None:
    for asked, expected in ((RECALL, ["b-1"]), (FIRST, ["a-1"]), (("calls/a.yaml", "--ref", "*-3"), ["a-3"])):
        rendered = flowops("render", *asked, "--format", "json", cwd=root)
        assert expected == [line["reference_id"] for line in rendered.json["calls"]]
        planned = flowops("plan", *asked, "--format", "json", cwd=root)
        assert expected == [call["reference_id"] for call in planned.json["calls"]]
        applied = flowops("apply", *asked, "--format", "json", cwd=root)
        assert expected == [call["reference_id"] for call in applied.json["calls"]]
    assert flowops("plan", "--format", "json", cwd=root).json["summary"]["place"] == 1


def test_a_plan_of_some_calls_knows_that_the_files_name_the_others(root: Path) -> None:
    assert flowops("apply", cwd=root).code == 0
    plan = flowops("plan", *RECALL, "--format", "json", cwd=root).json
    assert (plan["summary"]["unchanged"], plan["summary"]["unnamed"]) == (1, 0)
    (root / "calls/a.yaml").unlink()
    assert flowops("plan", *RECALL, "--format", "json", cwd=root).json["summary"]["unnamed"] == 3


def test_status_and_the_ledgers_list_take_the_same_calls(root: Path) -> None:
    assert flowops("apply", cwd=root).code == 0
    for asked, expected in (
        (RECALL, ["b-1"]),
        (FIRST, ["a-1"]),
        (("calls/a.yaml", "--ref", "*-3"), ["a-3"]),
        (("calls/b.yaml",), ["b-1"]),
        (("a-?",), ["a-1", "a-2", "a-3"]),
        (("a-1", "b-*"), ["a-1", "b-1"]),
    ):
        for command in (("status",), ("ledger", "list")):
            rows = flowops(*command, *asked, "--format", "json", cwd=root)
            assert expected == [row["reference_id"] for row in rows.json["calls"]], rows.err


def test_a_selection_that_matches_nothing_is_wrong_usage(root: Path) -> None:
    assert flowops("apply", cwd=root).code == 0
    for command in ("validate", "render", "plan", "apply", "diff main", "status", "ledger list"):
        for asked in (("-l", "campaign=recal"), ("--ref", "c-*"), ("calls/a.yaml", "-l", "campaign=recall")):
            ran = flowops(*command.split(), *asked, cwd=root)
            assert (ran.code, ran.out) == (64, ""), (command, asked, ran)
            assert "selected by" in ran.err


def test_the_project_is_judged_as_a_whole(root: Path) -> None:
    (root / "calls/c.yaml").write_text(A_CALL.replace("b-1", "a-1"))
    for command in ("validate", "render", "plan", "apply"):
        for asked in (RECALL, FIRST, ("calls/b.yaml",)):
            ran = flowops(command, *asked, cwd=root)
            assert ran.code == 3
            assert "calls/c.yaml:4:15: reference-id: 'a-1' is also that of the call at calls/a.yaml:5:22" in ran.err


def test_a_difference_of_some_calls_has_what_is_selected_on_either_side(root: Path) -> None:
    (root / "calls/a.yaml").write_text(A_SET.replace("[1, 2, 3]", "[1, 2, 4]"))
    (root / "calls/b.yaml").write_text(A_CALL.replace("recall", "reminders").replace("460111", "460112"))

    def difference(*asked: str) -> list[str]:
        ran = flowops("diff", "main", *asked, "--format", "json", cwd=root)
        assert ran.code == 0, ran.err
        return sorted(f"{call['change']} {call['reference_id']}" for call in json.loads(ran.out)["calls"])

    assert difference() == ["added a-4", "changed b-1", "removed a-3"]
    assert difference(*RECALL) == ["changed b-1"]
    assert difference("--ref", "a-3") == ["removed a-3"]
    assert difference("calls/a.yaml") == ["added a-4", "removed a-3"]
    (root / "calls/b.yaml").rename(root / "calls/z.yaml")
    assert difference("calls/z.yaml") == ["changed b-1"]


@pytest.mark.parametrize("labels", ["{campaign: 5}", '{"a b": x}', '{a: "x,y"}', '{a: "{{ vars.b }}"}', "[a]"])
def test_labels_are_plain_texts_and_an_error_has_its_place(root: Path, labels: str) -> None:
    (root / "calls/b.yaml").write_text(A_CALL.replace("{campaign: recall}", labels))
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert ran.err.startswith("calls/b.yaml:3:"), ran.err
    assert "labels" in ran.err


def test_labels_are_shown_beside_the_document_and_go_with_each_call(root: Path) -> None:
    shown = flowops("plan", cwd=root).out
    assert "calls/a.yaml:1  campaign=reminders  " in shown
    assert "calls/b.yaml:1  campaign=recall  " in shown
    calls = flowops("plan", "--format", "json", cwd=root).json["calls"]
    assert [call["labels"] for call in calls] == [{"campaign": "reminders"}] * 3 + [{"campaign": "recall"}]
    for format_ in ("markdown", "html"):
        assert "campaign" in flowops("plan", "--format", format_, cwd=root).out
    calls = flowops("apply", *RECALL, "--format", "json", cwd=root).json["calls"]
    assert [call["labels"] for call in calls] == [{"campaign": "recall"}]
