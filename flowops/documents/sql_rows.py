"""Parquet, and SQL over files: asked of `flowops.queries`, which answers from a process of its own."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.common.extras import install_command
from flowops.common.text import quoted
from flowops.documents.files import Unreadable
from flowops.documents.row_source import PARQUET, FileRows, QueryError, QueryRows, missing_hint
from flowops.documents.temporary import private_directory, private_opener
from flowops.documents.text_rows import csv_columns, data_lines, text_batches
from flowops.errors import FlowopsError
from flowops.model.document import Batch
from flowops.queries.limits import SECONDS, SECONDS_IN_ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.documents.reader import Reader
    from flowops.documents.row_source import Dialect
    from flowops.model.document import Problem, Value

#: DuckDB's types for the values of JSON; whatever is more, or is mixed, it keeps as JSON.
_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_BIGINT = 2**63
#: How many characters of text are put into the directory for the files of one query at most.
MAX_STAGED = 1024 * 1024 * 1024


class StagingError(Exception):
    """A file that a query cannot have: the message says why, or `problems` what is wrong inside of it."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.hint = hint


class StagingDir:
    """A directory of its own, where files have names that mean nothing to DuckDB: no pattern, no other path.

    Names start at `base`, the directory of the document.
    """

    def __init__(self, reader: Reader, base: Path, dialect: Dialect, directory: Path) -> None:
        self._reader = reader
        self._base = base
        self._dialect = dialect
        self._directory = directory
        #: What is there already: a file is staged once, however it is spelled.
        self._staged: dict[Path, dict[str, Any]] = {}
        self._size = 0

    def add(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what `flowops.queries` is told of each file. Raises StagingError."""
        return {name: self._once(name) for name in names}

    def _once(self, name: str) -> dict[str, Any]:
        path = Path(os.path.normpath(self._base / name))
        known = self._staged.get(path)
        if known is None:
            known = self._staged[path] = self._add(name, path, len(self._staged))
        return known

    def _add(self, name: str, path: Path, number: int) -> dict[str, Any]:
        try:
            if path.suffix.lower() == PARQUET:
                return {"path": str(self._parquet(path, self._directory / f"{number}{PARQUET}"))}
            to = self._directory / f"{number}.jsonl"
            return {"path": str(to), "columns": self._text(path, to, name)}
        except Unreadable as error:
            hint = missing_hint(self._reader, self._base, name) if error.missing else None
            raise StagingError(f"{quoted(name)} {error}", hint=hint) from None

    def _parquet(self, path: Path, to: Path) -> Path:
        real = self._reader.local(path)
        if real is not None:
            to.symlink_to(real)
        else:
            with self._reader.files.open(path) as stream, open(to, "wb", opener=private_opener) as copy:
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
        with self._reader.open(path) as stream, open(to, "w", encoding="utf-8", opener=private_opener) as out:
            problems: list[Problem] = []
            for batch in text_batches(shown, stream, self._dialect):
                problems += (problem for _, problem in batch.problems)
                out.writelines(_lines(batch.rows, columns))
                if self._size + out.tell() > MAX_STAGED:
                    raise StagingError(f"{quoted(name)} is too large for a query, with what it reads besides")
            self._size += out.tell()
        if problems:
            raise StagingError(f"{quoted(name)} cannot be read", problems)
        if not columns:
            raise StagingError(f"{quoted(name)} is empty, so that it has no columns")
        if len({column.lower() for column in columns}) < len(columns):
            raise StagingError(
                f"{quoted(name)} has columns whose names differ in capitals only: to SQL they are the same"
            )
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


#: Nothing is imported from where the process runs, nor from where the command was started.
_COMMAND = [sys.executable, "-P", "-s", "-m", "flowops.queries"]
#: More than any answer has.
_LONGEST = 16 * 1024 * 1024
_TOO_LONG = "it takes too much work for so little data"


class QueryRequest(NamedTuple):
    """A query over files, or None and one Parquet file; names start at the directory `base`."""

    sql: str | None
    files: Sequence[str]
    base: Path
    dialect: Dialect


def answered(reader: Reader, request: QueryRequest, shown: str) -> Iterator[Batch]:
    """Yield the rows of a query, or of a whole Parquet file; `shown` is how messages call where they are from.

    Raises QueryError, behind the rows that there were.
    """
    if find_spec("duckdb") is None:
        what = ".parquet" if request.sql is None else "it"
        raise QueryError(f"{what} needs DuckDB, which is not installed", install_command("duckdb"))
    if reader.query_seconds > SECONDS_IN_ALL:
        hint = "name fewer documents, or query once and write the rows into a file"
        raise QueryError(f"the queries of this command have taken more than {SECONDS_IN_ALL} seconds together", hint)
    with _counted(reader), private_directory() as directory, _process(str(directory)) as ask:
        staging = StagingDir(reader, request.base, request.dialect, directory)
        ask({"sql": request.sql})
        files = ask(None)["files"] if request.sql is not None else request.files
        try:
            ask({"files": staging.add(files)})
        except StagingError as error:
            raise QueryError(error.message, error.hint, problems=error.problems) from None
        columns = ask(None)["columns"]
        number = 1
        while "rows" in (said := ask(None)):
            rows = [dict(zip(columns, row, strict=True)) for row in said["rows"]]
            yield Batch(shown, rows, range(number, number + len(rows)), None)
            number += len(rows)


@contextmanager
def _counted(reader: Reader) -> Iterator[None]:
    """Count the processor time of a query that runs inside; what its files and rows allow it besides is not counted."""
    before = _seconds_of_children()
    try:
        yield
    finally:
        reader.query_seconds += min(_seconds_of_children() - before, SECONDS)


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _process(directory: str) -> Iterator[Callable[[dict[str, Any] | None], dict[str, Any]]]:
    """Yield a function that says something to the process, or, given None, hears what it says. It raises QueryError."""
    process = subprocess.Popen(  # noqa: S603
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        env=_environment(directory),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, answers = process.stdin, process.stdout

    def ask(value: dict[str, Any] | None) -> dict[str, Any]:
        if value is not None:
            with suppress(BrokenPipeError):  # What it has said last, or how it ended, tells why.
                to.write(json.dumps(value).encode() + b"\n")
                to.flush()
            return value
        line = answers.readline(_LONGEST)
        if not line.endswith(b"\n"):
            raise _ended(process.wait())
        said: dict[str, Any] = json.loads(line)
        if "refused" in said:
            raise QueryError(said["refused"], said["hint"], said["row"])
        if "failed" in said:
            raise FlowopsError(f"the query process failed: {said['failed']}")
        return said

    try:
        yield ask
    finally:
        process.kill()
        process.wait()
        answers.close()
        with suppress(BrokenPipeError):  # What was still to be said to it.
            to.close()


def _environment(directory: str) -> dict[str, str]:
    """Return what the process knows of the command's environment: where Python's modules are, and no secret."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, "HOME": directory, "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _ended(code: int) -> QueryError:
    if code == -signal.SIGXCPU:
        return QueryError(_TOO_LONG)
    if code == -signal.SIGKILL:
        return QueryError("the system ended the process that was reading, for want of memory")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return QueryError(f"the process that was reading ended with {how}", "the file may be damaged")


class SqlRows(QueryRows):
    """The rows of SQL over files; their names start at the directory of the document."""

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises QueryError."""
        base = self.reader.path(self.document).parent
        yield from answered(self.reader, QueryRequest(self.query.sql, (), base, self.query.dialect), self.shown)


class ParquetRows(FileRows):
    """The rows of a Parquet file, which are asked of the same process."""

    kept = True

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises QueryError."""
        path = self.path
        request = QueryRequest(None, [path.name], path.parent, self.data.dialect)
        yield from answered(self.reader, request, self.shown)
