"""Which files there are: what a pattern finds, in any file system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.discovery import BadPattern, Workspace, discover, find
from flowops.documents.files import Disk, Entry, Unreadable
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


def test_problems_of_the_whole_project_are_told_whatever_is_selected(tree: Any, found: Any) -> None:
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
        "calls/call.yaml",
        "calls/header.yaml",
        "calls/kind.yaml",
        "calls/list.yaml",
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
    assert len(found("calls/b.yaml").problems) == 1


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/etc/*.yaml", "include: '/etc/*.yaml' is not a path that starts at the project file"),
        ("../**/*.yaml", "include: '../**/*.yaml' leads out of {root}: nothing is read there"),
        ("calls/**/../x", "include: 'calls/**/../x' has '..' after a wildcard, where it means nothing"),
    ],
)
def test_a_pattern_that_cannot_be_followed_is_a_problem(
    tree: Any, found: Any, said: Any, pattern: str, message: str
) -> None:
    tree.write({"flowops.yaml": f"{PROJECT}include: [calls/*.yaml, {pattern}]\n"})
    assert said(found().problems) == [f"4:25 include: {message.format(root=tree.root)}"]


TREE = [
    "calls/a.yaml",
    "calls/b.yml",
    "calls/[x].yaml",
    "calls/deep/er/c.yaml",
    "calls/deep/d.yaml",
    "calls/.hidden/e.yaml",
    "calls/.f.yaml",
    "calls.yaml",
    "flows/g.yaml",
    ".hidden/h.yaml",
]


@pytest.fixture
def globbed(tree: Any) -> Any:
    tree.write(dict.fromkeys(TREE, ""))

    def names(pattern: str) -> list[str]:
        return sorted(str(Path(path).relative_to(tree.root)) for path in find(Disk(tree.root), tree.root, pattern))

    return names


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("calls/**/*.yaml", ["calls/[x].yaml", "calls/a.yaml", "calls/deep/d.yaml", "calls/deep/er/c.yaml"]),
        ("calls/*.yaml", ["calls/[x].yaml", "calls/a.yaml"]),
        ("**/d.yaml", ["calls/deep/d.yaml"]),
        ("**/**/d.yaml", ["calls/deep/d.yaml"]),
        ("**/deep/**/*.yaml", ["calls/deep/d.yaml", "calls/deep/er/c.yaml"]),
        ("calls/**", ["calls/[x].yaml", "calls/a.yaml", "calls/b.yml", "calls/deep/d.yaml", "calls/deep/er/c.yaml"]),
        ("*.yaml", ["calls.yaml"]),
        ("*/?.y*ml", ["calls/a.yaml", "calls/b.yml", "flows/g.yaml"]),
        ("calls/[ab].*", ["calls/a.yaml", "calls/b.yml"]),
        ("calls/[[]x].yaml", ["calls/[x].yaml"]),
        ("calls/a.yaml", ["calls/a.yaml"]),
        ("./calls/a.yaml", ["calls/a.yaml"]),
        ("flows/../calls/a.yaml", ["calls/a.yaml"]),
        ("calls/.hidden/*.yaml", ["calls/.hidden/e.yaml"]),
        ("calls/.*.yaml", ["calls/.f.yaml"]),
        ("calls", []),
        ("calls/", []),
        ("nowhere/**/*.yaml", []),
        ("calls/a.yaml/*", []),
        ("CALLS/*.yaml", []),
    ],
)
def test_a_pattern_matches(globbed: Any, pattern: str, expected: list[str]) -> None:
    assert globbed(pattern) == expected


@pytest.mark.parametrize("pattern", ["", "/etc/*", "calls/**/../x.yaml", "a\0b", "*" * 1001])
def test_a_pattern_that_means_nothing_is_refused(globbed: Any, pattern: str) -> None:
    with pytest.raises(BadPattern):
        globbed(pattern)


def test_a_pattern_may_leave_the_project_but_not_the_root(tree: Any) -> None:
    tree.write({"shared/a.yaml": "", "project/b.yaml": ""})
    disk = Disk(tree.root)
    assert find(disk, tree.root / "project", "../shared/*.yaml") == {str(tree.root / "shared" / "a.yaml")}
    with pytest.raises(Unreadable, match="leads out of"):
        find(disk, tree.root, "../*.yaml")


def test_links_to_directories_are_followed_only_by_name(tree: Any) -> None:
    tree.write({"real/a.yaml": ""})
    (tree.root / "link").symlink_to("real")
    (tree.root / "real" / "round").symlink_to("..")
    disk = Disk(tree.root)
    assert find(disk, tree.root, "**/*.yaml") == {str(tree.root / "real" / "a.yaml")}
    assert find(disk, tree.root, "link/*.yaml") == {str(tree.root / "link" / "a.yaml")}


def test_only_directories_that_can_hold_a_match_are_listed(tree: Any) -> None:
    tree.write(dict.fromkeys(TREE, ""))
    listed = []

    class Watched(Disk):
        def entries(self, directory: Path) -> list[Entry]:
            listed.append(directory.name)
            return super().entries(directory)

    find(Watched(tree.root), tree.root, "calls/*/*.yaml")
    assert listed == ["calls", "deep"]


def test_stars_take_no_exponential_time(tree: Any) -> None:
    deep = "/".join(["a" * 200] * 10)
    tree.write({f"{deep}/x.yaml": ""})
    pattern = "/".join(["**", "*a" * 40] * 8) + "/*.yaml"
    assert len(find(Disk(tree.root), tree.root, pattern)) == 1


names = st.sampled_from(["a", "b", ".c", "ab"])


@given(
    st.sets(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=6),
    st.lists(st.sampled_from(["**", "*", "a", "a*", "?"]), min_size=1, max_size=4).map("/".join),
)
def test_it_agrees_with_pathlib(tmp_path_factory: pytest.TempPathFactory, files: set[str], pattern: str) -> None:
    root = tmp_path_factory.mktemp("globs")
    for file in files:
        path = root / file / "x"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    expected = {
        path
        for path in root.glob(pattern + "/*" if pattern.endswith("**") else pattern)
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    }
    assert find(Disk(root), root, pattern) == set(map(str, expected))
