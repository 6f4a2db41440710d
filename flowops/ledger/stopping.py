"""Stopping an environment: no run claims another call until somebody resumes it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from flowops.ledger.tables import stops

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flowops.ledger.database import Database
    from flowops.model import Actor


def stopped(connection: Connection, environment: str) -> str | None:
    """Since when an environment is stopped, by whom and why; None while it is not."""
    open_ = (stops.c.environment == environment) & stops.c.resumed_at.is_(None)
    found = connection.execute(select(stops).where(open_).order_by(stops.c.at).limit(1)).one_or_none()
    return None if found is None else f"stopped at {found.at} by {found.who} on {found.host}: {found.reason}"


def stop(database: Database, connection: Connection, environment: str, actor: Actor, reason: str, at: str) -> bool:
    """Stop an environment; False when it is stopped already."""
    if stopped(connection, environment) is not None:
        return False
    row = {
        "id": uuid.uuid4().hex,
        "environment": environment,
        "at": at,
        "who": actor.who,
        "host": actor.host,
        "reason": reason,
    }
    return database.insert(connection, stops, [{**row, "resumed_at": None, "resumed_by": None}]) == 1


def resume(connection: Connection, environment: str, actor: Actor, at: str) -> bool:
    """Let runs claim again; False when nobody had stopped them."""
    open_ = (stops.c.environment == environment) & stops.c.resumed_at.is_(None)
    values = {"resumed_at": at, "resumed_by": f"{actor.who} on {actor.host}"}
    return connection.execute(update(stops).where(open_).values(values)).rowcount > 0
