"""The files of a SQLite ledger: where they are, who may read them, and on what kind of file system."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.safe_files import (
    PRIVATE_DIRECTORY,
    PRIVATE_FILE,
    git_root,
    link_on_the_way,
    make_folder,
    replace_file,
    sync_directory,
    tracked,
    unfinished_file,
)
from flowops.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Every SQLite file begins so (sqlite.org/fileformat.html).
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
#: Where its header says how it is written (1: with a rollback journal) and read, and which program it belongs to.
_VERSIONS, _OWNER = slice(18, 20), slice(68, 72)
#: Marks a file as ours (PRAGMA application_id): "flow".
APPLICATION_ID = 0x666C6F77
FOREIGN_DATABASE = "a database of another program"

#: File systems that several machines may write to, or a host and its guest: their locks do not reach
#: everyone, and SQLite is not safe there (sqlite.org/lockingv3.html, section 6).
# fmt: off
_SHARED = frozenset(
    {
        "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs",
        "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
        "fuse.vmhgfs-fuse", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs",
        "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
    }
)
# fmt: on
_MOUNTS = Path("/proc/self/mountinfo")


def beside(ledger: Path, suffix: str) -> Path:
    """Return a file that belongs to a ledger: ``flowops.db.key`` beside ``flowops.db``."""
    return ledger.with_name(ledger.name + suffix)


def create_private(path: Path) -> bool:
    """Make an empty file that only its owner may read, with the directories on the way; False when it exists."""
    make_folder(path.parent, path.parent, PRIVATE_DIRECTORY)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE))
    except FileExistsError:
        return False
    sync_directory(path.parent)
    return True


def write_private(path: Path, content: bytes) -> bool:
    """Write a whole file at once, for its owner only, on disk when this returns; False when there was one already."""
    make_folder(path.parent, path.parent, PRIVATE_DIRECTORY)
    unfinished = unfinished_file(path, [content], PRIVATE_FILE)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    sync_directory(path.parent)
    return True


def replace_private(path: Path, content: bytes) -> None:
    """Give a file another content, all or nothing, on disk when this returns."""
    replace_file(path, [content], path.parent, PRIVATE_FILE)


#: What SQLite keeps beside a database; flowops makes the first kind only.
JOURNAL, FOREIGN = "-journal", ("-wal", "-shm")
#: Ends a journal that names another one, which SQLite removes when it rolls back (sqlite.org/fileformat.html).
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
_CAME_WITH_IT = (
    "a ledger that came with a repository is never opened: if it is your own, take it out of Git (`git rm --cached "
    "{names}`), or keep it elsewhere; if not, remove it"
)


def check_own(paths: Sequence[Path], root: Path) -> None:
    """Raise LedgerError unless files are ours and nobody else's: what a repository brings along is never opened.

    They are reached through no link below the work tree (or the project's `root`), belong to who runs flowops, may be
    read and written by nobody else, and are not tracked by Git. What is not there is nothing to worry about.
    """
    tree = git_root(paths[0].parent)
    for path in paths:
        link = link_on_the_way(path, tree if tree is not None and tree in path.parents else root)
        if link is not None:
            raise LedgerError(
                f"{path}: {link} is a link, so this may be anybody's file",
                hint="nothing was opened: remove the link, or name the file itself",
            )
    there = [path for path in paths if _is_private(path)]
    found = tracked(there, tree) if there and tree is not None else []
    if found:
        names = " ".join(shlex.quote(os.path.relpath(path, tree)) for path in found)
        raise LedgerError(f"{found[0]}: is tracked by Git", hint=_CAME_WITH_IT.format(names=names))


_SHARED_BY_GROUP = (
    "; that locks its group out: what several users or pods share (Kubernetes: fsGroup) is a ledger in PostgreSQL"
)


def _is_private(path: Path) -> bool:
    """Return whether there is a file, which then is private and ours. Raise LedgerError when it is not."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise LedgerError(f"{path}: not a file")
    if status.st_uid != os.geteuid():
        raise LedgerError(
            f"{path}: belongs to another user (uid {status.st_uid}), and a ledger is opened by its owner only",
            hint=f"run flowops as that user (in Kubernetes: runAsUser: {status.st_uid}); if the file is your own, "
            f"`chown {os.geteuid()} {shlex.quote(str(path))}`{_SHARED_BY_GROUP if mode & 0o070 else ''}",
        )
    if mode & 0o077:
        raise LedgerError(
            f"{path}: others may read or write it (mode {mode:04o}), so it may have come with the repository",
            hint=f"if it is your own, `chmod 600 {shlex.quote(str(path))}`{_SHARED_BY_GROUP if mode & 0o070 else ''}",
        )
    return True


def check_journal(ledger: Path) -> None:
    """Raise LedgerError for what lies beside a ledger and was never written by flowops: SQLite would act on it."""
    for suffix in FOREIGN:
        if beside(ledger, suffix).exists():
            raise LedgerError(
                f"{beside(ledger, suffix)}: flowops never writes such a file",
                hint="another program has opened the ledger: end it, then remove what it left there",
            )
    journal = beside(ledger, JOURNAL)
    try:
        with journal.open("rb") as file:
            file.seek(-len(_SUPER_JOURNAL), os.SEEK_END)
            names_another = file.read() == _SUPER_JOURNAL
    except OSError:  # there is none, or it is shorter than that
        return
    if names_another:
        raise LedgerError(
            f"{journal}: it names another file, to be removed; flowops never writes such a journal",
            hint="nothing was opened: remove it, and find out who put it there",
        )


def damage(path: Path) -> str | None:
    """Return what a look at size and header shows: not a database at all, or one that was cut short."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return "is not a SQLite database"
    if header[_VERSIONS] != b"\x01\x01" or int.from_bytes(header[_OWNER]) not in (APPLICATION_ID, 0):
        return FOREIGN_DATABASE
    page = int.from_bytes(header[16:18]) or 1
    page = 65536 if page == 1 else page
    pages = int.from_bytes(header[28:32])
    # The count is only kept when both change counters agree; an unfinished write is for SQLite to roll back.
    counted = header[24:28] == header[92:96] and pages > 0
    # In this order: a commit that had written this header is done, and the file whole, when its journal is gone.
    if counted and not beside(path, "-journal").exists() and (size := path.stat().st_size) < page * pages:
        return f"is cut short: {size} of {page * pages} bytes"
    return None


#: File systems that go away with their container, or when the machine starts again.
_PASSING = frozenset({"aufs", "fuse.fuse-overlayfs", "overlay", "ramfs", "rootfs", "tmpfs"})


def shared_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of network or shared file system that a path is on; None when it is none, or nobody can say.

    `mounts` says what is mounted where, as proc(5) has it.
    """
    kind = _kind_of(path, mounts)
    return kind if kind in _SHARED else None


def passing_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of file system that a file or its folder is on, where it does not last; None when both do.

    In the folder are a ledger's key and its journal, which a volume of the file alone does not keep.
    """
    kinds = (_kind_of(each, mounts) for each in (path, path.parent))
    return next((kind for kind in kinds if kind in _PASSING), None)


def _kind_of(path: Path, mounts: Path) -> str | None:
    """Return the kind of file system that a path is on; None when nobody can say."""
    if not mounts.exists():
        return None
    # A path that is going to be made lies where its nearest directory lies.
    there = next(parent for parent in (path, *path.parents) if parent.exists()).resolve()
    depths = {str(above): len(above.parts) for above in (there, *there.parents)}
    kind, deepest = None, -1
    for line in mounts.read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        depth = depths.get(before.split()[4].replace("\\040", " "), -1)
        if depth >= max(deepest, 0):
            kind, deepest = after.split()[0], depth
    return kind
