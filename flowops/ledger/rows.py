"""Rows as the tables have them, to values and back."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import select

from flowops.errors import LedgerError
from flowops.ledger.changes import CallRow
from flowops.ledger.legs import SealedLeg
from flowops.ledger.tables import calls, legs
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from flowops.ledger.database import Database
    from flowops.model import Value

#: How many references go into one statement.
CHUNK = 1000
#: Of a call's row, in the order that `read_rows` unpacks.
_COLUMNS = (
    calls.c.reference_id,
    calls.c.state,
    calls.c.before_claim,
    calls.c.fingerprint,
    calls.c.body,
    calls.c.attempts,
    calls.c.run,
    calls.c.error,
    calls.c.claimed_at,
    calls.c.updated_at,
    calls.c.purged,
    calls.c.serial,
)
_LEG_COLUMNS = (
    legs.c.reference_id,
    legs.c.callee,
    legs.c.shown,
    legs.c.call_id,
    legs.c.error,
    legs.c.code,
    legs.c.description,
)


def rows_of(database: Database, connection: Connection, environment: str, references: Sequence[str]) -> list[CallRow]:
    """The rows of these references that exist."""
    found: list[CallRow] = []
    for start in range(0, len(references), CHUNK):
        chunk = references[start : start + CHUNK]
        found += read_rows(database, connection, environment, database.any_of(calls.c.reference_id, chunk))
    return found


def read_rows(
    database: Database,
    connection: Connection,
    environment: str,
    *conditions: ColumnElement[bool],
    limit: int | None = None,
) -> list[CallRow]:
    """Rows with their legs, in the order of their references."""
    query = select(*_COLUMNS).where(calls.c.environment == environment, *conditions)
    if limit is not None:
        query = query.order_by(calls.c.reference_id).limit(limit)
    raw = connection.execute(query).all()
    with_legs = [row.reference_id for row in raw if row.state is not None and row.state != State.IN_FLIGHT]
    known = _legs_of(database, connection, environment, with_legs) if with_legs else {}
    return [_row(row, known.get(row.reference_id, ())) for row in raw]


def _legs_of(
    database: Database, connection: Connection, environment: str, references: Sequence[str]
) -> dict[str, tuple[SealedLeg, ...]]:
    query = (
        select(*_LEG_COLUMNS)
        .where(legs.c.environment == environment, database.any_of(legs.c.reference_id, references))
        .order_by(legs.c.reference_id, legs.c.position)
    )
    grouped = groupby(connection.execute(query), key=lambda leg: leg.reference_id)
    return {reference: tuple(SealedLeg(*leg[1:]) for leg in group) for reference, group in grouped}


def _row(raw: Row[*tuple[Value, ...]], its_legs: tuple[SealedLeg, ...]) -> CallRow:
    reference_id, state, before_claim, fingerprint, body, *rest = raw
    attempts, run, error, claimed_at, updated_at, purged, serial = rest
    return CallRow(
        reference_id=reference_id,
        state=State(state) if state else None,
        before_claim=State(before_claim) if before_claim else None,
        fingerprint=fingerprint,
        body=body,
        legs=its_legs,
        attempts=attempts,
        run=run,
        error=error,
        claimed_at=claimed_at,
        updated_at=updated_at,
        purged=purged,
        serial=serial,
    )


def call_values(environment: str, row: CallRow) -> dict[str, Value]:
    """A row as parameters for the table of calls."""
    return {
        "environment": environment,
        "reference_id": row.reference_id,
        "state": row.state,
        "before_claim": row.before_claim,
        "fingerprint": row.fingerprint,
        "body": row.body,
        "attempts": row.attempts,
        "run": row.run,
        "error": row.error,
        "claimed_at": row.claimed_at,
        "updated_at": row.updated_at,
        "purged": row.purged,
        "serial": row.serial,
    }


def leg_values(environment: str, rows: Iterable[CallRow]) -> list[dict[str, Value]]:
    """The legs of rows as parameters for the table of legs."""
    return [
        {
            "environment": environment,
            "reference_id": row.reference_id,
            "position": position,
            "callee": leg.callee,
            "shown": leg.shown,
            "call_id": leg.call_id,
            "error": leg.error,
            "code": leg.code,
            "description": leg.description,
        }
        for row in rows
        for position, leg in enumerate(row.legs)
    ]


def parsed(text: str, name: str) -> dict[str, Value]:
    """A JSON object out of the database."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise LedgerError(f"{name}: it holds text that flowops did not write", hint="run `flowops ledger verify`")
    return value
