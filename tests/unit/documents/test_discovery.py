"""What a command's arguments select, and whose problems are told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flowops.documents.discovery import Workspace, discover
from flowops.documents.project import find_project, resolve
from flowops.errors import UsageError

PROJECT = "apiVersion: flowops/v1\nkind: Project\nname: acme\n"
FLOW = "apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: x\n"
CALL = "apiVersion: flowops/v1\nkind: Call\nreference-id: a\n"
CALLS = "apiVersion: flowops/v1\nkind: CallSet\nfor-each: x.csv\n"


@pytest.fixture
def found(tree: Any) -> Any:
    def search(*paths: str, start: str = ".") -> Workspace:
        project = resolve(find_project(tree.reader, Path(start)))
        return discover(tree.reader, project, [Path(path) for path in paths])

    return search


def selected(workspace: Workspace) -> list[str]:
    return [f"{document.file}:{document.source_map.line} {document.kind}" for document in workspace.selected]


def test_without_paths_everything_included_is_selected_in_order(tree: Any, found: Any) -> None:
    tree.write(
        {
            "flowops.yaml": f"{CALL}---\n{PROJECT}---\n{FLOW}",
            "calls/b.yaml": CALL,
            "calls/a/z.yaml": f"{CALLS}---\n{CALL}",
            "calls/a.yaml": CALL,
            "calls/.hidden/x.yaml": "broken: [",
            "calls/notes.txt": "broken: [",
            "flows/f.yaml": f"{FLOW}---\n{CALL}",
            "other.yaml": "broken: [",
        }
    )
    workspace = found()
    assert selected(workspace) == [
        "calls/a/z.yaml:1 CallSet",
        "calls/a/z.yaml:5 Call",
        "calls/a.yaml:1 Call",
        "calls/b.yaml:1 Call",
        "flowops.yaml:1 Call",
        "flows/f.yaml:6 Call",
    ]
    assert [document.file for document in workspace.flows] == ["flowops.yaml", "flows/f.yaml"]
    assert workspace.problems == ()


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["calls/a.yaml"], ["calls/a.yaml"]),
        (["calls"], ["calls/a.yaml", "calls/deep/b.yaml"]),
        (["calls/deep/", "calls/a.yaml"], ["calls/a.yaml", "calls/deep/b.yaml"]),
        (["calls/a.yaml", "./calls/a.yaml"], ["calls/a.yaml"]),
        (["flows"], []),
        (["."], ["calls/a.yaml", "calls/deep/b.yaml"]),
        (["elsewhere"], ["elsewhere/c.yaml", "elsewhere/d.yml"]),
        (["elsewhere/e.txt"], ["elsewhere/e.txt"]),
    ],
)
def test_paths_select_calls_and_never_hide_flows(tree: Any, found: Any, paths: list[str], expected: list[str]) -> None:
    tree.write(
        {
            "flowops.yaml": PROJECT,
            "calls/a.yaml": CALL,
            "calls/deep/b.yaml": CALL,
            "flows/f.yaml": FLOW,
            "elsewhere/c.yaml": CALL,
            "elsewhere/d.yml": CALL,
            "elsewhere/e.txt": CALL,
            "elsewhere/.git/f.yaml": CALL,
        }
    )
    workspace = found(*paths)
    assert [document.file for document in workspace.selected] == expected
    assert [document.file for document in workspace.flows] == ["flows/f.yaml"]
    assert workspace.problems == ()


def test_absolute_paths_and_other_directories_work(tree: Any, found: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "calls/a.yaml": CALL})
    assert selected(found(str(tree.root / "calls" / "a.yaml"))) == ["calls/a.yaml:1 Call"]


def test_problems_of_selected_files_are_told_all(tree: Any, found: Any, said: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "calls/a.yaml": f"{CALL}x: !t 1\n---\nkind: Cal\n", "calls/b.yaml": "a: ["})
    assert len(found().problems) == 4


def test_problems_elsewhere_are_told_only_where_a_flow_may_hide(tree: Any, found: Any) -> None:
    tree.write(
        {
            "flowops.yaml": PROJECT,
            "calls/a.yaml": CALL,
            "calls/call.yaml": f"{CALL}x: !t 1\n",
            "calls/kind.yaml": "apiVersion: flowops/v1\nkind: Cal\n",
            "calls/list.yaml": "- a\n",
            "calls/header.yaml": "kind: Call\n",
            "flows/header.yaml": "kind: Flow\n",
            "flows/flow.yaml": f"{FLOW}x: !t 1\n",
            "flows/broken.yaml": f"{FLOW}x: [",
            "flows/bytes.yaml": b"\xff",
        }
    )
    os.mkfifo(tree.root / "flows" / "pipe.yaml")
    workspace = found("calls/a.yaml")
    assert sorted({problem.place.file for problem in workspace.problems}) == [
        "flows/broken.yaml",
        "flows/bytes.yaml",
        "flows/flow.yaml",
        "flows/header.yaml",
        "flows/pipe.yaml",
    ]
    assert selected(workspace) == ["calls/a.yaml:1 Call"]


def test_a_path_that_is_not_there_is_wrong_usage(tree: Any, found: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    with pytest.raises(UsageError, match=r"there is no file or directory 'calls/x\.yaml'"):
        found("calls/x.yaml")


def test_a_path_that_cannot_be_printed_is_told_all_the_same(tree: Any, found: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    with pytest.raises(UsageError) as wrong:
        found("\udcff\n")
    assert wrong.value.message == "there is no file or directory '\\udcff\\n'"


def test_a_directory_without_yaml_is_wrong_usage(tree: Any, found: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "data/rows.csv": ""})
    with pytest.raises(UsageError, match="there are no YAML files in 'data'"):
        found("data")


def test_a_path_outside_is_wrong_usage(tree: Any, found: Any, tmp_path_factory: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(UsageError, match="is outside of"):
        found(str(elsewhere))


def test_a_selected_link_that_leads_out_is_a_problem(tree: Any, found: Any, said: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    (tree.root / "calls").mkdir()
    (tree.root / "calls" / "link.yaml").symlink_to("/etc/passwd")
    (tree.root / "out").symlink_to("/etc")
    assert said(found().problems) == [f"1:1 file: the file leads out of {tree.root}: nothing is read there"]
    with pytest.raises(UsageError, match="'out' leads out of"):
        found("out")


def test_nothing_to_read_and_no_project_is_wrong_usage(tree: Any, found: Any) -> None:
    with pytest.raises(UsageError, match="there is nothing to read in"):
        found()


def test_a_project_without_calls_is_fine(tree: Any, found: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    assert selected(found()) == []


def test_without_a_project_the_usual_folders_are_read(tree: Any, found: Any) -> None:
    tree.write({"calls/a.yaml": CALL, "flows/f.yaml": FLOW})
    workspace = found()
    assert selected(workspace) == ["calls/a.yaml:1 Call"]
    assert len(workspace.flows) == 1


def test_a_single_file_brings_its_flow_and_project_along(tree: Any, found: Any) -> None:
    tree.write({"all.yaml": f"{PROJECT}---\n{FLOW}---\n{CALL}"})
    workspace = found("all.yaml", start="all.yaml")
    assert workspace.project.name == "acme"
    assert selected(workspace) == ["all.yaml:10 Call"]
    assert len(workspace.flows) == 1
    assert workspace.problems == ()


def test_a_project_document_elsewhere_is_a_problem(tree: Any, found: Any, said: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "calls/a.yaml": f"{CALL}---\n{PROJECT}", "calls/b.yaml": CALL})
    assert said(found().problems) == ["5:1 project: a Project document belongs in the flowops.yaml of its project"]
    assert found("calls/b.yaml").problems == ()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/etc/*.yaml", "include: '/etc/*.yaml' is not a path that starts at the project file"),
        ("../**/*.yaml", "include: '../**/*.yaml' leads out of {root}: nothing is read there"),
        ("calls/**/../x", "include: 'calls/**/../x' has '..' behind a wildcard, where it means nothing"),
    ],
)
def test_a_pattern_that_cannot_be_followed_is_a_problem(
    tree: Any, found: Any, said: Any, pattern: str, message: str
) -> None:
    tree.write({"flowops.yaml": f"{PROJECT}include: [calls/*.yaml, {pattern}]\n"})
    assert said(found().problems) == [f"4:25 include: {message.format(root=tree.root)}"]
