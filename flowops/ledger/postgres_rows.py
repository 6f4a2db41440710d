"""Many rows into PostgreSQL with one statement.

Rows go as one JSON text: one trip for any number of them, and no value that the driver has to look at.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import BigInteger, Boolean, DateTime, Integer

from flowops.ledger.tables import calls, events, ledgers, legs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from flowops.ledger.database import Decided
    from flowops.model import Value

#: What says which call is updated, and as what it was seen.
_SEEN = ("environment", "reference_id", "seen")


def insert(connection: Connection, table: Table, rows: Sequence[Sequence[Value]]) -> int:
    """Insert rows, in the order of the table's columns, but none whose key exists; how many were."""
    given = (_json(_names(table), rows),)
    return connection.exec_driver_sql(_insert(table), given, execution_options={"preserve_rowcount": True}).rowcount


def save(connection: Connection, decided: Decided) -> bool:
    """Write what a transaction has decided, see `flowops.ledger.database.Database`: all of it in one trip."""
    parts = [
        (_insert(calls), _names(calls), decided.new),
        (_update(decided.columns), (*_SEEN, *decided.columns), decided.updated),
        (_insert(legs), _names(legs), decided.legs),
        (_insert(events), _names(events), decided.events),
    ]
    asked = [(sql, _json(names, rows), len(rows)) for sql, names, rows in parts if rows]
    mark = decided.mark
    found = connection.exec_driver_sql(
        _together(tuple(sql for sql, _, _ in asked)), (*(rows for _, rows, _ in asked), mark.serial, mark.head, mark.id)
    )
    return tuple(found.one()) == tuple(count for _, _, count in asked)


@cache
def _together(statements: tuple[str, ...]) -> str:
    """Statements as one that tells how many rows each has written."""
    parts = [f"part{number} AS ({sql} RETURNING 1)" for number, sql in enumerate(statements)]
    counts = [f"(SELECT count(*) FROM part{number})" for number in range(len(statements))]  # noqa: S608
    advance = f"advance AS (UPDATE {ledgers.name} SET serial = %s, head = %s WHERE id = %s)"  # noqa: S608
    return f"WITH {', '.join([*parts, advance])} SELECT {', '.join(counts)}"


@cache
def _insert(table: Table) -> str:
    names = _names(table)
    listed = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {_given(table, names)} ON CONFLICT DO NOTHING"  # noqa: S608


@cache
def _update(names: tuple[str, ...]) -> str:
    values = ", ".join(f'"{name}" = given."{name}"' for name in names)
    key = zip(("environment", "reference_id", "serial"), _SEEN, strict=True)
    same = " AND ".join(f"{calls.name}.{own} = given.{its}" for own, its in key)
    return f"UPDATE {calls.name} SET {values} FROM {_given(calls, (*_SEEN, *names))} WHERE {same}"  # noqa: S608


def _given(table: Table, names: Sequence[str]) -> str:
    columns = ", ".join(f'"{name}" {_type(table, name)}' for name in names)
    return f"json_to_recordset(%s::json) AS given({columns})"


def _type(table: Table, name: str) -> str:
    """The type of a column's values; ``seen`` is a serial, and a collation is no part of a value."""
    kind: Any = table.c[name].type if name in table.c else BigInteger()
    plain = {BigInteger: "bigint", Integer: "integer", Boolean: "boolean", DateTime: "timestamptz"}
    return next((word for its, word in plain.items() if isinstance(kind, its)), "text")


@cache
def _names(table: Table) -> tuple[str, ...]:
    """The names of a table's columns; SQLAlchemy's own know how they are quoted, and orjson takes none of those."""
    return tuple(str(name) for name in table.c.keys())  # noqa: SIM118


def _json(names: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()
