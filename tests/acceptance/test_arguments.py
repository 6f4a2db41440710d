"""Files that the command line names: whatever has no end, or nobody who writes, ends with a message."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import environment, flowops

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (
    ("show", "FILE"),
    ("apply", "--plan", "FILE"),
    ("validate", "--var-file", "FILE"),
    ("schema", "build", "--openapi", "FILE"),
    ("ledger", "import", "FILE"),
    ("reconcile", "--from-file", "FILE"),
    ("policy", "hash-numbers", "FILE", "--key-env", "FLOWOPS_KEY"),
    ("validate", "FILE"),
)
ENV = {"FLOWOPS_KEY": "a key that is long enough"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "flowops.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Project\nname: p\ndefaults: {caller: "+442079460000", callflow-id: f}\n'
    )
    (tmp_path / "calls/a.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: "+442079460018"\n'
    )
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pipe.jsonl")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("file", ["/dev/zero", "pipe"])
def test_what_has_no_end_is_not_read(root: Path, command: tuple[str, ...], file: str) -> None:
    name = file if file != "pipe" else "pipe.jsonl" if command[1] == "import" else "pipe.yaml"
    ran = subprocess.run(
        [sys.executable, "-m", "flowops", *(name if part == "FILE" else part for part in command)],
        cwd=root,
        env=environment(**ENV),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ran.returncode not in (0, 2), ran.stdout
    assert "Traceback" not in ran.stderr
    assert "not a regular file" in ran.stderr or "outside of" in ran.stderr or ".jsonl file" in ran.stderr, ran.stderr


def test_a_pipe_of_the_shell_is_read(root: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x: 1\n")
    os.close(writing)
    ran = subprocess.run(
        [sys.executable, "-m", "flowops", "validate", "--var-file", f"/dev/fd/{reading}"],
        cwd=root,
        env=environment(),
        pass_fds=[reading],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    os.close(reading)
    assert ran.returncode == 0, ran.stderr
    assert flowops("validate", cwd=root).code == 0
