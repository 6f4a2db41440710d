"""Many rows into SQLite with few statements.

A statement a row would let go of the interpreter's lock for each one, and on a busy machine wait for it as often. One
for many rows lets go of it once, and meanwhile another thread works.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from flowops.ledger.tables import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from flowops.model import Value

#: How many rows one statement takes, at most; fewer go in halves of it, so that there are few statements to prepare.
#: No statement has more than 999 values, which any SQLite takes.
_MOST = 64
_SEEN = ("environment", "reference_id", "serial")


def insert(connection: Connection, table: Table, rows: Sequence[Sequence[Value]]) -> int:
    """Insert rows, in the order of the table's columns, but none whose key exists; how many were."""
    return _run(connection, lambda count: _insert(table, count), rows)


def update_calls(connection: Connection, names: Sequence[str], rows: Sequence[Sequence[Value]]) -> int:
    """Update some columns of calls, see `flowops.ledger.database.Database`; how many were as they had been seen."""
    return _run(connection, lambda count: _update(tuple(names), count), rows)


def _run(connection: Connection, sql: Callable[[int], str], rows: Sequence[Sequence[Value]]) -> int:
    changed, at, size = 0, 0, _MOST
    while at < len(rows):
        while size > len(rows) - at:
            size //= 2
        values = tuple(chain.from_iterable(rows[at : at + size]))
        done = connection.exec_driver_sql(sql(size), values, execution_options={"preserve_rowcount": True})
        changed += done.rowcount
        at += size
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
