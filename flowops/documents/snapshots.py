"""What was read, kept, so that another walk finds the same; and where, until its user has ended.

Nothing but SIGKILL, or the end of the machine, leaves one behind; the next run removes it then.

The rows of a query are kept: nobody knows whether asking again would give the same. Rows of text are read again, and
the file's hash (`hashed.py`) says whether it still is what it was. A matrix stands in its document.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import shutil
import signal
import stat
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import TYPE_CHECKING, Any
from weakref import finalize

from flowops.common.patterns import regex
from flowops.common.text import visible
from flowops.errors import FlowopsError
from flowops.model.document import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

_NAME = regex(r"flowops-rows-([1-9][0-9]{0,9})-[A-Za-z0-9_]+")
_LOCK = ".lock"
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def private_directory() -> Iterator[Path]:
    """Yield a directory that nobody else can read, and remove it in the end, and on a signal that ends the process."""
    remove_left_over()
    directory = Path(tempfile.mkdtemp(prefix=f"flowops-rows-{os.getpid()}-"))
    descriptor = os.open(directory / _LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # Held as long as the process lives: who can take it knows that nobody needs the directory.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with _removed_on_signals(directory):
            yield directory
    finally:
        os.close(descriptor)
        shutil.rmtree(directory, ignore_errors=True)


def private_opener(path: str, flags: int) -> int:
    """Open a file that nobody else can read; for `open`."""
    return os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def remove_left_over() -> None:
    """Remove directories of our own whose process was killed."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as found:
        for entry in found:
            name = _NAME.fullmatch(entry.name)
            if name is not None and not _lives(int(name[1])):
                with suppress(OSError):
                    _remove(Path(entry.path))


def _remove(directory: Path) -> None:
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        return
    with suppress(FileNotFoundError):
        # A process of another container has a number that says nothing here, and still holds its lock.
        descriptor = os.open(directory / _LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
    shutil.rmtree(directory, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextmanager
def _removed_on_signals(directory: Path) -> Iterator[None]:
    """Remove a directory before a signal ends the process; where somebody handles the signal, that is theirs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    ours = [each for each in _SIGNALS if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, end)
    try:
        yield
    finally:
        # What is left when a generator is forgotten, another thread may end; the handler does no harm then.
        for each in ours if threading.current_thread() is threading.main_thread() else ():
            if signal.getsignal(each) is end:
                signal.signal(each, signal.SIG_DFL)


#: How many bytes of rows stay in memory, before they go into a file.
IN_MEMORY = 1024 * 1024


class Snapshot:
    """Keeps the rows of a query in a temporary file that has no name.

    Nobody else can open such a file, and the system removes it however the process ends. Values keep their types.
    """

    def __init__(self) -> None:
        self._file: Any = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it lives as long as the snapshot
        finalize(self, self._file.close)
        #: For each batch: where it was from, the number of its first row, and where it stands in the file.
        self._kept: list[tuple[str, int, int, int]] = []
        #: What was wrong behind them.
        self.error: Exception | None = None

    def keep(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield batches that have no lines and no problems, and keep the rows of each. Raises FlowopsError."""
        for batch in batches:
            assert batch.lines is None
            assert not batch.problems
            data = marshal.dumps(batch.rows)
            try:
                at = self._file.seek(0, 2)
                self._file.write(data)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise FlowopsError(
                    f"the rows of {batch.file} cannot be kept in {visible(gettempdir())}: {reason.lower()}",
                    hint="TMPDIR names another directory for temporary files",
                ) from error
            self._kept.append((batch.file, batch.numbers[0] if batch.rows else 1, at, len(data)))
            yield batch

    def batches(self) -> Iterator[Batch]:
        """Yield the same batches again."""
        for file, first, at, length in self._kept:
            self._file.seek(at)
            rows = marshal.loads(self._file.read(length))  # noqa: S302 - written a moment ago, by this process
            yield Batch(file, rows, range(first, first + len(rows)), None)
