"""A ledger database that several machines share.

A run's lease is two things: a heartbeat by the server's clock, and an advisory lock of a session, which the server
gives up as soon as the connection is gone. A lease needs both, so that a killed run is seen at once and a frozen one
after `LEASE` seconds. An operator who says that a call was not placed is only believed when there is neither.

Both are kept over a connection of their own, by a thread of its own (`RunLease`): whatever the run's writes wait for,
its lease goes on. The server ends a transaction long before a lease ends, so that whoever stands still in the middle of
one keeps nobody from writing, and has lost what it had not committed. A lease that has ended is not renewed: a run
that wakes up finds that out with its next claim, and places nothing more.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from flowops.common import addresses
from flowops.common.addresses import BadAddress, postgres_parameters
from flowops.common.called import install_command
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.database import LEASE_LOST, Connection, Database, Lease, migrations, statements
from flowops.ledger.leases import Heartbeat
from flowops.ledger.spool import Spool
from flowops.ledger.witness import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint

#: Where its statements are, in `sql/`.
KIND = "postgres"
#: How long a lease lasts behind its last heartbeat, how often it is renewed, and how long it must still last for a
#: claim: what is claimed is sent within that time, or not at all. In seconds.
LEASE, BEAT, TO_SEND = 30, 3, 15
#: How long one transaction waits for another run's write, in milliseconds.
LOCK_TIMEOUT = 10_000
#: The server itself ends a transaction whose client stands still, or that takes too long, in milliseconds.
IDLE_TIMEOUT, WRITE_TIMEOUT = 5_000, 20_000
#: The first version that ends a whole transaction by the time it takes; others end its statements.
_ENDS_TRANSACTIONS = 170_000
#: How psycopg names a parameter.
_REWRITES = ((r"(?<!:):(\w+)", r"%(\1)s"),)
_CALL = (
    "ledger", "reference_id", "state", "before_claim", "fingerprint", "claim", "attempts", "run", "error",
    "claimed_at", "renamed", "words", "naming", "purged", "cancelled_from", "refused", "serial", "phones",
)  # fmt: skip
_SETTLED = ("seen", "ledger", "reference_id", "state", "before_claim", "error", "refused", "serial")
_LEG = ("ledger", "reference_id", "position", "callee", "shown", "call_id", "error", "code", "description", "later")
_EVENT = (
    "ledger", "serial", "reference_id", "event_type", "state", "at", "earlier", "actor", "details", "body", "hash",
)  # fmt: skip

_COUNT = ("ledger", "counted", "calls", "phones")


@cache
def _statements() -> Mapping[str, str]:
    return statements(KIND, _REWRITES)


class PostgresDatabase(Database):
    """The ledgers in one PostgreSQL database."""

    placeholder = "%s"
    boolean = 16  # pg_type.oid of `bool`

    def __init__(self, parameters: Mapping[str, Any], name: str, *, readonly: bool, sandbox: bool) -> None:
        import psycopg

        super().__init__(name, psycopg.Error, readonly=readonly)
        self._parameters = dict(parameters)
        self._password = str(self._parameters.get("password") or "")
        self._sandbox = sandbox
        self._leases: dict[str, RunLease] = {}
        self._is_standby, self._pid, self._mark = False, 0, ""
        #: Which server was connected to, and why no run may claim a call since it is another one.
        self._server: Server | None = None
        self._moved: str | None = None

    def _connect(self) -> Connection:
        # A statement that the server had prepared while the ledger was empty would go on reading whole tables when it
        # is not, so nothing is prepared.
        raw = addresses.connect(self._parameters, autocommit=True, prepare_threshold=None)
        try:
            connection = Connection(raw, self.name, _statements())
            self._check_server(connection)
            self._mark_session(connection)
            self._compare_server(connection)
        except BaseException:
            raw.close()
            raise
        return connection

    def _check_server(self, connection: Connection) -> None:
        """Set a session up. Raises `LedgerError` for a server that may lose, or cannot take, what is committed."""
        found = connection.first("server")
        assert found is not None, "it is a row of settings"
        commit, fsync, self._is_standby, encoding, self._pid = found
        if encoding != "UTF8":
            raise LedgerError(
                f"{self.name}: its encoding is {encoding}, and a ledger needs UTF8",
                hint="make another database for the ledger: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
            )
        if self._is_standby and not self.readonly:
            raise LedgerError(
                f"{self.name}: this server is a standby, which can only be read",
                hint="give the primary's address, or all hosts with ?target_session_attrs=read-write; commands that "
                "only read (plan, status, ledger list, show, export and verify) can use a standby",
            )
        if fsync == "off" and not self._sandbox:
            raise LedgerError(
                f"{self.name}: the server runs with fsync=off, so a power cut may take claims away",
                hint="set fsync=on on the server, or use another one for the ledger",
            )
        if commit == "off":
            connection.raw.execute("SET synchronous_commit = on")
        connection.raw.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
        connection.raw.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT}")

    def _compare_server(self, connection: Connection) -> None:
        """See whether a connection that was lost leads to a server now that may lack what was written last.

        What has happened is recorded there all the same, but runs claim nothing more: it may have lost the claims of
        others, which would ring again.
        """
        before, self._server = self._server, self.server(connection)
        if before is not None and self._server.is_another(before):
            self._moved = f"the ledger is on another server now, which may lack what was written last: {self.name}"

    def _mark_session(self, connection: Connection) -> None:
        """Mark the session, and see that it is one: a lease is held by a session.

        Raises `LedgerError` behind a pooler that gives each transaction another session of the server: what has the
        mark is then a session of many, and whoever asks next may get it.
        """
        self._mark = secrets.token_hex(8)
        connection.first("mark_session", mark=self._mark)
        if connection.value("session_mark") != self._mark:
            raise self._pooled()
        # A server says itself which process serves a session; a pooler makes that up.
        if self.readonly and connection.raw.info.backend_pid == self._pid:
            return
        with addresses.connect(self._parameters, autocommit=True) as other:
            if Connection(other, self.name, _statements()).value("session_mark") == self._mark:
                raise self._pooled()

    def _pooled(self) -> LedgerError:
        return LedgerError(
            f"{self.name}: a connection pooler gives each transaction another session, and a run's lease is in one",
            hint="connect to the server directly, or to a pool in session mode (PgBouncer: pool_mode = session)",
        )

    def _begin(self, connection: Connection, *, for_writing: bool) -> None:
        # A writer must see what was committed while it waited for the ledger's row; a reader one state of it all.
        mode = "READ COMMITTED, READ WRITE" if for_writing else "REPEATABLE READ, READ ONLY"
        # In one trip with the question whose session this is.
        limit = f"SET LOCAL {_limit(connection)} = {WRITE_TIMEOUT}; " if for_writing else ""
        cursor = connection.raw.execute(f"BEGIN ISOLATION LEVEL {mode}; {limit}{_statements()['session_mark']}")
        while cursor.nextset():
            pass
        if cursor.fetchone() != (self._mark,):
            connection.raw.rollback()
            raise self._pooled()

    def _is_lost(self, connection: Connection) -> bool:
        return bool(connection.raw.closed)

    def _waited_in_vain(self, error: Exception) -> bool:
        return getattr(error, "sqlstate", None) == _LOCKED

    def explain(self, error: Exception) -> LedgerError:
        state = getattr(error, "sqlstate", None)
        words, hint = _WORDS.get(state or "", (None, None))
        if state == _NOT_ALLOWED and self.readonly:
            hint = "the user needs to read the tables of its schema: GRANT SELECT ON ALL TABLES IN SCHEMA …"
        text = " ".join(str(error).split())
        if self._password:
            text = text.replace(self._password, "***")
        return LedgerError(f"{self.name}: {words} ({text})" if words else f"{self.name}: {text}", hint=hint)

    @property
    def migrations(self) -> Mapping[str, str]:
        return migrations(KIND)

    def run_script(self, connection: Connection, script: str) -> None:
        connection.raw.execute(script)

    def server(self, connection: Connection) -> Server:
        found = connection.first("origin")
        assert found is not None, "it is a row of settings"
        return Server(*found)

    def clock(self, connection: Connection) -> float:
        return float(connection.value("clock"))

    def pattern(self, glob: str) -> str:
        escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return escaped.replace("*", "%").replace("?", "_")

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
        written = connection.first(
            "save",
            new=_json(_CALL, new),
            settled=_json(_SETTLED, settled),
            changed=_json(("seen", *_CALL), changed),
            legs=_json(_LEG, legs),
            events=_json(_EVENT, events),
            counts=_json(_COUNT, counts),
            serial=checkpoint.serial,
            head=checkpoint.head,
            ledger=ledger,
        )
        return written == (len(new), len(settled), len(changed), len(legs), len(events))

    def lock_schema(self, connection: Connection) -> None:
        connection.first("lock_schema")

    def take_lease(self, connection: Connection, run: str) -> None:  # noqa: ARG002 (it has one of its own)
        self._leases[run] = RunLease(self._parameters, run)

    def lease(self, connection: Connection, run: str) -> Lease:
        found = connection.first("lease", run=run, lease=LEASE, enough=LEASE - TO_SEND)
        is_held, is_enough, now = found or (False, False, 0.0)
        if is_held and not is_enough:  # it has just woken up, and the heartbeat has not
            is_held = connection.run("renew_lease", run=run, lease=LEASE) > 0
        return Lease(self._moved or (None if is_held else LEASE_LOST), now)

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:
        return self._locked(connection, named) & self._beating(connection, named)

    def lease_ages(self, connection: Connection, ledger: int) -> dict[str, float]:
        return dict(connection.all("lease_ages", ledger=ledger))

    def may_be_running(self, connection: Connection, run: str) -> bool:
        return bool(self._locked(connection, [run]) | self._beating(connection, [run]))

    def forget_lease(self, run: str) -> None:
        """Leave it: nothing is outside the database."""

    def release_leases(self) -> None:
        """End the own leases, and not only with the session: a server may take a while to notice that it has ended."""
        for lease in self._leases.values():
            lease.release()
        self._leases.clear()

    def _beating(self, connection: Connection, named: Sequence[str]) -> set[str]:
        return {run for (run,) in connection.all("beating", runs=list(named), seconds=LEASE)}

    def _locked(self, connection: Connection, named: Sequence[str]) -> set[str]:
        """Return which runs' sessions are there, as far as this server can know: a standby has locks of its own."""
        if self._is_standby:
            return set(named)
        shared = connection.all("share_leases", locks=[_lock(run) for run in named]) if named else []
        return {run for run, (is_free,) in zip(named, shared, strict=True) if not is_free}


class RunLease:
    """The lease of an own run: a session that holds the run's lock, and a thread that renews its heartbeat.

    Raises psycopg.Error when it cannot be taken.
    """

    def __init__(self, parameters: Mapping[str, Any], run: str) -> None:
        self._parameters = parameters
        self._run = run
        self._session: Any = None
        self._has_lock = False
        self._connect()
        self._heartbeat = Heartbeat(self._renew, BEAT)

    def _connect(self) -> None:
        self._session = addresses.connect(dict(self._parameters), autocommit=True, prepare_threshold=None)
        self._has_lock = False
        self._session.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
        self._take_lock()

    def _take_lock(self) -> None:
        """Take the run's lock; somebody who looks whether it is held may have it for that moment."""
        if not self._has_lock:
            found = self._session.execute(_statements()["take_lease"], {"lock": _lock(self._run)})
            (self._has_lock,) = found.fetchone()

    def _renew(self) -> None:
        """Renew the lease, over a new session where the old one is lost. One that has ended stays ended."""
        if self._session.closed:
            self._connect()
        self._take_lock()
        self._session.execute(_statements()["renew_lease"], {"run": self._run, "lease": LEASE})

    def release(self) -> None:
        """End the lease, and not only with the session: a server may take a while to notice that it has ended."""
        if not self._heartbeat.stop():
            return  # it waits for a server that does not answer
        with suppress(Exception):
            self._session.execute(_statements()["release_leases"])
        self._session.close()


def _json(names: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()


class PostgresServer(NamedTuple):
    """A PostgreSQL ledger's place (see `flowops.ledger.database.Place`)."""

    url: str
    given: Mapping[str, str]
    root: Path

    @classmethod
    def of(cls, url: str, root: Path) -> PostgresServer:
        """Return the server that an address names. Raises BadAddress."""
        return cls(url, postgres_parameters(url), root)

    @property
    def name(self) -> str:
        """Return the database and its hosts."""
        host = self.given.get("host", "localhost").replace(",", ", ")
        return f"PostgreSQL database {self.given.get('dbname') or self.given.get('user') or ''!r} on {host}"

    @property
    def key_file(self) -> None:
        """Return None: the database keeps the key, unless one is given. A file would be on one machine only."""
        return

    def exists(self) -> bool:
        """Whoever connects will be told."""
        return True

    def spool(self, ledger_id: str) -> Spool:
        """Return a file in the project's own directory."""
        return Spool(self.root / ".flowops" / f"spool-{ledger_id}.jsonl", self.root)

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> PostgresDatabase:  # noqa: ARG002
        """Return the database behind a connection that is made with the first question."""
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise LedgerError(
                f"a ledger in PostgreSQL needs psycopg ({error})", hint=install_command("psycopg")
            ) from error
        try:
            parameters = addresses.parameters(self.url)
        except BadAddress as error:
            raise LedgerError(f"{self.name}: {error}") from None
        return PostgresDatabase(parameters, self.name, readonly=readonly, sandbox=sandbox)


def _lock(run: str) -> int:
    """Return the number of a run's advisory lock."""
    return int.from_bytes(hashlib.sha256(f"flowops run {run}".encode()).digest()[:8], signed=True)


def _limit(connection: Connection) -> str:
    """Return the setting that ends a transaction which takes too long."""
    ends_transactions = connection.raw.info.server_version >= _ENDS_TRANSACTIONS
    return "transaction_timeout" if ends_transactions else "statement_timeout"


_NOT_ALLOWED, _LOCKED = "42501", "55P03"
_WORDS: dict[str, tuple[str, str]] = {
    "25006": ("it only allows reading", "give the primary's address, and a user that may write"),
    "28P01": ("it refused the user or the password", "look at the variable that holds the ledger's address"),
    "28000": ("it refused the user", "look at the variable that holds the ledger's address"),
    "3D000": ("there is no such database", "create it, then run `flowops ledger init`"),
    _NOT_ALLOWED: (
        "the user is not allowed to do this",
        "the user needs to create, read and write tables in its schema",
    ),
    "53100": ("the server's disk is full", "make room, then run the command again"),
    "53300": ("the server has no connection left", "try again later"),
    _LOCKED: ("another run holds it for too long", "try again when the other command has ended"),
}
