"""What reading a file or answering queries may take: a hostile one ends with a message, soon and in little memory.

Time is that of the processor, not of the clock: a slow machine gives the same answer as a fast one, but for queries at
the very edge.
"""

from __future__ import annotations

#: Seconds of processor time of all queries of a command together, and how many more for each query, for each byte that
#: it reads, and for each row that it has given.
SECONDS = 1
SECONDS_A_QUERY = 20e-3
#: What counts for another process, where a query has brought the one before down.
SECONDS_A_PROCESS = 0.5
SECONDS_A_BYTE = 200e-9
SECONDS_A_ROW = 20e-6
#: Bytes of memory, everything in the process counted.
MEMORY = 2 << 30
#: What DuckDB may hold of it; a sort or a join that needs more fails.
DUCKDB_MIB = 512
#: How many rows are given at once, and at all; how long a row may be, in characters of JSON.
BATCH_ROWS = 1000
MAX_ROWS = 10_000_000
MAX_ROW = 1024 * 1024
#: How many rows there may be without any data, and how many bytes of the files there have to be for each one more:
#: a row that is a call has a number of its own.
ROWS_WITHOUT_DATA = 10_000
BYTES_A_ROW = 4
#: How many files the queries of a walk may name.
MAX_FILES = 500


def most_rows(size: int) -> int:
    """Return how many rows a query over so many bytes may give."""
    return min(MAX_ROWS, ROWS_WITHOUT_DATA + size // BYTES_A_ROW)


class QueryRefused(Exception):
    """Says what is wrong with a query or a file, for the user; `row` counts from 1 when it is about one."""

    def __init__(self, message: str, hint: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.row = row
