"""Runs: their leases, and what becomes of the calls of a dead one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.ledger.changes import Change
from flowops.ledger.sealing import storable
from flowops.model.ledger import Happening

if TYPE_CHECKING:
    from flowops.ledger.database import Connection, Database
    from flowops.ledger.transaction import Transaction
    from flowops.model import Actor

#: What a sweep writes of a call whose run is gone.
GONE = "the run that sent it ended before the answer"


def begin(database: Database, connection: Connection, environment: str, run: str, actor: Actor, at: str) -> None:
    """Make a run known whose lease is held already."""
    connection.run(
        "insert_run",
        run=run,
        environment=environment,
        who=storable(actor.who),
        host=storable(actor.host),
        job=storable(actor.job),
        commit=storable(actor.commit),
        at=at,
    )
    database.beat(connection, run)


def end(connection: Connection, run: str, at: str) -> None:
    """Say that a run has ended by itself."""
    connection.run("end_run", run=run, at=at)


def sweep(database: Database, transaction: Transaction, own: str, actor: Actor, at: str) -> list[str]:
    """Turn the in-flight calls of dead runs into in-doubt ones; their references."""
    connection, environment = transaction.connection, transaction.environment
    held = connection.all("calls_in_flight", environment=environment)
    still_open = {run for (run,) in connection.all("open_runs", environment=environment)}
    known = {run for _, run in held if run} | still_open | database.leases()
    known.discard(own)
    dead = known - database.alive(connection, sorted(known)) if known else set()
    lost = [reference for reference, run in held if run in dead]
    transaction.make([Change(reference, Happening.ABANDONED, at, actor, detail=GONE) for reference in lost])
    if dead:
        connection.run("end_open_runs", runs=sorted(dead), at=at)
        for run in dead:
            database.forget_lease(run)
    return lost


def forget(connection: Connection, environment: str, before: str) -> None:
    """Forget who the runs were that ended before a time and left nothing open."""
    connection.run("delete_runs", environment=environment, before=before)
