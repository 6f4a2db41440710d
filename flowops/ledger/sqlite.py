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
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flowops.common.patterns import regex
from flowops.errors import LedgerError
from flowops.ledger.database import RESTORE, Connection, Database, Lease, T, migrations, statements
from flowops.ledger.files import (
    APPLICATION_ID,
    JOURNAL,
    beside,
)
from flowops.ledger.leases import FileLease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint

#: Where its statements are, in `sql/`.
KIND = "sqlite"
#: How many rows one statement writes, at most: it has no more than 999 values then, which any SQLite takes.
MOST = 52
#: How many prepared statements are kept: those that write to four tables, for each number of rows, and the others.
STATEMENTS = 5 * MOST
#: The longest value, row or statement, in bytes: a rendered body has a MiB, a list of references less.
LONGEST_VALUE = 16 * 1024 * 1024
#: How much of a ledger a connection that writes keeps in memory, at most, in KiB. Each call changes a page anywhere in
#: the index of words: with SQLite's own 2 MiB most of these are read again for each commit.
CACHE = 8 * 1024
#: How many steps of SQLite's own one transaction may take, and after how many it is asked: a minute or more of work.
MOST_STEPS, STEPS_AT_ONCE = 4_000_000_000, 20_000_000
#: How long one transaction waits for another process to finish its own, in seconds.
PATIENCE = 10.0
#: What SQLite says in its own way. A list of values is one parameter, as JSON. `BEGIN IMMEDIATE` has locked already.
_REWRITES = (
    (r"= ANY \((:\w+)\)", r"IN (SELECT value FROM json_each(\1))"),
    (r"LIKE (:\w+) ESCAPE '\\'", r"GLOB \1"),
    (r" FOR UPDATE", ""),
)
_ROW = regex(r"\(\?[?, ]*\)")
# Most of what is written is text, whole numbers and nothing. The driver asks all but the first two how they want to be
# kept, and where nobody has said so it finds out by an error, a value. A built-in answers sooner than a function of
# ours: whoever looks for nothing in an empty dictionary finds nothing.
_EMPTY: Mapping[None, None] = {}
sqlite3.register_adapter(type(None), _EMPTY.get)
sqlite3.register_adapter(bool, int)


@cache
def _statements() -> Mapping[str, str]:
    return statements(KIND, _REWRITES)


class SqliteConnection(Connection):
    """A connection to SQLite."""

    def _execute(self, statement: str, values: dict[str, Value]) -> Any:
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = json.dumps(value)
        return super()._execute(statement, values)

    def write_rows(self, statement: str, rows: Sequence[Sequence[Value]]) -> int:
        """Run a statement for many rows, and return how many it has written.

        A statement a row would let go of the interpreter's lock for each one, and on a busy machine wait for it as
        often. One for many rows lets go of it once, and meanwhile another thread works.
        """
        written = 0
        for at in range(0, len(rows), MOST):
            some = rows[at : at + MOST]
            values: list[Value] = []
            for row in some:
                values += row
            written += self.raw.execute(_for_rows(self._statements[statement], len(some)), values).rowcount
        return written


@cache
def _for_rows(sql: str, count: int) -> str:
    return _ROW.sub(lambda row: ", ".join([row[0]] * count), sql)


class SqliteDatabase(Database):
    """The ledgers in one SQLite file; None for one in memory that is never written: an empty ledger."""

    placeholder = "?"

    def __init__(self, path: Path | None, *, readonly: bool, patience: float | None = None) -> None:
        super().__init__(str(path), sqlite3.Error, readonly=readonly)
        self._path = path
        self._patience = PATIENCE if patience is None else patience
        self._file = _identity(path) if path else None
        self._leases = FileLease(path) if path else None

    def _connect(self) -> SqliteConnection:
        raw = connect(self._path, readonly=self.readonly, patience=self._patience)
        return SqliteConnection(raw, self.name, _statements())

    def _begin(self, connection: Connection, *, for_writing: bool) -> None:
        if for_writing and self._path is not None and _identity(self._path) != self._file:
            raise LedgerError(
                f"{self._path}: moved or replaced while it was open",
                hint="put the file back that this run has claimed calls in, before anything else is placed",
            )
        _limit_steps(connection.raw)
        connection.raw.execute("BEGIN IMMEDIATE" if for_writing else "BEGIN")

    def read(self, work: Callable[[Connection], T]) -> T:
        """Read; what a killed writer left half-written is rolled back in a copy: who reads changes nothing."""
        try:
            return super().read(work)
        except LedgerError as error:
            if self._path is None or getattr(error.__cause__, "sqlite_errorname", None) != _HALF_WRITTEN:
                raise
        with self._turn:
            self._drop()
            try:
                self._connection = SqliteConnection(_rolled_back(self._path), self.name, _statements())
            except sqlite3.Error as error:
                raise self.explain(error) from error
            except OSError as error:
                raise LedgerError(f"{self.name}: its copy, to roll back a write: {error.strerror or error}") from error
        return super().read(work)

    def _waited_in_vain(self, error: Exception) -> bool:
        return getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")

    def explain(self, error: Exception) -> LedgerError:
        return explained(error, self.name)

    @property
    def migrations(self) -> Mapping[str, str]:
        return migrations(KIND)

    def run_script(self, connection: Connection, script: str) -> None:
        # Not `executescript`, which would commit what there is before it.
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                connection.raw.execute(statement)
                statement = ""

    def damage(self, connection: Connection) -> str | None:
        (found,) = connection.raw.execute("PRAGMA quick_check(1)").fetchone()
        return None if found == "ok" else str(found)

    def clock(self, connection: Connection) -> float:  # noqa: ARG002
        """Return the machine's time: whoever opens the file is on it."""
        return time.time()

    def pattern(self, glob: str) -> str:
        return glob.replace("[", "[[]")

    def save(
        self,
        connection: Connection,
        *,
        new: Sequence[Sequence[Value]],
        settled: Sequence[Sequence[Value]],
        changed: Sequence[Sequence[Value]],
        legs: Sequence[Sequence[Value]],
        events: Sequence[Sequence[Value]],
        counts: Sequence[Sequence[Value]],
        ledger: int,
        checkpoint: Checkpoint,
    ) -> bool:
        assert isinstance(connection, SqliteConnection), "it is of this database"
        connection.run("advance_ledger", serial=checkpoint.serial, head=checkpoint.head, ledger=ledger)
        parts = [
            ("insert_calls", new),
            ("settle_calls", settled),
            ("update_calls", changed),
            ("insert_legs", legs),
            ("insert_events", events),
            ("add_counts", counts),
        ]
        return all(connection.write_rows(statement, rows) == len(rows) for statement, rows in parts)

    def lock_schema(self, connection: Connection) -> None:
        connection.raw.execute(f"PRAGMA application_id={APPLICATION_ID}")

    def take_lease(self, connection: Connection, run: str) -> None:  # noqa: ARG002
        if self._leases is not None:
            self._leases.take(run)

    def lease(self, connection: Connection, run: str) -> Lease:  # noqa: ARG002
        """Return that it is held: the lock lasts as long as the process, however long it stands still."""
        return Lease(None, self.clock(connection))

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:  # noqa: ARG002
        return {run for run in named if self._leases is not None and self._leases.alive(run)}

    def lease_ages(self, connection: Connection, ledger: int) -> dict[str, float]:
        """Return 0 for each run that is alive: a lock is held, and never renewed."""
        runs = [run for (run,) in connection.all("open_runs", ledger=ledger)]
        return dict.fromkeys(self.alive(connection, runs), 0.0)

    def may_be_running(self, connection: Connection, run: str) -> bool:
        return bool(self.alive(connection, [run]))

    def leases(self) -> set[str]:
        return self._leases.known() if self._leases is not None else set()

    def forget_lease(self, run: str) -> None:
        if self._leases is not None:
            self._leases.forget(run)

    def release_leases(self) -> None:
        if self._leases is not None:
            self._leases.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to, whatever it is called."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def connect(path: Path | None, *, readonly: bool, patience: float) -> sqlite3.Connection:
    """Return an open, configured connection; the file has to exist."""
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
    # A database is data from outside: its schema must not run functions of ours, nor its values fill the memory.
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    if readonly:
        return
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute(f"PRAGMA cache_size=-{CACHE}")
    # What a purge removes is overwritten.
    connection.execute("PRAGMA secure_delete=ON")
    journal = connection.execute("PRAGMA journal_mode=PERSIST").fetchone()[0]
    if journal != "persist":
        raise LedgerError(f"{path}: its journal mode is {journal!r} and cannot be changed to 'persist'")


def _limit_steps(connection: sqlite3.Connection) -> None:
    """End what the connection does from here on when it takes too many steps."""
    left = MOST_STEPS // STEPS_AT_ONCE

    def ask() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    connection.set_progress_handler(ask, STEPS_AT_ONCE)


def _rolled_back(path: Path) -> sqlite3.Connection:
    """Return a connection to a copy of a database, with what is half-written in it rolled back."""
    # They take as long to be imported as a small ledger to be read, and few ledgers are copied.
    from shutil import copyfile
    from tempfile import TemporaryDirectory

    journal = beside(path, JOURNAL)
    with TemporaryDirectory(prefix="flowops-") as directory:
        copy = Path(directory, "ledger")
        for _ in range(_COPIES):
            before = _stamps(path, journal)
            with suppress(FileNotFoundError):  # somebody else has rolled it back meanwhile
                # The journal first: what somebody rolls back in between is rolled back twice, and the same for it.
                copyfile(journal, beside(copy, JOURNAL))
                copyfile(path, copy)
            if before == _stamps(path, journal):
                break
            beside(copy, JOURNAL).unlink(missing_ok=True)
        else:
            raise LedgerError(f"{path}: is being written all the time", hint="try again")
        connection = connect(copy, readonly=False, patience=0)
        # The files stay until it is closed; their names go with the directory.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _stamps(*paths: Path) -> list[tuple[int, int, int] | None]:
    """Return what changes when one of some files does."""
    found: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return found


#: How often a database is copied that others write to meanwhile.
_COPIES = 5


class _Writer(sqlite3.Connection):
    """Takes the journal away when it is closed, unless another process writes at that moment and will do so itself."""

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.execute("PRAGMA busy_timeout=0")
            self.execute("PRAGMA journal_mode=DELETE")
        super().close()


_HALF_WRITTEN = "SQLITE_READONLY_ROLLBACK"
_WORDS = {
    _HALF_WRITTEN: (
        "a write was interrupted and has to be rolled back first",
        "let a user that may write to it run any command",
    ),
    "SQLITE_BUSY": ("is locked by another process", "try again when the other command has ended"),
    "SQLITE_LOCKED": ("is locked by another process", "try again when the other command has ended"),
    "SQLITE_INTERRUPT": ("takes more work than any ledger does", RESTORE),
    "SQLITE_TOOBIG": ("holds a value that no ledger has", RESTORE),
    "SQLITE_FULL": ("the disk is full", "make room, then run the command again"),
    "SQLITE_READONLY": ("cannot be written", "the user that runs flowops needs to write to the file and its directory"),
    "SQLITE_CANTOPEN": ("cannot be opened", "the user that runs flowops needs to write to the file and its directory"),
    "SQLITE_CORRUPT": ("is damaged", RESTORE),
    "SQLITE_NOTADB": ("is not a SQLite database", RESTORE),
    "SQLITE_IOERR": ("the disk failed to read or write it", "see to the disk before anything else"),
}


def explained(error: BaseException | None, name: str) -> LedgerError:
    """Return a SQLite error in words for users."""
    code = str(getattr(error, "sqlite_errorname", ""))
    for known, (words, hint) in _WORDS.items():
        if code.startswith(known):
            return LedgerError(f"{name}: {words} ({error})", hint=hint)
    return LedgerError(f"{name}: {error}")
