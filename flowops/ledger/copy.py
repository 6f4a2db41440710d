"""Moving a ledger whole to another database: its rows, its events and their chain, what policies count, its id.

The source is sealed before the first byte is copied; what it had then is what the copy has, row by row, which is held
against it in the end. See `flowops.ledger.seal` for the steps and for what a kill leaves of them.
"""

from __future__ import annotations

import secrets
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger import records
from flowops.ledger.database import now
from flowops.ledger.keys import ROW, put_key
from flowops.ledger.open import key_of
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.records import Record
from flowops.ledger.seal import Seal, SealState
from flowops.ledger.transaction import CHUNK
from flowops.ledger.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.ledger.database import Connection, Database, Place
    from flowops.ledger.store import Store
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint, Owner

#: The tables that have a ledger's rows, and what these are known by beside the ledger. Its record is the one besides.
TABLES = {
    "flowops_names": ("number",),
    "flowops_acceptances": ("epoch",),
    "flowops_runs": ("run",),
    "flowops_actors": ("number",),
    "flowops_events": ("serial",),
    "flowops_calls": ("reference_id",),
    "flowops_legs": ("reference_id", "position"),
    "flowops_counts": ("counted",),
    "flowops_throttle": ("key",),
    "flowops_stops": ("id",),
    "flowops_blocked": ("id",),
    "flowops_campaigns": ("id",),
    "flowops_batches": ("campaign", "number"),
    "flowops_scheduled": ("reference_id",),
}


class Side(NamedTuple):
    """One of the two databases. `key` is that of the ledger's pseudonyms where neither keeps it."""

    place: Place
    database: Database
    key: bytes | None


def copy_ledger(
    source: Side, target: Side, owner: Owner, opened: Callable[[], Store], who: str, done: Callable[[int], None]
) -> Checkpoint:
    """Move an environment's ledger, or go on with a move that was cut off; return how far it goes.

    `opened` opens the ledger for writing, with all that this asks; `done` is told how many more rows are copied. Raises
    LedgerError where it cannot be moved: nothing has changed then, or the same can be done again, or `take_back`.
    """
    record = _record(source, owner)
    sealed = Seal.read(record.seal)
    there = _there(target, record)
    if sealed is not None and sealed.state is SealState.MOVED:
        return _finish(source, target, record, sealed, there)
    if sealed is None:
        with opened() as store:
            store.check_newest()
            _check_chain(source, record)
            put_key(target.place, key_of(record, source.place, source.key), target.key)
            sealed = _seal(SealState.COPYING, secrets.token_hex(8), who)
            store.seal(sealed)
    elif not _is_of(there, sealed):  # cut off before anything was written, or written somewhere else
        sealed = _seal(SealState.COPYING, secrets.token_hex(8), who)
        _swap(source, record, record.seal, str(sealed))
    record = _record(source, owner)
    arriving = sealed._replace(state=SealState.ARRIVING)
    number = target.database.write(partial(_arrive, source, target, record, arriving))
    for table, keys in TABLES.items():
        _fill(_Table(table, keys), source, target, (record.number, number), arriving, done)
    for table, keys in TABLES.items():
        _compare(_Table(table, keys), source, target, (record.number, number))
    _check_chain(target, record._replace(number=number))
    moved = sealed._replace(state=SealState.MOVED)
    _swap(source, record, str(sealed), str(moved))
    return _finish(source, target, record, moved, _there(target, record))


def take_back(source: Side, target: Side | None, owner: Owner, who: str) -> bool:
    """Let a ledger go on where it is, and never where it was being copied to; False where it was not being moved.

    Without the `target` that can only be done before the copy was whole; with it what is there is removed. Raises
    LedgerError where calls may have been placed from there.
    """
    record = _record(source, owner)
    sealed = Seal.read(record.seal)
    there = None if target is None else _there(target, record)
    if sealed is not None and sealed.state is SealState.MOVED:
        if target is None:
            raise LedgerError(
                f"{source.database.name}: the copy is whole, so it has to be taken back there first",
                hint="say where it is: --undo --to …",
            )
        if not _is_of(there, sealed):
            raise LedgerError(
                f"{target.database.name}: the ledger is in use here, or is not here: it cannot be taken back",
                hint="copy it back from where it is now, to a database of its own",
            )
        assert there is not None, "it is of this move"
        if _state(there) is SealState.ARRIVING:
            withdrawn = Seal(SealState.WITHDRAWN, sealed.move, now(), who)
            there = there._replace(seal=_swap(target, there, there.seal, str(withdrawn)))
    if sealed is not None:
        _swap(source, record, record.seal, "")
    if target is not None and there is not None and _is_left_over(there):
        target.database.write(lambda connection: _delete(connection, there))
    return sealed is not None


def _record(side: Side, owner: Owner) -> Record:
    """Return the record of an environment's ledger. Raises LedgerError where there is none."""
    return records.check_owner(side.database, records.find(side.database, owner), owner)


def _there(target: Side, record: Record) -> Record | None:
    """Return what the target has of the ledger. Raises LedgerError where it has no room for it."""
    if not records.tables_of(target.database, record.environment):
        return None

    def work(connection: Connection) -> tuple[Record | None, Record | None]:
        found = connection.first("ledger_by_id", id=record.id)
        return None if found is None else Record(*found), records.record_of(connection, record.owner)

    there, own = target.database.read(work)
    if own is not None and own.id != record.id:
        raise LedgerError(
            f"{target.database.name}: {own.owner} has a ledger here already, {own.id}",
            hint="nothing was changed: give the copy another database",
        )
    has_moved = there is not None and not there.seal and _state(record) is SealState.MOVED
    if there is not None and not _is_left_over(there) and not has_moved:
        raise LedgerError(
            f"{target.database.name}: ledger {record.id} is in this database already",
            hint="nothing was changed: give the copy another database",
        )
    return there


def _state(record: Record) -> SealState | None:
    seal = Seal.read(record.seal)
    return None if seal is None else seal.state


def _is_of(there: Record | None, sealed: Seal) -> bool:
    """Return whether what the target has is of this move, and not in use."""
    seal = None if there is None else Seal.read(there.seal)
    return seal is not None and seal.is_of_the_copy and seal.move == sealed.move


def _is_left_over(there: Record) -> bool:
    """Return whether what a database has of a ledger is of a move, and was never in use."""
    return _state(there) in (SealState.ARRIVING, SealState.WITHDRAWN)


def _seal(state: SealState, move: str, who: str) -> Seal:
    return Seal(state, move, now(), who)


def _swap(side: Side, record: Record, before: str, after: str) -> str:
    """Put another seal on one side, durably; return it. Raises LedgerError where it is not the one that it was."""
    if side.database.write(lambda it: it.run("set_seal", id=record.id, before=before, seal=after)) == 0:
        raise _taken_over(side)
    return after


def _taken_over(side: Side) -> LedgerError:
    return LedgerError(
        f"{side.database.name}: another process continues this move, or has taken it back",
        hint="look what became of it, with `flowops ledger verify`",
    )


def _check_chain(side: Side, record: Record) -> None:
    broken = verify(side.database, record.number)
    if broken is not None:
        raise LedgerError(
            f"{side.database.name}: the ledger is not what flowops wrote: {broken}",
            hint="restore the last copy that verifies, and move that",
        )


def _arrive(source: Side, target: Side, record: Record, arriving: Seal, connection: Connection) -> int:
    """Make the record of the copy, or find it; return its number in the target."""
    target.database.lock_schema(connection)
    if records.version_of(connection) is None:
        records.upgrade(target.database, connection)
    found = connection.first("ledger_by_id", id=record.id)
    there = None if found is None else Record(*found)
    if there is not None and Seal.read(there.seal) == arriving:
        return there.number
    if there is not None:
        if not _is_left_over(there):
            raise _taken_over(target)
        _delete(connection, there)
    key = key_of(record, source.place, source.key)
    key_place = put_key(target.place, key, target.key)
    slots = source.database.read(lambda it: it.first("slots", ledger=record.number)) or (0.0, 0.0)
    connection.run(
        "insert_copy",
        **record.owner._asdict(),
        id=record.id,
        serial=record.serial,
        head=record.head,
        epoch=record.epoch,
        key_place=key_place,
        key_check=Pseudonymizer(key).check(record.id),
        key=key.hex() if key_place == ROW else None,
        next_slot=slots[0],
        paused_until=slots[1],
        seal=str(arriving),
    )
    return Record(*(connection.first("ledger_by_id", id=record.id) or ())).number


def _finish(source: Side, target: Side, record: Record, moved: Seal, there: Record | None) -> Checkpoint:
    """Open the copy, now that the source is sealed for good; return how far it goes. It may have been opened before."""
    if there is not None and not there.seal:
        return there.checkpoint
    if there is None or not _is_of(there, moved):
        raise moved.refusal(source.database.name, record.environment)
    if _state(there) is SealState.WITHDRAWN:
        raise LedgerError(
            f"{target.database.name}: this move is being taken back",
            hint="take it back to the end: the same command with --undo",
        )
    epoch = record.epoch + 1
    if not target.database.write(lambda it: it.run("open_copy", id=record.id, before=there.seal, epoch=epoch)):
        raise _taken_over(target)
    return there._replace(epoch=epoch).checkpoint


def _delete(connection: Connection, there: Record) -> None:
    """Remove what a move has left, unless somebody has gone on with it."""
    if connection.value("lock_seal", ledger=there.number) != there.seal:
        return
    for name in TABLES:
        connection.raw.execute(f"DELETE FROM {name} WHERE ledger = {there.number:d}")  # noqa: S608 (our own names)
    connection.run("delete_ledger", ledger=there.number)


class _Table(NamedTuple):
    """A table, by pages in the order of its keys."""

    name: str
    keys: Sequence[str]

    def columns(self, connection: Connection) -> dict[str, Any]:
        """Return the names of its columns but the ledger's number, with what the driver says of their types."""
        found = connection.raw.execute(f"SELECT * FROM {self.name} WHERE 1 = 0").description  # noqa: S608
        return {column[0]: column[1] for column in found if column[0] != "ledger"}

    def last(self, connection: Connection, ledger: int) -> tuple[Any, ...] | None:
        """Return the last key that a ledger has."""
        order = ", ".join(f"{key} DESC" for key in self.keys)
        sql = f"SELECT {', '.join(self.keys)} FROM {self.name} WHERE ledger = {ledger:d} ORDER BY {order} LIMIT 1"  # noqa: S608
        found: tuple[Any, ...] | None = connection.raw.execute(sql).fetchone()
        return found

    def page(
        self, database: Database, columns: Sequence[str], ledger: int, after: tuple[Any, ...] | None
    ) -> list[tuple[Any, ...]]:
        """Return a ledger's next rows behind a key, in the order of their keys."""
        keys, named = ", ".join(self.keys), ", ".join(map(_quoted, columns))
        behind = f" AND ({keys}) > ({_marks(database, len(self.keys))})" if after is not None else ""
        sql = f"SELECT {named} FROM {self.name} WHERE ledger = {ledger:d}{behind} ORDER BY {keys} LIMIT {CHUNK}"  # noqa: S608
        return database.read(lambda it: [tuple(row) for row in it.raw.execute(sql, after or ()).fetchall()])


def _marks(database: Database, count: int) -> str:
    return ", ".join([database.placeholder] * count)


def _quoted(column: str) -> str:
    return f'"{column}"'


def _shared(table: _Table, source: Side, target: Side) -> dict[str, Any]:
    """Return the columns that a table has on both sides, with the types of the target's."""
    known = source.database.read(table.columns)
    return {name: kind for name, kind in target.database.read(table.columns).items() if name in known}


def _fill(
    table: _Table, source: Side, target: Side, numbers: tuple[int, int], arriving: Seal, done: Callable[[int], None]
) -> None:
    """Copy the rows of a table, a thousand in a transaction, from behind the last one that the copy has."""
    columns = _shared(table, source, target)
    boolean = target.database.boolean
    truth = [at for at, kind in enumerate(columns.values()) if boolean is not None and kind == boolean]
    names = ", ".join(map(_quoted, columns))
    marks = _marks(target.database, len(columns))
    sql = f"INSERT INTO {table.name} (ledger, {names}) VALUES ({numbers[1]:d}, {marks})"  # noqa: S608

    def work(connection: Connection) -> int:
        if connection.value("lock_seal", ledger=numbers[1]) != str(arriving):
            raise _taken_over(target)
        rows = table.page(source.database, list(columns), numbers[0], table.last(connection, numbers[1]))
        if rows:
            connection.raw.cursor().executemany(sql, [_with_truths(row, truth) for row in rows])
        return len(rows)

    while count := target.database.write(work):
        done(count)


def _with_truths(row: tuple[Any, ...], truth: Sequence[int]) -> Sequence[Value]:
    """Return a row with booleans where the target has such a type."""
    if not truth:
        return row
    changed = list(row)
    for at in truth:
        changed[at] = None if row[at] is None else bool(row[at])
    return changed


def _compare(table: _Table, source: Side, target: Side, numbers: tuple[int, int]) -> None:
    """Hold the rows of a table on both sides against each other. Raises LedgerError."""
    columns = list(_shared(table, source, target))
    sides = zip((source.database, target.database), numbers, strict=True)
    old, new = (_rows(table, database, columns, ledger) for database, ledger in sides)
    some: list[tuple[Any, ...]] | None = None
    while some != []:
        some, same = list(islice(old, CHUNK)), list(islice(new, CHUNK))
        if some != same:
            raise LedgerError(
                f"{target.database.name}: what was copied of {table.name} is not what the old database has",
                hint="the ledger stays where it was, once the copy is taken back: --undo",
            )


def _rows(table: _Table, database: Database, columns: Sequence[str], ledger: int) -> Iterator[tuple[Any, ...]]:
    """Yield all rows of a ledger, in the order of their keys."""
    at = [columns.index(key) for key in table.keys]
    after: tuple[Any, ...] | None = None
    while page := table.page(database, columns, ledger, after):
        yield from page
        after = tuple(page[-1][column] for column in at)
