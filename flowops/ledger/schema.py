"""Making the tables, and bringing those of an earlier flowops up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.errors import LedgerError

if TYPE_CHECKING:
    from flowops.ledger.database import Connection, Database


def version_of(connection: Connection) -> str | None:
    """Return which migration the tables are at; None when there are none."""
    if connection.first("has_version") is None:
        return None
    version: str | None = connection.value("version")
    return version


def is_current(database: Database, version: str, environment: str) -> bool:
    """Return whether the tables are as this flowops has them.

    Raises `LedgerError` when a newer one has made them, and when an older one has but they may only be read.
    """
    name, known = database.name, list(database.migrations)
    if version not in known:
        raise LedgerError(
            f"{name}: made by a newer flowops (its tables are at version {version}, this one knows {known[-1]})",
            hint="update flowops here: `pip install --upgrade flowops`",
        )
    if version != known[-1] and database.readonly:
        raise LedgerError(
            f"{name}: made by an older flowops (its tables are at version {version}, this one has {known[-1]})",
            hint=f"`flowops ledger init --env {environment}` brings it up to date and touches no call",
        )
    return version == known[-1]


def upgrade(database: Database, connection: Connection) -> None:
    """Run the migrations that are missing, all when there are no tables yet, inside the connection's transaction."""
    at = version_of(connection)
    for version, script in database.migrations.items():
        if at is None or version > at:
            database.run_script(connection, script)
            connection.run("set_version", version=version)
