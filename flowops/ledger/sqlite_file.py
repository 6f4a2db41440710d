"""The file of a SQLite ledger: is it there, whole, ours, and where it is safe?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.errors import LedgerError
from flowops.ledger.files import beside, create_private, damage, make_private, shared_file_system
from flowops.ledger.hints import RESTORE, no_ledger
from flowops.ledger.spool import Spool
from flowops.ledger.sqlite import APPLICATION_ID, SqliteDatabase

if TYPE_CHECKING:
    from pathlib import Path
    from urllib.parse import SplitResult

    from flowops.ledger.database import Connection


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A SQLite ledger's place (see `flowops.ledger.place.Place`)."""

    path: Path

    @classmethod
    def of(cls, url: SplitResult, root: Path) -> SqliteFile:
        """The file that a URL names; a relative one starts at `root`."""
        database = url.path.removeprefix("/")
        if not database or database == ":memory:":
            raise LedgerError("a ledger in memory forgets every call", hint="give it a file: sqlite:///ledger.db")
        if url.netloc or url.query or database.startswith("file:"):
            raise LedgerError(
                "the ledger's address names more than a file",
                hint="sqlite:///ledger.db is relative to the project, sqlite:////var/lib/ledger.db is absolute",
            )
        return cls(root.absolute() / database)

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def key_file(self) -> Path:
        """The key lies beside the ledger."""
        return beside(self.path, ".key")

    def exists(self) -> bool:
        """Whether there is a file with anything in it."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def spool(self, ledger_id: str) -> Spool:  # noqa: ARG002
        """One for all environments in the file; its lines say whose they are."""
        return Spool(beside(self.path, ".spool"))

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> SqliteDatabase:
        """Check the file, then connect."""
        try:
            self._check_file(environment, make=make, sandbox=sandbox)
            if not readonly:
                self._prepare_to_write(make=make)
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror or error}") from error
        database = SqliteDatabase(self.path, readonly=readonly)
        try:
            database.read(self._check_owner)
        except BaseException:
            database.close()
            raise
        return database

    def _check_file(self, environment: str, *, make: bool, sandbox: bool) -> None:
        path = self.path
        kind = None if sandbox else shared_file_system(path)
        if kind is not None:
            raise LedgerError(
                f"{path}: on a shared file system ({kind}), where locks do not reach everyone who may write",
                hint="keep it on a local disk, or share a ledger in PostgreSQL",
            )
        if path.exists() and not path.is_file():
            raise LedgerError(f"{path}: not a file")
        if not self.exists():
            if not make:
                what = "the ledger is empty" if path.exists() else "there is no ledger here"
                raise LedgerError(f"{path}: {what}", hint=no_ledger(environment))
            return
        harm = damage(path)
        if harm is not None:
            raise LedgerError(f"{path}: {harm}", hint=RESTORE)

    def _prepare_to_write(self, *, make: bool) -> None:
        if make:
            create_private(self.path)
        if not os.access(self.path.parent, os.W_OK):
            raise LedgerError(
                f"{self.path.parent}: cannot be written, and a ledger needs its journal there",
                hint="let the user that runs flowops write to this directory",
            )
        make_private(self.path)
        if self.key_file.exists():
            make_private(self.key_file)

    def _check_owner(self, connection: Connection) -> None:
        (mark,) = connection.raw.execute("PRAGMA application_id").fetchone()
        kinds = {kind for (kind,) in connection.raw.execute("SELECT DISTINCT type FROM sqlite_master")}
        if mark == APPLICATION_ID and not kinds & {"view", "trigger"}:
            return
        if mark == 0 and not kinds:  # being made right now, or never finished
            return
        raise LedgerError(
            f"{self.path}: a database of another program",
            hint="nothing was changed; give the ledger a file of its own",
        )
