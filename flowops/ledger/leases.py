"""Runs: their leases, and what becomes of the calls of a dead one."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from flowops.errors import LedgerError
from flowops.ledger.files import PRIVATE_FILE, beside
from flowops.ledger.pseudonyms import storable
from flowops.ledger.states import Change
from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.ledger.database import Connection, Database
    from flowops.ledger.transaction import Transaction
    from flowops.model.ledger import Actor

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


#: What a sweep writes of a call whose run is gone.
RUN_LOST = "the run that sent it ended before the answer"


def begin_run(database: Database, connection: Connection, environment: str, run: str, actor: Actor, at: str) -> None:
    """Make a run known whose lease is held already."""
    connection.run(
        "insert_run",
        run=run,
        environment=environment,
        who=storable(actor.who),
        host=storable(actor.host),
        job=storable(actor.job),
        commit=storable(actor.commit),
        at=at,
    )
    database.beat(connection, run)


def end_run(connection: Connection, run: str, at: str) -> None:
    """Say that a run has ended by itself."""
    connection.run("end_run", run=run, at=at)


def sweep(database: Database, transaction: Transaction, own: str, actor: Actor, at: str) -> list[str]:
    """Turn the in-flight calls of dead runs into in-doubt ones; their references."""
    connection, environment = transaction.connection, transaction.environment
    held = connection.all("calls_in_flight", environment=environment)
    still_open = {run for (run,) in connection.all("open_runs", environment=environment)}
    known = {run for _, run in held if run} | still_open | database.leases()
    known.discard(own)
    dead = known - database.alive(connection, sorted(known)) if known else set()
    lost = [reference for reference, run in held if run in dead]
    transaction.make([Change(reference, EventType.ABANDONED, at, actor, detail=RUN_LOST) for reference in lost])
    if dead:
        connection.run("end_open_runs", runs=sorted(dead), at=at)
        for run in dead:
            database.forget_lease(run)
    return lost


def forget_runs(connection: Connection, environment: str, before: str) -> None:
    """Forget who the runs were that ended before a time and left nothing open."""
    connection.run("delete_runs", environment=environment, before=before)
