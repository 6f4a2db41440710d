"""A ledger that can be written: claims, records, leases, and what operators do."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from sqlalchemy import delete, select, update

from flowops.errors import LedgerError
from flowops.ledger.chain import canonical
from flowops.ledger.changes import ABOUT_THE_ATTEMPT, Change
from flowops.ledger.reading import Reader
from flowops.ledger.sealing import clean
from flowops.ledger.tables import calls, runs, throttle
from flowops.ledger.transaction import Transaction, transact
from flowops.model.ledger import Actor, Claim, Happening, Record, State, Written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from sqlalchemy import Connection

    from flowops.ledger.database import Database
    from flowops.ledger.sealing import Sealer
    from flowops.ledger.spool import Spool

#: What a sweep writes of a call whose run is gone.
GONE = "the run that sent it ended before the answer"
#: How many results a message names when they can be kept nowhere.
MANY = 20


class Store(Reader):
    """One environment's ledger, as `flowops.model.Ledger` asks for it, and the operations of the commands.

    A store is one run: it holds a lease from its first claim until it is closed.
    """

    def __init__(
        self,
        database: Database,
        environment: str,
        ledger_id: str,
        sealer: Sealer | LedgerError,
        actor: Actor,
        spool: Spool | None,
    ) -> None:
        super().__init__(database, environment, ledger_id, sealer)
        self.actor = actor
        self.run = uuid.uuid4().hex
        self._spool = spool
        #: Whether the lease is held, and whether the database knows of the run.
        self._leased = self._known = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        """Claims and records in one durable transaction: all are on disk when this returns."""
        at = now()
        changes = [self._change(write, at) for write in writes]

        claims = any(change.happening is Happening.CLAIMED for change in changes)

        def work(transaction: Transaction) -> list[Written]:
            if claims and not self._known:
                self._lease(transaction.connection, at)
            return transaction.make(changes)

        try:
            written = transact(self._database, self.id, work)
        except LedgerError as error:
            self._keep([change for change in changes if change.happening is not Happening.CLAIMED], error)
            raise
        self._known = self._known or claims
        return written

    def take_in_spool(self) -> int:
        """Record what an earlier run could only keep beside the ledger; how many events that were."""
        if self._spool is None or not self._spool.path.exists():
            return 0
        with self._spool.emptied(self.id) as changes:
            if changes:
                transact(self._database, self.id, lambda transaction: _make_late(transaction, changes))
        return len(changes)

    def set_throttle(self, key: str, until: datetime) -> None:
        """Remember that something must not be asked again before a time, by whichever run."""
        values = {"environment": self.environment, "key": key, "until": until.astimezone(UTC).isoformat()}

        def work(connection: Connection) -> None:
            same = (throttle.c.environment == self.environment) & (throttle.c.key == key)
            connection.execute(delete(throttle).where(same))
            self._database.insert(connection, throttle, [values])

        self._database.write(work)

    def sweep(self) -> list[str]:
        """Turn in-flight calls whose run is dead into in-doubt ones; their references."""
        return transact(self._database, self.id, self._sweep)

    def beat(self) -> None:
        """Renew this run's lease."""
        if self._leased:
            self._database.write(lambda connection: self._database.beat(connection, self.run))

    def close(self) -> None:
        """End the run: its lease, and the connection."""
        try:
            if self._leased:
                ended = update(runs).where(runs.c.run == self.run).values(ended_at=now())
                self._database.write(lambda connection: connection.execute(ended))
        finally:
            self._database.release_leases()
            super().close()

    def _change(self, write: Claim | Record, at: str) -> Change:
        if isinstance(write, Claim):
            return Change(
                write.call.reference_id,
                Happening.CLAIMED,
                at,
                self.actor,
                run=self.run,
                body=canonical(self.seal(write.call)),
                fingerprint=self.sealer.veil(write.fingerprint),
            )
        return Change(
            write.reference_id,
            write.happening,
            at,
            self.actor,
            run=self.run,
            legs=self.sealer.legs(write.legs),
            detail=clean(write.detail),
        )

    def _keep(self, records: Sequence[Change], error: LedgerError) -> None:
        """Put records that could not be written into the spool, and say so in the error."""
        if not records or self._spool is None:
            return
        noun = "result" if len(records) == 1 else "results"
        try:
            self._spool.keep(self.id, records)
        except OSError as failure:
            told = ", ".join(_told(record) for record in records[:MANY])
            more = f" and {len(records) - MANY} more" if len(records) > MANY else ""
            error.message += f"; {len(records)} {noun} could not be kept either ({failure}): {told}{more}"
        else:
            error.message += f"; {len(records)} {noun} kept in {self._spool.path}, the next run records them"
        error.args = (error.message,)

    def _lease(self, connection: Connection, at: str) -> None:
        """Make this run known, with its lease held before anybody can see a claim of it."""
        if not self._leased:
            self._database.take_lease(connection, self.run)
            self._leased = True
        actor = self.actor
        self._database.insert(
            connection,
            runs,
            [
                {
                    "run": self.run,
                    "environment": self.environment,
                    "who": actor.who,
                    "host": actor.host,
                    "job": actor.job,
                    "commit": actor.commit,
                    "started_at": at,
                }
            ],
        )
        self._database.beat(connection, self.run)

    def _sweep(self, transaction: Transaction) -> list[str]:
        connection, at = transaction.connection, now()
        in_flight = (
            select(calls.c.reference_id, calls.c.run)
            .where(calls.c.environment == self.environment, calls.c.state == State.IN_FLIGHT)
            .order_by(calls.c.reference_id)
        )
        held = connection.execute(in_flight).all()
        still_open = select(runs.c.run).where(runs.c.environment == self.environment, runs.c.ended_at.is_(None))
        known = {row.run for row in held if row.run} | set(connection.execute(still_open).scalars())
        known.discard(self.run)
        dead = known - self._database.alive(connection, sorted(known))
        lost = [row.reference_id for row in held if row.run in dead]
        transaction.make([Change(reference, Happening.ABANDONED, at, self.actor, detail=GONE) for reference in lost])
        if dead:
            ended = update(runs).where(self._database.any_of(runs.c.run, sorted(dead)), runs.c.ended_at.is_(None))
            connection.execute(ended.values(ended_at=at))
            for run in dead:
                self._database.forget_lease(run)
        return lost


def _make_late(transaction: Transaction, changes: Sequence[Change]) -> None:
    """Make changes that waited in a spool, but for those about an attempt that another one has followed since."""
    rows = transaction.rows([change.reference_id for change in changes])
    for change in changes:
        row = rows.get(change.reference_id)
        overtaken = row is not None and change.at < row.claimed_at
        if not (overtaken and change.happening in ABOUT_THE_ATTEMPT):
            transaction.make([change])


def _told(record: Change) -> str:
    ids = ", ".join(leg.call_id for leg in record.legs if leg.call_id)
    return f"{record.reference_id} {record.happening}{f' ({ids})' if ids else ''}"


def now() -> str:
    """The time as the ledger writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
