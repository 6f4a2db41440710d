"""The files of a query, put where it can read them: Parquet as it is, text as flowops itself has read it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.common.text import quoted
from flowops.documents.csv_rows import csv_columns
from flowops.documents.files import Unreadable
from flowops.documents.for_each import PARQUET
from flowops.documents.text_rows import data_lines, text_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.documents.for_each import Dialect
    from flowops.documents.reader import Reader
    from flowops.model import Problem, Value

#: DuckDB's types for the values of JSON; whatever is more, or is mixed, it keeps as JSON.
_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_BIGINT = 2**63
#: How many characters of text are put into the directory for one file at most.
MAX_STAGED = 1024 * 1024 * 1024


class NotStaged(Exception):
    """A file that a query cannot have: the message says why, or `problems` what is wrong inside of it."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)


class Stage:
    """A directory of its own, where files have names that mean nothing to DuckDB: no pattern, no other path.

    Names start at `base`, the directory of the document.
    """

    def __init__(self, reader: Reader, base: Path, dialect: Dialect, directory: Path) -> None:
        self._reader = reader
        self._base = base
        self._dialect = dialect
        self._directory = directory

    def put(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What `flowops.queries` is told of each file. Raises NotStaged."""
        return {name: self._put(name, number) for number, name in enumerate(names)}

    def _put(self, name: str, number: int) -> dict[str, Any]:
        path = Path(os.path.normpath(self._base / name))
        try:
            if path.suffix.lower() == PARQUET:
                return {"path": str(self._parquet(path, self._directory / f"{number}{PARQUET}"))}
            to = self._directory / f"{number}.jsonl"
            return {"path": str(to), "columns": self._text(path, to, name)}
        except Unreadable as error:
            raise NotStaged(f"{quoted(name)} {error}") from None

    def _parquet(self, path: Path, to: Path) -> Path:
        real = self._reader.local(path)
        if real is not None:
            to.symlink_to(real)
        else:
            with self._reader.files.open(path) as stream, to.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
        return to

    def _text(self, path: Path, to: Path, name: str) -> dict[str, str]:
        """Write rows as JSON Lines, with short names for columns; the types of the columns by their own names."""
        shown = self._reader.shown(path)
        columns: dict[str, set[str]] = {}  # in the order of their short names
        if path.suffix.lower() == ".csv":
            with self._reader.files.open(path) as stream:
                columns = {
                    column: {"VARCHAR"}
                    for column in csv_columns(data_lines(shown, stream, self._dialect), self._dialect)
                }
        with self._reader.open(path) as stream, to.open("w", encoding="utf-8") as out:
            problems: list[Problem] = []
            for batch in text_batches(shown, stream, self._dialect):
                problems += (problem for _, problem in batch.problems)
                out.writelines(_lines(batch.rows, columns))
                if out.tell() > MAX_STAGED:
                    raise NotStaged(f"{quoted(name)} is too large for a query")
        if problems:
            raise NotStaged(f"{quoted(name)} cannot be read", problems)
        if not columns:
            raise NotStaged(f"{quoted(name)} is empty, so that it has no columns")
        if len({column.lower() for column in columns}) < len(columns):
            raise NotStaged(f"{quoted(name)} has columns whose names differ in capitals only: to SQL they are the same")
        return {column: _type(kinds) for column, kinds in columns.items()}


def _lines(rows: Sequence[dict[str, Value]], columns: dict[str, set[str]]) -> Iterator[str]:
    """Rows as JSON, without what is null; `columns` learns of what kinds their values are.

    A column is called by its number: a file whose rows are shorter than its header would grow a thousandfold.
    """
    short = {column: str(number) for number, column in enumerate(columns)}
    for row in rows:
        written = {}
        for column, value in row.items():
            if column not in short:
                short[column] = str(len(short))
                columns[column] = set()
            if value is not None:
                columns[column].add(_kind(value))
                written[short[column]] = value
        yield json.dumps(written, ensure_ascii=False) + "\n"


def _kind(value: Value) -> str:
    if type(value) is int and not -_BIGINT <= value < _BIGINT:
        return "JSON"
    return _TYPES.get(type(value), "JSON")


def _type(kinds: set[str]) -> str:
    if kinds == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if not kinds:
        return "VARCHAR"
    return next(iter(kinds)) if len(kinds) == 1 else "JSON"
