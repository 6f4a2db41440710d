"""Who runs this, where, and at which commit: kept with every event of the ledger."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from flowops.model.ledger import Actor

if TYPE_CHECKING:
    from pathlib import Path


def actor(revision: str | None, override: str | None = None) -> Actor:
    """The user or CI job that runs this command, and what they lift of the policy."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"uid {os.getuid()}"
    who = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN") or user
    return Actor(who=who, host=socket.gethostname(), job=job_url(), commit=revision, override=override)


def job_url() -> str | None:
    """The address of the CI job that this runs in, as GitHub, GitLab, Jenkins and others tell it."""
    env = os.environ
    if "GITHUB_RUN_ID" in env:
        server = env.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env['GITHUB_RUN_ID']}"
    return env.get("CI_JOB_URL") or env.get("BUILD_URL")


def revision(root: Path) -> str | None:
    """The commit of the work tree at `root`, with ``-dirty`` when files differ; None outside of Git."""
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git(root, "status", "--porcelain", "--", ".")
    return f"{head}-dirty" if changed else head


#: A directory can look like a bare repository, with settings that name programs for Git to run. It comes with a clone
#: like any other directory, so it is not taken for one, and no such program is run.
HARMLESS = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false")


def _git(root: Path, *args: str) -> str | None:
    """What Git says about a directory; None where there is no Git or no repository."""
    try:
        run = subprocess.run(  # noqa: S603 (the arguments are our own)
            ["git", "--no-optional-locks", *HARMLESS, "-C", str(root), *args],  # noqa: S607 (from the PATH, as users have it)
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None
