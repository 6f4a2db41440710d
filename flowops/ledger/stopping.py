"""Stopping an environment: no run claims another call until somebody resumes it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from flowops.ledger.tables import stops

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flowops.ledger.database import Database
    from flowops.model import Actor


_OPEN = (stops.c.environment == bindparam("of")) & stops.c.resumed_at.is_(None)
_STOPPED = select(stops).where(_OPEN).order_by(stops.c.at).limit(1)


def stopped(connection: Connection, environment: str) -> str | None:
    """Since when an environment is stopped, by whom and why; None while it is not."""
    found = connection.execute(_STOPPED, {"of": environment}).one_or_none()
    return None if found is None else f"stopped at {found.at} by {found.who} on {found.host}: {found.reason}"


def stop(database: Database, connection: Connection, environment: str, actor: Actor, reason: str, at: str) -> bool:
    """Stop an environment; False when it is stopped already."""
    if stopped(connection, environment) is not None:
        return False
    row = (uuid.uuid4().hex, environment, at, actor.who, actor.host, reason, None, None)
    return database.insert(connection, stops, [row]) == 1


def resume(connection: Connection, environment: str, actor: Actor, at: str) -> bool:
    """Let runs claim again; False when nobody had stopped them."""
    values = {"resumed_at": at, "resumed_by": f"{actor.who} on {actor.host}"}
    return connection.execute(update(stops).where(_OPEN).values(values), {"of": environment}).rowcount > 0
