"""Does the chain hold, and do the rows say what the events say?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flowops.common.text import count
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.chain import Broken, Event, chained, genesis, hash_of_details, row_hash
from flowops.ledger.transaction import CHUNK, parsed, with_legs
from flowops.ledger.usage import MAY_HAVE_RUNG
from flowops.model.ledger import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection, Database


def verify(database: Database, ledger: int) -> Broken | None:
    """Return the first thing that does not fit; None when all of it does.

    Reads a thousand events or rows at a time, so that nobody who writes meanwhile has to wait for the end.
    """
    harm = database.read(database.damage)
    if harm is not None:
        return Broken(f"the database is damaged: {harm}")
    return (
        _chain(database, ledger)
        or database.read(lambda connection: _last_events(connection, ledger))
        or _rows(database, ledger)
        or database.read(lambda connection: _counts(connection, ledger))
    )


def _chain(database: Database, ledger: int) -> Broken | None:
    checkpoint = database.read(lambda connection: _checkpoint(connection, ledger))
    serial, head = 0, genesis(checkpoint.id)
    while True:
        page = database.read(partial(_page_of_events, ledger, serial))
        for event in page.events:
            wrong = _link(event, page, serial, head)
            if wrong is not None:
                return Broken(wrong, serial + 1, event.reference_id)
            serial, head = event.serial, event.hash
        if len(page.events) < CHUNK:
            break
    if (page.checkpoint.serial, page.checkpoint.head) != (serial, head):
        events = count(page.checkpoint.serial, "event")
        return Broken(f"the ledger has {events}, and the chain ends after {serial}", serial)
    return None


class _Page(NamedTuple):
    """Some events, and what they are held against, all read at one time.

    `actors` are canonical JSON by number, `purged` has the serial of the last purge of each call that has events
    without details, `checkpoint` is what the ledger says of itself.
    """

    events: list[Event]
    actors: dict[int, str]
    purged: dict[str, int]
    checkpoint: Checkpoint


def _page_of_events(ledger: int, serial: int, connection: Connection) -> _Page:
    events = [Event(*row) for row in connection.all("events", ledger=ledger, after=serial, limit=CHUNK)]
    bare = sorted({event.reference_id for event in events if event.details is None})
    actors = dict(connection.all("actors", ledger=ledger))
    return _Page(events, actors, _purged(connection, ledger, bare), _checkpoint(connection, ledger))


def _checkpoint(connection: Connection, ledger: int) -> Checkpoint:
    found = connection.first("checkpoint", ledger=ledger)
    if found is None:
        raise LedgerError(f"{connection.name}: the ledger is no longer there")
    return Checkpoint(*found)


def _link(event: Event, page: _Page, serial: int, head: str) -> str | None:
    """Return what is wrong with an event behind a serial and a hash."""
    if event.serial != serial + 1:
        return f"event {serial + 1} is missing"
    if event.details is None:
        if page.purged.get(event.reference_id, 0) <= serial:
            return "its details were taken out, and not by a purge"
        details = event.details_hash
    else:
        details = _hash_of_details(event, page.actors)
    return (
        None
        if details is not None and event.hash == _expected_hash(event, page.checkpoint.id, head, details)
        else _ALTERED
    )


_ALTERED = "it was altered"


def _hash_of_details(event: Event, actors: dict[int, str]) -> str | None:
    """Return the hash of an event's actor and details as they are; None when they are not what flowops writes."""
    actor = actors.get(event.actor) if event.actor is not None else None
    if not isinstance(actor, str) or not isinstance(event.details, str) or not isinstance(event.body, str | None):
        return None
    return hash_of_details(actor.encode(), event.details.encode(), (event.body or "").encode())


def _expected_hash(event: Event, ledger_id: str, head: str, details: str) -> str | None:
    """Return the hash that an event would have, had nobody altered it; None where a column has no text in it."""
    try:
        return chained(
            head,
            details,
            ledger=ledger_id,
            serial=event.serial,
            reference_id=event.reference_id,
            event_type=event.event_type,
            state=event.state,
            at=event.at,
            earlier=event.earlier,
        )
    except TypeError:
        return None


def _purged(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, int]:
    """Return the serial of the last purge of each of these calls."""
    return dict(connection.all("last_purges", ledger=ledger, references=references)) if references else {}


def _last_events(connection: Connection, ledger: int) -> Broken | None:
    """Return the first call of the events that has no row, or a row that is not of its last event."""
    found = connection.first("call_behind_its_events", ledger=ledger)
    if found is None:
        return None
    reference, serial, told = found
    return Broken("its row is gone" if told is None else "its row is not of its last event", serial, reference)


def _counts(connection: Connection, ledger: int) -> Broken | None:
    """Return that the counts are not those of the calls, which limits are held against."""
    counted = connection.all("counted", ledger=ledger, states=MAY_HAVE_RUNG)
    if sorted(counted) == sorted(connection.all("counts", ledger=ledger)):
        return None
    return Broken("its counts are not those of its calls")


def _rows(database: Database, ledger: int) -> Broken | None:
    last = ""
    while True:
        page, told = database.read(partial(_page_of_rows, ledger, last))
        for row in page:
            if not _fits(row, told.get(row.serial), database.name):
                return Broken("its row does not say what its last event says", row.serial, row.reference_id)
        if len(page) < CHUNK:
            return None
        last = page[-1].reference_id


def _page_of_rows(ledger: int, last: str, connection: Connection) -> tuple[list[CallRow], dict[int, list[Any]]]:
    raw = connection.all("page_of_calls", ledger=ledger, after=last, limit=CHUNK)
    references = [reference for reference, *_ in raw]
    told = connection.all("events_of_rows", ledger=ledger, references=references)
    return with_legs(connection, ledger, raw), {serial: rest for serial, *rest in told}


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
