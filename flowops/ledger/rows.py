"""Rows as the tables have them, to values and back."""

from __future__ import annotations

import json
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from flowops.errors import LedgerError
from flowops.ledger.changes import CallRow
from flowops.ledger.legs import SealedLeg
from flowops.ledger.tables import calls, legs
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select

    from flowops.ledger.database import Database
    from flowops.model import Value

#: How many references go into one statement.
CHUNK = 1000
#: The columns of a call's row, in the order of the fields of `CallRow`.
NAMES = tuple(name for name in CallRow._fields if name != "legs")
_COLUMNS = tuple(calls.c[name] for name in NAMES)
_LEG_COLUMNS = (legs.c.reference_id, *(legs.c[name] for name in SealedLeg._fields))


def rows_of(database: Database, connection: Connection, environment: str, references: Sequence[str]) -> list[CallRow]:
    """The rows of these references that exist."""
    found: list[CallRow] = []
    for start in range(0, len(references), CHUNK):
        given = {"environment": environment, "references": database.many(references[start : start + CHUNK])}
        raw = connection.execute(_calls_of(type(database)), given).all()
        found += _with_legs(database, connection, environment, raw)
    return found


@cache
def _calls_of(database: type[Database]) -> Select[*tuple[Value, ...]]:
    """Made once: it is asked for every claim, and to make it takes longer than to ask it."""
    some = database.any_of_given(calls.c.reference_id, "references")
    return select(*_COLUMNS).where(calls.c.environment == bindparam("environment"), some)


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
    return _with_legs(database, connection, environment, connection.execute(query).all())


def _with_legs(
    database: Database, connection: Connection, environment: str, raw: Sequence[Row[*tuple[Value, ...]]]
) -> list[CallRow]:
    with_legs = [row.reference_id for row in raw if row.state is not None and row.state != State.IN_FLIGHT]
    known = _legs_of(database, connection, environment, with_legs) if with_legs else {}
    try:
        return [_row(row, known.get(row.reference_id, ())) for row in raw]
    except ValueError:  # of a state that there is not
        raise _not_ours(database.name) from None


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
    reference_id, state, before_claim, *rest = raw
    states = State(state) if state else None, State(before_claim) if before_claim else None
    return CallRow._make((reference_id, *states, *rest, its_legs))


def call_values(environment: str, rows: Iterable[CallRow]) -> list[tuple[Value, ...]]:
    """Rows for the table of calls."""
    return [(environment, *row[: len(NAMES)]) for row in rows]


def leg_values(environment: str, rows: Iterable[CallRow]) -> list[tuple[Value, ...]]:
    """The legs of rows, for the table of legs."""
    return [(environment, row.reference_id, position, *leg) for row in rows for position, leg in enumerate(row.legs)]


def changed_columns(changes: Sequence[tuple[CallRow, CallRow]]) -> list[int]:
    """Where any of these rows has changed, from before to after: positions in `NAMES`."""
    return [at for at in range(len(NAMES)) if any(before[at] != after[at] for before, after in changes)]


def parsed(text: str, name: str) -> dict[str, Value]:
    """A JSON object out of the database."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _not_ours(name)
    return value


def _not_ours(name: str) -> LedgerError:
    return LedgerError(f"{name}: it holds text that flowops did not write", hint="run `flowops ledger verify`")
