"""The files of a SQLite ledger: where they are, who may read them, and on what kind of file system."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from flowops.errors import LedgerError

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
#: Every SQLite file begins so (sqlite.org/fileformat.html).
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100

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
    """A file that belongs to a ledger: ``flowops.db.key`` beside ``flowops.db``."""
    return ledger.with_name(ledger.name + suffix)


def create_private(path: Path) -> bool:
    """An empty file that only its owner may read, with the directories on the way; False when it exists."""
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE))
    except FileExistsError:
        return False
    sync_directory(path.parent)
    return True


def write_private(path: Path, content: bytes) -> bool:
    """A whole file at once, for its owner only, on disk when this returns; False when there was one already."""
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    unfinished = _unfinished(path, content)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    sync_directory(path.parent)
    return True


def replace_private(path: Path, content: bytes) -> None:
    """Another content for a file, all or nothing, on disk when this returns."""
    _unfinished(path, content).replace(path)
    sync_directory(path.parent)


def _unfinished(path: Path, content: bytes) -> Path:
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        unfinished.unlink()
        raise
    return unfinished


def make_private(path: Path) -> None:
    """Take the rights of group and others away, as a copied or unpacked file may have them."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        path.chmod(PRIVATE_FILE)
    except PermissionError:
        raise LedgerError(
            f"{path}: others may read it (mode {mode:04o}), and it belongs to another user",
            hint=f"let its owner run `chmod 600 {path}`",
        ) from None


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def damage(path: Path) -> str | None:
    """What a look at size and header shows: not a database at all, or one that was cut short."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return "is not a SQLite database"
    page = int.from_bytes(header[16:18]) or 1
    page = 65536 if page == 1 else page
    pages = int.from_bytes(header[28:32])
    # The count is only kept when both change counters agree; an unfinished write is for SQLite to roll back.
    counted = header[24:28] == header[92:96] and pages > 0
    # In this order: a commit that had written this header is done, and the file whole, when its journal is gone.
    if counted and not beside(path, "-journal").exists() and (size := path.stat().st_size) < page * pages:
        return f"is cut short: {size} of {page * pages} bytes"
    return None


def shared_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network or shared file system that a path is on; None when it is none, or nobody can say.

    `mounts` says what is mounted where, as proc(5) has it.
    """
    if not mounts.exists():
        return None
    # A path that is going to be made lies where its nearest directory lies.
    there = next(parent for parent in (path, *path.parents) if parent.exists()).resolve()
    kind, deepest = None, -1
    for line in mounts.read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        if len(point.parts) >= deepest and (point == there or point in there.parents):
            kind, deepest = after.split()[0], len(point.parts)
    return kind if kind in _SHARED else None
