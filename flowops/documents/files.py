"""Where documents and rows are read from: the disk, confined to one directory, and UTF-8 as text."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from flowops.common.text import Lines
from flowops.common.tuples import NamedTuple
from flowops.model.document import Place, Problem

if TYPE_CHECKING:
    from typing import Literal

#: The largest YAML file, in bytes.
MAX_FILE = 16 * 1024 * 1024

_CHUNK = 64 * 1024
# A path with a NUL in it is a ValueError, and links that lead in a circle are a RuntimeError up to Python 3.12.
_FAILURES = (OSError, RuntimeError, ValueError)
#: Names of what the process has open already: a pipe there was made for it.
_OPENED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Unreadable(Exception):
    """A file that is not read; the text says why, and fits behind the file's name: "is a directory"."""

    @property
    def missing(self) -> bool:
        """Return whether it is because there is no such file."""
        return str(self) == MISSING


#: What is said of a file that is not there, or cannot be: no file has such a name.
MISSING = "does not exist"


class Entry(NamedTuple):
    """A name in a directory."""

    name: str
    is_directory: bool


class Files(Protocol):
    """A tree of files: that of the disk, or that of a Git revision.

    Paths are absolute and normalised. Nothing outside of `root` is ever opened or listed, wherever
    ``..`` or a symbolic link may lead.
    """

    @property
    def root(self) -> Path:
        """Return the directory that everything is in."""
        ...

    def kind(self, path: Path) -> Literal["file", "directory"] | None:
        """Return what is at a path; None for nothing. What is neither counts as a file, and cannot be opened."""
        ...

    def entries(self, directory: Path) -> list[Entry]:
        """Return what is in a directory, in no particular order, but for links to directories; nothing if it is none.

        Raises Unreadable.
        """
        ...

    def read(self, path: Path | str) -> bytes:
        """Return the whole of a file of at most `MAX_FILE` bytes. Raises Unreadable."""
        ...

    def open(self, path: Path) -> BinaryIO:
        """Return a file of any length, to be read from its beginning and closed. Raises Unreadable."""
        ...

    def local(self, path: Path) -> Path | None:
        """Return where a regular file is on the disk, for another program to open; None if it is not on the disk.

        Raises Unreadable.
        """
        ...


class Disk:
    """The files of the disk below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real_root = root.resolve()
        self._real_directories: dict[str, Path] = {}

    def kind(self, path: Path) -> Literal["file", "directory"] | None:
        """Return what is at a path, through links."""
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            return None
        return "directory" if stat.S_ISDIR(mode) else "file"

    def entries(self, directory: Path) -> list[Entry]:
        """Return what is in a directory; links to directories are left out, so that no walk goes round in circles."""
        try:
            with os.scandir(self._real_directory(str(directory))) as found:
                return [
                    Entry(entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in found
                    if not (entry.is_symlink() and entry.is_dir())
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except _FAILURES as error:
            raise Unreadable(_reason(error)) from error

    def read(self, path: Path | str) -> bytes:
        """Return the whole of a regular file."""
        descriptor, size = self._open(path)
        try:
            data = _read_at_most(descriptor, MAX_FILE, size)
        except OSError as error:
            raise Unreadable(_reason(error)) from error
        finally:
            os.close(descriptor)
        return data

    def open(self, path: Path) -> BinaryIO:
        """Return a regular file as a buffered stream."""
        return os.fdopen(self._open(path)[0], "rb", buffering=_CHUNK)

    def local(self, path: Path) -> Path:
        """Return the real path of a regular file, behind all links."""
        os.close(self._open(path)[0])
        return self._inside(path.resolve())

    def _open(self, path: Path | str) -> tuple[int, int]:
        """Return a descriptor of a regular file inside the root, and how large that says it is."""
        try:
            # In strings, and each directory once: ten thousand files are opened here.
            directory, _, name = str(path).rpartition(os.sep)
            real = f"{self._real_directory(directory or os.sep)}{os.sep}{name}"
            try:
                descriptor = os.open(real, _OPEN)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                # A link: what it leads to is opened by its own name, once that is known to be inside.
                descriptor = os.open(self._inside(Path(real).resolve(strict=True)), _OPEN)
        except _FAILURES as error:
            raise Unreadable(_reason(error)) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            os.close(descriptor)
            raise Unreadable(f"is {what}")
        return descriptor, status.st_size

    def _real_directory(self, directory: str) -> Path:
        real = self._real_directories.get(directory)
        if real is None:
            real = self._real_directories[directory] = self._inside(Path(directory).resolve(strict=True))
        return real

    def _inside(self, real: Path) -> Path:
        if not real.is_relative_to(self._real_root):
            raise Unreadable(f"leads out of {self.root}: nothing is read there")
        return real


def open_given(path: Path) -> BinaryIO:
    """Return a file that the command line names, wherever it is: a regular one, or the pipe of ``<(…)`` or of stdin.

    Nothing else is read: a pipe with a name may have nobody who writes, and a device no end. Raises Unreadable.
    """
    try:
        # Without O_NONBLOCK the opening of a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except _FAILURES as error:
        raise Unreadable(_reason(error)) from error
    mode = os.fstat(descriptor).st_mode
    is_pipe = stat.S_ISFIFO(mode) and str(path).startswith(_OPENED)
    if stat.S_ISREG(mode) or is_pipe:
        # Some files of the kernel call themselves regular, and make a reader wait: /proc/kmsg.
        os.set_blocking(descriptor, is_pipe)
        return os.fdopen(descriptor, "rb", buffering=_CHUNK)
    os.close(descriptor)
    raise Unreadable("is a directory" if stat.S_ISDIR(mode) else "is not a regular file")


def read_given(path: Path, most: int = MAX_FILE) -> bytes:
    """Return the whole of a file that the command line names, of at most so many bytes. Raises Unreadable."""
    with open_given(path) as stream:
        try:
            data: bytes | None = stream.read(most + 1)
        except OSError as error:
            raise Unreadable(_reason(error)) from error
    if data is None:
        raise Unreadable("is not a regular file: it makes its reader wait")
    if len(data) > most:
        raise Unreadable(f"is larger than {most // 1024 // 1024} MiB")
    return data


def _read_at_most(descriptor: int, size: int, expected: int = 0) -> bytes:
    if 0 < expected < _CHUNK:
        data = os.read(descriptor, expected + 1)
        if len(data) == expected:
            # All that there was when it was opened; what somebody adds meanwhile was not there.
            return data
        os.lseek(descriptor, 0, os.SEEK_SET)
    parts: list[bytes] = []
    left = size + 1
    while left > 0 and (part := os.read(descriptor, min(left, _CHUNK))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise Unreadable(f"is larger than {size // 1024 // 1024} MiB")
    return b"".join(parts)


def _reason(error: OSError | RuntimeError | ValueError) -> str:
    """Return what went wrong, to stand behind a file's name."""
    match error:
        case FileNotFoundError():
            return MISSING
        case PermissionError():
            return "may not be read: permission denied"
        case RuntimeError() | OSError(errno=errno.ELOOP):
            return "is a link that leads nowhere"
        case OSError(strerror=str(text)):
            return f"cannot be read: {text.lower()}"
        case _:
            return "has a name that no file can have"


_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(file: str, data: bytes) -> str | Problem:
    """Return the text of a file without its byte order mark, or the place of the first byte that is not UTF-8."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"the file is not UTF-8: the byte 0x{data[error.start]:02x} is not allowed here"
        hint = "it looks like UTF-16: save it as UTF-8" if data.startswith(_UTF_16) else "save it as UTF-8"
        return Problem(Place(file, *Lines(before).at(len(before))), message=message, code="encoding", hint=hint)
