"""What a policy asks of a ledger: how many calls were claimed, and when a number was called."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from flowops.ledger.clock import iso
from flowops.ledger.legs import sealed_callees
from flowops.ledger.rows import CHUNK, parsed
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowops.ledger.database import Connection

#: The states of calls whose phones may have rung.
MAY_HAVE_RUNG = frozenset({State.IN_FLIGHT, State.PLACED, State.FINISHED, State.IN_DOUBT})


def claimed_since(connection: Connection, environment: str, since: datetime) -> int:
    """Return how many calls were claimed since a time and may have rung."""
    states = sorted(MAY_HAVE_RUNG)
    count: int = connection.value("count_claimed_since", environment=environment, since=iso(since), states=states)
    return count


def rung_since(
    connection: Connection, environment: str, callees: Collection[str], since: datetime
) -> dict[str, list[datetime]]:
    """Return when each of these callees (sealed) may have been called since a time; none that was not."""
    found: dict[str, list[datetime]] = {}
    begin = iso(since)
    rung = chain(_answered(connection, environment, list(callees)), _unanswered(connection, environment))
    for callee, claimed_at in rung:
        if claimed_at >= begin and callee in callees:
            found.setdefault(callee, []).append(datetime.fromisoformat(claimed_at))
    return found


def _answered(connection: Connection, environment: str, callees: list[str]) -> Iterator[tuple[str, str]]:
    """Return sealed callees of calls of which something has been told, and when they were claimed."""
    states = sorted(MAY_HAVE_RUNG)
    for start in range(0, len(callees), CHUNK):
        some = callees[start : start + CHUNK]
        for row in connection.all("callees_answered", environment=environment, callees=some, states=states):
            callee, claimed_at = row
            yield callee, claimed_at


def _unanswered(connection: Connection, environment: str) -> Iterator[tuple[str, str]]:
    """Return sealed callees of calls of which nothing has been told yet, and when they were claimed."""
    for body, claimed_at in connection.all("bodies_unanswered", environment=environment):
        for leg in sealed_callees(parsed(body, connection.name)):
            if leg.callee is not None:
                yield leg.callee, claimed_at
