"""Which calls are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowops.app.load import load, nothing_selected, read_labels, read_words
from flowops.app.render import examined
from flowops.app.walk import Walk
from flowops.errors import UsageError
from flowops.model.document import Problems
from flowops.model.result import FAIL_ON
from flowops.model.selection import CallFilter, Selection

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
labels: {campaign: reminders, team: a}
matrix: {n: [1, 2, 3]}
call: {labels: {team: b}, reference-id: "a-{{ row.n }}", callee: "+44207946010{{ row.n }}"}
"""
A_CALL = """\
apiVersion: flowops/v1
kind: Call
labels: {campaign: recall}
reference-id: b-1
callee: "+442079460111"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    (tmp_path / "calls/a.yaml").write_text(A_SET)
    (tmp_path / "calls/b.yaml").write_text(A_CALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str, **asked: object) -> list[str]:
    """The calls that are asked for, on the first walk and on every later one."""
    workspace = load(Selection(paths, "sandbox", calls=CallFilter(**asked)))  # type: ignore[arg-type]
    walk, problems = Walk(workspace, {}), Problems()
    first = [reference for batch in examined(walk, problems) for reference in batch.references]
    assert not problems
    assert first == [reference for batch in walk for reference in batch.references]
    assert sorted([*first, *walk.others]) == ["a-1", "a-2", "a-3", "b-1"]
    return first


@pytest.mark.usefixtures("root")
def test_kinds_of_selection_narrow_each_other() -> None:
    assert names() == ["a-1", "a-2", "a-3", "b-1"]
    assert names("calls/b.yaml") == ["b-1"]
    assert names(labels=(("campaign", "reminders"),)) == ["a-1", "a-2", "a-3"]
    assert names(refs=("*-1",)) == ["a-1", "b-1"]
    assert names(refs=("a-3", "b-?")) == ["a-3", "b-1"]
    assert names(excluded=("a-2", "b*")) == ["a-1", "a-3"]
    assert names("calls/a.yaml", labels=(("campaign", "reminders"),), refs=("*-1",)) == ["a-1"]
    assert names(names=frozenset({"b-1"})) == ["b-1"]


@pytest.mark.usefixtures("root")
def test_the_labels_of_a_call_come_before_those_of_its_set_and_several_are_all_asked_for() -> None:
    assert names(labels=(("team", "b"), ("campaign", "reminders"))) == ["a-1", "a-2", "a-3"]
    with pytest.raises(UsageError, match="nothing is selected by -l team=a"):
        names(labels=(("team", "a"),))


@pytest.mark.usefixtures("root")
def test_a_batch_of_some_calls_gives_each_call_its_own_body() -> None:
    workspace = load(Selection((), "sandbox", calls=CallFilter(refs=("a-3",))))
    (batch,) = [batch for batch in examined(Walk(workspace, {}), Problems()) if batch.references]
    assert batch.call(0).reference_id == "a-3"
    assert batch.bodies[0] == batch.call(0).body
    assert batch.labels == batch.call(0).labels == {"campaign": "reminders", "team": "b"}
    assert "labels" not in batch.bodies[0]


def test_a_set_in_brackets_is_no_wildcard() -> None:
    asked = CallFilter(refs=("a[1]",))
    assert (asked.takes_name("a[1]"), asked.takes_name("a1")) == (True, False)
    assert not CallFilter(refs=("A*",)).takes_name("a1")


def test_any_attempt_names_its_whole_call_and_a_pattern_without_its_mark_is_for_the_calls_own_name() -> None:
    for ref in ("a-1", "a-1~2", "*~3", "a*", "a-?"):
        assert CallFilter(refs=(ref,)).takes_name("a-1", 3), ref
        assert not CallFilter(excluded=(ref,)).takes_name("a-1", 3), ref
    # A name that ends otherwise is not meant, though that of an attempt ends so.
    for ref in ("*2", "a-???", "a-1~4", "b~2"):
        assert not CallFilter(refs=(ref,)).takes_name("a-1", 3), ref
        assert CallFilter(excluded=(ref,)).takes_name("a-1", 3), ref
    assert CallFilter(names=frozenset({"a-1~2"})).takes_name("a-1", 2)
    assert not CallFilter(names=frozenset({"a-1~2"})).takes_name("a-1")


def test_what_is_judged_of_a_project_is_judged_over_all_of_it(root: Path) -> None:
    (root / "calls/c.yaml").write_text(A_CALL.replace("callee", "calee"))
    (root / "calls/d.yaml").write_text(A_CALL.replace("b-1", "a-1"))
    workspace = load(Selection(("calls/b.yaml",), "sandbox"))
    problems = Problems()
    list(examined(Walk(workspace, {}), problems))
    assert {problem.place.file for problem in problems} == {"calls/c.yaml", "calls/d.yaml"}


def test_labels_are_read_as_kubectl_writes_them() -> None:
    assert read_labels(["a=b,c=d", "e=f"]) == (("a", "b"), ("c", "d"), ("e", "f"))
    for wrong in ("a", "=b", "a!=b", "a==b", ""):
        with pytest.raises(UsageError, match="is not key=value"):
            read_labels([wrong])


def test_where_nothing_is_selected_the_nearest_label_is_named() -> None:
    asked = CallFilter(labels=(("campaign", "recal"),))
    assert nothing_selected(asked, {("campaign", "recall")}).hint == "did you mean 'campaign=recall'?"
    assert nothing_selected(asked, {("x", "y")}).hint == "there are: x=y"
    assert nothing_selected(asked, set()).hint == "no document has labels"


def test_words_stand_in_a_comma_list() -> None:
    assert read_words("blocked, in-doubt,blocked", FAIL_ON) == {"blocked", "in-doubt"}


@pytest.mark.parametrize("text", ["", "blocked,", "blocked in-doubt", "Blocked", "nothing"])
def test_an_unknown_word_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not known"):
        read_words(text, FAIL_ON)


def test_a_word_of_another_command_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="has no meaning for this command"):
        read_words("conflict", ("none",))
