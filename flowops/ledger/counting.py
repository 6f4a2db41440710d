"""What a policy asks of a ledger: how many calls were claimed, and when a number was called."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from flowops.ledger.clock import iso
from flowops.ledger.legs import sealed_callees
from flowops.ledger.rows import CHUNK, parsed
from flowops.ledger.tables import calls, legs
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Connection

    from flowops.ledger.database import Database

#: The states of calls whose phones may have rung.
MAY_HAVE_RUNG = frozenset({State.IN_FLIGHT, State.PLACED, State.FINISHED, State.IN_DOUBT})
_UNANSWERED = frozenset({State.IN_FLIGHT, State.IN_DOUBT})
_SAME_CALL = (calls.c.environment == legs.c.environment) & (calls.c.reference_id == legs.c.reference_id)
_MAY_HAVE_RUNG = calls.c.state.in_(sorted(MAY_HAVE_RUNG))


def claimed_since(connection: Connection, environment: str, since: datetime) -> int:
    """How many calls were claimed since a time and may have rung."""
    query = (
        select(func.count())
        .select_from(calls)
        .where(calls.c.environment == environment, calls.c.claimed_at >= iso(since), _MAY_HAVE_RUNG)
    )
    return connection.execute(query).scalar_one()


def rung_since(
    database: Database, connection: Connection, environment: str, callees: Collection[str], since: datetime
) -> dict[str, list[datetime]]:
    """When each of these callees (sealed) may have been called since a time; none that was not."""
    found: dict[str, list[datetime]] = {}
    begin = iso(since)
    for callee, claimed_at in chain(
        _answered(database, connection, environment, list(callees)), _unanswered(database, connection, environment)
    ):
        if claimed_at >= begin and callee in callees:
            found.setdefault(callee, []).append(datetime.fromisoformat(claimed_at))
    return found


# Neither query asks for the time: there are few calls to one callee and few without an answer, and only without a
# condition on the time does SQLite take the index that finds these, and not the one of all calls in that time.


def _answered(
    database: Database, connection: Connection, environment: str, callees: list[str]
) -> Iterator[tuple[str, str]]:
    """Sealed callees of calls of which something has been told, and when they were claimed."""
    for start in range(0, len(callees), CHUNK):
        query = (
            select(legs.c.callee, calls.c.claimed_at)
            .join(calls, _SAME_CALL)
            .where(
                legs.c.environment == environment,
                database.any_of(legs.c.callee, callees[start : start + CHUNK]),
                _MAY_HAVE_RUNG,
            )
        )
        yield from connection.execute(query)


def _unanswered(database: Database, connection: Connection, environment: str) -> Iterator[tuple[str, str]]:
    """Sealed callees of calls of which nothing has been told yet: they have no legs. A placed call has some."""
    query = (
        select(calls.c.body, calls.c.claimed_at)
        .outerjoin(legs, _SAME_CALL)
        .where(
            calls.c.environment == environment,
            calls.c.state.in_(sorted(_UNANSWERED)),
            legs.c.reference_id.is_(None),
        )
    )
    for body, claimed_at in connection.execute(query).all():
        for leg in sealed_callees(parsed(body, database.name)):
            if leg.callee is not None:
                yield leg.callee, claimed_at
