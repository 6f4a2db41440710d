"""A query, or a whole Parquet file, to rows as JSON texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.queries.check import tables
from flowops.queries.database import attach, connect, identifier
from flowops.queries.limits import BATCH_ROWS, DUCKDB_MIB, MAX_ROW, MAX_ROWS
from flowops.queries.refusal import Refused
from flowops.queries.values import NoJson, foreign, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    Files = Mapping[str, Mapping[str, Any]]

_MESSAGE = 300


def answer(ask: Callable[[], dict[str, Any]], allow: Callable[[int, int], None]) -> Iterator[str]:
    """What the process says, in order. `allow` is told how many bytes are read, and how many rows have been given.

    Raises Refused.
    """
    import duckdb

    sql: str | None = ask()["sql"]
    files: Files = {}
    try:
        connection = connect()
        if sql is not None:
            yield json.dumps({"files": tables(connection, sql)})
        files = ask()["files"]
        attach(connection, files)
        size = sum(Path(file["path"]).stat().st_size for file in files.values())
        allow(size, 0)
        connection.execute(sql if sql is not None else f"from {identifier(next(iter(files)))}")
        columns = _columns(connection)
        yield json.dumps({"columns": list(columns)})
        yield from _rows(connection, columns, lambda given: allow(size, given))
    except duckdb.OutOfMemoryException:
        raise Refused(f"it takes more than {DUCKDB_MIB} MiB of memory") from None
    except duckdb.Error as error:
        raise _said(error, files) from None
    yield json.dumps({"end": True})


def _columns(connection: DuckDBPyConnection) -> dict[str, str]:
    """The types of the columns by their names. Raises Refused for a type that JSON has nothing for, or a name twice."""
    columns: dict[str, str] = {}
    for name, type_, *_ in connection.description or ():
        lacking = foreign(str(type_))
        if lacking:
            hint = "leave it out, or cast it to text"
            raise Refused(f"the column '{name}' is of the type {lacking}, which JSON has nothing for", hint)
        if name in columns:
            raise Refused(f"two columns are named '{name}'", "give one of them another name with AS")
        columns[name] = str(type_)
    return columns


def _rows(
    connection: DuckDBPyConnection, columns: Mapping[str, str], allow_more: Callable[[int], None]
) -> Iterator[str]:
    given = 0
    json_at = [index for index, type_ in enumerate(columns.values()) if type_ == "JSON"]
    while rows := connection.fetchmany(BATCH_ROWS):
        if given + len(rows) > MAX_ROWS:
            raise Refused(f"there are more than {MAX_ROWS:,} rows")
        if json_at:
            rows = [tuple(_parsed(row, json_at)) for row in rows]
        text = _text(rows, list(columns), given)
        if len(text) <= MAX_ROW:
            yield text
        else:
            for number, row in enumerate(rows, given + 1):
                text = _text([row], list(columns), number - 1)
                if len(text) > MAX_ROW:
                    raise Refused(f"the row is longer than {MAX_ROW:,} characters", row=number)
                yield text
        given += len(rows)
        allow_more(given)


def _parsed(row: Sequence[Any], json_at: Sequence[int]) -> list[Any]:
    """A row with what its JSON columns stand for."""
    values = list(row)
    for index in json_at:
        if values[index] is not None:
            values[index] = json.loads(values[index])
    return values


def _text(rows: Sequence[Sequence[Any]], columns: Sequence[str], given: int) -> str:
    try:
        return json.dumps({"rows": rows}, default=plain, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        plain_rows = [_plain(row, columns, number) for number, row in enumerate(rows, given + 1)]
        return json.dumps({"rows": plain_rows}, ensure_ascii=False)


def _plain(row: Sequence[Any], columns: Sequence[str], number: int) -> list[Any]:
    values = []
    for column, value in zip(columns, row, strict=True):
        try:
            values.append(plain(value))
        except NoJson as error:
            raise Refused(f"the column '{column}' holds {error}, which JSON has nothing for", row=number) from None
    return values


def _said(error: Exception, files: Files) -> Refused:
    """What DuckDB says, but for what it may quote of the data: rows are never shown."""
    import duckdb

    said = str(error).partition("\n\n")[0].partition("\nLINE ")[0]
    for name, file in files.items():
        said = said.replace(file["path"], name)
    if not isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        said = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", said)
    said = " ".join(said.split())
    return Refused(said if len(said) <= _MESSAGE else said[: _MESSAGE - 1] + "…")
