"""The files that queries read, laid into a private directory: once for a walk, whoever names them and however often."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.common.masking import mask_quoted
from flowops.common.tuples import NamedTuple
from flowops.documents.csv_rows import csv_columns
from flowops.documents.data_lines import data_lines
from flowops.documents.files import Unreadable
from flowops.documents.foreign import foreign
from flowops.documents.row_source import PARQUET, QueryError, missing_hint
from flowops.documents.snapshots import private_opener
from flowops.documents.text_rows import text_batches
from flowops.queries.limits import MAX_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.documents.reader import Reader
    from flowops.documents.row_source import Dialect
    from flowops.model.document import Problem, Value

#: DuckDB's types for the values of JSON; whatever is more, or is mixed, it keeps as JSON.
_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_BIGINT = 2**63
#: How many characters of text are put into the directory at most.
MAX_STAGED = 1024 * 1024 * 1024
#: How a Parquet file begins, and how many bytes tell what else a file is.
_PARQUET, _BEGINNING = b"PAR1", 128


class StagingError(Exception):
    """A file that a query cannot have: the message says why, behind its name, or `problems` what is wrong inside."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), *, missing: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.missing = missing


class Named(NamedTuple):
    """Files by the names that a query has for them, which start at the directory `base`; CSV is in a dialect."""

    names: Sequence[str]
    base: Path
    dialect: Dialect


class StagingDir:
    """A directory where files are called by numbers, which mean nothing to DuckDB: no pattern, no other path."""

    def __init__(self, reader: Reader, directory: Path) -> None:
        self._reader = reader
        self._directory = directory
        #: What is there already, or why it cannot be: a file is staged once, however it is spelled.
        self._staged: dict[tuple[Path, Dialect], dict[str, Any] | StagingError] = {}
        self._size = 0

    def add(self, named: Named) -> dict[str, dict[str, Any]]:
        """Return what `flowops.queries` is told of each file. Raises QueryError."""
        return {name: self._once(name, named) for name in named.names}

    def _once(self, name: str, named: Named) -> dict[str, Any]:
        path = Path(os.path.normpath(named.base / name))
        known = self._staged.get((path, named.dialect))
        if known is None:
            known = self._staged[path, named.dialect] = self._add(path, named.dialect)
        if isinstance(known, StagingError):
            hint = missing_hint(self._reader, named.base, name) if known.missing else None
            raise QueryError(f"{mask_quoted(name)} {known.message}", hint, problems=known.problems)
        return known

    def _add(self, path: Path, dialect: Dialect) -> dict[str, Any] | StagingError:
        if len(self._staged) == MAX_FILES:
            return StagingError(f"is not read: the queries of a command may name {MAX_FILES} files")
        to = self._directory / str(len(self._staged))
        try:
            if path.suffix.lower() == PARQUET:
                return {"path": str(self._parquet(path, to))}
            return {"path": str(to), "columns": self._text(path, to, dialect)}
        except Unreadable as error:
            return StagingError(str(error), missing=error.missing)
        except StagingError as error:
            return error

    def _parquet(self, path: Path, to: Path) -> Path:
        with self._reader.files.open(path) as stream:
            begins = stream.read(_BEGINNING)
        if not begins.startswith(_PARQUET) and (trouble := foreign(begins)) is not None:
            raise StagingError(str(trouble))
        real = self._reader.local(path)
        if real is not None:
            to.symlink_to(real)
        else:
            with self._reader.files.open(path) as stream, open(to, "wb", opener=private_opener) as copy:
                shutil.copyfileobj(stream, copy)
        return to

    def _text(self, path: Path, to: Path, dialect: Dialect) -> dict[str, str]:
        """Write rows as JSON Lines, with short names for columns; the types of the columns by their own names."""
        shown = self._reader.shown(path)
        columns: dict[str, set[str]] = {}  # in the order of their short names
        if path.suffix.lower() == ".csv":
            with self._reader.files.open(path) as stream:
                columns = {column: {"VARCHAR"} for column in csv_columns(data_lines(shown, stream, dialect), dialect)}
        with self._reader.open(path) as stream, open(to, "w", encoding="utf-8", opener=private_opener) as out:
            problems: list[Problem] = []
            for batch in text_batches(shown, stream, dialect):
                problems += (problem for _, problem in batch.problems)
                out.writelines(_lines(batch.rows, columns))
                if self._size + out.tell() > MAX_STAGED:
                    raise StagingError("is too large for a query, with what is read besides")
            self._size += out.tell()
        if problems:
            raise StagingError("cannot be read", problems)
        if not columns:
            raise StagingError("is empty, so that it has no columns")
        if len({column.lower() for column in columns}) < len(columns):
            raise StagingError("has columns whose names differ in capitals only: to SQL they are the same")
        return {column: _type(kinds) for column, kinds in columns.items()}


def _lines(rows: Sequence[dict[str, Value]], columns: dict[str, set[str]]) -> Iterator[str]:
    """Yield rows as JSON, without what is null; `columns` learns of what kinds their values are.

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
