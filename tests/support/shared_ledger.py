"""A ledger that two runners and everybody else share, whose every moment can be taken down and made the present."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from unittest import mock

from flowops.errors import LedgerError
from flowops.ledger import records
from flowops.ledger.database import iso
from flowops.ledger.files import PRIVATE_FILE
from flowops.ledger.history import Opened
from flowops.ledger.keys import GIVEN
from flowops.ledger.leases import FileLease
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.spool import Spool
from flowops.ledger.sqlite import SqliteConnection, SqliteDatabase, _statements
from flowops.ledger.store import Store
from flowops.ledger.transaction import rows_of
from flowops.model.call import Terms
from flowops.model.ledger import Actor, Owner, State
from flowops.plan.decide import fingerprint_as
from support.asked import CALLEE, NEW, OLD, WAYS, Post, Runner, Runs, Way, planned_calls
from support.values import call

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection
    from flowops.ledger.operators import Operation
    from flowops.model.call import Call
    from flowops.model.ledger import OperatorStep


ENVIRONMENT, LEDGER, KEY = "production", "00000000-0000-0000-0000-000000000001", b"k" * 32
NAMES = (OLD, NEW)
BEGAN = datetime(2026, 12, 1, 9, tzinfo=UTC)
#: Where files cost nothing.
MEMORY = Path("/dev/shm")


class Shared(SqliteDatabase):
    """One process's way to the database that all share; `fails` says when its next commit does."""

    def __init__(self, connection: SqliteConnection, ledger: Path) -> None:
        super().__init__(None, readonly=False)
        self.name = "the ledger"
        self._shared = connection
        self._leases = FileLease(ledger)
        self.fails: str | None = None

    def _connect(self) -> SqliteConnection:
        return self._shared

    def _drop(self) -> None:
        self._connection = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        fails, self.fails = self.fails, None
        if fails == "before":
            raise LedgerError("it fails before the commit")
        with super().writing() as connection:
            yield connection
        if fails == "behind":
            raise LedgerError("it fails behind the commit")


class Moment(NamedTuple):
    """Everything that there is at one time."""

    tables: Mapping[str, Sequence[tuple[Any, ...]]]
    rows: Sequence[CallRow]
    leases: tuple[tuple[str, bool], ...]
    spool: bytes | None
    runners: tuple[Runner, ...]
    posts: tuple[Post, ...]
    left: tuple[tuple[str, int], ...]
    shown: tuple[tuple[str, tuple[Operation, tuple[OperatorStep, ...]]], ...]
    said: frozenset[str]
    words: int
    seconds: int
    more: Hashable


class Crash(BaseException):
    """A process is gone in the middle of what it did."""


class SharedLedger:
    """What all share, and each moment of it: the ledger with its leases and its spool, and what each runner knows.

    See `support.orders` for what may happen.
    """

    def __init__(
        self, *, runs: Sequence[int] = (1, 1), ways: Sequence[Way] = WAYS, known: Runs | None = None, **left: int
    ) -> None:
        self._stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self._stack.callback(shutil.rmtree, self.directory)
        for module in ("store", "administration"):
            self._stack.enter_context(mock.patch(f"flowops.ledger.{module}.now", self._now))
        # Thousands of runs say that their ledger fails.
        logging.disable()
        self._stack.callback(logging.disable, logging.NOTSET)
        self._ways = ways
        self._runs = known or Runs()
        #: Which runner each run is of, and how it reaches the ledger.
        self.owners: dict[str, str] = {}
        self._databases: dict[str, Shared] = {}
        raw = sqlite3.connect(":memory:", isolation_level=None)
        self._stack.callback(raw.close)
        self._connection = SqliteConnection(raw, "the ledger", _statements())
        self._ledger = self.directory / "leases" / "ledger.db"
        self._ledger.parent.mkdir()
        self._spool = self.directory / "spool" / "results"
        self._pseudonymizer = Pseudonymizer(KEY)
        self._calls = {name: _call(name) for name in NAMES}
        self._prints = {fingerprint_as(self._calls[name], name): name for name in NAMES}
        self.seconds = 0
        self.runners = {
            name: Runner(name, count, new=new)
            for name, count, new in zip(("one", "two"), runs, (False, "rename" in left), strict=True)
        }
        self.posts: list[Post] = []
        self.left = dict(left)
        self.shown: dict[str, tuple[Operation, tuple[OperatorStep, ...]]] = {}
        #: What was told of the call, and how often an operator said that it was not placed.
        self.said: frozenset[str] = frozenset()
        self.words = 0
        #: What else there is in a world of more.
        self.more: Hashable = None
        #: Whoever tells the ledger something, and does not run.
        self.listener = self._store("listener")
        self.listener._database.write(self._make)
        names = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        self._tables: dict[str, Sequence[tuple[Any, ...]]] = {name: () for (name,) in names}
        self._held: tuple[tuple[str, bool], ...] = ()
        self._rows: Sequence[CallRow] = ()
        self._changes = -1
        self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for database in self._databases.values():
            database.release_leases()
        self._stack.close()

    def _make(self, connection: Connection) -> None:
        records.upgrade(self.listener._database, connection)
        records.insert(connection, Owner("", ENVIRONMENT), LEDGER, GIVEN, KEY)

    def _now(self) -> str:
        return iso(BEGAN + timedelta(seconds=self.seconds))

    def _store(self, who: str) -> Store:
        database = Shared(self._connection, self._ledger)
        spool = Spool(self._spool, self.directory)
        store = Store(Opened(database, ENVIRONMENT, LEDGER, 1, self._pseudonymizer, Actor(who, "host"), spool))
        self.owners[store.run], self._databases[store.run] = who, database
        return store

    # A moment is taken down, and made the present one again.

    def save(self) -> Moment:
        """Take down everything that there is."""
        return Moment(
            dict(self._tables),
            self._rows,
            self._held,
            self._spool.read_bytes() if self._spool.exists() else None,
            tuple(self.runners.values()),
            tuple(self.posts),
            tuple(self.left.items()),
            tuple(self.shown.items()),
            self.said,
            self.words,
            self.seconds,
            self.more,
        )

    def load(self, moment: Moment) -> None:
        """Make a moment the present one. What was there is known: it was judged."""
        self._restore(moment.tables)
        self._rows = moment.rows
        self._lock(dict(moment.leases))
        if moment.spool is None:
            self._spool.unlink(missing_ok=True)
        else:
            self._spool.parent.mkdir(exist_ok=True)
            self._spool.write_bytes(moment.spool)
            self._spool.chmod(PRIVATE_FILE)
        self.runners = {runner.name: runner for runner in moment.runners}
        self.posts = list(moment.posts)
        self.left, self.shown = dict(moment.left), dict(moment.shown)
        self.said, self.words, self.seconds = moment.said, moment.words, moment.seconds + 1
        self.more = moment.more

    def _look(self) -> None:
        """See what there is in the ledger, and which leases."""
        raw = self._connection.raw
        if raw.total_changes != self._changes:
            self._changes = raw.total_changes
            for name, before in self._tables.items():
                rows = raw.execute(f"SELECT * FROM {name}").fetchall()
                if rows != before:
                    self._tables[name] = rows
            self._rows = self.listener._database.read(lambda it: rows_of(it, 1, self.names))
        found = FileLease(self._ledger).known()
        self._held = tuple((run, run in self._databases[run]._leases._held) for run in sorted(found))

    def _restore(self, tables: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Let the tables hold these rows: those that they do not hold already."""
        raw = self._connection.raw
        raw.execute("BEGIN")
        for name, rows in tables.items():
            if rows is not self._tables[name]:
                raw.execute(f"DELETE FROM {name}")
                if rows:
                    raw.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        raw.execute("COMMIT")
        self._tables, self._changes = dict(tables), raw.total_changes

    def _lock(self, leases: Mapping[str, bool]) -> None:
        """Let the files of these leases be there, locked or not, and no others."""
        for run, held in self._held:
            database = self._databases[run]
            if held and not leases.get(run, False):
                os.close(database._leases._held.pop(run))
            if run not in leases:
                database.forget_lease(run)
        for run, held in leases.items():
            own = self._databases[run]._leases
            if (run, held) not in self._held:
                descriptor = os.open(own._path(run), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE)
                if held:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    own._held[run] = descriptor
                else:
                    os.close(descriptor)
        self._held = tuple(sorted(leases.items()))

    # What a moment says, without times and hashes.

    def says(self) -> Hashable:
        """What rows, leases, messages and processes say."""
        rows = self._rows
        return (
            tuple(map(self._row, rows)),
            tuple(sorted((self.owners[run], ended) for run, ended in self._ended().items())),
            tuple(sorted((self.owners[run], held) for run, held in self._held)),
            self._lines({row.reference_id: row for row in rows}),
            tuple(self._process(runner, rows) for runner in self.runners.values()),
            tuple(self.posts),
            tuple(
                (who, operation.name, _meant(operation), *map(self._still_so, steps))
                for who, (operation, steps) in self.shown.items()
            ),
            self.said,
            self.words,
            self.more,
        )

    def budget(self) -> Sequence[int]:
        """How often each of the others may still do something."""
        return tuple(self.left.values())

    def _still_so(self, step: OperatorStep) -> Hashable:
        """What an operator was shown, and whether nothing has happened to the call since."""
        row = self._current(step.reference_id)
        return step.reference_id, step.before, step.serial == (row.serial if row is not None else 0)

    def _ended(self) -> Mapping[str, bool]:
        """Whether the runs that the ledger knows have ended, as it knows."""
        columns = [name for _, name, *_ in self._connection.raw.execute("PRAGMA table_info(flowops_runs)")]
        run, ended_at = columns.index("run"), columns.index("ended_at")
        return {row[run]: row[ended_at] is not None for row in self._tables["flowops_runs"]}

    @property
    def names(self) -> Sequence[str]:
        """The references that the call may have."""
        return NAMES

    def _row(self, row: CallRow) -> Hashable:
        meant = self._pseudonymizer.unblind(row.fingerprint) if row.fingerprint else ""
        return row._replace(
            fingerprint=self._prints.get(meant, meant),
            claim=row.claim > 0,
            run=self.owners.get(row.run, row.run) if row.run else None,
            error=None,
            claimed_at="",
            updated_at="",
            serial=0,
            words=None,
            naming=None,
            body=row.body == "{}",
            legs=tuple((leg.call_id, leg.error, leg.code, leg.later) for leg in row.legs),
        )

    def _lines(self, rows: Mapping[str, CallRow]) -> Hashable:
        """What is kept in the spool, and whether each line is older than the claim of its call."""
        if not self._spool.exists():
            return None
        changes = Spool(self._spool, self.directory).kept(LEDGER, self._pseudonymizer.signature).changes
        return tuple(
            (
                it.reference_id,
                it.event_type,
                self.owners.get(it.run, it.run),
                it.reference_id in rows and it.at < rows[it.reference_id].claimed_at,
            )
            for it in changes
        )

    def _process(self, runner: Runner, rows: Sequence[CallRow]) -> Hashable:
        """What a process knows; of its own rows, whether they are as it left them."""
        known: tuple[Hashable, ...] = ()
        if runner.store is not None:
            serials = {row.reference_id: row.serial for row in rows}
            kept = runner.store._in_flight.items()
            known = tuple((name, row.serial == serials.get(name)) for name, row in sorted(kept))
        return runner.name, runner.runs, runner.died, runner.moves, planned_calls(runner), runner.heard, known

    def _current(self, reference: str) -> CallRow | None:
        """The row that stands for a reference now."""
        rows = {row.reference_id: row for row in self._rows}
        row = rows.get(reference)
        while row is not None and row.state is State.RENAMED and row.renamed in rows:
            row = rows[row.renamed]
        return row


def _meant(operation: Operation) -> Hashable:
    """What an operator says with an operation."""
    return tuple(sorted((name, value) for name, value in vars(operation).items() if isinstance(value, int | str)))


def _call(name: str) -> Call:
    made = call(name, CALLEE)
    return made._replace(terms=Terms(moved_from=OLD)) if name == NEW else made
