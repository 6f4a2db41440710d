"""A ledger database in one file.

The rollback journal and not the write-ahead log: one file without side files survives being copied or cached by a
pipeline, and SQLite before 3.51.3 may corrupt a WAL database that several connections use (sqlite.org/wal.html).
While a connection is open the journal stays beside the ledger and a commit overwrites its head (PERSIST), which is
synced like everything else and takes a disk less than to make and remove a file each time; closing removes it. What a
killed process leaves of it says nothing, or is rolled back by whoever comes next.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import bindparam, create_engine, event, func, select
from sqlalchemy.pool import StaticPool

from flowops.errors import LedgerError
from flowops.ledger import sqlite_rows
from flowops.ledger.database import Database, T
from flowops.ledger.file_lease import FileLease
from flowops.ledger.hints import RESTORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Column, ColumnElement, Connection, Table
    from sqlalchemy.exc import DBAPIError

    from flowops.ledger.database import Decided
    from flowops.model import Value

#: Marks a file as ours (PRAGMA application_id): "flow".
APPLICATION_ID = 0x666C6F77
#: How many prepared statements are kept: those of four tables, for each number of rows.
STATEMENTS = 5 * sqlite_rows.MOST
#: How long to wait for another process to finish its write, in seconds.
PATIENCE = 60.0


class SqliteDatabase(Database):
    """The ledgers in one SQLite file; None for one in memory that is never written: an empty ledger."""

    def __init__(self, path: Path | None, *, readonly: bool, patience: float = PATIENCE) -> None:
        creator = partial(connect, path, readonly=readonly, patience=patience)
        engine = create_engine("sqlite://", creator=creator, poolclass=StaticPool)
        super().__init__(engine, str(path), readonly=readonly)
        self._path = path
        self._patience = patience
        self._file = _identity(path) if path else None
        self._leases = FileLease(path) if path else None
        event.listen(engine, "begin", self._begin)

    def _begin(self, connection: Connection) -> None:
        if self._for_writing and self._path is not None and _identity(self._path) != self._file:
            raise LedgerError(
                f"{self._path}: moved or replaced while it was open",
                hint="put the file back that this run has claimed calls in, before anything else is placed",
            )
        connection.exec_driver_sql("BEGIN IMMEDIATE" if self._for_writing else "BEGIN")

    def read(self, work: Callable[[Connection], T]) -> T:
        """Read; what a killed writer left half-written is rolled back first, as every reader of SQLite has to."""
        try:
            return super().read(work)
        except LedgerError as error:
            if self._path is None or not _is_half_written(error):
                raise
        with closing(connect(self._path, readonly=False, patience=self._patience)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return super().read(work)

    def explain(self, error: DBAPIError) -> LedgerError:
        return explained(error.orig, self.name)

    def damage(self, connection: Connection) -> str | None:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        return None if found == "ok" else str(found)

    def any_of(self, column: Column[str], values: Sequence[str]) -> ColumnElement[bool]:
        return _listed(column, self.many(values))

    @staticmethod
    def any_of_given(column: Column[str], name: str) -> ColumnElement[bool]:
        return _listed(column, bindparam(name))

    @staticmethod
    def many(values: Sequence[str]) -> Value:
        return json.dumps(values)

    def like(self, column: Column[str], glob: str) -> ColumnElement[bool]:
        return column.op("GLOB")(glob.replace("[", "[[]"))

    def insert(self, connection: Connection, table: Table, rows: Sequence[Sequence[Value]]) -> int:
        return sqlite_rows.insert(connection, table, rows)

    def save(self, connection: Connection, decided: Decided) -> bool:
        return sqlite_rows.save(connection, decided)

    def make_alone(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")

    def take_lease(self, connection: Connection, run: str) -> None:  # noqa: ARG002
        if self._leases is not None:
            self._leases.take(run)

    def beat(self, connection: Connection, run: str) -> None:
        """Nothing to renew: the lock lasts as long as the process."""

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:  # noqa: ARG002
        return {run for run in named if self._leases is not None and self._leases.alive(run)}

    def stirs(self, connection: Connection, run: str) -> bool:
        return bool(self.alive(connection, [run]))

    def leases(self) -> set[str]:
        return self._leases.known() if self._leases is not None else set()

    def forget_lease(self, run: str) -> None:
        if self._leases is not None:
            self._leases.forget(run)

    def release_leases(self) -> None:
        if self._leases is not None:
            self._leases.release()


def _listed(column: Column[str], values: Value) -> ColumnElement[bool]:
    """Whether a column has one of the values in a JSON list."""
    listed = func.json_each(values).table_valued("value")
    return column.in_(select(listed.c.value))


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to, whatever it is called."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def connect(path: Path | None, *, readonly: bool, patience: float) -> sqlite3.Connection:
    """An open, configured connection; the file has to exist."""
    if path is None:
        return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={'ro' if readonly else 'rw'}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
        factory=sqlite3.Connection if readonly else _Writer,
    )
    try:
        _configure(connection, path, readonly)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, path: Path, readonly: bool) -> None:
    # A database is data from outside: its schema must not run functions of ours.
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    if readonly:
        return
    connection.execute("PRAGMA synchronous=EXTRA")
    # What a purge removes is overwritten.
    connection.execute("PRAGMA secure_delete=ON")
    journal = connection.execute("PRAGMA journal_mode=PERSIST").fetchone()[0]
    if journal != "persist":
        raise LedgerError(f"{path}: its journal mode is {journal!r} and cannot be changed to 'persist'")


class _Writer(sqlite3.Connection):
    """Takes the journal away when it is closed, unless another process writes at that moment and will do so itself."""

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.execute("PRAGMA busy_timeout=0")
            self.execute("PRAGMA journal_mode=DELETE")
        super().close()


def _is_half_written(error: LedgerError) -> bool:
    original = getattr(error.__cause__, "orig", None)
    return getattr(original, "sqlite_errorname", None) == _HALF_WRITTEN


_HALF_WRITTEN = "SQLITE_READONLY_ROLLBACK"
_WORDS = {
    _HALF_WRITTEN: (
        "a write was interrupted and has to be rolled back first",
        "let a user that may write to it run any command",
    ),
    "SQLITE_BUSY": ("is locked by another process", "try again when the other command has ended"),
    "SQLITE_LOCKED": ("is locked by another process", "try again when the other command has ended"),
    "SQLITE_FULL": ("the disk is full", "make room, then run the command again"),
    "SQLITE_READONLY": ("cannot be written", "the user that runs flowops needs to write to the file and its directory"),
    "SQLITE_CANTOPEN": ("cannot be opened", "the user that runs flowops needs to write to the file and its directory"),
    "SQLITE_CORRUPT": ("is damaged", RESTORE),
    "SQLITE_NOTADB": ("is not a SQLite database", RESTORE),
    "SQLITE_IOERR": ("the disk failed to read or write it", "see to the disk before anything else"),
}


def explained(error: BaseException | None, name: str) -> LedgerError:
    """A SQLite error in words for users."""
    code = str(getattr(error, "sqlite_errorname", ""))
    for known, (words, hint) in _WORDS.items():
        if code.startswith(known):
            return LedgerError(f"{name}: {words} ({error})", hint=hint)
    return LedgerError(f"{name}: {error}")
