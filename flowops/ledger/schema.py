"""Making the tables, and bringing those of an earlier flowops up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, insert, inspect, select

from flowops.errors import LedgerError
from flowops.ledger.tables import VERSION_TABLE, VERSIONS, events, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

NEWEST = VERSIONS[-1]
#: As alembic would make it.
_version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


def version_of(connection: Connection) -> str | None:
    """Which migration the tables are at; None when there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def is_current(version: str, name: str, environment: str, *, readonly: bool) -> bool:
    """Whether the tables are as this flowops has them.

    Raises `LedgerError` when a newer one has made them, and when an older one has but they may only be read.
    """
    if version not in VERSIONS:
        raise LedgerError(
            f"{name}: made by a newer flowops (its tables are at version {version}, this one knows {NEWEST})",
            hint="update flowops here: `pip install --upgrade flowops`",
        )
    if version != NEWEST and readonly:
        raise LedgerError(
            f"{name}: made by an older flowops (its tables are at version {version}, this one has {NEWEST})",
            hint=f"`flowops ledger init --env {environment}` brings it up to date and touches no call",
        )
    return version == NEWEST


def create(connection: Connection) -> None:
    """Make all tables, at the newest version; without alembic, whose import takes longer than all the rest."""
    metadata.create_all(connection, checkfirst=False)
    _version.create(connection, checkfirst=False)
    connection.execute(insert(_version).values(version_num=NEWEST))


def last_event(connection: Connection, ledger_id: str) -> tuple[int, str] | None:
    """The serial and hash of a ledger's last event."""
    query = select(events.c.serial, events.c.hash).where(events.c.ledger == ledger_id)
    found = connection.execute(query.order_by(events.c.serial.desc()).limit(1)).one_or_none()
    return None if found is None else (found.serial, found.hash)


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "flowops.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
