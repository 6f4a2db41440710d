"""Files that commands write: through no link, and private where they hold anything of a plan or a ledger."""

from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops, start

if TYPE_CHECKING:
    from pathlib import Path

#: The command and the name of the file that it writes, which is its last argument.
WRITING = [
    ("plan", "--log-file"),
    ("plan", "-o"),
    ("ledger", "export", "-o"),
    ("sandbox", "--port", "0", "--log"),
]


def run(root: Path, *args: str) -> int:
    """Run a command; a server is stopped as soon as it says where it listens."""
    if args[0] != "sandbox":
        return flowops(*args, cwd=root).code
    process = start(*args, cwd=root)
    assert process.stdout is not None
    if process.stdout.readline():
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    return process.returncode


@pytest.mark.parametrize("args", WRITING, ids=" ".join)
def test_what_a_command_writes_is_private_and_whole(real: Path, args: tuple[str, ...]) -> None:
    assert flowops("apply", cwd=real).code == 0
    assert run(real, *args, "out.txt") in (0, 128 + signal.SIGTERM)
    file = real / "out.txt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size or args[0] == "sandbox"


@pytest.mark.parametrize("args", WRITING, ids=" ".join)
def test_nothing_is_written_through_a_link(real: Path, tmp_path: Path, args: tuple[str, ...]) -> None:
    assert flowops("apply", cwd=real).code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    victim = elsewhere / "victim"
    victim.write_text("precious")
    (real / "link").symlink_to(victim)
    (real / "dangling").symlink_to(elsewhere / "none")
    (real / "folder").symlink_to(elsewhere)
    for name in ("link", "dangling", "folder/new"):
        assert run(real, *args, name) in (1, 64), name
    assert victim.read_text() == "precious"
    assert [path.name for path in elsewhere.iterdir()] == ["victim"]


@pytest.mark.parametrize("args", [WRITING[0], WRITING[3]], ids=" ".join)
def test_a_log_that_is_a_pipe_nobody_reads_ends_with_a_message(real: Path, args: tuple[str, ...]) -> None:
    os.mkfifo(real / "pipe")
    assert run(real, *args, "pipe") in (1, 64)


def test_a_log_goes_on_where_it_was(real: Path) -> None:
    for times in (1, 2):
        assert flowops("validate", "--log-file", "x.log", cwd=real).code == 0
        assert (real / "x.log").read_text().count("ended with 0") == times
