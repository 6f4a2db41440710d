"""A ledger database in one file.

The rollback journal and not the write-ahead log: one file without side files survives being copied or cached by a
pipeline, and SQLite before 3.51.3 may corrupt a WAL database that several connections use (sqlite.org/wal.html).
While a connection is open the journal stays beside the ledger and a commit overwrites its head (PERSIST), which is
synced like everything else and takes a disk less than to make and remove a file each time; closing removes it. What a
killed process leaves of it says nothing, or is rolled back by whoever comes next.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flowops.common.safe_files import PRIVATE_FILE
from flowops.errors import LedgerError
from flowops.ledger.database import RESTORE, RUN_BYTES, Connection, Database, T, migrations, no_ledger, statements
from flowops.ledger.files import (
    APPLICATION_ID,
    FOREIGN_DATABASE,
    JOURNAL,
    beside,
    check_journal,
    check_own,
    create_private,
    damage,
    shared_file_system,
)
from flowops.ledger.spool import Spool

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
#: How many steps of SQLite's own one transaction may take, and after how many it is asked: a minute or more of work.
MOST_STEPS, STEPS_AT_ONCE = 4_000_000_000, 20_000_000
#: How long to wait for another process to finish its write, in seconds.
PATIENCE = 60.0
#: What SQLite says in its own way. A list of values is one parameter, as JSON. `BEGIN IMMEDIATE` has locked already.
_REWRITES = (
    (r"= ANY \((:\w+)\)", r"IN (SELECT value FROM json_each(\1))"),
    (r"LIKE (:\w+) ESCAPE '\\'", r"GLOB \1"),
    (r" FOR UPDATE", ""),
)
#: How a run is called.
_RUN = re.compile(rf"[0-9a-f]{{{2 * RUN_BYTES}}}")
_ROW = re.compile(r"\(\?[?, ]*\)")


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
            sql = _for_rows(self._statements[statement], len(some))
            written += self.raw.execute(sql, tuple(chain.from_iterable(some))).rowcount
        return written


@cache
def _for_rows(sql: str, count: int) -> str:
    return _ROW.sub(lambda row: ", ".join([row[0]] * count), sql)


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


class SqliteDatabase(Database):
    """The ledgers in one SQLite file; None for one in memory that is never written: an empty ledger."""

    def __init__(self, path: Path | None, *, readonly: bool, patience: float = PATIENCE) -> None:
        super().__init__(str(path), sqlite3.Error, readonly=readonly)
        self._path = path
        self._patience = patience
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
            self._connection = SqliteConnection(_rolled_back(self._path), self.name, _statements())
        return super().read(work)

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

    def pattern(self, glob: str) -> str:
        return glob.replace("[", "[[]")

    def save(
        self,
        connection: Connection,
        *,
        new: Sequence[Sequence[Value]],
        changed: Sequence[Sequence[Value]],
        legs: Sequence[Sequence[Value]],
        events: Sequence[Sequence[Value]],
        ledger: int,
        checkpoint: Checkpoint,
    ) -> bool:
        assert isinstance(connection, SqliteConnection), "it is of this database"
        connection.run("advance_ledger", serial=checkpoint.serial, head=checkpoint.head, ledger=ledger)
        parts = [("insert_calls", new), ("update_calls", changed), ("insert_legs", legs), ("insert_events", events)]
        return all(connection.write_rows(statement, rows) == len(rows) for statement, rows in parts)

    def lock_schema(self, connection: Connection) -> None:
        connection.raw.execute(f"PRAGMA application_id={APPLICATION_ID}")

    def take_lease(self, connection: Connection, run: str) -> None:  # noqa: ARG002
        if self._leases is not None:
            self._leases.take(run)

    def beat(self, connection: Connection, run: str) -> None:
        """Renew nothing: the lock lasts as long as the process."""

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:  # noqa: ARG002
        return {run for run in named if self._leases is not None and self._leases.alive(run)}

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
    journal = beside(path, JOURNAL)
    with TemporaryDirectory(prefix="flowops-") as directory:
        copy = Path(directory, "ledger")
        for _ in range(_COPIES):
            before = _stamps(path, journal)
            with suppress(FileNotFoundError):  # somebody else has rolled it back meanwhile
                # The journal first: what somebody rolls back in between is rolled back twice, and the same for it.
                shutil.copyfile(journal, beside(copy, JOURNAL))
                shutil.copyfile(path, copy)
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


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A SQLite ledger's place (see `flowops.ledger.open.Place`). `root` is the project's folder."""

    path: Path
    root: Path

    @classmethod
    def of(cls, address: str, root: Path) -> SqliteFile:
        """Return the file that an address names, with an absolute path."""
        return cls(Path(address.removeprefix("sqlite:///")), root.absolute())

    @property
    def name(self) -> str:
        """Return the path."""
        return str(self.path)

    @property
    def key_file(self) -> Path:
        """Return the file beside the ledger."""
        return beside(self.path, ".key")

    def exists(self) -> bool:
        """Return whether there is a file with anything in it."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def spool(self, ledger_id: str) -> Spool:  # noqa: ARG002
        """Return one for all environments in the file; its lines say whose they are."""
        return Spool(beside(self.path, ".spool"), self.root)

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> SqliteDatabase:
        """Check the file, then connect."""
        try:
            check_own([self.path, self.key_file, beside(self.path, JOURNAL)], self.root)
            self._check_file(environment, make=make, sandbox=sandbox)
            if not readonly:
                self._prepare_to_write(make=make)
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror or error}") from error
        database = SqliteDatabase(self.path, readonly=readonly)
        try:
            database.read(self._check_owner)
        except BaseException:
            database.close()
            raise
        return database

    def _check_file(self, environment: str, *, make: bool, sandbox: bool) -> None:
        path = self.path
        kind = None if sandbox else shared_file_system(path)
        if kind is not None:
            raise LedgerError(
                f"{path}: on a shared file system ({kind}), where locks do not reach everyone who may write",
                hint="keep it on a local disk, or share a ledger in PostgreSQL",
            )
        if not self.exists():
            if not make:
                what = "the ledger is empty" if path.exists() else "there is no ledger here"
                raise LedgerError(f"{path}: {what}", hint=no_ledger(environment))
            return
        check_journal(path)
        harm = damage(path)
        if harm == FOREIGN_DATABASE:
            raise self._foreign()
        if harm is not None:
            raise LedgerError(f"{path}: {harm}", hint=RESTORE)

    def _prepare_to_write(self, *, make: bool) -> None:
        if make:
            create_private(self.path)
        if not os.access(self.path.parent, os.W_OK):
            raise LedgerError(
                f"{self.path.parent}: cannot be written, and a ledger needs its journal there",
                hint="let the user that runs flowops write to this directory",
            )

    def _check_owner(self, connection: Connection) -> None:
        (mark,) = connection.raw.execute("PRAGMA application_id").fetchone()
        found = _schema(connection.raw)
        # One without tables is being made right now, or was never finished.
        if found and (mark != APPLICATION_ID or found not in _own_schemas(tuple(migrations(KIND).values()))):
            raise self._foreign()

    def _foreign(self) -> LedgerError:
        return LedgerError(
            f"{self.path}: {FOREIGN_DATABASE}",
            hint="nothing was changed; give the ledger a file of its own. One that a newer flowops has made needs that",
        )


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str, str | None]]:
    """Return all that a database is made of: tables and indices; nothing else is, of ours."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 1000")
    return frozenset((str(kind), str(name), str(table), sql) for kind, name, table, sql in rows)


@cache
def _own_schemas(scripts: tuple[str, ...]) -> frozenset[frozenset[tuple[str, str, str, str | None]]]:
    """Return what the tables are made of after each of some scripts: any other could hold what runs when it is read."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        found = []
        for script in scripts:
            connection.executescript(script)
            found.append(_schema(connection))
        return frozenset(found)
