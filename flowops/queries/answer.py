"""Queries, or whole Parquet files, to rows as JSON texts: by DuckDB, locked up.

It has one thread, so that the order of rows is the same each time, little memory, and some files. One database answers
all queries of a walk over text, since making one takes longer than most of them; it keeps nothing of a query. Parquet
files lie behind links, which lead nowhere yet when that database is locked, so a query of those has one of its own.

Tried with DuckDB 2.0: once ``enable_external_access`` is off and the configuration locked, nothing but
``allowed_paths`` is opened, no extension is loaded, and no setting is changed back.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.common.masking import mask_any_number, mask_said
from flowops.common.names import looks_like
from flowops.common.patterns import regex
from flowops.queries.check import tables
from flowops.queries.limits import (
    BATCH_ROWS,
    DUCKDB_MIB,
    MAX_ROW,
    MAX_ROWS,
    QueryRefused,
    most_rows,
)
from flowops.queries.parquet import check_pages
from flowops.queries.values import NoJson, json_value, type_without_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    Files = Mapping[str, Mapping[str, Any]]

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "preserve_insertion_order": True,
    "memory_limit": f"{DUCKDB_MIB}MiB",
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
}


def locked(paths: Iterable[str]) -> DuckDBPyConnection:
    """Open a database in memory that opens these files, and nothing else."""
    import duckdb

    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"set allowed_paths = [{', '.join(map(_literal, paths))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


@contextmanager
def seen(connection: DuckDBPyConnection, files: Files) -> Iterator[DuckDBPyConnection]:
    """Yield a database that lets a query see files, each by the name it has for it, while it runs.

    A file has a ``path``, and, when it is JSON Lines, ``columns``: types by names. In the file a column is called
    by its number there, from 0. A file without columns is Parquet.
    """
    try:
        for name, file in files.items():
            connection.execute(f"create view {identifier(name)} as {_read_clause(file)}")
        yield connection
    finally:
        for name in files:
            connection.execute(f"drop view if exists {identifier(name)}")


def identifier(name: str) -> str:
    """Return a name as SQL has it, whatever it is made of."""
    return '"' + name.replace('"', '""') + '"'


def _read_clause(file: Mapping[str, Any]) -> str:
    path = _literal(file["path"])
    if "columns" not in file:
        return f"from read_parquet({path})"
    columns: Mapping[str, str] = file["columns"]
    # DuckDB guesses nothing: a text that looks like a date stays the text that it is.
    types = ", ".join(f"'{number}': {_literal(type_)}" for number, type_ in enumerate(columns.values()))
    named = ", ".join(f'"{number}" as {identifier(name)}' for number, name in enumerate(columns))
    reading = f"read_json({path}, format = 'newline_delimited', records = true, columns = {{{types}}})"
    return f"from {reading} select {named}"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_MESSAGE = 300
_WORDS = regex(r'"((?:[^"]|"")*)"|(\w+)')
#: DuckDB lists behind it what it knows instead.
_CANDIDATES = "Candidate bindings"


class Columns:
    """How messages call the columns of a query: by their names where the query says these, or of Parquet.

    Any other may be somebody's: where a CSV has no header, its columns are called as the values of its first row.
    """

    def __init__(self, sql: str | None, files: Files) -> None:
        self._files = [name for file in files.values() for name in file.get("columns", ())]
        words = () if sql is None or not self._files else _WORDS.findall(sql)
        self._said = frozenset(looks_like(quoted or word) for quoted, word in words)

    def called(self, name: str, number: int) -> str:
        """Return what messages call a column of the answer."""
        return f"the column '{name}'" if self._may_say(name) else f"column {number}"

    def hidden_in(self, said: str) -> str:
        """Return what DuckDB says of a query without the columns that may be values; of a typo it names those near."""
        hidden = [name for name in self._files if not self._may_say(name)]
        if len(hidden) < len(self._files):
            return said
        before, listed, _ = said.partition(_CANDIDATES)
        said = before.rstrip() if listed else said
        for name in hidden:
            said = said.replace(identifier(name), '"…"').replace(name, "…") if name else said
        return said

    def _may_say(self, name: str) -> bool:
        return not self._files or looks_like(name) in self._said


def answer(
    connection: DuckDBPyConnection, sql: str | None, ask: Callable[[], Files], allow: Callable[[int, int], None]
) -> Iterator[str]:
    """Yield what the process says of a query, but for its end; `ask` is called for the files once they are known.

    `allow` is called with how many bytes are read, and how many rows have been given. Raises
    QueryRefused.
    """
    import duckdb

    files: Files = {}
    named = Columns(sql, files)
    try:
        if sql is not None:
            yield json.dumps({"files": tables(connection, sql)})
        files = ask()
        named = Columns(sql, files)
        paths = sorted({file["path"] for file in files.values()})
        size = sum(Path(path).stat().st_size for path in paths)
        allow(size, 0)
        parquet = sorted({file["path"] for file in files.values() if "columns" not in file})
        for path in parquet:
            check_pages(path)
        with seen(connection, files) if not parquet else seen(locked(paths), files) as connection:
            connection.execute(sql if sql is not None else f"from {identifier(next(iter(files)))}")
            columns = _columns(connection, named)
            yield json.dumps({"columns": list(columns)})
            yield from _rows(connection, columns, named, most_rows(size), lambda given: allow(size, given))
    except duckdb.OutOfMemoryException:
        raise QueryRefused(f"it takes more than {DUCKDB_MIB} MiB of memory") from None
    except duckdb.Error as error:
        raise _describe(error, files, named) from None


def _columns(connection: DuckDBPyConnection, named: Columns) -> dict[str, str]:
    """Return the types of the columns by their names.

    Raises QueryRefused for a type that JSON has nothing for, or a name twice.
    """
    columns: dict[str, str] = {}
    for number, (name, type_, *_) in enumerate(connection.description or (), 1):
        lacking = type_without_json(str(type_))
        if lacking:
            hint = "leave it out, or cast it to text"
            raise QueryRefused(
                f"{named.called(name, number)} is of the type {lacking}, which JSON has nothing for", hint
            )
        if name in columns:
            raise QueryRefused(
                f"{named.called(name, number)} has the name of another one", "give one of them another name with AS"
            )
        columns[name] = str(type_)
    return columns


def _rows(
    connection: DuckDBPyConnection,
    columns: Mapping[str, str],
    named: Columns,
    most: int,
    allow_more: Callable[[int], None],
) -> Iterator[str]:
    given = 0
    json_at = [index for index, type_ in enumerate(columns.values()) if type_ == "JSON"]
    while rows := connection.fetchmany(BATCH_ROWS):
        if given + len(rows) > most:
            if most == MAX_ROWS:
                raise QueryRefused(f"there are more than {MAX_ROWS:,} rows")
            hint = "a query chooses and joins what files say: write rows that no file has into one"
            raise QueryRefused(f"there are more than {most:,} rows, which is too many for so little data", hint)
        if json_at:
            rows = [tuple(_parsed(row, json_at)) for row in rows]
        text = _json_of(rows, list(columns), named, given)
        if len(text) <= MAX_ROW:
            yield text
        else:
            for number, row in enumerate(rows, given + 1):
                text = _json_of([row], list(columns), named, number - 1)
                if len(text) > MAX_ROW:
                    raise QueryRefused(f"the row is longer than {MAX_ROW:,} characters", row=number)
                yield text
        given += len(rows)
        allow_more(given)


def _parsed(row: Sequence[Any], json_at: Sequence[int]) -> list[Any]:
    """Return a row with what its JSON columns stand for."""
    values = list(row)
    for index in json_at:
        if values[index] is not None:
            values[index] = json.loads(values[index])
    return values


def _json_of(rows: Sequence[Sequence[Any]], columns: Sequence[str], named: Columns, given: int) -> str:
    try:
        return json.dumps({"rows": rows}, default=json_value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        plain_rows = [_plain(row, columns, named, number) for number, row in enumerate(rows, given + 1)]
        return json.dumps({"rows": plain_rows}, ensure_ascii=False)


def _plain(row: Sequence[Any], columns: Sequence[str], named: Columns, number: int) -> list[Any]:
    values = []
    for at, (column, value) in enumerate(zip(columns, row, strict=True), 1):
        try:
            values.append(json_value(value))
        except NoJson as error:
            message = f"{named.called(column, at)} holds {error}, which JSON has nothing for"
            raise QueryRefused(message, row=number) from None
    return values


def _describe(error: Exception, files: Files, named: Columns) -> QueryRefused:
    """Return what DuckDB says, but for what it may quote of the data: rows are never shown."""
    import duckdb

    said = str(error).partition("\n\n")[0].partition("\nLINE ")[0]
    for name, file in files.items():
        said = said.replace(file["path"], name)
    if not isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        kind, colon, said = said.partition(": ")
        said = f"{kind}{colon}{mask_said(said)}"
    said = mask_any_number(" ".join(named.hidden_in(said).split()))
    return QueryRefused(said if len(said) <= _MESSAGE else said[: _MESSAGE - 1] + "…")
