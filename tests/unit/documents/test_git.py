"""The files of a revision are those that a checkout of it would have, and nothing outside of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.git import Repository

from flowops.documents import git as git_module
from flowops.documents.discovery import find
from flowops.documents.files import Disk, Unreadable
from flowops.documents.git import Revision, commit_of, merge_base
from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.documents import files as files_module


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def tree(repository: Repository) -> Iterator[Revision]:
    """One of everything; the disk then loses it all."""
    root = repository.root
    repository.write(
        {
            "a.yaml": "a\n",
            "calls/b.yaml": "b\n",
            "calls/deep/c d\nе.yaml": "c\n",
            "empty.yaml": "",
            "lfs.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "rows.csv": "id\n" + "1\n" * 100_000,
        }
    )
    (root / "file-link").symlink_to("calls/b.yaml")
    (root / "calls/up-link").symlink_to("../a.yaml")
    (root / "directory-link").symlink_to("calls")
    (root / "through").symlink_to("directory-link/up-link")
    (root / "absolute-inside").symlink_to(root / "a.yaml")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "outside-directory").symlink_to("../..")
    (root / "dangling").symlink_to("nothing")
    (root / "circle").symlink_to("circle")
    commit = repository.commit()
    repository.git("rm", "-rq", ".")
    repository.commit()
    with Revision(root, commit) as revision:
        yield revision


def test_files_are_read_as_they_were(tree: Revision) -> None:
    root = tree.root
    assert tree.read(root / "a.yaml") == b"a\n"
    assert tree.read(root / "calls/deep/c d\nе.yaml") == b"c\n"
    assert tree.read(root / "empty.yaml") == b""
    with tree.open(root / "rows.csv") as stream:
        assert sum(1 for _ in stream) == 100_001
    with tree.open(root / "rows.csv") as stream:
        assert stream.readline() == b"id\n"  # and closed before its end


def test_directories_are_listed_without_links_to_directories(tree: Revision) -> None:
    root = tree.root
    names = {entry.name: entry.is_directory for entry in tree.entries(root)}
    assert names["calls"] is True
    assert names["file-link"] is False
    assert "directory-link" not in names
    assert {entry.name for entry in tree.entries(root / "calls")} == {"b.yaml", "deep", "up-link"}
    assert tree.entries(root / "a.yaml") == []
    assert tree.entries(root / "nothing") == []


def test_links_are_followed_inside(tree: Revision) -> None:
    root = tree.root
    assert tree.read(root / "file-link") == b"b\n"
    assert tree.read(root / "calls/up-link") == b"a\n"
    assert tree.read(root / "directory-link/b.yaml") == b"b\n"
    assert tree.read(root / "through") == b"a\n"
    assert tree.read(root / "absolute-inside") == b"a\n"
    assert tree.kind(root / "directory-link") == "directory"


@pytest.mark.parametrize(
    "name", ["outside", "outside-directory/x", "../x", "dangling", "circle", "nothing", "a.yaml/b"]
)
def test_nothing_outside_is_read(tree: Revision, name: str) -> None:
    path = tree.root / name
    assert tree.kind(path) is None
    with pytest.raises(Unreadable):
        tree.read(path)
    with pytest.raises(Unreadable):
        tree.open(path)


def test_a_directory_and_a_pointer_of_lfs_are_not_files(tree: Revision) -> None:
    with pytest.raises(Unreadable, match="is a directory"):
        tree.read(tree.root / "calls")
    for read in (tree.read, tree.open):
        with pytest.raises(Unreadable, match="Git LFS"):
            read(tree.root / "lfs.csv")


def test_what_is_too_large_is_not_read_and_the_next_file_is(tree: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowops.documents.git.MAX_FILE", 1024)
    with pytest.raises(Unreadable, match="larger than"):
        tree.read(tree.root / "rows.csv")
    assert tree.read(tree.root / "a.yaml") == b"a\n"


def test_a_revision_agrees_with_the_disk(repository: Repository) -> None:
    repository.write({f"calls/{n % 7}/{n}.yaml": f"{n}\n" for n in range(60)})
    commit = repository.commit()
    disk = Disk(repository.root)
    with Revision(repository.root, commit) as revision:
        for directory, _, names in os.walk(repository.root / "calls"):
            path = repository.root / directory
            assert sorted(revision.entries(path)) == sorted(disk.entries(path))
            for name in names:
                assert revision.read(path / name) == disk.read(path / name)


@pytest.mark.parametrize(
    "revision", ["", "nowhere", "--help", "-h", "--all", "HEAD^{tree}", "HEAD:a.yaml", "a b", "x\ny", "x\0y", "é"]
)
def test_only_a_commit_is_a_revision(repository: Repository, revision: str) -> None:
    repository.commit({"a.yaml": "a\n"})
    with pytest.raises(UsageError):
        commit_of(repository.root, revision)


def test_branches_tags_and_ancestors_are_commits(repository: Repository) -> None:
    first = repository.commit({"a.yaml": "a\n"})
    repository.git("tag", "-a", "v1", "-m", "one")
    second = repository.commit({"a.yaml": "b\n"})
    repository.git("branch", "--", "feature/x")
    for name, commit in (("main", second), ("v1", first), ("HEAD~1", first), ("feature/x", second), (first[:9], first)):
        assert commit_of(repository.root, name) == commit
    assert merge_base(repository.root, first, second) == first


def test_histories_without_a_common_commit_have_no_base(repository: Repository) -> None:
    first = repository.commit({"a.yaml": "a\n"})
    repository.git("checkout", "-q", "--orphan", "other")
    other = repository.commit({"b.yaml": "b\n"})
    with pytest.raises(UsageError, match="no commit in common"):
        merge_base(repository.root, first, other)


def test_a_missing_object_is_told(repository: Repository) -> None:
    """A partial or damaged clone: nothing is fetched, and nothing made up."""
    commit = repository.commit({"a.yaml": "a\n"})
    blob = repository.git("rev-parse", "HEAD:a.yaml")
    (repository.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with Revision(repository.root, commit) as revision:
        for read in (revision.read, revision.open):
            with pytest.raises(Unreadable, match="not in this clone"):
                read(repository.root / "a.yaml")


def test_without_git_that_is_said(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository.commit({"a.yaml": "a\n"})
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git cannot be run"):
        commit_of(repository.root, commit)


def test_the_protocol_is_kept(tree: Revision) -> None:
    files: files_module.Files = tree
    assert files.root == tree.root


def test_a_few_objects_are_no_tree_without_end(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write({"0.yaml": "a\n"})
    repository.commit()
    for _ in range(4):
        tree = repository.git("write-tree").strip()
        repository.git("read-tree", "--empty")
        for name in "abcd":
            repository.git("read-tree", f"--prefix={name}/", tree)
    commit = repository.git("commit-tree", "-m", "bomb", repository.git("write-tree").strip()).strip()
    with Revision(repository.root, commit) as revision:
        assert len(find(revision, repository.root, "**/*.yaml")) == 4**4
    monkeypatch.setattr(git_module, "MAX_REPEATED", 100)
    with Revision(repository.root, commit) as revision, pytest.raises(Unreadable, match="lead to the same content"):
        find(revision, repository.root, "**/*.yaml")


def test_a_directory_that_is_listed_again_is_no_other_one(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_module, "MAX_REPEATED", 1)
    repository.write({f"calls/{name}.yaml": name for name in "abcd"})
    with Revision(repository.root, repository.commit()) as revision:
        for _ in range(3):
            assert len(find(revision, repository.root, "calls/*.yaml")) == 4


def test_a_large_file_under_many_names_is_read_only_so_often(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_module, "MAX_REPEATED_BYTES", 10)
    repository.write({f"{name}.yaml": "a: b\n" for name in "abcd"})
    with Revision(repository.root, repository.commit()) as revision:
        for name in "abc":
            assert revision.read(repository.root / f"{name}.yaml") == b"a: b\n"
        with pytest.raises(Unreadable, match="lead to the same content"):
            revision.read(repository.root / "d.yaml")
