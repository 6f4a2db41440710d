"""What is easily overlooked is said before anything happens, and stops nothing."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository
from support.server import TOKEN

if TYPE_CHECKING:
    from support.server import ApiServer

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
#: Git takes every repository for somebody else's.
UNTRUSTED = {**ENV, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}


@pytest.fixture
def committed(real: Path) -> Repository:
    repository = Repository(real)
    repository.git("add", "flowops.yaml", "calls")
    repository.git("commit", "-q", "-m", "calls")
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    return repository


def test_a_repository_that_git_does_not_trust_has_no_commit_on_record(committed: Repository, api: ApiServer) -> None:
    for command in (("plan",), ("apply", "--auto-approve"), ("stop", "--reason", "r")):
        trusted = flowops(*command, *PRODUCTION, cwd=committed.root, env=ENV)
        assert "git does not trust" not in trusted.err
        ran = flowops(*command, *PRODUCTION, cwd=committed.root, env=UNTRUSTED)
        assert ran.code == 0, ran.err
        assert f"warning: git does not trust the repository in {committed.root}" in ran.err
        assert f"git config --global --add safe.directory {committed.root}" in ran.err
    assert api.received.total() == 3


def test_a_checkout_without_local_branches_is_told_the_remote_one(committed: Repository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    committed.git("clone", "-q", str(committed.root), str(clone))
    there = Repository(clone)
    there.git("checkout", "-q", "--detach")
    there.git("branch", "-D", "main")
    ran = flowops("diff", "main", cwd=clone, env=ENV)
    assert (ran.code, "did you mean 'origin/main'?" in ran.err) == (64, True), ran.err
    assert flowops("diff", "origin/main", cwd=clone, env=ENV).code == 0
    assert "did you mean" not in flowops("diff", "nothing", cwd=clone, env=ENV).err
    there.git("remote", "rename", "origin", "upstream")
    assert "did you mean 'upstream/main'?" in flowops("diff", "main..HEAD", cwd=clone, env=ENV).err


def test_a_forgotten_environment_is_told_where_there_is_a_real_one(committed: Repository, api: ApiServer) -> None:
    told = "warning: no --env was given, so these calls go to the sandbox; there is also production"
    assert told in flowops("apply", cwd=committed.root, env=ENV).err
    assert told not in flowops("apply", "--env", "sandbox", cwd=committed.root, env=ENV).err
    assert told not in flowops("apply", cwd=committed.root, env={**ENV, "FLOWOPS_ENV": "sandbox"}).err
    assert api.received.total() == 0


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("stop", "--reason", "r"), "this stops"),
        (("resume",), "this resumes"),
        (("policy", "block", "+442079460101", "--reason", "r"), "this is about"),
        (("ledger", "cancel", "call-1", "--reason", "r"), "this is about"),
    ],
)
def test_and_so_it_is_by_what_people_do_to_a_ledger(real: Path, command: tuple[str, ...], what: str) -> None:
    told = f"warning: no --env was given, so {what} the sandbox; there is also production"
    assert told in flowops(*command, cwd=real, env=ENV).err
    assert told not in flowops(*command, "--env", "sandbox", cwd=real, env=ENV).err


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no file system in memory is mounted here")
def test_a_ledger_that_does_not_last_is_told(real: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        project = real / "flowops.yaml"
        project.write_text(project.read_text().replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}"))
        env = {**ENV, "FLOWOPS_LEDGER": f"sqlite:///{folder}/ledger.db"}
        for command in (("ledger", "init"), ("plan",), ("status",)):
            ran = flowops(*command, *PRODUCTION, cwd=real, env=env)
            assert ran.code == 0, ran.err
            assert "warning: the ledger's file is on tmpfs, which does not last" in ran.err, command
    finally:
        shutil.rmtree(folder)
