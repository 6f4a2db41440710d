"""Opening a ledger, with everything checked that could make it the wrong one."""

from __future__ import annotations

import logging
import secrets
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.errors import LedgerError
from flowops.ledger import keys, schema
from flowops.ledger.chain import genesis
from flowops.ledger.clock import now
from flowops.ledger.hints import RESTORE, no_ledger
from flowops.ledger.keys import Record
from flowops.ledger.place import Place, place_of
from flowops.ledger.sealing import Sealer
from flowops.ledger.sqlite import SqliteDatabase
from flowops.ledger.store import Store
from flowops.model.ledger import LedgerMark

if TYPE_CHECKING:
    from flowops.ledger.database import Connection, Database
    from flowops.model import Actor

_log = logging.getLogger(__name__)
#: The id of the empty stand-in for a ledger that the first write will make.
NOT_YET = ""


def open_ledger(
    url: str,
    environment: str,
    *,
    actor: Actor,
    pinned: str | None = None,
    key: bytes | None = None,
    create: bool = False,
    readonly: bool = False,
    root: Path | None = None,
) -> Store:
    """The ledger of an environment. Raises `LedgerError` unless it is there, whole, and the right one.

    `pinned` is the id that it has to have; `key` seals, where the key is kept elsewhere. `create`, for the
    sandbox alone, makes what is missing. `readonly` writes nothing at all: with `create`, a ledger that
    is missing reads as an empty one. `root` is where relative paths start (the project's directory).
    """
    place = place_of(url, root or Path.cwd())
    if readonly and create and not place.exists():
        return _stand_in(environment, actor)
    database = place.open(environment, make=create and not readonly, readonly=readonly, sandbox=create)
    try:
        record = _record_of(database, environment)
        if record is None and create and readonly:
            database.close()
            return _stand_in(environment, actor)
        if record is None and create:
            record = database.write(lambda connection: _make(database, connection, place, environment, key))
        record = _trusted(record, database, environment, pinned)
        sealer = keys.sealer(record, place, key, may_be_lost=readonly)
        store = Store(database, environment, record.id, sealer, actor, place.spool(record.id))
        about = {"ledger": record.id, "environment": environment, "how": "to be read" if readonly else "to be written"}
        _log.info("ledger %(ledger)s of %(environment)s is open %(how)s", about)
        if not readonly:
            store.take_in_spool()
    except BaseException:
        database.close()
        raise
    return store


def init_ledger(url: str, environment: str, *, key: bytes | None = None, root: Path | None = None) -> LedgerMark:
    """Make the ledger of an environment, once; tables of an older flowops are brought up to date instead.

    Raises `LedgerError` when there is nothing to make and nothing to bring up to date.
    """
    place = place_of(url, root or Path.cwd())
    database = place.open(environment, make=True, readonly=False, sandbox=False)
    try:
        version = database.read(schema.version_of)
        record = _record_of(database, environment)
        if record is not None and version == list(database.migrations)[-1]:
            raise LedgerError(
                f"{database.name}: environment {environment!r} has a ledger already: {record.id}",
                hint="nothing was changed",
            )
        if record is None:
            record = database.write(lambda connection: _make(database, connection, place, environment, key))
    finally:
        database.close()
    return LedgerMark(record.id, record.serial, record.head)


def _record_of(database: Database, environment: str) -> Record | None:
    """The environment's record, in tables that are up to date; None when there are no tables, or no record."""
    version = database.read(schema.version_of)
    if version is None:
        return None
    if not schema.is_current(database, version, environment):

        def work(connection: Connection) -> None:
            database.make_alone(connection)
            schema.upgrade(database, connection)

        database.write(work)
    return database.read(lambda connection: _record(connection, environment))


def _record(connection: Connection, environment: str) -> Record | None:
    found = connection.first("ledger", environment=environment)
    return None if found is None else Record(*found)


def _make(database: Database, connection: Connection, place: Place, environment: str, key: bytes | None) -> Record:
    """Make the record of an environment, and the tables before it, unless somebody else just has."""
    database.make_alone(connection)
    if schema.version_of(connection) is None:
        schema.upgrade(database, connection)
    record = _record(connection, environment)
    if record is None:
        kept_in_file = connection.first("ledger_with_key_place", key_place=keys.FILE)
        key_place, used = keys.new(place, key, must_exist=kept_in_file is not None)
        _insert(connection, environment, str(uuid.uuid4()), key_place, used)
        record = _record(connection, environment)
    assert record is not None, "it was inserted in this transaction"
    return record


def _insert(connection: Connection, environment: str, ledger_id: str, key_place: str, key: bytes) -> None:
    connection.run(
        "insert_ledger",
        environment=environment,
        id=ledger_id,
        head=genesis(ledger_id),
        created_at=now(),
        key_place=key_place,
        key_check=Sealer(key).check(ledger_id),
        key=key.hex() if key_place == keys.ROW else None,
    )


def _trusted(record: Record | None, database: Database, environment: str, pinned: str | None) -> Record:
    """The record, when it is the right one and the events go as far as it says."""
    if record is None:
        raise LedgerError(
            f"{database.name}: environment {environment!r} has no ledger here", hint=no_ledger(environment)
        )
    if pinned is not None and record.id != pinned:
        raise LedgerError(
            f"{database.name}: this is ledger {record.id}, and it has to be {pinned}",
            hint="restore the right one; the id that it has to have stands under `ledger: {id: …}` in flowops.yaml",
        )
    database.read(lambda connection: _check_end(connection, database.name, record.id))
    return record


def _check_end(connection: Connection, name: str, ledger_id: str) -> None:
    """Hold a record against the last event; both are read in one transaction, as others write meanwhile."""
    mark = connection.first("mark", ledger=ledger_id)
    end = connection.first("last_event", ledger=ledger_id)
    if mark is None or (end != mark[1:] and not (end is None and mark[1] == 0)):
        raise LedgerError(f"{name}: its record and its last event do not fit together", hint=RESTORE)


def _stand_in(environment: str, actor: Actor) -> Store:
    """An empty ledger in memory."""
    database = SqliteDatabase(None, readonly=False)
    key = secrets.token_bytes(keys.KEY_BYTES)

    def work(connection: Connection) -> None:
        schema.upgrade(database, connection)
        _insert(connection, environment, NOT_YET, keys.GIVEN, key)

    database.write(work)
    database.readonly = True
    return Store(database, environment, NOT_YET, Sealer(key), actor, None)
