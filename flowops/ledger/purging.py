"""Forgetting what is settled: what stays of a call is that it was placed, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from flowops.ledger import runs
from flowops.ledger.changes import Change
from flowops.ledger.rows import CHUNK
from flowops.ledger.tables import calls, events
from flowops.model.ledger import Happening, State

if TYPE_CHECKING:
    from flowops.ledger.database import Database
    from flowops.ledger.transaction import Transaction
    from flowops.model import Actor

_SETTLED = (State.PLACED, State.FINISHED, State.REJECTED)


def purge(database: Database, transaction: Transaction, before: str, actor: Actor, at: str) -> int:
    """Purge up to a thousand calls that nothing has happened to since a time; how many that were.

    Sealed bodies, callees, call-ids, texts and fingerprints go, and from the events all details: who, where, why.
    """
    connection, environment = transaction.connection, transaction.environment
    settled = or_(calls.c.state.in_(_SETTLED), calls.c.state.is_(None))
    query = (
        select(calls.c.reference_id)
        .where(calls.c.environment == environment, settled, calls.c.updated_at < before, calls.c.purged.is_(False))
        .limit(CHUNK)
    )
    references = list(connection.execute(query).scalars())
    last = transaction.mark.serial
    transaction.make([Change(reference, Happening.PURGED, at, actor) for reference in references])
    if references:
        connection.execute(
            update(events)
            .where(
                events.c.ledger == transaction.mark.id,
                events.c.serial <= last,
                database.any_of(events.c.reference_id, references),
            )
            .values(details=None)
        )
    runs.forget(connection, environment, before)
    return len(references)
