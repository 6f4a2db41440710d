"""Who is alive, by the operating system's word: a lock on a file beside the ledger.

The lock goes when the process goes, however it goes, and stays while it is merely stopped. It is `flock`, which
belongs to the open file: a POSIX record lock would be lost as soon as any part of the process closes the same file.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from flowops.errors import LedgerError
from flowops.ledger.files import PRIVATE_FILE, beside

if TYPE_CHECKING:
    from pathlib import Path

_RUN = re.compile(r"[0-9a-f]{32}")


class FileLease:
    """The leases of the runs on one SQLite ledger."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._held: dict[str, int] = {}

    def take(self, run: str) -> None:
        """Hold the lease of an own run, before anybody can know of the run."""
        path = self._path(run)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerError(f"{path}: the lease of this run: {error.strerror}") from error
        self._held[run] = descriptor

    def alive(self, run: str) -> bool:
        """Whether a process holds this run's lease."""
        if not _RUN.fullmatch(run):  # not a run of ours, and perhaps not a harmless file name
            return False
        try:
            descriptor = os.open(self._path(run), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look at the same time do not take each other for the holder.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def known(self) -> set[str]:
        """The runs that have a file here: alive, dead, or killed before the ledger heard of them.

        Whoever takes a lease does so in a transaction that writes, and may only be asked about in another one.
        """
        prefix = self._path("").name
        names = {path.name for path in self._ledger.parent.iterdir()}
        return {
            name[len(prefix) :] for name in names if name.startswith(prefix) and _RUN.fullmatch(name[len(prefix) :])
        }

    def forget(self, run: str) -> None:
        """Clear away what a dead run left."""
        if not _RUN.fullmatch(run):
            return
        # A file that cannot be removed is in nobody's way, as long as it is not locked: a later sweep clears it away.
        with suppress(OSError):
            self._path(run).unlink(missing_ok=True)

    def release(self) -> None:
        """End the own leases."""
        for run, descriptor in self._held.items():
            self.forget(run)
            os.close(descriptor)
        self._held.clear()

    def _path(self, run: str) -> Path:
        return beside(self._ledger, f".run-{run}")
