"""Where a ledger is kept, by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from flowops.errors import LedgerError
from flowops.ledger.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.ledger.database import Database
    from flowops.ledger.spool import Spool

_FORMS = "sqlite:///file.db or postgresql://user@host/database"


class Place(Protocol):
    """Where a ledger's database is."""

    @property
    def name(self) -> str:
        """What messages call it, without secrets."""
        ...

    @property
    def key_file(self) -> Path | None:
        """The file that keeps the key when nobody gives one; None where the database keeps it."""
        ...

    def exists(self) -> bool:
        """Whether there is a database at all."""
        ...

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> Database:
        """Connect, with what is special to this kind of database checked.

        `make` makes what is missing. A `sandbox` rings nobody: what only endangers the promise is let pass.
        """
        ...

    def spool(self, ledger_id: str) -> Spool:
        """The file for results that the database cannot take."""
        ...


def place_of(url: str, root: Path) -> Place:
    """The place behind a URL; relative paths start at `root`. Raises `LedgerError`, never with the URL's password."""
    parts = _split(url)
    if parts.scheme == "sqlite":
        return SqliteFile.of(parts, root)
    if parts.scheme == "postgresql":
        from flowops.ledger.postgres import PostgresServer

        return PostgresServer(url, parts, root)
    raise LedgerError(f"a ledger cannot be kept in {parts.scheme!r}: its address has to be like {_FORMS}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url, allow_fragments=False)
        _ = parts.port  # Raises ValueError for what is no number.
    except ValueError:
        parts = None
    if parts is None or not parts.scheme or "://" not in url:
        raise LedgerError(f"the ledger's address is not a URL such as {_FORMS}")
    return parts
