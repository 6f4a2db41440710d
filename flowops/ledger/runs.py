"""Runs: their leases, and what becomes of the calls of a dead one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from flowops.ledger.changes import Change
from flowops.ledger.sealing import storable
from flowops.ledger.tables import calls, runs
from flowops.model.ledger import Happening, State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flowops.ledger.database import Database
    from flowops.ledger.transaction import Transaction
    from flowops.model import Actor

#: What a sweep writes of a call whose run is gone.
GONE = "the run that sent it ended before the answer"


def begin(database: Database, connection: Connection, environment: str, run: str, actor: Actor, at: str) -> None:
    """Make a run known whose lease is held already."""
    actor_of_it = (storable(actor.who), storable(actor.host), storable(actor.job), storable(actor.commit))
    database.insert(connection, runs, [(run, environment, *actor_of_it, at, None, None)])
    database.beat(connection, run)


def end(connection: Connection, run: str, at: str) -> None:
    """Say that a run has ended by itself."""
    connection.execute(update(runs).where(runs.c.run == run).values(ended_at=at))


def sweep(database: Database, transaction: Transaction, own: str, actor: Actor, at: str) -> list[str]:
    """Turn the in-flight calls of dead runs into in-doubt ones; their references."""
    connection, environment = transaction.connection, transaction.environment
    in_flight = (
        select(calls.c.reference_id, calls.c.run)
        .where(calls.c.environment == environment, calls.c.state == State.IN_FLIGHT)
        .order_by(calls.c.reference_id)
    )
    held = connection.execute(in_flight).all()
    still_open = select(runs.c.run).where(runs.c.environment == environment, runs.c.ended_at.is_(None))
    known = {row.run for row in held if row.run} | set(connection.execute(still_open).scalars()) | database.leases()
    known.discard(own)
    dead = known - database.alive(connection, sorted(known)) if known else set()
    lost = [row.reference_id for row in held if row.run in dead]
    transaction.make([Change(reference, Happening.ABANDONED, at, actor, detail=GONE) for reference in lost])
    if dead:
        ended = update(runs).where(database.any_of(runs.c.run, sorted(dead)), runs.c.ended_at.is_(None))
        connection.execute(ended.values(ended_at=at))
        for run in dead:
            database.forget_lease(run)
    return lost


def forget(connection: Connection, environment: str, before: str) -> None:
    """Forget who the runs were that ended before a time and left nothing open."""
    in_flight = select(calls.c.run).where(
        calls.c.environment == environment, calls.c.state == State.IN_FLIGHT, calls.c.run.is_not(None)
    )
    connection.execute(
        delete(runs).where(runs.c.environment == environment, runs.c.ended_at < before, runs.c.run.not_in(in_flight))
    )
