"""Nothing is written over what is no file: a pipe, a socket or a device stays what it is."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from flowops.common.safe_files import NO_FILE, LinkError, append_to, emptied_file, new_file, replace_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipe_is_not_replaced(pipe: Path) -> None:
    with pytest.raises(OSError, match=NO_FILE):
        replace_file(pipe, [b"x"], pipe.parent)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [each.name for each in pipe.parent.iterdir()] == ["pipe"]


def test_a_socket_and_a_folder_are_not_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        (tmp_path / "folder").mkdir()
        for name in ("socket", "folder"):
            with pytest.raises(OSError, match=NO_FILE):
                replace_file(tmp_path / name, [b"x"], tmp_path)
        assert {each.name for each in tmp_path.iterdir()} == {"socket", "folder"}


def test_nobody_waits_for_the_reader_of_a_pipe(pipe: Path) -> None:
    for opened in (append_to, emptied_file, new_file):
        with pytest.raises(OSError):
            opened(pipe, pipe.parent)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("kept")
    (tmp_path / "link").symlink_to("there")
    with pytest.raises(LinkError):
        replace_file(tmp_path / "link", [b"x"], tmp_path)
    assert (tmp_path / "there").read_text() == "kept"
