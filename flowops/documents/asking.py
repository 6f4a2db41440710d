"""Parquet and SQL over files: asked of `flowops.queries`, which answers from a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.documents.staging import NotStaged, Stage
from flowops.errors import FlowopsError
from flowops.model import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.documents.for_each import Dialect
    from flowops.documents.reader import Reader
    from flowops.model import Problem

#: Nothing is imported from where the process runs, nor from where the command was started.
_COMMAND = [sys.executable, "-P", "-s", "-m", "flowops.queries"]
#: More than any answer has.
_LONGEST = 16 * 1024 * 1024
_TOO_LONG = "it takes too much work for so little data"


class NoAnswer(Exception):
    """Why there are no rows, or no more; `row` counts from 1, `problems` are those of a file that was read for it."""

    def __init__(
        self, message: str, hint: str | None = None, row: int | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.row = row
        self.problems = tuple(problems)


class Question(NamedTuple):
    """A query over files, or None and one Parquet file; names start at the directory `base`."""

    sql: str | None
    files: Sequence[str]
    base: Path
    dialect: Dialect


def answered(reader: Reader, question: Question, shown: str) -> Iterator[Batch]:
    """The rows of a query, or of a whole Parquet file; `shown` is how messages call where they are from.

    Raises NoAnswer, behind the rows that there were.
    """
    if find_spec("duckdb") is None:
        what = ".parquet" if question.sql is None else "it"
        raise NoAnswer(f"{what} needs the extra: pip install 'flowops[data]'")
    with tempfile.TemporaryDirectory(prefix="flowops-") as directory, _process(directory) as ask:
        stage = Stage(reader, question.base, question.dialect, Path(directory))
        ask({"sql": question.sql})
        files = ask(None)["files"] if question.sql is not None else question.files
        try:
            ask({"files": stage.put(files)})
        except NotStaged as error:
            raise NoAnswer(error.message, problems=error.problems) from None
        columns = ask(None)["columns"]
        number = 1
        while "rows" in (said := ask(None)):
            rows = [dict(zip(columns, row, strict=True)) for row in said["rows"]]
            yield Batch(shown, rows, range(number, number + len(rows)), None)
            number += len(rows)


@contextmanager
def _process(directory: str) -> Iterator[Callable[[dict[str, Any] | None], dict[str, Any]]]:
    """A function that says something to the process, or, given None, hears what it says. It raises NoAnswer."""
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
            raise NoAnswer(said["refused"], said["hint"], said["row"])
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
    """What the process knows of the command's environment: where Python's modules are, and no secret."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, "HOME": directory, "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _ended(code: int) -> NoAnswer:
    if code == -signal.SIGXCPU:
        return NoAnswer(_TOO_LONG)
    if code == -signal.SIGKILL:
        return NoAnswer("the system ended the process that was reading, for want of memory")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return NoAnswer(f"the process that was reading ended with {how}", "the file may be damaged")
