"""The place of a ledger in one SQLite file: what is checked before it is opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from flowops.common.addresses import sqlite_file
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.database import RESTORE, Connection, migrations, no_ledger
from flowops.ledger.files import (
    APPLICATION_ID,
    FOREIGN_DATABASE,
    JOURNAL,
    beside,
    check_journal,
    check_own,
    create_private,
    damage,
    shared_file_system,
)
from flowops.ledger.spool import Spool
from flowops.ledger.sqlite import KIND, SqliteDatabase


class SqliteFile(NamedTuple):
    """A SQLite ledger's place (see `flowops.ledger.database.Place`). `root` is the project's folder."""

    path: Path
    root: Path

    @classmethod
    def of(cls, address: str, root: Path) -> SqliteFile:
        """Return the file that an address names, with an absolute path."""
        return cls(Path(sqlite_file(address)), root.absolute())

    @property
    def name(self) -> str:
        """Return the path."""
        return str(self.path)

    @property
    def key_file(self) -> Path:
        """Return the file beside the ledger."""
        return beside(self.path, ".key")

    def exists(self) -> bool:
        """Return whether there is a file with anything in it."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def spool(self, ledger_id: str) -> Spool:  # noqa: ARG002
        """Return one for all environments in the file; its lines say whose they are."""
        return Spool(beside(self.path, ".spool"), self.root)

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> SqliteDatabase:
        """Check the file, then connect."""
        try:
            check_own([self.path, self.key_file, beside(self.path, JOURNAL)], self.root)
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
        if not self.exists():
            if not make:
                what = "the ledger is empty" if path.exists() else "there is no ledger here"
                raise LedgerError(f"{path}: {what}", hint=no_ledger(environment))
            return
        check_journal(path)
        harm = damage(path)
        if harm == FOREIGN_DATABASE:
            raise self._foreign()
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

    def _check_owner(self, connection: Connection) -> None:
        (mark,) = connection.raw.execute("PRAGMA application_id").fetchone()
        found = _schema(connection.raw)
        # One without tables is being made right now, or was never finished.
        if found and (mark != APPLICATION_ID or found not in _own_schemas(tuple(migrations(KIND).values()))):
            raise self._foreign()

    def _foreign(self) -> LedgerError:
        return LedgerError(
            f"{self.path}: {FOREIGN_DATABASE}",
            hint="nothing was changed; give the ledger a file of its own. One that a newer flowops has made needs that",
        )


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str, str | None]]:
    """Return all that a database is made of: tables and indices; nothing else is, of ours."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 1000")
    return frozenset((str(kind), str(name), str(table), sql) for kind, name, table, sql in rows)


@cache
def _own_schemas(scripts: tuple[str, ...]) -> frozenset[frozenset[tuple[str, str, str, str | None]]]:
    """Return what the tables are made of after each of some scripts: any other could hold what runs when it is read."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        found = []
        for script in scripts:
            connection.executescript(script)
            found.append(_schema(connection))
        return frozenset(found)
