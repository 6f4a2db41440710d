"""What the disk may do to us: links, pipes, devices, races, sizes."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.safe_files import git_root
from flowops.documents.files import MAX_FILE, Disk, Unreadable, decode, read_given
from flowops.model.document import Problem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True)
    (root / "inside" / "file.yaml").write_text("a: 1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.yaml").write_text("secret: 1\n")
    return root


def refused(disk: Disk, path: Path) -> str:
    with pytest.raises(Unreadable) as reading:
        disk.read(path)
    with pytest.raises(Unreadable) as opening:
        disk.open(path)
    assert str(reading.value) == str(opening.value)
    return str(reading.value)


def test_a_file_is_read_whole(root: Path) -> None:
    disk = Disk(root)
    assert disk.read(root / "inside" / "file.yaml") == b"a: 1\n"
    with disk.open(root / "inside" / "file.yaml") as stream:
        assert stream.readline() == b"a: 1\n"


def test_links_inside_are_followed(root: Path) -> None:
    (root / "link.yaml").symlink_to("inside/file.yaml")
    (root / "linked").symlink_to("inside")
    disk = Disk(root)
    assert disk.read(root / "link.yaml") == b"a: 1\n"
    assert disk.read(root / "linked" / "file.yaml") == b"a: 1\n"


@pytest.mark.parametrize("target", ["../outside/secret.yaml", "/etc/passwd", "/dev/zero", "/proc/self/environ"])
def test_a_link_that_leads_out_is_refused(root: Path, target: str) -> None:
    (root / "link.yaml").symlink_to(target)
    assert refused(Disk(root), root / "link.yaml") == f"leads out of {root}: nothing is read there"


def test_a_directory_that_leads_out_is_refused(root: Path) -> None:
    (root / "linked").symlink_to("../outside")
    disk = Disk(root)
    assert "leads out of" in refused(disk, root / "linked" / "secret.yaml")
    assert "leads out of" in refused(disk, root.parent / "outside" / "secret.yaml")
    with pytest.raises(Unreadable, match="leads out of"):
        disk.entries(root / "linked")
    with pytest.raises(Unreadable, match="leads out of"):
        disk.entries(root.parent)


def test_a_sibling_whose_name_begins_alike_is_outside(root: Path) -> None:
    (root.parent / "rootless").mkdir()
    (root.parent / "rootless" / "a.yaml").write_text("a: 1")
    assert "leads out of" in refused(Disk(root), root.parent / "rootless" / "a.yaml")


def test_only_regular_files_are_read(root: Path) -> None:
    os.mkfifo(root / "pipe.yaml")
    (root / "directory.yaml").mkdir()
    disk = Disk(root)
    assert refused(disk, root / "pipe.yaml") == "is not a regular file"
    assert refused(disk, root / "directory.yaml") == "is a directory"


def test_what_is_not_there_is_said(root: Path) -> None:
    (root / "dangling.yaml").symlink_to("nowhere")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    disk = Disk(root)
    assert refused(disk, root / "missing.yaml") == "does not exist"
    assert refused(disk, root / "missing" / "file.yaml") == "does not exist"
    assert refused(disk, root / "dangling.yaml") == "does not exist"
    assert refused(disk, root / "one") == "is a link that leads nowhere"
    assert refused(disk, root / "one" / "file") == "is a link that leads nowhere"
    assert refused(disk, root / "inside" / "file.yaml" / "x") == "cannot be read: not a directory"
    assert refused(disk, root / "a\0b") == "has a name that no file can have"
    assert refused(disk, root / ("x" * 300)) == "cannot be read: file name too long"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(root: Path) -> None:
    (root / "file.yaml").touch(mode=0)
    assert refused(Disk(root), root / "file.yaml") == "may not be read: permission denied"


def test_a_file_may_not_be_larger_than_the_limit(root: Path) -> None:
    with (root / "large.yaml").open("wb") as file:
        file.truncate(MAX_FILE)
    assert len(Disk(root).read(root / "large.yaml")) == MAX_FILE
    with (root / "large.yaml").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(Unreadable, match="is larger than 16 MiB"):
        Disk(root).read(root / "large.yaml")


def test_entries_leave_out_links_to_directories(root: Path) -> None:
    (root / "linked").symlink_to("inside")
    (root / "link.yaml").symlink_to("inside/file.yaml")
    (root / "round").symlink_to(".")
    os.mkfifo(root / "pipe.yaml")
    disk = Disk(root)
    assert sorted(disk.entries(root)) == [("inside", True), ("link.yaml", False), ("pipe.yaml", False)]
    assert disk.entries(root / "missing") == []
    assert disk.entries(root / "link.yaml") == []


def test_kinds(root: Path) -> None:
    disk = Disk(root)
    assert disk.kind(root / "inside") == "directory"
    assert disk.kind(root / "inside" / "file.yaml") == "file"
    assert disk.kind(root / "missing") is None
    assert disk.kind(root / "a\0b") is None


def test_a_root_that_is_itself_behind_a_link_is_no_way_out(root: Path) -> None:
    (root.parent / "alias").symlink_to("root")
    disk = Disk(root.parent / "alias")
    assert disk.read(root.parent / "alias" / "inside" / "file.yaml") == b"a: 1\n"


def test_git_has_a_root(tmp_path: Path) -> None:
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / ".git").write_text("gitdir: elsewhere\n")
    assert git_root(tmp_path / "work" / "deep") == tmp_path / "work"
    assert git_root(tmp_path / "work") == tmp_path / "work"


def test_a_named_file_may_be_a_pipe_with_a_writer(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        os.write(writing, b"a: ")
        os.write(writing, b"1\n")
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert read_given(tmp_path.__class__(f"/dev/fd/{reading}")) == b"a: 1\n"
    finally:
        writer.join()
        os.close(reading)


def test_a_pipe_with_a_name_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="is not a regular file"):
        read_given(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/zero", "is not a regular file"),
        ("/", "is a directory"),
        ("/nowhere/at/all", "does not exist"),
    ],
)
def test_a_named_file_has_to_have_an_end(tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_given(tmp_path / path)


def test_a_named_file_has_the_same_limit(tmp_path: Path, monkeypatch: Any) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(Unreadable, match="is larger than 16 MiB"):
        read_given(tmp_path / "large")


@given(st.text())
def test_utf_8_is_read_as_it_is(text: str) -> None:
    assert decode("f", text.encode()) == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"\xff", 1, 1),
        (b"a\n\xc3\xa9\xf0\x9d\x84\x9e\xff", 2, 3),
        (b"\xef\xbb\xbfab\xff", 1, 3),
        (b"a\r\nb\rc\xe2\x82", 3, 2),
        (b"\xc0\x80", 1, 1),
        (b"\xed\xa0\x80", 1, 1),
    ],
)
def test_the_first_byte_that_is_not_utf_8_has_a_place(data: bytes, line: int, column: int) -> None:
    problem = decode("f", data)
    assert isinstance(problem, Problem)
    assert (problem.place.line, problem.place.column) == (line, column)
    assert problem.code == "encoding"
