"""The records of the ledgers in a database: whose each one is, made once, and called by another name on record only."""

from __future__ import annotations

import shlex
import uuid
from typing import TYPE_CHECKING

from flowops.common.text import count
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.chain import genesis
from flowops.ledger.database import RESTORE, no_ledger, now
from flowops.ledger.keys import FILE, ROW, new_key
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.seal import Seal
from flowops.model.ledger import Checkpoint, Owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.database import Connection, Database, Place
    from flowops.model.ledger import Actor


class Record(NamedTuple):
    """A ledger's own row."""

    number: int
    id: str
    serial: int
    head: str
    epoch: int
    key_place: str
    key_check: str
    key: str | None
    project: str
    environment: str
    api: str
    suspicion: str | None
    server: str | None
    seal: str

    @property
    def owner(self) -> Owner:
        """Return whose it is."""
        return Owner(self.project, self.environment, self.api)

    @property
    def checkpoint(self) -> Checkpoint:
        """Return which ledger it is, and how far it goes."""
        return Checkpoint(self.id, self.serial, self.head, self.epoch)


class Naming(NamedTuple):
    """What a ledger was called, since when, and who has called it so."""

    owner: Owner
    at: str
    who: str


class OtherLedger(NamedTuple):
    """One of the ledgers in a database: whose it is, how many calls it has, and when something happened to it last.

    `handed_over` are the calls of campaigns that are not over: whoever works for it may place them.
    """

    id: str
    owner: Owner
    calls: int
    handed_over: int
    last: str | None

    def __str__(self) -> str:
        waiting = f", {count(self.handed_over, 'call')} in campaigns that are not over" if self.handed_over else ""
        used = f"last used {self.last}" if self.last else "never used"
        return f"{self.id} of {self.owner}: {count(self.calls, 'call')}{waiting}, {used}"


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
            hint="update flowops here",
        )
    if version != known[-1] and database.readonly:
        raise LedgerError(
            f"{name}: made by an older flowops (its tables are at version {version}, this one has {known[-1]})",
            hint=f"`flowops ledger init --env {shlex.quote(environment)}` brings it up to date and touches no call",
        )
    return version == known[-1]


def upgrade(database: Database, connection: Connection) -> None:
    """Run the migrations that are missing, all when there are no tables yet, inside the connection's transaction."""
    at = version_of(connection)
    for version, script in database.migrations.items():
        if at is None or version > at:
            database.run_script(connection, script)
            connection.run("set_version", version=version)


def tables_of(database: Database, environment: str) -> bool:
    """Return whether there are tables, brought up to date where they may be written. Raises as `is_current` does."""
    version = database.read(version_of)
    if version is None:
        return False
    if not is_current(database, version, environment):

        def work(connection: Connection) -> None:
            database.lock_schema(connection)
            upgrade(database, connection)

        database.write(work)
    return True


_NUMBER, _TEXT, _MAYBE = (int,), (str,), (str, type(None))
#: What the columns of a record hold: one of SQLite takes a value of any kind.
_KINDS = (
    *(_NUMBER, _TEXT, _NUMBER, _TEXT, _NUMBER, _TEXT, _TEXT, _MAYBE),
    *(_TEXT, _TEXT, _TEXT, _MAYBE, _MAYBE, _TEXT),
)


def find(database: Database, owner: Owner) -> Record | None:
    """Return the record of an environment's ledger, in tables that are up to date; None where there is none."""
    if not tables_of(database, owner.environment):
        return None
    return database.read(lambda connection: record_of(connection, owner))


def record_of(connection: Connection, owner: Owner) -> Record | None:
    """Return the record of an environment's ledger, by its names."""
    found = connection.first("ledger", project=owner.project, environment=owner.environment)
    if found is not None and any(type(value) not in kinds for value, kinds in zip(found, _KINDS, strict=True)):
        raise LedgerError(f"{connection.name}: the ledger's own row holds what no ledger has", hint=RESTORE)
    return None if found is None else Record(*found)


def others(connection: Connection, owner: Owner) -> list[OtherLedger]:
    """Return the ledgers in a database, but for an environment's own."""
    found = [
        OtherLedger(id_, Owner(project, environment, api), calls, handed_over, last)
        for _, id_, project, environment, api, calls, handed_over, last in connection.all("ledgers")
    ]
    return [other for other in found if other.owner[:2] != owner[:2]]


def names(connection: Connection, ledger: int) -> list[Naming]:
    """Return what a ledger was called, oldest first."""
    return [Naming(Owner(*row[:3]), *row[3:]) for row in connection.all("names", ledger=ledger)]


def make(
    database: Database, connection: Connection, place: Place, owner: Owner, key: bytes | None, actor: Actor
) -> Record:
    """Make the record of an environment, and the tables before it, unless somebody else just has."""
    database.lock_schema(connection)
    if version_of(connection) is None:
        upgrade(database, connection)
    record = record_of(connection, owner)
    if record is None:
        kept_in_file = connection.first("ledger_with_key_place", key_place=FILE)
        key_place, used = new_key(place, key, must_exist=kept_in_file is not None)
        insert(connection, owner, str(uuid.uuid4()), key_place, used)
        record = record_of(connection, owner)
        assert record is not None, "it was inserted in this transaction"
        put_name(connection, record.number, owner, actor)
    return record


def insert(connection: Connection, owner: Owner, ledger_id: str, key_place: str, key: bytes) -> None:
    """Insert the record of a ledger that has no events yet."""
    connection.run(
        "insert_ledger",
        **owner._asdict(),
        id=ledger_id,
        head=genesis(ledger_id),
        key_place=key_place,
        key_check=Pseudonymizer(key).check(ledger_id),
        key=key.hex() if key_place == ROW else None,
    )


def put_name(connection: Connection, ledger: int, owner: Owner, actor: Actor) -> None:
    """Keep what a ledger is called from now on, and who has said so."""
    connection.run("insert_name", ledger=ledger, **owner._asdict(), at=now(), who=f"{actor.who} on {actor.host}")


def rename(database: Database, connection: Connection, ledger_id: str, owner: Owner, actor: Actor) -> Record:
    """Let the ledger with an id go on as that of `owner`. Raises `LedgerError` where it cannot be."""
    found = connection.first("ledger_by_id", id=ledger_id)
    if found is None:
        known = [str(other) for other in others(connection, Owner("", ""))]
        raise LedgerError(f"{database.name}: there is no ledger {ledger_id} here", hint=_listed(known))
    record, own = Record(*found), record_of(connection, owner)
    if own is not None and own.id != ledger_id:
        raise already_there(database, connection, own)
    if (seal := Seal.read(record.seal)) is not None:
        raise seal.refusal(database.name, owner.environment)
    if record.owner != owner:
        connection.run("rename_ledger", ledger=record.number, **owner._asdict())
        put_name(connection, record.number, owner, actor)
    return record._replace(**owner._asdict())


def already_there(database: Database, connection: Connection, record: Record) -> LedgerError:
    """Return what is said to whoever would make a ledger where there is one, or was one that has moved."""
    if (seal := Seal.read(record.seal)) is not None:
        return seal.refusal(database.name, record.environment)
    first = names(connection, record.number)[0]
    return LedgerError(
        f"{database.name}: {record.owner} has a ledger already: {record.id}, made {first.at} by {first.who}",
        hint="nothing was changed",
    )


def check_owner(database: Database, record: Record | None, owner: Owner) -> Record:
    """Return the record of an environment's ledger. Raises `LedgerError`, with the way out, where it has none."""
    if record is None:
        found = database.read(lambda connection: others(connection, owner) if version_of(connection) else [])
        hint = no_ledger(owner.environment)
        if found:
            hint = f"{go_on(owner.environment, found)}. Otherwise {hint}"
        raise LedgerError(f"{database.name}: {owner} has no ledger here", hint=hint)
    if record.api != owner.api:
        raise LedgerError(
            f"{database.name}: the calls of ledger {record.id} went to {record.api}, and the API of {owner} is at "
            f"{owner.api} now",
            hint=f"{_CONTINUE.format(env=shlex.quote(owner.environment), id=record.id)} continues with it there; calls "
            "of another API need a ledger of their own: give the environment another name",
        )
    return record


def go_on(environment: str, found: Sequence[OtherLedger]) -> str:
    """Return which ledgers there are besides, and how an environment goes on with one of them."""
    again = _CONTINUE.format(env=shlex.quote(environment), id=found[0].id if len(found) == 1 else "ID")
    others = _listed([str(other) for other in found])
    return f"{others}; if the project or the environment was renamed, {again} continues with it"


_CONTINUE = "`flowops ledger init --env {env} --continue {id}`"


def _listed(found: list[str]) -> str:
    return f"this database has {'; '.join(found)}" if found else "this database has no ledger"
