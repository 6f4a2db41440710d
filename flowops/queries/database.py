"""DuckDB, locked up: one thread, so that the order of rows is the same each time, little memory, and some files.

Tried with DuckDB 2.0: once ``enable_external_access`` is off and the configuration locked, nothing but
``allowed_paths`` is opened, no extension is loaded, and no setting is changed back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.queries.limits import DUCKDB_MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

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


def connect() -> DuckDBPyConnection:
    """A database in memory, which can open files until `attach` has locked it."""
    import duckdb

    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def attach(connection: DuckDBPyConnection, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Let a query see files, each by the name it has for it, and nothing else.

    A file has a ``path``, and, when it is JSON Lines, ``columns``: types by names. In the file a column is called
    by its number there, from 0. A file without columns is Parquet.
    """
    paths = ", ".join(_text(file["path"]) for file in files.values())
    connection.execute(f"set allowed_paths = [{paths}]")
    connection.execute("set enable_external_access = false")
    for name, file in files.items():
        connection.execute(f"create view {identifier(name)} as {_reading(file)}")
    connection.execute("set lock_configuration = true")


def identifier(name: str) -> str:
    """A name as SQL has it, whatever it is made of."""
    return '"' + name.replace('"', '""') + '"'


def _reading(file: Mapping[str, Any]) -> str:
    path = _text(file["path"])
    if "columns" not in file:
        return f"from read_parquet({path})"
    columns: Mapping[str, str] = file["columns"]
    # DuckDB guesses nothing: a text that looks like a date stays the text that it is.
    types = ", ".join(f"'{number}': {_text(type_)}" for number, type_ in enumerate(columns.values()))
    named = ", ".join(f'"{number}" as {identifier(name)}' for number, name in enumerate(columns))
    reading = f"read_json({path}, format = 'newline_delimited', records = true, columns = {{{types}}})"
    return f"from {reading} select {named}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
