"""The process that reads: asked on stdin, answering on stdout, a JSON text a line.

It is told ``{"directory": …}``, where the files of all queries will be, each called by its number. Then, for each
query, it is asked ``{"sql": …, "seconds": …}``, and answers ``{"files": […]}``, the names that the query has for
files; it is given ``{"files": {name: {"path": …, …}}}``, and answers ``{"columns": […]}``, then ``{"rows": [[…], …]}``
as often as need be, then ``{"end": true, "seconds": …}``: what it took of the seconds. Instead of any answer there may
be ``{"refused": …, "seconds": …}``, which has ``"last": true`` where memory ran out, or ``{"failed": …}``.
Without a query, ``{"sql": null}``, the files are one Parquet file, and all of it is given.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from flowops.queries.limits import (
    MAX_FILES,
    MEMORY,
    SECONDS_A_BYTE,
    SECONDS_A_QUERY,
    SECONDS_A_ROW,
    QueryRefused,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SOON = 1e-3


def main() -> None:
    """Answer queries, until nobody asks any more."""
    _confine()
    from flowops.queries.answer import locked

    try:
        directory = _asked()["directory"]
        connection = locked(f"{directory}/{number}" for number in range(MAX_FILES))
        while asked := _asked():
            _answer(connection, asked)
    except BrokenPipeError:
        os._exit(0)  # Nobody listens any more: enough rows have been read.
    except Exception as error:  # Whoever asked has to know of it, and there is no other way to say it.
        _say({"failed": f"{type(error).__name__}: {error}"})


def _answer(connection: DuckDBPyConnection, asked: dict[str, Any]) -> None:
    from flowops.queries.answer import answer

    clock = _Clock(asked["seconds"])
    end: dict[str, Any] = {"end": True}
    try:
        for said in answer(connection, asked["sql"], lambda: _asked()["files"], clock.allow):
            sys.stdout.write(said)
            sys.stdout.write("\n")
            sys.stdout.flush()
    except QueryRefused as refused:
        end = {"refused": refused.message, "hint": refused.hint, "row": refused.row}
    except MemoryError:
        # What is left may not be enough for another query.
        _say({"refused": "it takes too much memory", "hint": None, "row": None, "seconds": clock.taken, "last": True})
        os._exit(0)
    _say({**end, "seconds": clock.taken})


def _asked() -> dict[str, Any]:
    """Return what comes next on stdin; nothing at its end."""
    line = sys.stdin.readline()
    asked: dict[str, Any] = json.loads(line) if line else {}
    return asked


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _confine() -> None:
    """Have the kernel hold the process to its limits, whatever DuckDB is told: no file is written, however small."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":  # macOS has the name, and no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class _Clock:
    """The processor time of one query: the kernel ends the process behind so many `seconds`, and what is allowed."""

    def __init__(self, seconds: float) -> None:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        self._begun = time.process_time()
        self._seconds = seconds
        self._allowed = SECONDS_A_QUERY
        self._set()

    def allow(self, read: int, given: int) -> None:
        """Allow more for a query over so many bytes that has given so many rows."""
        self._allowed = SECONDS_A_QUERY + SECONDS_A_BYTE * read + SECONDS_A_ROW * given
        self._set()

    @property
    def taken(self) -> float:
        """Return what the query has taken of its seconds."""
        return max(0.0, self._used - self._allowed)

    @property
    def _used(self) -> float:
        return time.process_time() - self._begun

    def _set(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, max(self._seconds + self._allowed - self._used, _SOON))


if __name__ == "__main__":
    main()
