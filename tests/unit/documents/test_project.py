"""The project file: where it is looked for, what is confined to where, and the default project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowops.documents.project import find_project, open_disk, resolve
from flowops.documents.reader import Reader
from flowops.errors import Invalid
from flowops.model.project import SANDBOX, LedgerSettings

PROJECT = "apiVersion: flowops/v1\nkind: Project\nname: acme\n"
FLOW = "apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: x\n"


def test_the_project_file_is_found_upwards(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "calls/deep/a.yaml": ""})
    for start in (".", "calls", "calls/deep", "calls/deep/a.yaml", "flowops.yaml", "calls/not-there.yaml"):
        found = find_project(tree.reader, Path(start))
        assert found.root == tree.root
        assert found.path == tree.root / "flowops.yaml"
        assert found.document is not None
        assert found.problems == ()


def test_the_nearest_project_file_wins(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "inner/flowops.yaml": PROJECT.replace("acme", "inner")})
    assert resolve(find_project(tree.reader, Path("inner"))).name == "inner"


def test_the_search_ends_at_the_git_root(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "repository/.git/HEAD": "", "repository/calls/a.yaml": ""})
    reader = open_disk(Path("repository/calls"), tree.root)
    assert reader.files.root == tree.root / "repository"
    assert find_project(reader, Path("repository/calls")).path is None


@pytest.mark.parametrize(
    ("files", "cwd", "start", "root"),
    [
        (["w/.git/HEAD", "w/p/flowops.yaml"], "w/p", ".", "w"),
        (["w/p/flowops.yaml", "w/p/calls/a.yaml"], "w", "p/calls/a.yaml", "w/p"),
        (["w/calls/a.yaml"], "w", "calls/a.yaml", "w"),
        (["w/calls/a.yaml", "elsewhere/x"], "elsewhere", "../w/calls/a.yaml", "w/calls"),
        (["w/x"], "w", ".", "w"),
    ],
)
def test_reading_is_confined_to(tree: Any, monkeypatch: Any, files: list[str], cwd: str, start: str, root: str) -> None:
    tree.write(dict.fromkeys(files, PROJECT))
    assert open_disk(Path(start), tree.root / cwd).files.root == tree.root / root


def test_a_directory_or_a_device_is_no_project_file(tree: Any) -> None:
    (tree.root / "flowops.yaml").mkdir()
    assert find_project(tree.reader, tree.root).path is None


def test_without_a_file_there_is_a_default_project(tree: Any) -> None:
    tree.write({"specs/a.yaml": FLOW})
    found = find_project(tree.reader, Path("specs/a.yaml"))
    assert (found.root, found.path, found.document) == (tree.root / "specs", None, None)
    project = resolve(found)
    assert (project.root, project.name, project.document) == (tree.root / "specs", "specs", None)
    assert project.include == ("calls/**/*.yaml", "flows/**/*.yaml")
    assert (project.defaults, project.vars) == ({}, {})
    assert list(project.environments) == [SANDBOX]
    sandbox = project.environments[SANDBOX]
    assert sandbox.sandboxed
    assert sandbox.rate is None
    assert sandbox.ledger == LedgerSettings(f"sqlite:///{tree.root}/specs/.flowops/sandbox.db")


def test_a_single_file_may_bring_its_project_along(tree: Any) -> None:
    tree.write({"all.yaml": f"{FLOW}---\n{PROJECT}"})
    found = find_project(tree.reader, Path("all.yaml"))
    assert found.path == tree.root / "all.yaml"
    assert resolve(found).name == "acme"


def test_a_file_called_flowops_yaml_comes_first(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "all.yaml": PROJECT.replace("acme", "other")})
    assert resolve(find_project(tree.reader, Path("all.yaml"))).name == "acme"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1 project: the project file has no Project document"]),
        (FLOW, ["1:1 project: the project file has no Project document"]),
        (
            PROJECT.replace("Project", "Projekt"),
            [
                "2:7 header: kind: 'Projekt' is not one of Project, Flow, Call, CallSet (did you mean 'Project'?)",
            ],
        ),
        (
            PROJECT + "name: b\n",
            ["4:1 yaml-duplicate-key: the key 'name' is given twice in one mapping, first at flowops.yaml:3:1"],
        ),
        (
            f"{PROJECT}---\n{FLOW}---\n{PROJECT}---\n{PROJECT}",
            [
                "10:1 project: there may be one Project document, and flowops.yaml:1:1 has one already",
                "14:1 project: there may be one Project document, and flowops.yaml:1:1 has one already",
            ],
        ),
        (
            "a: [b",
            ["1:6 yaml-syntax: expected ',' or ']' here, in the list that begins at 1:4"],
        ),
    ],
)
def test_a_project_file_without_a_usable_project_is_a_problem(
    tree: Any, said: Any, text: str, expected: list[str]
) -> None:
    tree.write({"flowops.yaml": text})
    found = find_project(tree.reader, tree.root)
    assert said(found.problems) == expected
    with pytest.raises(Invalid) as invalid:
        resolve(found)
    assert invalid.value.problems == found.problems


def test_a_broken_flow_beside_it_does_not_hide_the_project(tree: Any) -> None:
    tree.write({"flowops.yaml": f"{PROJECT}---\nkind: Flow\n---\na: [\n"})
    found = find_project(tree.reader, tree.root)
    assert found.document is not None
    assert found.problems == ()


def test_a_project_is_resolved_with_its_defaults(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    project = resolve(find_project(tree.reader, tree.root))
    assert (project.name, project.root) == ("acme", tree.root)
    assert project.include == ("calls/**/*.yaml", "flows/**/*.yaml")
    assert list(project.environments) == [SANDBOX]


def test_a_project_keeps_what_it_says(tree: Any) -> None:
    tree.write(
        {
            "flowops.yaml": PROJECT
            + 'include: [specs/*.yaml]\ndefaults: {caller: "+442079460000"}\nvars: {brand: Acme}\npolicy: {}\n'
        }
    )
    project = resolve(find_project(tree.reader, tree.root))
    assert project.include == ("specs/*.yaml",)
    assert project.defaults == {"caller": "+442079460000"}
    assert project.vars == {"brand": "Acme"}
    assert project.document is not None
    assert project.document.place(("defaults", "caller")).line == 5


def test_another_tree_of_files_is_read_in_the_same_way(tree: Any) -> None:
    """What a Git revision will be: files from elsewhere, under the paths that they have on the disk."""

    class Revision:
        root = Path("/repository")

        def kind(self, path: Path) -> Any:
            return "file" if path == self.root / "flowops.yaml" else "directory" if path == self.root else None

        def read(self, path: Path) -> bytes:
            assert path == self.root / "flowops.yaml"
            return PROJECT.encode()

        def entries(self, directory: Path) -> Any:
            return []

        def open(self, path: Path) -> Any:
            raise AssertionError

    reader = Reader(Revision(), Path("/repository/calls"))
    found = find_project(reader, Path())
    assert found.path == Path("/repository/flowops.yaml")
    assert found.document is not None
    assert found.document.file == "../flowops.yaml"
