"""One durable transaction: the ledger's row is locked, changes are decided, rows and events are written together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import bindparam, delete, select, update

from flowops.errors import LedgerError
from flowops.ledger.chain import actor_json, chained, details_of, sha256
from flowops.ledger.changes import CallRow, Change, decide
from flowops.ledger.database import PAUSE, RECONNECTS, Disconnected
from flowops.ledger.randomness import Randomness
from flowops.ledger.rows import call_values, leg_values, rows_of
from flowops.ledger.states import IllegalStep
from flowops.ledger.tables import calls, events, ledgers, legs
from flowops.model.ledger import LedgerMark, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from flowops.ledger.database import Database
    from flowops.model import Actor, Value

T = TypeVar("T")

#: The bytes of an event's salt.
SALT = 16

_LOCK = (
    select(ledgers.c.environment, ledgers.c.serial, ledgers.c.head)
    .where(ledgers.c.id == bindparam("ledger"))
    .with_for_update()
)
_ADVANCE = update(ledgers).where(ledgers.c.id == bindparam("ledger"))


class Contended(Exception):
    """A row was changed by somebody who did not lock the ledger first; nothing was written."""


class Transaction:
    """Changes on their way into one ledger. What is decided is written when the transaction ends."""

    def __init__(self, database: Database, connection: Connection, ledger_id: str) -> None:
        self.connection = connection
        self._database = database
        # Writers of one ledger come one after the other: the chain has one end. The lock also ends when a commit
        # does, which is how a commit of unknown outcome is waited for.
        found = connection.execute(_LOCK, {"ledger": ledger_id}).one_or_none()
        if found is None:
            raise LedgerError(f"{database.name}: ledger {ledger_id} is no longer there")
        self.environment: str = found.environment
        self.mark = LedgerMark(ledger_id, found.serial, found.head)
        self._before: dict[str, CallRow | None] = {}
        self._after: dict[str, CallRow] = {}
        self._events: list[dict[str, Value]] = []
        self._actors: dict[Actor, str] = {}
        self._salts = Randomness()

    def rows(self, references: Sequence[str]) -> dict[str, CallRow]:
        """The rows of these references as they are now, changes of this transaction included."""
        unread = [reference for reference in dict.fromkeys(references) if reference not in self._before]
        if unread:
            self._before.update(dict.fromkeys(unread))
            for row in rows_of(self._database, self.connection, self.environment, unread):
                self._before[row.reference_id] = self._after[row.reference_id] = row
        return {reference: self._after[reference] for reference in references if reference in self._after}

    def make(self, changes: Sequence[Change]) -> list[Written]:
        """Decide changes one after the other; what cannot happen is answered, and changes nothing."""
        self.rows([change.reference_id for change in changes])
        return [self._make(change) for change in changes]

    def _make(self, change: Change) -> Written:
        row = self._after.get(change.reference_id)
        try:
            after = decide(row, change, self.mark.serial + 1)
        except IllegalStep:
            return Written(done=False, state=row.state if row else None)
        if after is not row:
            self._log(change, after)
        return Written(done=True, state=after.state)

    def _log(self, change: Change, after: CallRow) -> None:
        actor = self._actors.get(change.actor) or self._actors.setdefault(change.actor, actor_json(change.actor))
        details = details_of(actor, _data(change, after), after, self._salts.take(SALT).hex())
        details_hash = sha256(details)
        envelope: dict[str, str | int | None] = {
            "ledger": self.mark.id,
            "serial": after.serial,
            "reference_id": change.reference_id,
            "happening": change.happening,
            "state": after.state,
            "at": change.at,
        }
        head = chained(self.mark.head, details_hash, envelope)
        self._events.append(
            {
                **envelope,
                "details": details,
                "details_hash": details_hash,
                "previous": self.mark.head,
                "hash": head,
            }
        )
        self.mark = LedgerMark(self.mark.id, after.serial, head)
        self._after[change.reference_id] = after

    def flush(self) -> None:
        """Write what was decided. Raises `Contended` when a row is not what it was."""
        changed = [row for reference, row in self._after.items() if row is not self._before[reference]]
        if not changed:
            return
        new = [call_values(self.environment, row) for row in changed if self._before[row.reference_id] is None]
        old = [
            {**call_values(self.environment, row), "seen": before.serial}
            for row in changed
            if (before := self._before[row.reference_id]) is not None
        ]
        if self._database.insert(self.connection, calls, new) != len(new):
            raise Contended
        if self._database.update_calls(self.connection, old) != len(old):
            raise Contended
        self._write_legs([row for row in changed if row.legs != _legs(self._before[row.reference_id])])
        if self._database.insert(self.connection, events, self._events) != len(self._events):
            raise Contended
        self.connection.execute(_ADVANCE, {"ledger": self.mark.id, "serial": self.mark.serial, "head": self.mark.head})

    def _write_legs(self, rows: list[CallRow]) -> None:
        had = [row.reference_id for row in rows if _legs(self._before[row.reference_id])]
        if had:
            self.connection.execute(
                delete(legs).where(
                    legs.c.environment == self.environment, self._database.any_of(legs.c.reference_id, had)
                )
            )
        self._database.insert(self.connection, legs, leg_values(self.environment, rows))


def transact(database: Database, ledger_id: str, work: Callable[[Transaction], T]) -> T:
    """Do some work in one durable transaction; what it decided is on disk when this returns, or nothing is.

    The work is done again from the start when a row changed underneath or the connection was lost before the commit.
    A connection lost during the commit is followed by a look whether the events are there.
    """
    failures = 0
    while True:
        transaction = None
        try:
            with database.writing() as connection:
                transaction = Transaction(database, connection, ledger_id)
                answer = work(transaction)
                transaction.flush()
        except Disconnected as lost:
            if lost.committing and transaction is not None and _arrived(database, transaction.mark):
                return answer
            cause = lost.cause
        except Contended:
            cause = LedgerError(f"{database.name}: its rows change while they are written; nothing was written")
        else:
            return answer
        if failures == RECONNECTS:
            raise cause
        time.sleep(PAUSE * 2**failures)
        failures += 1


def _arrived(database: Database, mark: LedgerMark) -> bool:
    """Whether a commit whose answer was lost has happened. Raises `LedgerError` when it cannot be known."""
    for attempt in range(RECONNECTS + 1):
        try:
            with database.writing() as connection:
                # Waits until the server is done with the lost transaction, one way or the other.
                Transaction(database, connection, mark.id)
                found = connection.execute(
                    select(events.c.hash).where(events.c.ledger == mark.id, events.c.serial == mark.serial)
                ).scalar_one_or_none()
                return found == mark.head
        except Disconnected as lost:
            if attempt == RECONNECTS:
                raise LedgerError(
                    f"{database.name}: the connection was lost during a write; whether it arrived cannot be known",
                    hint="what was claimed in it counts as in doubt once this run has ended",
                ) from lost
            time.sleep(5 * PAUSE * 2**attempt)
    raise AssertionError("unreachable")


def _legs(row: CallRow | None) -> tuple[object, ...]:
    return row.legs if row else ()


def _data(change: Change, after: CallRow) -> dict[str, Value]:
    """What an event says beyond its name."""
    data: dict[str, Value] = dict(change.data)
    if change.run is not None:
        data["run"] = change.run
    if change.fingerprint:
        data["fingerprint"] = change.fingerprint
        data["attempt"] = after.attempts
    if change.detail is not None:
        data["detail"] = change.detail
    if change.legs:
        data["legs"] = [
            {name: value for name in leg.__slots__ if (value := getattr(leg, name)) is not None} for leg in change.legs
        ]
    return data
