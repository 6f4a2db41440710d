"""Parquet, and SQL over files: asked of `flowops.queries`, which answers from a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from flowops.common.called import install_command
from flowops.common.tuples import NamedTuple
from flowops.documents.row_source import FileRows, QueryError, QueryRows
from flowops.documents.snapshots import private_directory
from flowops.documents.staging import Named, StagingDir
from flowops.errors import FlowopsError
from flowops.model.document import Batch
from flowops.queries.limits import SECONDS, SECONDS_A_PROCESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.reader import Reader

#: Nothing is imported from where the process runs, nor from where the command was started.
_COMMAND = [sys.executable, "-P", "-s", "-m", "flowops.queries"]
#: More than any answer has.
_LONGEST = 16 * 1024 * 1024
_TOO_LONG = "it takes too much work for so little data"
_ALL_TOO_LONG = "it is not asked: the queries of this command take too much work for so little data"


class QueryRequest(NamedTuple):
    """A query over files, whose names it has, or None and one Parquet file."""

    sql: str | None
    files: Named


def answered(reader: Reader, request: QueryRequest, shown: str) -> Iterator[Batch]:
    """Yield the rows of a query, or of a whole Parquet file; `shown` is how messages call where they are from.

    Raises QueryError, behind the rows that there were.
    """
    if find_spec("duckdb") is None:
        what = ".parquet" if request.sql is None else "it"
        raise QueryError(f"{what} needs DuckDB, which is not installed", install_command("duckdb"))
    with _queries(reader) as queries:
        left = SECONDS - reader.query_seconds
        if left <= 0:
            hint = "name fewer documents, or query once and write the rows into a file"
            raise QueryError(_ALL_TOO_LONG, hint)
        with queries.process() as process:
            try:
                process.say({"sql": request.sql, "seconds": left})
                files = request.files
                if request.sql is not None:
                    files = files._replace(names=process.hear()["files"])
                process.say({"files": queries.staging.add(files)})
                columns = process.hear()["columns"]
                number = 1
                while "rows" in (said := process.hear()):
                    rows = [dict(zip(columns, row, strict=True)) for row in said["rows"]]
                    yield Batch(shown, rows, range(number, number + len(rows)), None)
                    number += len(rows)
            finally:
                reader.query_seconds += process.seconds


class Queries:
    """What the queries of a walk share: the files that they read, and a process that answers one after the other."""

    def __init__(self, reader: Reader) -> None:
        self._stack = ExitStack()
        self._directory = self._stack.enter_context(private_directory())
        self._idle: QueryProcess | None = None
        self._over = False
        self.staging = StagingDir(reader, self._directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        if self._idle is not None:
            self._idle.end()
        self._stack.close()

    @contextmanager
    def process(self) -> Iterator[QueryProcess]:
        """Yield a process that answers one query; it answers another one later if this one has come to its end."""
        process, self._idle = self._idle or QueryProcess(str(self._directory)), None
        try:
            yield process
        finally:
            if process.is_free and self._idle is None and not self._over:
                self._idle = process
            else:
                process.end()


@contextmanager
def _queries(reader: Reader) -> Iterator[Queries]:
    """Yield what the queries of the walk share; where nobody walks, it is of one query alone."""
    if reader.walk is None:
        with Queries(reader) as queries:
            yield queries
        return
    yield reader.walk.share(Queries, lambda: Queries(reader))


class QueryProcess:
    """A process of `flowops.queries`. `seconds` is what a query has taken of those of the command, once it has ended.

    It `is_free` where no query is being answered.
    """

    def __init__(self, directory: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=_environment(directory),
        )
        self.is_free = True
        self.seconds = 0.0
        self.say({"directory": directory})

    def say(self, value: dict[str, Any]) -> None:
        """Say something to the process; if it has gone, `hear` tells why."""
        assert self._process.stdin is not None
        if "sql" in value:
            self.is_free, self.seconds = False, 0.0
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(value).encode() + b"\n")
            self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Return what the process says next. Raises QueryError."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline(_LONGEST)
        if not line.endswith(b"\n"):
            self.seconds = SECONDS
            raise _ended(self._process.wait())
        said: dict[str, Any] = json.loads(line)
        if "failed" in said:
            raise FlowopsError(f"the query process failed: {said['failed']}")
        if "seconds" in said:
            self.is_free = not said.get("last")
            self.seconds = said["seconds"] + (0 if self.is_free else SECONDS_A_PROCESS)
        if "refused" in said:
            raise QueryError(said["refused"], said["hint"], said["row"])
        return said

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stdin):
            assert pipe is not None
            with suppress(BrokenPipeError):  # What was still to be said to it.
                pipe.close()


def _environment(directory: str) -> dict[str, str]:
    """Return what the process knows of the command's environment: where Python's modules are, and no secret."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, "HOME": directory, "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _ended(code: int) -> QueryError:
    if code in (-signal.SIGPROF, -signal.SIGXCPU):
        return QueryError(_TOO_LONG)
    if code == -signal.SIGKILL:
        return QueryError("out of memory: the system ended the process that was reading")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return QueryError(f"the process that was reading ended with {how}", "the file may be damaged")


class SqlRows(QueryRows):
    """The rows of SQL over files; their names start at the directory of the document."""

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises QueryError."""
        files = Named((), self.reader.path(self.document).parent, self.query.dialect)
        yield from answered(self.reader, QueryRequest(self.query.sql, files), self.shown)


class ParquetRows(FileRows):
    """The rows of a Parquet file, which are asked of the same process."""

    kept = True

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises QueryError."""
        path = self.path
        files = Named([path.name], path.parent, self.data.dialect)
        yield from answered(self.reader, QueryRequest(None, files), self.shown)
