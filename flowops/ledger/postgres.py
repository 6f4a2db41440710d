"""A ledger database that several machines share.

A run's lease is two things: a heartbeat by the server's clock, and an advisory lock of its session, which the
server gives up as soon as the connection is gone. A lease needs both, so that a killed run is seen at once and a
frozen one after `LEASE` seconds. An operator who says that a call was not placed is only believed when there is
neither.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, any_, bindparam, create_engine, event, func, select
from sqlalchemy import update as sql_update
from sqlalchemy.pool import NullPool

from flowops.errors import LedgerError
from flowops.ledger import postgres_rows
from flowops.ledger.database import Database
from flowops.ledger.spool import Spool
from flowops.ledger.tables import runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg
    from sqlalchemy import URL, Column, ColumnElement, Connection, Table
    from sqlalchemy.exc import DBAPIError

    from flowops.ledger.database import Decided
    from flowops.model import Value

#: How long a lease lasts behind its last heartbeat, in seconds; apply beats three times as often.
LEASE = 30
#: How long to wait for another run's write, in milliseconds, and for a connection, in seconds.
_LOCK_TIMEOUT, _CONNECT_TIMEOUT = 60_000, 10
#: The server itself ends a transaction that its client has forgotten about, in milliseconds.
_IDLE_TIMEOUT = 60_000
_DEAD_PEER = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
#: A statement that the server had prepared while the ledger was empty would go on reading whole tables when it is not.
_PLAN_ANEW = {"prepare_threshold": None}
_MAKING = 0x666C6F77  # the lock that whoever makes or alters tables holds: "flow"


class PostgresDatabase(Database):
    """The ledgers in one PostgreSQL database."""

    def __init__(self, url: URL, name: str, *, readonly: bool, sandbox: bool) -> None:
        given = {**_DEAD_PEER, **_PLAN_ANEW, "connect_timeout": _CONNECT_TIMEOUT, "application_name": "flowops"}
        arguments = {option: value for option, value in given.items() if option not in url.query}
        engine = create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=arguments)
        super().__init__(engine, name, readonly=readonly)
        self._password = url.password or ""
        self._sandbox = sandbox
        self._held: set[str] = set()
        event.listen(engine, "connect", self._connected_anew)
        event.listen(engine, "begin", self._begin)

    def _connected_anew(self, connection: psycopg.Connection[tuple[Value, ...]], _record: object) -> None:
        """Set a session up; nothing is claimed in one that may forget what it committed."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET lock_timeout = {_LOCK_TIMEOUT}; SET idle_in_transaction_session_timeout = {_IDLE_TIMEOUT}"
            )
            settings = "current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()"
            commit, fsync, standby = cursor.execute(f"SELECT {settings}").fetchone() or ("", "", True)
            if commit == "off":
                cursor.execute("SET synchronous_commit = on")
            if standby:
                raise LedgerError(f"{self.name}: a standby, which may lag behind", hint="give the primary's address")
            if fsync == "off" and not self._sandbox:
                raise LedgerError(
                    f"{self.name}: the server runs with fsync=off, so a power cut may take claims away",
                    hint="set fsync=on on the server, or use another one for the ledger",
                )
            for run in self._held:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", (_lock(run),))
        connection.commit()

    def _begin(self, connection: Connection) -> None:
        from psycopg import IsolationLevel

        session = connection.connection.driver_connection
        assert session is not None, "a transaction begins on an open connection"
        session.read_only = not self._for_writing
        # A writer must see what was committed while it waited for the ledger's row; a reader one state of it all.
        session.isolation_level = IsolationLevel.READ_COMMITTED if self._for_writing else IsolationLevel.REPEATABLE_READ

    def explain(self, error: DBAPIError) -> LedgerError:
        state = getattr(error.orig, "sqlstate", None)
        words, hint = _WORDS.get(state or "", (None, None))
        text = " ".join(str(error.orig).split())
        if self._password:
            text = text.replace(self._password, "***")
        return LedgerError(f"{self.name}: {words} ({text})" if words else f"{self.name}: {text}", hint=hint)

    def any_of(self, column: Column[str], values: Sequence[str]) -> ColumnElement[bool]:
        return column == any_(bindparam(None, self.many(values), type_=ARRAY(Text)))

    @staticmethod
    def any_of_given(column: Column[str], name: str) -> ColumnElement[bool]:
        return column == any_(bindparam(name, type_=ARRAY(Text)))

    @staticmethod
    def many(values: Sequence[str]) -> Value:
        return list(values)

    def like(self, column: Column[str], glob: str) -> ColumnElement[bool]:
        escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return column.like(escaped.replace("*", "%").replace("?", "_"), escape="\\")

    def insert(self, connection: Connection, table: Table, rows: Sequence[Sequence[Value]]) -> int:
        return postgres_rows.insert(connection, table, rows)

    def save(self, connection: Connection, decided: Decided) -> bool:
        return postgres_rows.save(connection, decided)

    def make_alone(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))

    def take_lease(self, connection: Connection, run: str) -> None:
        connection.execute(select(func.pg_try_advisory_lock(_lock(run))))
        self._held.add(run)

    def beat(self, connection: Connection, run: str) -> None:
        connection.execute(sql_update(runs).where(runs.c.run == run).values(beat_at=func.clock_timestamp()))

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:
        return self._locked(connection, named) & self._beating(connection, named)

    def stirs(self, connection: Connection, run: str) -> bool:
        return bool(self._locked(connection, [run]) | self._beating(connection, [run]))

    def forget_lease(self, run: str) -> None:
        """Nothing is left outside the database."""

    def release_leases(self) -> None:
        """The locks end with the session."""
        self._held.clear()

    def _beating(self, connection: Connection, named: Sequence[str]) -> set[str]:
        fresh = runs.c.beat_at > func.clock_timestamp() - timedelta(seconds=LEASE)
        query = select(runs.c.run).where(self.any_of(runs.c.run, named), runs.c.ended_at.is_(None), fresh)
        return set(connection.execute(query).scalars())

    def _locked(self, connection: Connection, named: Sequence[str]) -> set[str]:
        """Which runs' sessions are there: who cannot share a lock knows that somebody holds it."""
        others = [run for run in named if run not in self._held]
        locks = [func.pg_try_advisory_xact_lock_shared(_lock(run)) for run in others]
        free = connection.execute(select(*locks)).one() if locks else ()
        return {run for run in named if run in self._held} | {
            run for run, is_free in zip(others, free, strict=True) if not is_free
        }


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL ledger's place (see `flowops.ledger.place.Place`)."""

    url: URL
    root: Path

    @property
    def name(self) -> str:
        """The database and its host."""
        host = self.url.host or self.url.query.get("host") or "localhost"
        return f"PostgreSQL database {self.url.database or self.url.username!r} on {host}"

    @property
    def key_file(self) -> None:
        """The database keeps the key, unless one is given: a file would be on one machine only."""
        return

    def exists(self) -> bool:
        """Whoever connects will be told."""
        return True

    def spool(self, ledger_id: str) -> Spool:
        """A file in the project's own directory."""
        return Spool(self.root / ".flowops" / f"spool-{ledger_id}.jsonl")

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> PostgresDatabase:  # noqa: ARG002
        """The database behind a connection that is made with the first question."""
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise LedgerError(
                f"a ledger in PostgreSQL needs psycopg ({error})", hint="pip install 'flowops[postgres]'"
            ) from error
        return PostgresDatabase(self.url, self.name, readonly=readonly, sandbox=sandbox)


def _lock(run: str) -> int:
    """The number of a run's advisory lock."""
    return int.from_bytes(hashlib.sha256(f"flowops run {run}".encode()).digest()[:8], signed=True)


_WORDS: dict[str, tuple[str, str]] = {
    "25006": ("it only allows reading", "give the primary's address, and a user that may write"),
    "28P01": ("it refused the user or the password", "look at the variable that holds the ledger's address"),
    "28000": ("it refused the user", "look at the variable that holds the ledger's address"),
    "3D000": ("there is no such database", "create it, then run `flowops ledger init`"),
    "42501": ("the user is not allowed to do this", "the user needs to create, read and write tables in its schema"),
    "53100": ("the server's disk is full", "make room, then run the command again"),
    "53300": ("the server has no connection left", "try again later"),
    "55P03": ("another run holds it for too long", "try again when the other command has ended"),
}
