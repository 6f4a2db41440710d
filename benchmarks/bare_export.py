"""The export that nothing can do without: reads the table of the calls, and writes a line of JSON for each.

Takes a ledger's file. It opens no pseudonym, blinds nothing, and reads no callee's outcome, which are in other tables.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing


def bare(file: str) -> None:
    """Write all rows."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as ledger:
        rows = ledger.execute("SELECT * FROM flowops_calls")
        names = [each[0] for each in rows.description]
        sys.stdout.writelines(json.dumps(dict(zip(names, row, strict=True)), default=bytes.hex) + "\n" for row in rows)


if __name__ == "__main__":
    bare(sys.argv[1])
