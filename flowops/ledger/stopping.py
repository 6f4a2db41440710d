"""Stopping an environment: no run claims another call until somebody resumes it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.ledger.database import Connection
    from flowops.model import Actor


def stopped(connection: Connection, environment: str) -> str | None:
    """Return since when an environment is stopped, by whom and why; None while it is not."""
    found = connection.first("open_stop", environment=environment)
    if found is None:
        return None
    at, who, host, reason = found
    return f"stopped at {at} by {who} on {host}: {reason}"


def stop(connection: Connection, environment: str, actor: Actor, reason: str, at: str) -> bool:
    """Stop an environment; False when it is stopped already."""
    if stopped(connection, environment) is not None:
        return False
    connection.run(
        "insert_stop",
        id=uuid.uuid4().hex,
        environment=environment,
        at=at,
        who=actor.who,
        host=actor.host,
        reason=reason,
    )
    return True


def resume(connection: Connection, environment: str, actor: Actor, at: str) -> bool:
    """Let runs claim again; False when nobody had stopped them."""
    return connection.run("resume", environment=environment, at=at, by=f"{actor.who} on {actor.host}") > 0
