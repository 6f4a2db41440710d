"""Work in folders that may hold what a stranger has committed: through no link, all or nothing; by Git alone."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import TextIO

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
NO_FILE = "it is no file"
#: What is for everybody; the process's umask takes from it.
SHARED_FILE, SHARED_DIRECTORY = 0o666, 0o777


class LinkError(OSError):
    """A path leads through a symbolic link, and so perhaps to somewhere else."""

    def __init__(self, link: Path) -> None:
        super().__init__(f"{link} is a link, and nothing is written or trusted through one")
        self.link = link
        self.strerror = str(self)


def link_on_the_way(path: Path, within: Path) -> Path | None:
    """Return the first link on the way from a folder, or the work tree that a path is in, to the path.

    Of a path elsewhere only its last name counts: links above are of whoever made them.
    """
    path, within = path.absolute(), within.absolute()
    on_the_way = [path, *path.parents]
    begins = [at for at, step in enumerate(on_the_way) if at and (step == within or (step / ".git").exists())]
    return next((step for step in reversed(on_the_way[: max(begins, default=1)]) if step.is_symlink()), None)


def make_folder(folder: Path, within: Path, mode: int = SHARED_DIRECTORY) -> None:
    """Make a folder and those above it, unless they are there. Raise LinkError when one of them is a link."""
    link = link_on_the_way(folder / "x", within)
    if link is not None:
        raise LinkError(link)
    folder.mkdir(mode=mode, parents=True, exist_ok=True)


def replace_file(path: Path, content: Iterable[bytes], within: Path, mode: int = SHARED_FILE) -> None:
    """Give a file another content, or make it: all of it or nothing, on disk when this returns.

    A link in its place is an error, and so is one on the way to it from a folder on. What is there and is no file (a
    pipe, a device) stays: another file in its place would break whatever uses it. Raise OSError.
    """
    link = link_on_the_way(path, within)
    if link is not None:
        raise LinkError(link)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, NO_FILE)
    unfinished = unfinished_file(path, content, mode)
    try:
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink()
        raise
    sync_directory(path.parent)


def append_to(path: Path, within: Path) -> TextIO:
    """Open a file to add lines to; a new one is for its owner alone. Raise OSError, LinkError where one is a link.

    So is a link on the way to it from a folder on. Nobody waits for the reader of a pipe.
    """
    return _opened(path, within, os.O_APPEND | os.O_NONBLOCK)


def new_file(path: Path, within: Path) -> TextIO:
    """Open a file that is not there yet, for its owner alone. Raise OSError, LinkError where one is a link."""
    return _opened(path, within, os.O_EXCL)


def emptied_file(path: Path, within: Path) -> TextIO:
    """Open a file to write it from its beginning; a new one is for its owner alone. Raise what `append_to` raises."""
    opened = append_to(path, within)
    if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        os.ftruncate(opened.fileno(), 0)
    return opened


def _opened(path: Path, within: Path, flags: int) -> TextIO:
    link = link_on_the_way(path, within)
    if link is not None:
        raise LinkError(link)
    flags |= os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, PRIVATE_FILE)
    found = os.fstat(descriptor)
    is_file = stat.S_ISREG(found.st_mode)
    if not (is_file or stat.S_ISCHR(found.st_mode)) or (is_file and found.st_nlink > 1):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it has another name, too" if is_file else NO_FILE)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="", buffering=1)


def unfinished_file(path: Path, content: Iterable[bytes], mode: int) -> Path:
    """Return a new file beside a path, with its content on disk, for the caller to give it its name."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        unfinished.unlink()
        raise
    return unfinished


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


#: A directory can look like a bare repository, with settings that name programs for Git to run. It comes with a clone
#: like any other directory, so it is not taken for one, and no such program is run.
HARMLESS = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false")
#: What is asked of an index harms nobody, whoever it belongs to.
ANYBODYS = ("-c", "safe.directory=*")


def git_root(directory: Path) -> Path | None:
    """Return the root of the Git work tree that a directory is in."""
    return next((above for above in (directory, *directory.parents) if is_there(above / ".git")), None)


def is_there(path: Path) -> bool:
    """Return whether there is something at a path; nothing is where no file can have its name, as a very long one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def ask_git(root: Path, *args: str) -> str | None:
    """Return what Git says about a directory, None where there is no Git or no repository."""
    # Every command imports this module, and few of them ask.
    import subprocess

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
