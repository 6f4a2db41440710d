"""What `status` is held against, its start included. Takes a data set's folder.

It reads the project, holds it against its schema, and asks the ledger how many calls have which state.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import click
from bare_validate import checked

COUNT = "SELECT state, count(*) FROM flowops_calls GROUP BY state"


def bare(root: Path) -> list[tuple[str, int]]:
    """The states of the ledger's calls, with how many have them."""
    checked(root / "flowops.yaml")
    return sqlite3.connect(f"file:{root}/large.db?mode=ro", uri=True).execute(COUNT).fetchall()


if __name__ == "__main__":
    click.echo(bare(Path(sys.argv[1])))
