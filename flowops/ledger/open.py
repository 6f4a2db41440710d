"""Opening a ledger, with everything checked that could make it the wrong one."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flowops.common.addresses import BadAddress, is_postgres, ledger_address
from flowops.common.secrets import without_line_break
from flowops.errors import LedgerError
from flowops.ledger.chain import genesis
from flowops.ledger.database import RESTORE, no_ledger, now
from flowops.ledger.files import write_private
from flowops.ledger.postgres import PostgresServer
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.sqlite import SqliteDatabase, SqliteFile
from flowops.ledger.store import Store
from flowops.model.ledger import Checkpoint

if TYPE_CHECKING:
    from flowops.ledger.database import Connection, Database
    from flowops.ledger.spool import Spool
    from flowops.model.ledger import Actor


class Place(Protocol):
    """Where a ledger's database is."""

    @property
    def name(self) -> str:
        """Return what messages call it, without secrets."""
        ...

    @property
    def key_file(self) -> Path | None:
        """Return the file that keeps the key when nobody gives one; None where the database keeps it."""
        ...

    def exists(self) -> bool:
        """Return whether there is a database at all."""
        ...

    def open(self, environment: str, *, make: bool, readonly: bool, sandbox: bool) -> Database:
        """Connect, with what is special to this kind of database checked.

        `make` makes what is missing. A `sandbox` rings nobody: what only endangers the promise is let pass.
        """
        ...

    def spool(self, ledger_id: str) -> Spool:
        """Return the file for results that the database cannot take."""
        ...


def place_of(url: str, root: Path) -> Place:
    """The place behind a URL; relative paths start at `root`. Raises `LedgerError`, never with the URL's password."""
    try:
        address = ledger_address(url, root.absolute())
        return PostgresServer.of(address, root) if is_postgres(address) else SqliteFile.of(address, root)
    except BadAddress as error:
        raise LedgerError(f"the ledger's address: {error}") from None


#: Where a key is kept, as the ledger's record says it.
GIVEN, FILE, ROW = "given", "file", "row"
KEY_BYTES = 32
_SHORTEST = 16
_LOST = (
    "if it is lost for good: `flowops ledger export` still works; import that into a new ledger, which then knows "
    "every call and no fingerprint"
)


class Record(NamedTuple):
    """A ledger's own row."""

    number: int
    id: str
    serial: int
    head: str
    key_place: str
    key_check: str
    key: str | None


def _new_key(place: Place, given: bytes | None, *, must_exist: bool) -> tuple[str, bytes]:
    """Return where the key of a new record is kept, and the key.

    `must_exist`: other records of the database use the key file, so a new one must not take its place.
    """
    if given is not None:
        return GIVEN, usable_key(given)
    path = place.key_file
    if path is None:
        return ROW, secrets.token_bytes(KEY_BYTES)
    if not path.exists() and must_exist:
        raise LedgerError(f"{path}: the key of this database's ledgers is missing", hint=f"restore it; {_LOST}")
    try:
        write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        return FILE, usable_key(_key_in(path))
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror or error}") from error


def _pseudonymizer_of(
    record: Record, place: Place, given: bytes | None, *, may_be_lost: bool
) -> Pseudonymizer | LedgerError:
    """Return what makes pseudonyms with the record's key; where that may be lost, the error for who needs one."""
    try:
        return _pseudonymizer(record, place, given)
    except LedgerError as error:
        if not may_be_lost:
            raise
        return error


def _pseudonymizer(record: Record, place: Place, given: bytes | None) -> Pseudonymizer:
    found = Pseudonymizer(_find(record, place, given))
    if not hmac.compare_digest(found.check(record.id), record.key_check):
        raise LedgerError(
            f"{place.name}: the key is not the one that ledger {record.id} was made with",
            hint=f"give it the key it was made with; {_LOST}",
        )
    return found


def _find(record: Record, place: Place, given: bytes | None) -> bytes:
    if given is not None:
        return usable_key(given)
    if record.key_place == ROW and record.key:
        return usable_key(record.key.encode())
    if record.key_place == FILE and place.key_file is not None:
        try:
            return usable_key(_key_in(place.key_file))
        except PermissionError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key cannot be read by this user: {error.strerror}",
                hint="run flowops as the user that the ledger and its key belong to",
            ) from error
        except OSError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key: {error.strerror or error}", hint=f"restore the file; {_LOST}"
            ) from error
    raise LedgerError(
        f"{place.name}: the key of ledger {record.id} is kept elsewhere, and was not given",
        hint="name the environment variable that holds it: `ledger: {url: …, key: {env: NAME}}`",
    )


def _key_in(path: Path) -> bytes:
    """Return the key in a file, without the line break at its end."""
    return without_line_break(path.read_text(encoding="utf-8", errors="surrogateescape")).encode(
        "utf-8", "surrogateescape"
    )


def usable_key(text: bytes) -> bytes:
    """Return the 32 bytes behind a key as it is written: 64 hex digits, or any secret of 16 characters or more."""
    if len(text) < _SHORTEST:
        raise LedgerError(
            f"the ledger's key is too short: {_SHORTEST} characters at least",
            hint="make one with `openssl rand -hex 32`, and keep it as long as the ledger",
        )
    try:
        decoded = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        decoded = b""
    return decoded if len(decoded) == KEY_BYTES else hashlib.sha256(text).digest()


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
    """Return the ledger of an environment. Raises `LedgerError` unless it is there, whole, and the right one.

    `pinned` is the id that it has to have; `key` is that of its pseudonyms, where it is kept elsewhere. `create`, for
    the sandbox alone, makes what is missing. `readonly` writes nothing at all: with `create`, a ledger that is missing
    reads as an empty one. `root` is where relative paths start (the project's directory).
    """
    place = place_of(url, root or Path.cwd())
    if readonly and create and not place.exists():
        return stand_in(environment, actor)
    database = place.open(environment, make=create and not readonly, readonly=readonly, sandbox=create)
    try:
        record = _record_of(database, environment)
        if record is None and create and readonly:
            database.close()
            return stand_in(environment, actor)
        if record is None and create:
            record = database.write(lambda connection: _make(database, connection, place, environment, key))
        record = _trusted(record, database, environment, pinned)
        pseudonymizer = _pseudonymizer_of(record, place, key, may_be_lost=readonly)
        store = Store(database, environment, record.id, record.number, pseudonymizer, actor, place.spool(record.id))
        about = {"ledger": record.id, "environment": environment, "how": "to be read" if readonly else "to be written"}
        _log.info("ledger %(ledger)s of %(environment)s is open %(how)s", about)
        if not readonly:
            store.take_in_spool()
    except BaseException:
        database.close()
        raise
    return store


def init_ledger(url: str, environment: str, *, key: bytes | None = None, root: Path | None = None) -> Checkpoint:
    """Make the ledger of an environment, once; tables of an older flowops are brought up to date instead.

    Raises `LedgerError` when there is nothing to make and nothing to bring up to date.
    """
    place = place_of(url, root or Path.cwd())
    database = place.open(environment, make=True, readonly=False, sandbox=False)
    try:
        version = database.read(version_of)
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
    return Checkpoint(record.id, record.serial, record.head)


def _record_of(database: Database, environment: str) -> Record | None:
    """Return the environment's record, in tables that are up to date; None when there are no tables, or no record."""
    version = database.read(version_of)
    if version is None:
        return None
    if not is_current(database, version, environment):

        def work(connection: Connection) -> None:
            database.lock_schema(connection)
            upgrade(database, connection)

        database.write(work)
    return database.read(lambda connection: _record(connection, environment))


def _record(connection: Connection, environment: str) -> Record | None:
    found = connection.first("ledger", environment=environment)
    return None if found is None else Record(*found)


def _make(database: Database, connection: Connection, place: Place, environment: str, key: bytes | None) -> Record:
    """Make the record of an environment, and the tables before it, unless somebody else just has."""
    database.lock_schema(connection)
    if version_of(connection) is None:
        upgrade(database, connection)
    record = _record(connection, environment)
    if record is None:
        kept_in_file = connection.first("ledger_with_key_place", key_place=FILE)
        key_place, used = _new_key(place, key, must_exist=kept_in_file is not None)
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
        key_check=Pseudonymizer(key).check(ledger_id),
        key=key.hex() if key_place == ROW else None,
    )


def _trusted(record: Record | None, database: Database, environment: str, pinned: str | None) -> Record:
    """Return the record, when it is the right one and the events go as far as it says."""
    if record is None:
        raise LedgerError(
            f"{database.name}: environment {environment!r} has no ledger here", hint=no_ledger(environment)
        )
    if pinned is not None and record.id != pinned:
        raise LedgerError(
            f"{database.name}: this is ledger {record.id}, and it has to be {pinned}",
            hint="restore the right one; the id that it has to have stands under `ledger: {id: …}` in flowops.yaml",
        )
    database.read(lambda connection: _check_end(connection, database.name, record.number))
    return record


def _check_end(connection: Connection, name: str, ledger: int) -> None:
    """Hold a record against the last event; both are read in one transaction, as others write meanwhile."""
    checkpoint = connection.first("checkpoint", ledger=ledger)
    end = connection.first("last_event", ledger=ledger)
    if checkpoint is None or (end != checkpoint[1:] and not (end is None and checkpoint[1] == 0)):
        raise LedgerError(f"{name}: its record and its last event do not fit together", hint=RESTORE)


def stand_in(environment: str, actor: Actor, database: SqliteDatabase | None = None, ledger_id: str = NOT_YET) -> Store:
    """Return an empty ledger in memory, in a new database unless one is given."""
    database = database or SqliteDatabase(None, readonly=False)
    key = secrets.token_bytes(KEY_BYTES)

    def work(connection: Connection) -> None:
        upgrade(database, connection)
        _insert(connection, environment, ledger_id, GIVEN, key)

    database.write(work)
    database.readonly = True
    return Store(database, environment, ledger_id, 1, Pseudonymizer(key), actor, None)
