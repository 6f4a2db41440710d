"""What the two databases have in common: one connection, transactions, and errors that users understand."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flowops.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table

    from flowops.model import LedgerMark, Value

T = TypeVar("T")
#: How often work is tried again on a new connection before the database counts as gone.
RECONNECTS = 3
#: How long to wait before the first of these times, in seconds; twice as long before each other one.
PAUSE = 0.2


class Disconnected(Exception):
    """The connection was lost; `committing`: in the middle of a commit, so the outcome has to be looked up."""

    def __init__(self, cause: LedgerError, *, committing: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.committing = committing


class Decided(NamedTuple):
    """What a transaction has decided, as rows for the tables, in the order of their columns.

    Of an updated call: its environment, its reference, the serial that it had, and the new values of `columns`.
    """

    new: Sequence[Sequence[Value]]
    columns: tuple[str, ...]
    updated: Sequence[Sequence[Value]]
    legs: Sequence[Sequence[Value]]
    events: Sequence[Sequence[Value]]
    mark: LedgerMark


class Database(ABC):
    """One database with ledgers in it. `name` says which, without secrets."""

    def __init__(self, engine: Engine, name: str, *, readonly: bool) -> None:
        self.name = name
        self.readonly = readonly
        self._engine = engine
        # Several threads may ask (look-ups while a group is being written); a connection serves one at a time.
        self._turn = threading.RLock()
        self._connection: Connection | None = None
        self._was_connected = False
        #: What the transaction that is about to begin is for.
        self._for_writing = False

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a transaction that sees one state of the database and changes nothing."""
        return self._insist(work, for_writing=False)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do some work that may be done twice in a durable transaction."""
        return self._insist(work, for_writing=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block has ended, or has left nothing.

        Raises `Disconnected` when the connection was lost, `LedgerError` for anything else.
        """
        with self._transaction(for_writing=True) as connection:
            yield connection

    def close(self) -> None:
        """End the connection."""
        with self._turn:
            self._drop()
            self._engine.dispose()

    def _insist(self, work: Callable[[Connection], T], *, for_writing: bool) -> T:
        for attempt in range(RECONNECTS + 1):
            try:
                with self._transaction(for_writing=for_writing) as connection:
                    return work(connection)
            except Disconnected as lost:
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
                self._for_writing = for_writing
                with connection.begin() as transaction:
                    yield connection
                    committing = for_writing
                    if not for_writing:
                        transaction.rollback()
            except DBAPIError as error:
                cause = self.explain(error)
                if error.connection_invalidated:
                    self._drop()
                    raise Disconnected(cause, committing=committing) from error
                raise cause from error
            except SQLAlchemyError as error:
                raise LedgerError(f"{self.name}: {error}") from error
            except OSError as error:  # of a lease's file
                raise LedgerError(f"{self.name}: {error.strerror or error}") from error
            except UnicodeEncodeError as error:
                raise LedgerError(f"{self.name}: a reference-id has a character that no database takes") from error

    def _connected(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
            except DBAPIError as error:
                if not self._was_connected:
                    raise
                raise Disconnected(self.explain(error), committing=False) from error
            self._was_connected = True
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @abstractmethod
    def explain(self, error: DBAPIError) -> LedgerError:
        """What went wrong, in words for users, and what they can do."""

    def damage(self, connection: Connection) -> str | None:  # noqa: ARG002
        """What the database itself finds wrong with its files; None where it does not say."""
        return None

    @abstractmethod
    def any_of(self, column: Column[str], values: Sequence[str]) -> ColumnElement[bool]:
        """Whether a column has one of many values; one parameter, however many there are."""

    @staticmethod
    @abstractmethod
    def any_of_given(column: Column[str], name: str) -> ColumnElement[bool]:
        """The same, for a statement that is made once: the values come as a parameter of that name, see `many`."""

    @staticmethod
    @abstractmethod
    def many(values: Sequence[str]) -> Value:
        """Values as the one parameter of `any_of_given`."""

    @abstractmethod
    def like(self, column: Column[str], glob: str) -> ColumnElement[bool]:
        """Whether a column fits a pattern with ``*`` and ``?``; capitals count."""

    @abstractmethod
    def insert(self, connection: Connection, table: Table, rows: Sequence[Sequence[Value]]) -> int:
        """Insert rows, in the order of the table's columns, but none whose key exists; how many were."""

    @abstractmethod
    def save(self, connection: Connection, decided: Decided) -> bool:
        """Write what a transaction has decided; False when a row is not what it was, and nothing may be committed."""

    @abstractmethod
    def make_alone(self, connection: Connection) -> None:
        """Keep everyone else from making or altering tables until the transaction ends; mark the database as ours."""

    @abstractmethod
    def take_lease(self, connection: Connection, run: str) -> None:
        """Hold the lease of an own run, before anybody can know of the run."""

    @abstractmethod
    def beat(self, connection: Connection, run: str) -> None:
        """Renew an own run's lease."""

    @abstractmethod
    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:
        """Which of these runs hold their leases."""

    @abstractmethod
    def stirs(self, connection: Connection, run: str) -> bool:
        """Whether there is any sign that a run might still send: its lease may have ended, its process not."""

    def leases(self) -> set[str]:
        """Runs whose leases lie outside the database, dead ones' too: it may never have heard of them."""
        return set()

    @abstractmethod
    def forget_lease(self, run: str) -> None:
        """Clear away what a dead run left, outside the database."""

    @abstractmethod
    def release_leases(self) -> None:
        """End the own leases."""
