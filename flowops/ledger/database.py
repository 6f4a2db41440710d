"""What the two databases have in common: one connection, transactions, and errors that users understand."""

from __future__ import annotations

import re
import shlex
import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowops.ledger.spool import Spool
    from flowops.ledger.witness import Server
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint

T = TypeVar("T")
#: The random bytes of a run's name.
RUN_BYTES = 8
#: How often work is tried again on a new connection before the database counts as gone.
RECONNECTS = 3
#: How long to wait before the first of these times, in seconds; twice as long before each other one.
PAUSE = 0.2


class Interrupted(Exception):
    """A transaction was ended from outside and may be tried again: its connection was lost, or others held a lock.

    `committing`: in the middle of a commit, so the outcome has to be looked up.
    """

    def __init__(self, cause: LedgerError, *, committing: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.committing = committing


class Lease(NamedTuple):
    """Why a run has `lost` its lease: None where it has it for long enough to send what it claims now.

    `now` is the database's time.
    """

    lost: str | None
    now: float


#: Why a run that stood still claims nothing more.
LEASE_LOST = "this run was suspended, or could not reach the ledger, so long that it has lost its lease"


class Connection:
    """The connection to a database, for as long as a transaction lasts.

    Statements are asked for by their names in `sql/`. `raw` is the driver's own connection, `name` says which database
    this is.
    """

    def __init__(self, raw: Any, name: str, statements: Mapping[str, str]) -> None:
        self.raw = raw
        self.name = name
        self._statements = statements

    def all(self, statement: str, /, **values: Value) -> list[tuple[Any, ...]]:
        """Return all rows."""
        found: list[tuple[Any, ...]] = self._execute(statement, values).fetchall()
        return found

    def first(self, statement: str, /, **values: Value) -> tuple[Any, ...] | None:
        """Return the first row, None when there is none."""
        found: tuple[Any, ...] | None = self._execute(statement, values).fetchone()
        return found

    def value(self, statement: str, /, **values: Value) -> Any:
        """Return the first value of the first row, None when there is none."""
        found = self.first(statement, **values)
        return None if found is None else found[0]

    def run(self, statement: str, /, **values: Value) -> int:
        """Run a statement, and return how many rows it has changed."""
        changed: int = self._execute(statement, values).rowcount
        return changed

    def run_many(self, statement: str, rows: Sequence[Mapping[str, Value]]) -> int:
        """Run a statement for each of some rows, and return how many rows all of them have changed."""
        cursor = self.raw.cursor()
        cursor.executemany(self._statements[statement], rows)
        changed: int = cursor.rowcount
        return changed

    def _execute(self, statement: str, values: dict[str, Value]) -> Any:
        return self.raw.execute(self._statements[statement], values)


class Database(ABC):
    """One database with ledgers in it. `name` says which, without secrets."""

    #: How the driver writes a value that comes by its place.
    placeholder: ClassVar[str]
    #: What its driver says of a column of booleans; None where it does not say.
    boolean: ClassVar[int | None] = None

    def __init__(self, name: str, errors: type[Exception], *, readonly: bool) -> None:
        self.name = name
        self.readonly = readonly
        #: The errors of the driver.
        self._errors = errors
        # Several threads may ask (look-ups while a group is being written); a connection serves one at a time.
        self._turn = threading.RLock()
        self._connection: Connection | None = None
        self._was_connected = False

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a transaction that sees one state of the database and changes nothing."""
        return self._insist(work, for_writing=False)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do some work that may be done twice in a durable transaction."""
        return self._insist(work, for_writing=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that is on disk when the block has ended, or has left nothing.

        Raises `Interrupted` when it may be tried again, `LedgerError` for anything else.
        """
        with self._transaction(for_writing=True) as connection:
            yield connection

    def close(self) -> None:
        """End the connection."""
        with self._turn:
            self._drop()

    def _insist(self, work: Callable[[Connection], T], *, for_writing: bool) -> T:
        for attempt in range(RECONNECTS + 1):
            try:
                with self._transaction(for_writing=for_writing) as connection:
                    return work(connection)
            except Interrupted as lost:
                if attempt == RECONNECTS:
                    raise lost.cause from lost
                time.sleep(PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    @contextmanager
    def _transaction(self, *, for_writing: bool) -> Iterator[Connection]:
        if for_writing and self.readonly:
            raise LedgerError(f"{self.name}: opened for reading only")
        with self._turn:
            committing = False
            try:
                connection = self._connected()
                self._begin(connection, for_writing=for_writing)
                try:
                    yield connection
                    committing = for_writing
                    if for_writing:
                        connection.raw.commit()
                finally:
                    # Nothing is left to roll back behind a commit. A lost connection cannot, and is told of already.
                    with suppress(self._errors):
                        connection.raw.rollback()
            except self._errors as error:
                cause = self.explain(error)
                if self._connection is not None and self._is_lost(self._connection):
                    self._drop()
                    raise Interrupted(cause, committing=committing) from error
                if self._waited_in_vain(error):
                    raise Interrupted(cause, committing=False) from error
                raise cause from error
            except OSError as error:  # of a lease's file
                raise LedgerError(f"{self.name}: {error.strerror or error}") from error
            except UnicodeEncodeError as error:
                raise LedgerError(f"{self.name}: a reference-id has a character that no database takes") from error

    def _connected(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except self._errors as error:
                if not self._was_connected:
                    raise
                raise Interrupted(self.explain(error), committing=False) from error
            self._was_connected = True
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.raw.close()

    @abstractmethod
    def _connect(self) -> Connection:
        """Make a connection, set up as a ledger needs it."""

    @abstractmethod
    def _begin(self, connection: Connection, *, for_writing: bool) -> None:
        """Begin a transaction."""

    def _is_lost(self, connection: Connection) -> bool:  # noqa: ARG002
        """Return whether an error has ended the connection."""
        return False

    @abstractmethod
    def _waited_in_vain(self, error: Exception) -> bool:
        """Return whether somebody else held a lock for longer than a transaction waits; nothing was written."""

    @abstractmethod
    def explain(self, error: Exception) -> LedgerError:
        """Return what went wrong, in words for users, and what they can do."""

    @property
    @abstractmethod
    def migrations(self) -> Mapping[str, str]:
        """Return the scripts that make the tables, by their versions, oldest first."""

    @abstractmethod
    def run_script(self, connection: Connection, script: str) -> None:
        """Run the statements of a script within the transaction."""

    def server(self, connection: Connection) -> Server | None:  # noqa: ARG002
        """Return which server keeps the ledgers; None where there is none."""
        return None

    def damage(self, connection: Connection) -> str | None:  # noqa: ARG002
        """Return what the database itself finds wrong with its files; None where it does not say."""
        return None

    @abstractmethod
    def clock(self, connection: Connection) -> float:
        """Return the database's time, in seconds since 1970."""

    @abstractmethod
    def pattern(self, glob: str) -> str:
        """Return a pattern with ``*`` and ``?`` as the database takes it; capitals count."""

    @abstractmethod
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
        """Write what a transaction has decided, as rows in the order of the columns of their statements.

        A changed call, and one that was only settled, begins with the serial that it was read with; `ledger` is the
        ledger's number. Returns False when a row is not what it was, and nothing may be committed.
        """

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Keep everyone else from making or altering tables until the transaction ends; mark the database as ours."""

    @abstractmethod
    def take_lease(self, connection: Connection, run: str) -> None:
        """Hold the lease of an own run, before anybody can know of the run."""

    @abstractmethod
    def lease(self, connection: Connection, run: str) -> Lease:
        """Return whether an own run still has its lease, in one trip with the time."""

    @abstractmethod
    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:
        """Return which of these runs hold their leases."""

    @abstractmethod
    def lease_ages(self, connection: Connection, ledger: int) -> dict[str, float]:
        """Return how many seconds ago the lease of each run of a ledger was renewed that has not ended."""

    @abstractmethod
    def may_be_running(self, connection: Connection, run: str) -> bool:
        """Return whether there is any sign that a run might still send: its lease may have ended, its process not."""

    def leases(self) -> set[str]:
        """Return runs whose leases lie outside the database, dead ones' too: it may never have heard of them."""
        return set()

    @abstractmethod
    def forget_lease(self, run: str) -> None:
        """Clear away what a dead run left, outside the database."""

    @abstractmethod
    def release_leases(self) -> None:
        """End the own leases."""


_SQL = Path(__file__).with_name("sql")
_NAME = regex(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = regex(r"^--.*\n?", re.MULTILINE)


def statements(kind: str, rewrites: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return the statements for a kind of database by their names; `rewrites` are patterns and what replaces them."""
    found: dict[str, str] = {}
    for path in sorted([*_SQL.glob("*.sql"), *_SQL.glob(f"{kind}/*.sql")]):
        _, *parts = _NAME.split(path.read_text())
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            found[name] = _COMMENT.sub("", text).strip()
    for pattern, replacement in rewrites:
        found = {name: re.sub(pattern, replacement, text) for name, text in found.items()}
    return found


def migrations(kind: str) -> dict[str, str]:
    """Return the migrations for a kind of database by their versions, oldest first."""
    return {path.name.partition("_")[0]: path.read_text() for path in sorted(_SQL.glob(f"{kind}/migrations/*.sql"))}


#: Of a ledger that cannot be used as it is.
RESTORE = (
    "restore the newest copy, then run `flowops reconcile`: calls placed since that copy are only known to the API"
)


def no_ledger(environment: str) -> str:
    """Of a ledger that is not there, with the warning that it deserves."""
    return (
        f"`flowops ledger init --env {shlex.quote(environment)}` makes it, once. If calls were placed from here "
        "before, restore a copy of their ledger instead: a new one knows of no call and would ring everyone again"
    )


def now() -> str:
    """Return the time as the ledger writes it."""
    return iso(datetime.now(UTC))


def iso(time: datetime) -> str:
    """Return ISO 8601 in UTC, to the millisecond, so that times sort as texts."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Place(Protocol):
    """Where a ledger's database is."""

    @property
    def name(self) -> str:
        """Return what messages call it, without secrets."""
        ...

    @property
    def key_file(self) -> Path | None:
        """Return the file that keeps the key when nobody gives one; None where the database keeps it."""
        ...

    def exists(self) -> bool:
        """Return whether there is a database at all."""
        ...

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> Database:
        """Connect, with what is special to this kind of database checked.

        `make` makes what is missing. A `sandbox` rings nobody: what only endangers the promise is let pass.
        """
        ...

    def spool(self, ledger_id: str) -> Spool:
        """Return the file for results that the database cannot take."""
        ...
