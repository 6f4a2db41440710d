"""Does the chain hold, and do the rows say what the events say?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from flowops.ledger.chain import Broken, chained, genesis, row_hash, sha256
from flowops.ledger.rows import CHUNK, parsed, read_rows
from flowops.ledger.tables import calls, events, ledgers
from flowops.model.ledger import Happening, LedgerMark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Database
    from flowops.model import Value


def verify(database: Database, ledger_id: str) -> Broken | None:
    """The first thing that does not fit; None when all of it does.

    Reads a thousand events or rows at a time, so that nobody who writes meanwhile has to wait for the end.
    """
    harm = database.read(database.damage)
    if harm is not None:
        return Broken(f"the database is damaged: {harm}")
    return (
        _chain(database, ledger_id)
        or database.read(lambda connection: _last_events(connection, ledger_id))
        or _rows(database, ledger_id)
    )


def _chain(database: Database, ledger_id: str) -> Broken | None:
    serial, head = 0, genesis(ledger_id)
    while True:
        read = partial(_page_of_events, database, ledger_id, serial)
        page, purged, record = database.read(read)
        for event in page:
            wrong = _link(event, serial, head, purged)
            if wrong is not None:
                return Broken(wrong, serial + 1, event.reference_id)
            serial, head = event.serial, event.hash
        if len(page) < CHUNK:
            break
    if record != LedgerMark(ledger_id, serial, head):
        return Broken(f"the ledger has {record.serial} events, and the chain ends behind {serial}", serial)
    return None


def _page_of_events(
    database: Database, ledger_id: str, serial: int, connection: Connection
) -> tuple[Sequence[Row[*tuple[Value, ...]]], dict[str, int], LedgerMark]:
    query = select(events).where(events.c.ledger == ledger_id, events.c.serial > serial)
    page = connection.execute(query.order_by(events.c.serial).limit(CHUNK)).all()
    bare = sorted({row.reference_id for row in page if row.details is None})
    record = connection.execute(select(ledgers.c.serial, ledgers.c.head).where(ledgers.c.id == ledger_id)).one()
    return page, _purged(database, connection, ledger_id, bare), LedgerMark(ledger_id, record.serial, record.head)


def _link(event: Row[*tuple[Value, ...]], serial: int, head: str, purged: dict[str, int]) -> str | None:
    """What is wrong with an event behind a serial and a hash."""
    if event.serial != serial + 1:
        return f"event {serial + 1} is missing"
    if event.previous != head:
        return "it does not follow the event before it"
    try:
        told = _told(event, head)
    except TypeError:  # a column that has no text in it
        told = ""
    if event.hash != told:
        return "it was altered"
    if event.details is None:
        return None if purged.get(event.reference_id, 0) > serial else "its details were taken out, and not by a purge"
    altered = not isinstance(event.details, str) or sha256(event.details) != event.details_hash
    return "its details were altered" if altered else None


def _told(event: Row[*tuple[Value, ...]], head: str) -> str:
    """The hash that an event would have, had nobody altered it."""
    return chained(
        head,
        event.details_hash,
        ledger=event.ledger,
        serial=event.serial,
        reference_id=event.reference_id,
        happening=event.happening,
        state=event.state,
        at=event.at,
    )


def _purged(database: Database, connection: Connection, ledger_id: str, references: Sequence[str]) -> dict[str, int]:
    """The serial of the last purge of each of these calls."""
    if not references:
        return {}
    query = (
        select(events.c.reference_id, func.max(events.c.serial))
        .where(
            events.c.ledger == ledger_id,
            events.c.happening == Happening.PURGED,
            database.any_of(events.c.reference_id, references),
        )
        .group_by(events.c.reference_id)
    )
    return dict(connection.execute(query).all())


def _last_events(connection: Connection, ledger_id: str) -> Broken | None:
    """Every call of the events has its row, and the row is of its last event."""
    last = (
        select(events.c.reference_id, func.max(events.c.serial).label("serial"))
        .where(events.c.ledger == ledger_id)
        .group_by(events.c.reference_id)
        .subquery()
    )
    environment = select(ledgers.c.environment).where(ledgers.c.id == ledger_id).scalar_subquery()
    same = and_(calls.c.environment == environment, calls.c.reference_id == last.c.reference_id)
    query = (
        select(last.c.reference_id, last.c.serial, calls.c.serial)
        .select_from(last.outerjoin(calls, same))
        .where(or_(calls.c.serial.is_(None), calls.c.serial != last.c.serial))
        .order_by(last.c.serial)
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    reference, serial, told = found
    return Broken("its row is gone" if told is None else "its row is not of its last event", serial, reference)


def _rows(database: Database, ledger_id: str) -> Broken | None:
    last = ""
    while True:
        page, told = database.read(partial(_page_of_rows, database, ledger_id, last))
        for row in page:
            if not _fits(row, told.get(row.serial), database.name):
                return Broken("its row does not say what its last event says", row.serial, row.reference_id)
        if len(page) < CHUNK:
            return None
        last = page[-1].reference_id


def _page_of_rows(
    database: Database, ledger_id: str, last: str, connection: Connection
) -> tuple[list[CallRow], dict[int, Row[*tuple[Value, ...]]]]:
    environment = connection.execute(select(ledgers.c.environment).where(ledgers.c.id == ledger_id)).scalar_one()
    page = read_rows(database, connection, environment, calls.c.reference_id > last, limit=CHUNK)
    query = (
        select(events.c.serial, events.c.reference_id, events.c.state, events.c.details)
        .join(calls, and_(calls.c.environment == environment, calls.c.serial == events.c.serial))
        .where(
            events.c.ledger == ledger_id,
            calls.c.reference_id == events.c.reference_id,
            database.any_of(events.c.reference_id, [row.reference_id for row in page]),
        )
    )
    return page, {event.serial: event for event in connection.execute(query)}


def _fits(row: CallRow, event: Row[*tuple[Value, ...]] | None, name: str) -> bool:
    if event is None or event.reference_id != row.reference_id or event.state != row.state or event.details is None:
        return False
    try:
        return bool(parsed(event.details, name)["row"] == row_hash(row))
    except TypeError:  # a column that has no text in it
        return False
