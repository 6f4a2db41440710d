"""What is asked of Git about a folder, in a way that runs no program but Git itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from flowops.common.safe_files import append_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: A directory can look like a bare repository, with settings that name programs for Git to run. It comes with a clone
#: like any other directory, so it is not taken for one, and no such program is run.
HARMLESS = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false")
#: What is asked of an index harms nobody, whoever it belongs to.
ANYBODYS = ("-c", "safe.directory=*")


def git_root(directory: Path) -> Path | None:
    """Return the root of the Git work tree that a directory is in."""
    return next((above for above in (directory, *directory.parents) if (above / ".git").exists()), None)


def ask_git(root: Path, *args: str) -> str | None:
    """Return what Git says about a directory, None where there is no Git or no repository."""
    try:
        run = subprocess.run(  # noqa: S603 (the arguments are our own)
            ["git", "--no-optional-locks", *HARMLESS, "-C", str(root), *args],  # noqa: S607 (from the PATH, as users have it)
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    return os.fsdecode(run.stdout).strip() if run.returncode == 0 else None


def leave_out(path: Path) -> Path | None:
    """Let the Git work tree that a file is in ignore it, and what is beside it under its name with more behind it.

    Return the .gitignore that says so from now on; None where nothing had to be said. Raise OSError where it cannot be
    written.
    """
    root = git_root(path.parent)
    if root is None or ask_git(root, *ANYBODYS, "check-ignore", "--", str(path)) is not None:
        return None
    rules = root / ".gitignore"
    name = "".join(f"\\{each}" if each in "\\*?[]!# " else each for each in path.relative_to(root).as_posix())
    begun = rules.read_bytes() if rules.is_file() else b""
    with append_to(rules, root) as file:
        file.write("" if begun.endswith(b"\n") or not begun else "\n")
        file.write(f"# A ledger of flowops, and its key.\n/{name}*\n")
    return rules


def tracked(paths: Sequence[Path], root: Path) -> list[Path]:
    """Return those of some files in a work tree that Git tracks: they came with the repository, or will go with it."""
    names = {os.path.relpath(path, root): path for path in paths}
    known = ask_git(root, *ANYBODYS, "--literal-pathspecs", "ls-files", "-z", "--", *names)
    return [path for name, path in names.items() if name in (known or "").split("\0")]
