"""The process that reads: asked on stdin, answering on stdout, a JSON text a line.

It is asked ``{"sql": …}``, and answers ``{"files": […]}``, the names that the query has for files; it is given
``{"files": {name: {"path": …, …}}}``, and answers ``{"columns": […]}``, then ``{"rows": [[…], …]}`` as often as
need be, then ``{"end": true}``. Instead of any answer there may be ``{"refused": …}`` or ``{"failed": …}``, the last.
Without a query, ``{"sql": null}``, the files are one Parquet file, and all of it is given.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from flowops.queries.limits import MEMORY, SECONDS, SECONDS_A_BYTE, SECONDS_A_ROW, QueryRefused


def main() -> None:
    """Answer one query."""
    _confine()
    from flowops.queries.answer import answer

    try:
        for said in answer(lambda: json.loads(sys.stdin.readline()), _allow):
            sys.stdout.write(said)
            sys.stdout.write("\n")
            sys.stdout.flush()
    except QueryRefused as refused:
        _say({"refused": refused.message, "hint": refused.hint, "row": refused.row})
    except MemoryError:
        _say({"refused": "it takes too much memory", "hint": None, "row": None})
    except BrokenPipeError:
        os._exit(0)  # Nobody listens any more: enough rows have been read.
    except Exception as error:  # Whoever asked has to know of it, and there is no other way to say it.
        _say({"failed": f"{type(error).__name__}: {error}"})


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _confine() -> None:
    """Have the kernel hold the process to its limits, whatever DuckDB is told: no file is written, however small."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _end_after(SECONDS)
    if sys.platform == "linux":  # macOS has the name, and no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _allow(read: int, given: int) -> None:
    """Allow more processor time for a query over so many bytes that has given so many rows."""
    _end_after(int(SECONDS + SECONDS_A_BYTE * read + SECONDS_A_ROW * given))


def _end_after(seconds: int) -> None:
    """End the process after so many seconds of the processor, or where whoever started the command ends it sooner."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    main()
