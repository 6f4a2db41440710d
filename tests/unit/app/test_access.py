"""How the ledger of an environment is opened, and who is on record for what is written."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from flowops.app.access import open_for, revision_of
from flowops.app.load import project_of

if TYPE_CHECKING:
    from pathlib import Path


def git(root: Path, *args: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *names, "-C", str(root), *args], check=True, capture_output=True, text=True).stdout


def test_what_is_written_is_on_record_with_the_commit_of_the_project(root: Path) -> None:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "calls")
    head = git(root, "rev-parse", "HEAD").strip()
    with open_for(*project_of("sandbox")) as ledger:
        assert ledger.actor.commit == head
    (root / "calls/rows.csv").write_text("id,phone,text\n")
    assert revision_of(root) == f"{head}-dirty"


def test_outside_of_git_there_is_no_commit(root: Path) -> None:
    assert revision_of(root) is None
    with open_for(*project_of("sandbox")) as ledger:
        assert ledger.actor.commit is None
