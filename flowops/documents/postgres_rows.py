"""Rows from PostgreSQL: one query that can only read, fetched piece by piece."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from flowops.common import addresses
from flowops.common.called import install_command
from flowops.common.masking import mask_any_number, mask_said
from flowops.common.patterns import regex
from flowops.documents.row_source import BATCH_ROWS, QueryError, QueryRows, RowsError
from flowops.errors import FlowopsError
from flowops.model.document import Batch
from flowops.queries.limits import MAX_ROWS
from flowops.queries.values import NoJson, json_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection, ServerCursor

    from flowops.documents.row_source import Query

#: Seconds for each answer of the server.
_ANSWER = 30
_ORDERED = regex(r"\border\s+by\b", re.IGNORECASE)


class PostgresRows(QueryRows):
    """The rows of a query over the database that an environment calls by a name."""

    def is_counted(self) -> bool:
        """Return False: the operator has said that the database is asked, and its rows are somebody's."""
        return False

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises RowsError, and FlowopsError when the server cannot be reached."""
        query = self.query
        if query.dialect.declared:
            raise RowsError(f"{' and '.join(query.dialect.declared)} cannot be declared of a source")
        yield from source_batches(self.address, query, self.shown)


def source_batches(url: str, query: Query, shown: str) -> Iterator[Batch]:
    """Yield the rows of a query; `url` is the whole address, with what it says of TLS.

    The server is asked to refuse every change, and the query is sent so that it can be one statement only. Raises
    QueryError for what is wrong with the query, FlowopsError when the server cannot be reached.
    """
    if not _ORDERED.search(query.sql):
        hint = "end it with 'order by …': the order of the rows is the order of the calls"
        raise QueryError("the query says nothing of the order of its rows", hint)
    if find_spec("psycopg") is None:
        raise QueryError("source needs psycopg, which is not installed", install_command("psycopg"))
    import psycopg

    try:
        given = addresses.parameters(url)
    except ValueError as error:
        raise FlowopsError(f"source {query.source}: its address cannot be used: {error}") from None
    try:
        connection = addresses.connect(given)
    except psycopg.Error as error:
        # What libpq says may repeat the address; its kind is enough to look for.
        raise FlowopsError(
            f"source {query.source}: the server cannot be reached ({type(error).__name__})",
            hint="check the address that its environment variable holds",
        ) from None
    with connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            yield from _rows(connection, query, shown)
        except psycopg.Error as error:
            raise QueryError(_said(error)) from None
        finally:
            if not connection.closed:  # it is where the server has ended it
                connection.rollback()


def _rows(connection: Connection[Any], query: Query, shown: str) -> Iterator[Batch]:
    with connection.cursor("flowops") as cursor:
        # What is done with rows between two answers takes its time.
        connection.execute("set local time zone 'UTC'; set local idle_in_transaction_session_timeout = 0")
        _limit(connection)
        # With parameters, even none, the server takes one statement: there is nothing behind a semicolon.
        cursor.execute(query.sql.replace("%", "%%").encode(), ())
        columns = _columns(cursor)
        number = 0
        while rows := cursor.fetchmany(BATCH_ROWS):
            if number + len(rows) > MAX_ROWS:
                raise QueryError(f"there are more than {MAX_ROWS:,} rows")
            first = number + 1
            found = [_plain(row, columns, at) for at, row in enumerate(rows, first)]
            number += len(rows)
            yield Batch(shown, found, range(first, number + 1), None)
            _limit(connection)


def _limit(connection: Connection[Any]) -> None:
    """Give each answer its time, whatever the query has set."""
    connection.execute(f"set local statement_timeout = '{_ANSWER}s'")


def _columns(cursor: ServerCursor[Any]) -> list[str]:
    columns: list[str] = []
    for column in cursor.description or ():
        if column.name in columns:
            raise QueryError(f"two columns are named '{column.name}'", "give one of them another name with AS")
        columns.append(column.name)
    return columns


def _plain(row: Sequence[Any], columns: Sequence[str], number: int) -> dict[str, Any]:
    values = {}
    for column, value in zip(columns, row, strict=True):
        try:
            values[column] = json_value(value)
        except NoJson as error:
            message = f"the column '{column}' holds {error}, which JSON has nothing for"
            raise QueryError(message, "leave it out, or cast it to text", number) from None
    return values


def _said(error: Any) -> str:
    """Return what the server says, but for what it may quote of the data: rows are never shown."""
    kind = error.diag.sqlstate or ""
    said = error.diag.message_primary or type(error).__name__
    # Class 42 is about names, which are the query's own; others may be about values, or are words of a function.
    return mask_any_number(said) if kind.startswith("42") else mask_said(said)
