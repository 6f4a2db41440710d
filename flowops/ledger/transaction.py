"""One durable transaction: the ledger's row is locked, changes are decided, rows and events are written together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import bindparam, delete, select

from flowops.errors import LedgerError
from flowops.ledger.changes import CallRow, Change, decide
from flowops.ledger.database import PAUSE, RECONNECTS, Decided, Disconnected
from flowops.ledger.log import Log
from flowops.ledger.memory import Memory
from flowops.ledger.rows import NAMES, call_values, changed_columns, leg_values, rows_of
from flowops.ledger.states import IllegalStep
from flowops.ledger.tables import events, ledgers, legs
from flowops.model.ledger import LedgerMark, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from flowops.ledger.database import Database

T = TypeVar("T")

_LOCK = (
    select(ledgers.c.environment, ledgers.c.serial, ledgers.c.head)
    .where(ledgers.c.id == bindparam("ledger"))
    .with_for_update()
)


class Contended(Exception):
    """A row was changed by somebody who did not lock the ledger first; nothing was written."""


class Transaction:
    """Changes on their way into one ledger. What is decided is written when the transaction ends."""

    def __init__(self, database: Database, connection: Connection, ledger_id: str, memory: Memory) -> None:
        self.connection = connection
        self._database = database
        # Writers of one ledger come one after the other: the chain has one end. The lock also ends when a commit
        # does, which is how a commit of unknown outcome is waited for.
        found = connection.execute(_LOCK, {"ledger": ledger_id}).one_or_none()
        if found is None:
            raise LedgerError(f"{database.name}: ledger {ledger_id} is no longer there")
        self.environment: str = found.environment
        self._log = Log(LedgerMark(ledger_id, found.serial, found.head))
        self._before: dict[str, CallRow | None] = {}
        self._after: dict[str, CallRow] = {}
        self._remembered = memory.rows(self.mark)

    @property
    def mark(self) -> LedgerMark:
        """How far the ledger goes, with the changes of this transaction."""
        return self._log.mark

    @property
    def changed(self) -> list[CallRow]:
        """The rows that this transaction leaves behind, where they are not what they were."""
        return [row for reference, row in self._after.items() if row is not self._before[reference]]

    def rows(self, references: Sequence[str]) -> dict[str, CallRow]:
        """The rows of these references as they are now, changes of this transaction included."""
        new = [reference for reference in dict.fromkeys(references) if reference not in self._before]
        unread = []
        for reference in new:
            row = self._before[reference] = self._remembered.get(reference)
            if row is None:
                unread.append(reference)
            else:
                self._after[reference] = row
        if unread:
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
            after = decide(row, change, self._log.serial + 1)
        except IllegalStep:
            return Written(done=False, state=row.state if row else None)
        if after is not row:
            self._log.add(change, after)
            self._after[change.reference_id] = after
        return Written(done=True, state=after.state)

    def flush(self) -> None:
        """Write what was decided. Raises `Contended` when a row is not what it was."""
        changed = self.changed
        if not changed:
            return
        known = [(before, row) for row in changed if (before := self._before[row.reference_id]) is not None]
        new = [row for row in changed if self._before[row.reference_id] is None]
        where = changed_columns(known)
        told = [row for row in changed if row.legs != _legs(self._before[row.reference_id])]
        self._forget_legs([row.reference_id for row in told if _legs(self._before[row.reference_id])])
        decided = Decided(
            new=call_values(self.environment, new),
            columns=tuple(NAMES[at] for at in where),
            updated=[
                (self.environment, before.reference_id, before.serial, *(row[at] for at in where))
                for before, row in known
            ],
            legs=leg_values(self.environment, told),
            events=self._log.events,
            mark=self.mark,
        )
        if not self._database.save(self.connection, decided):
            raise Contended

    def _forget_legs(self, references: Sequence[str]) -> None:
        if references:
            these = self._database.any_of(legs.c.reference_id, references)
            self.connection.execute(delete(legs).where(legs.c.environment == self.environment, these))


def transact(database: Database, ledger_id: str, work: Callable[[Transaction], T], memory: Memory | None = None) -> T:
    """Do some work in one durable transaction; what it decided is on disk when this returns, or nothing is.

    The work is done again from the start when a row changed underneath or the connection was lost before the commit.
    A connection lost during the commit is followed by a look whether the events are there. With a `memory`, rows that
    an earlier transaction has left there need not be read.
    """
    memory = memory or Memory()
    failures = 0
    while True:
        transaction = None
        try:
            with database.writing() as connection:
                transaction = Transaction(database, connection, ledger_id, memory)
                answer = work(transaction)
                transaction.flush()
        except Disconnected as lost:
            if lost.committing and transaction is not None and _arrived(database, transaction.mark):
                return answer
            cause = lost.cause
        except Contended:
            memory.forget()
            cause = LedgerError(f"{database.name}: its rows change while they are written; nothing was written")
        else:
            memory.keep(transaction.mark, transaction.changed)
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
                Transaction(database, connection, mark.id, Memory())
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
