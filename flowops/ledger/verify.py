"""Does the chain hold, and do the rows say what the events say?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flowops.ledger.chain import Broken, Event, chained, genesis, row_hash, sha256
from flowops.ledger.transaction import CHUNK, parsed, with_legs
from flowops.model.ledger import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.database import Connection, Database
    from flowops.ledger.states import CallRow


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
        page, purged, record = database.read(partial(_page_of_events, ledger_id, serial))
        for event in page:
            wrong = _link(event, ledger_id, serial, head, purged)
            if wrong is not None:
                return Broken(wrong, serial + 1, event.reference_id)
            serial, head = event.serial, event.hash
        if len(page) < CHUNK:
            break
    if record != Checkpoint(ledger_id, serial, head):
        return Broken(f"the ledger has {record.serial} events, and the chain ends behind {serial}", serial)
    return None


def _page_of_events(
    ledger_id: str, serial: int, connection: Connection
) -> tuple[list[Event], dict[str, int], Checkpoint]:
    page = [Event(*row) for row in connection.all("events", ledger=ledger_id, after=serial, limit=CHUNK)]
    bare = sorted({event.reference_id for event in page if event.details is None})
    record = connection.first("checkpoint", ledger=ledger_id)
    assert record is not None, "its page of events was read in the same transaction"
    return page, _purged(connection, ledger_id, bare), Checkpoint(*record)


def _link(event: Event, ledger_id: str, serial: int, head: str, purged: dict[str, int]) -> str | None:
    """Return what is wrong with an event behind a serial and a hash."""
    if event.serial != serial + 1:
        return f"event {serial + 1} is missing"
    if event.previous != head:
        return "it does not follow the event before it"
    try:
        expected = _expected_hash(event, ledger_id, head)
    except TypeError:  # a column that has no text in it
        expected = ""
    if event.hash != expected:
        return "it was altered"
    if event.details is None:
        return None if purged.get(event.reference_id, 0) > serial else "its details were taken out, and not by a purge"
    altered = not isinstance(event.details, str) or sha256(event.details.encode()) != event.details_hash
    return "its details were altered" if altered else None


def _expected_hash(event: Event, ledger_id: str, head: str) -> str:
    """Return the hash that an event would have, had nobody altered it."""
    return chained(
        head,
        event.details_hash,
        ledger=ledger_id,
        serial=event.serial,
        reference_id=event.reference_id,
        event_type=event.event_type,
        state=event.state,
        at=event.at,
    )


def _purged(connection: Connection, ledger_id: str, references: Sequence[str]) -> dict[str, int]:
    """Return the serial of the last purge of each of these calls."""
    return dict(connection.all("last_purges", ledger=ledger_id, references=references)) if references else {}


def _last_events(connection: Connection, ledger_id: str) -> Broken | None:
    """Return the first call of the events that has no row, or a row that is not of its last event."""
    found = connection.first("call_behind_its_events", ledger=ledger_id)
    if found is None:
        return None
    reference, serial, told = found
    return Broken("its row is gone" if told is None else "its row is not of its last event", serial, reference)


def _rows(database: Database, ledger_id: str) -> Broken | None:
    last = ""
    while True:
        page, told = database.read(partial(_page_of_rows, ledger_id, last))
        for row in page:
            if not _fits(row, told.get(row.serial), database.name):
                return Broken("its row does not say what its last event says", row.serial, row.reference_id)
        if len(page) < CHUNK:
            return None
        last = page[-1].reference_id


def _page_of_rows(ledger_id: str, last: str, connection: Connection) -> tuple[list[CallRow], dict[int, list[Any]]]:
    environment = connection.value("environment", ledger=ledger_id)
    raw = connection.all("page_of_calls", environment=environment, after=last, limit=CHUNK)
    references = [reference for reference, *_ in raw]
    told = connection.all("events_of_rows", environment=environment, ledger=ledger_id, references=references)
    return with_legs(connection, environment, raw), {serial: rest for serial, *rest in told}


def _fits(row: CallRow, event: list[Any] | None, name: str) -> bool:
    if event is None:
        return False
    reference, state, details = event
    if reference != row.reference_id or state != row.state or details is None:
        return False
    try:
        return bool(parsed(details, name)["row"] == row_hash(row))
    except TypeError:  # a column that has no text in it
        return False
