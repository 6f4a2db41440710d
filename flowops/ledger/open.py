"""Opening a ledger, with everything checked that could make it the wrong one."""

from __future__ import annotations

import hmac
import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.addresses import BadAddress, is_postgres, ledger_address
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger import records
from flowops.ledger.database import RESTORE
from flowops.ledger.history import Opened
from flowops.ledger.keys import FILE, GIVEN, KEY_BYTES, LOST, ROW, key_in, usable_key
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.seal import Seal
from flowops.ledger.sqlite import SqliteDatabase
from flowops.ledger.sqlite_file import SqliteFile
from flowops.ledger.store import Store
from flowops.ledger.witness import Memory
from flowops.model.ledger import Actor, Owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.database import Connection, Database, Place
    from flowops.ledger.records import OtherLedger, Record
    from flowops.model.ledger import Checkpoint


def place_of(url: str, root: Path) -> Place:
    """The place behind a URL; relative paths start at `root`. Raises `LedgerError`, never with the URL's password."""
    try:
        address = ledger_address(url, root.absolute())
        if not is_postgres(address):
            return SqliteFile.of(address, root)
        from flowops.ledger.postgres import PostgresServer  # most ledgers are files

        return PostgresServer.of(address, root)
    except BadAddress as error:
        raise LedgerError(f"the ledger's address: {error}") from None


_log = logging.getLogger(__name__)
#: The id of the empty stand-in for a ledger that the first write will make.
NOT_YET = ""
NOBODY = Actor("somebody", "somewhere")


def open_ledger(
    url: str,
    environment: str,
    *,
    actor: Actor,
    project: str = "",
    api: str = "",
    pinned: str | None = None,
    key: bytes | None = None,
    create: bool = False,
    readonly: bool = False,
    root: Path | None = None,
) -> Store:
    """Return the ledger of an environment. Raises `LedgerError` unless it is there, whole, and the right one.

    It is that of a `project`'s environment, for calls to the API at the host `api`. `pinned` is the id that it has to
    have; `key` is that of its pseudonyms, where it is kept elsewhere. `create`, for the sandbox alone, makes what is
    missing. `readonly` writes nothing at all: with `create`, a ledger that is missing reads as an empty one. `root` is
    where relative paths start (the project's directory).
    """
    owner = Owner(project, environment, api)
    place = place_of(url, root or Path.cwd())
    if readonly and create and not place.exists():
        return stand_in(environment, actor)
    database = place.open(environment, make=create and not readonly, readonly=readonly, sandbox=create)
    try:
        record = records.find(database, owner)
        if record is None and create and readonly:
            database.close()
            return stand_in(environment, actor)
        if record is None and create:
            record = database.write(lambda connection: records.make(database, connection, place, owner, key, actor))
        record = _trusted(records.check_owner(database, record, owner), database, pinned)
        sealed = _sealed(record, database)
        pseudonymizer = _pseudonymizer_of(record, place, key, may_be_lost=readonly)
        store = Store(
            Opened(database, environment, record.id, record.number, pseudonymizer, actor, place.spool(record.id))
        )
        about = {"ledger": record.id, "environment": environment, "how": "to be read" if readonly else "to be written"}
        _log.info("ledger %(ledger)s of %(environment)s is open %(how)s", about)
        store.sealed = sealed
        if not create and sealed is None:
            store.ask_witnesses(Memory((root or Path.cwd()).absolute(), record.id), record.suspicion, record.server)
        if not readonly:
            store.take_in_spool()
    except BaseException:
        database.close()
        raise
    return store


class Made(NamedTuple):
    """A ledger that was made, or goes on: which one, and which others its database holds."""

    checkpoint: Checkpoint
    others: Sequence[OtherLedger]


def init_ledger(
    url: str,
    environment: str,
    *,
    project: str = "",
    api: str = "",
    actor: Actor = NOBODY,
    goes_on: str | None = None,
    key: bytes | None = None,
    root: Path | None = None,
) -> Made:
    """Make the ledger of an environment, once; tables of an older flowops are brought up to date instead.

    `goes_on` is the id of a ledger that had another name, of project, environment or API, and goes on under this one.
    Raises `LedgerError` when there is nothing to make and nothing to bring up to date.
    """
    owner = Owner(project, environment, api)
    place = place_of(url, root or Path.cwd())
    database = place.open(environment, make=goes_on is None, readonly=False, sandbox=False)
    try:
        version = database.read(records.version_of)
        record = records.find(database, owner)

        def work(connection: Connection) -> Made:
            if goes_on is not None:
                found = records.rename(database, connection, goes_on, owner, actor)
            elif record is not None and version == list(database.migrations)[-1]:
                raise records.already_there(database, connection, record)
            else:
                found = records.make(database, connection, place, owner, key, actor)
            return Made(found.checkpoint, records.others(connection, owner))

        return database.write(work)
    finally:
        database.close()


def _pseudonymizer_of(
    record: Record, place: Place, given: bytes | None, *, may_be_lost: bool
) -> Pseudonymizer | LedgerError:
    """Return what makes pseudonyms with the record's key; where that may be lost, the error for who needs one."""
    try:
        return Pseudonymizer(key_of(record, place, given))
    except LedgerError as error:
        if not may_be_lost:
            raise
        return error


def key_of(record: Record, place: Place, given: bytes | None) -> bytes:
    """Return the key of a record. Raises LedgerError where it is not there, or another one."""
    key = _find_key(record, place, given)
    if not hmac.compare_digest(Pseudonymizer(key).check(record.id).encode(), record.key_check.encode()):
        raise LedgerError(
            f"{place.name}: the key is not the one that ledger {record.id} was made with",
            hint=f"give it the key it was made with; {LOST}",
        )
    return key


def _find_key(record: Record, place: Place, given: bytes | None) -> bytes:
    if given is not None:
        return usable_key(given)
    if record.key_place == ROW and record.key:
        return usable_key(record.key.encode())
    if record.key_place == FILE and place.key_file is not None:
        try:
            return usable_key(key_in(place.key_file))
        except PermissionError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key cannot be read by this user: {error.strerror}",
                hint="run flowops as the user that the ledger and its key belong to",
            ) from error
        except OSError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key: {error.strerror or error}", hint=f"restore the file; {LOST}"
            ) from error
    raise LedgerError(
        f"{place.name}: the key of ledger {record.id} is kept elsewhere, and was not given",
        hint="name the environment variable that holds it: `ledger: {url: …, key: {env: NAME}}`",
    )


def _trusted(record: Record, database: Database, pinned: str | None) -> Record:
    """Return the record, when it is the right one and the events go as far as it says."""
    if pinned is not None and record.id != pinned:
        raise LedgerError(
            f"{database.name}: this is ledger {record.id}, and it has to be {pinned}",
            hint="restore the right one; the id that it has to have is under `ledger: {id: …}` in flowops.yaml",
        )
    database.read(lambda connection: _check_end(connection, database.name, record.number))
    return record


def _sealed(record: Record, database: Database) -> LedgerError | None:
    """Return why nothing can be written into a ledger. Raises that where somebody would, or it is not to be used."""
    seal = Seal.read(record.seal)
    if seal is None:
        return None
    refusal = seal.refusal(database.name, record.environment)
    if seal.is_of_the_copy or not database.readonly:
        raise refusal
    return refusal


def _check_end(connection: Connection, name: str, ledger: int) -> None:
    """Hold a record against the last event; both are read in one transaction, as others write meanwhile."""
    checkpoint = connection.first("checkpoint", ledger=ledger)
    end = connection.first("last_event", ledger=ledger)
    if checkpoint is None or (end != checkpoint[1:3] and not (end is None and checkpoint[1] == 0)):
        raise LedgerError(f"{name}: its record and its last event do not fit together", hint=RESTORE)


def stand_in(environment: str, actor: Actor) -> Store:
    """Return an empty ledger in memory."""
    database = SqliteDatabase(None, readonly=False)
    key = secrets.token_bytes(KEY_BYTES)

    def work(connection: Connection) -> None:
        records.upgrade(database, connection)
        records.insert(connection, Owner("", environment), NOT_YET, GIVEN, key)

    database.write(work)
    database.readonly = True
    return Store(Opened(database, environment, NOT_YET, 1, Pseudonymizer(key), actor))
