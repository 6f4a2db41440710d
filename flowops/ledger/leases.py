"""The lease of a run: it holds one from its first claim on, and others see by it whether the run still lives."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.safe_files import PRIVATE_FILE
from flowops.errors import LedgerError
from flowops.ledger.database import RUN_BYTES
from flowops.ledger.files import beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)
#: How long the end of a run waits for a heartbeat that is under way, in seconds.
_LAST_BEAT = 2.0
#: How a run is called.
_RUN = regex(rf"[0-9a-f]{{{2 * RUN_BYTES}}}")


class Heartbeat:
    """Renews a lease every few seconds, in a thread of its own, from then on until it is stopped.

    What fails is tried again with the next beat: whether the lease has ended meanwhile, the ledger says.
    """

    def __init__(self, renew: Callable[[], None], seconds: float) -> None:
        self._renew = renew
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="flowops-lease", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._renew()
            except Exception as error:
                _log.warning("the lease of this run could not be renewed: %(why)s", {"why": type(error).__name__})

    def stop(self) -> bool:
        """Beat no more; return whether a beat that was under way has ended."""
        self._stopped.set()
        self._thread.join(_LAST_BEAT)
        return not self._thread.is_alive()


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
        """Return whether a process holds this run's lease."""
        if not _RUN.fullmatch(run):  # not a run of ours, and perhaps not a harmless file name
            return False
        try:
            descriptor = os.open(self._path(run), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link is nobody's lease
                return False
            raise
        try:
            # Shared, so that two who look at the same time do not take each other for the holder.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def known(self) -> set[str]:
        """Return the runs that have a file here: alive, dead, or killed before the ledger heard of them.

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
