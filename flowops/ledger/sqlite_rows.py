"""Many rows into SQLite with few statements.

A statement a row would let go of the interpreter's lock for each one, and on a busy machine wait for it as often. One
for many rows lets go of it once, and meanwhile another thread works.
"""

from __future__ import annotations

from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING

from flowops.ledger.tables import calls, events, ledgers, legs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from flowops.ledger.database import Decided
    from flowops.model import Value

#: How many rows one statement takes, at most: it has no more than 999 values then, which any SQLite takes.
MOST = 64
_ADVANCE = f"UPDATE {ledgers.name} SET serial = ?, head = ? WHERE id = ?"  # noqa: S608
_SEEN = ("environment", "reference_id", "serial")


def insert(connection: Connection, table: Table, rows: Sequence[Sequence[Value]]) -> int:
    """Insert rows, in the order of the table's columns, but none whose key exists; how many were."""
    return _run(connection, partial(_insert, table), rows)


def save(connection: Connection, decided: Decided) -> bool:
    """Write what a transaction has decided, see `flowops.ledger.database.Database`."""
    fits = (
        insert(connection, calls, decided.new) == len(decided.new)
        and _run(connection, partial(_update, decided.columns), decided.updated) == len(decided.updated)
        and insert(connection, legs, decided.legs) == len(decided.legs)
        and insert(connection, events, decided.events) == len(decided.events)
    )
    mark = decided.mark
    connection.exec_driver_sql(_ADVANCE, (mark.serial, mark.head, mark.id))
    return fits


def _run(connection: Connection, sql: Callable[[int], str], rows: Sequence[Sequence[Value]]) -> int:
    changed = 0
    for at in range(0, len(rows), MOST):
        some = rows[at : at + MOST]
        values = tuple(chain.from_iterable(some))
        done = connection.exec_driver_sql(sql(len(some)), values, execution_options={"preserve_rowcount": True})
        changed += done.rowcount
    return changed


@cache
def _insert(table: Table, count: int) -> str:
    names = table.c.keys()
    listed = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.name} ({listed}) VALUES {_marks(len(names), count)} ON CONFLICT DO NOTHING"  # noqa: S608


@cache
def _update(names: tuple[str, ...], count: int) -> str:
    width = len(_SEEN) + len(names)
    given = [f"given.column{number}" for number in range(1, width + 1)]
    same = " AND ".join(f"{calls.name}.{name} = {its}" for name, its in zip(_SEEN, given, strict=False))
    values = ", ".join(f'"{name}" = {its}' for name, its in zip(names, given[len(_SEEN) :], strict=True))
    return f"UPDATE {calls.name} SET {values} FROM (VALUES {_marks(width, count)}) AS given WHERE {same}"  # noqa: S608


def _marks(width: int, count: int) -> str:
    one = f"({', '.join('?' * width)})"
    return ", ".join([one] * count)
