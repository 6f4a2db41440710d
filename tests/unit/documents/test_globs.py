from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.discovery import BadPattern, find
from flowops.documents.files import Disk, Entry, Unreadable

if TYPE_CHECKING:
    from pathlib import Path

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
def found(tree: Any) -> Any:
    tree.write(dict.fromkeys(TREE, ""))

    def names(pattern: str) -> list[str]:
        return sorted(str(path.relative_to(tree.root)) for path in find(Disk(tree.root), tree.root, pattern))

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
def test_a_pattern_matches(found: Any, pattern: str, expected: list[str]) -> None:
    assert found(pattern) == expected


@pytest.mark.parametrize("pattern", ["", "/etc/*", "calls/**/../x.yaml", "a\0b", "*" * 1001])
def test_a_pattern_that_means_nothing_is_refused(found: Any, pattern: str) -> None:
    with pytest.raises(BadPattern):
        found(pattern)


def test_a_pattern_may_leave_the_project_but_not_the_root(tree: Any) -> None:
    tree.write({"shared/a.yaml": "", "project/b.yaml": ""})
    disk = Disk(tree.root)
    assert find(disk, tree.root / "project", "../shared/*.yaml") == {tree.root / "shared" / "a.yaml"}
    with pytest.raises(Unreadable, match="leads out of"):
        find(disk, tree.root, "../*.yaml")


def test_links_to_directories_are_followed_only_by_name(tree: Any) -> None:
    tree.write({"real/a.yaml": ""})
    (tree.root / "link").symlink_to("real")
    (tree.root / "real" / "round").symlink_to("..")
    disk = Disk(tree.root)
    assert find(disk, tree.root, "**/*.yaml") == {tree.root / "real" / "a.yaml"}
    assert find(disk, tree.root, "link/*.yaml") == {tree.root / "link" / "a.yaml"}


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
    assert find(Disk(root), root, pattern) == expected
