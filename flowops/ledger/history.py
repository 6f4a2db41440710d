"""Which ledger this is, and what has happened in it: its chain of events, and its runs. Nothing here writes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.chain import Broken, Event, genesis
from flowops.ledger.database import iso
from flowops.ledger.transaction import CHUNK, parsed
from flowops.ledger.verify import verify
from flowops.model.ledger import RUN_RESULTS, Actor, Checkpoint, EventType, LedgerRun, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.ledger.database import Connection, Database
    from flowops.ledger.pseudonyms import Pseudonymizer
    from flowops.ledger.spool import Spool
    from flowops.model.document import Value

#: What of a run is counted, see `LedgerRun.done`.
_COUNTED = [str(it) for it in (EventType.CLAIMED, EventType.MOVED, *chain.from_iterable(RUN_RESULTS.values()))]
#: By how much the clocks of machines that write one ledger may differ.
_CLOCKS = timedelta(hours=1)
#: More runs than there are.
_ALL_RUNS = 2**31 - 1


class LoggedEvent(NamedTuple):
    """One event as it can be shown; `run`, `actor` and `data` are None once the call was purged."""

    serial: int
    reference_id: str
    event_type: EventType
    state: State | None
    at: str
    run: str | None
    actor: Actor | None
    data: Mapping[str, Value] | None
    hash: str


class Opened(NamedTuple):
    """A ledger that was opened: where it is, what it is called there (`number`), and who acts.

    `pseudonymizer` is the error that says why there is none, where the key is lost. `spool` keeps what cannot be
    written at once, and is None where nothing is.
    """

    database: Database
    environment: str
    id: str
    number: int
    pseudonymizer: Pseudonymizer | LedgerError
    actor: Actor
    spool: Spool | None = None


class History:
    """The history of one environment's ledger. Every method raises `LedgerError` when the database does not answer."""

    def __init__(self, opened: Opened) -> None:
        self.environment = opened.environment
        self.id = opened.id
        #: What its database calls it.
        self.number = opened.number
        self._database = opened.database
        self._pseudonymizer = opened.pseudonymizer

    @property
    def pseudonymizer(self) -> Pseudonymizer:
        """Return what makes pseudonyms with this ledger's key. Raises `LedgerError` when the key is lost."""
        if isinstance(self._pseudonymizer, LedgerError):
            raise self._pseudonymizer
        return self._pseudonymizer

    @property
    def has_key(self) -> bool:
        """Return whether this ledger's key is there; what only counts can be read without."""
        return not isinstance(self._pseudonymizer, LedgerError)

    def checkpoint(self) -> Checkpoint:
        """Return which ledger this is and how many events it has."""
        found = self._database.read(lambda connection: connection.first("checkpoint", ledger=self.number))
        if found is None:
            raise LedgerError(f"{self._database.name}: ledger {self.id} is no longer there")
        return Checkpoint(*found)

    def last_event_at(self) -> str | None:
        """Return when the last event happened; None when there is none."""
        found: str | None = self._database.read(lambda it: it.value("last_event_at", ledger=self.number))
        return found

    def contains(self, checkpoint: Checkpoint) -> bool:
        """Return whether this ledger still holds what it held at a checkpoint; an older copy put back does not.

        A checkpoint without an id is of a sandbox ledger that was not yet made: any ledger holds its nothing.
        """
        if not checkpoint.id:
            return True
        if checkpoint.id != self.id or checkpoint.epoch != self.checkpoint().epoch:
            return False
        if checkpoint.serial == 0:
            return checkpoint.head == genesis(self.id)
        found = self._database.read(
            lambda connection: connection.value("event_hash", ledger=self.number, serial=checkpoint.serial)
        )
        return bool(found == checkpoint.head)

    def lacks(self, seen: Checkpoint) -> bool:
        """Return whether a witness has seen of this ledger what is not in it, and nobody has accepted that."""
        own = self.checkpoint()
        if seen.id != own.id or seen.epoch < own.epoch:
            return False
        return seen.epoch > own.epoch or not self.contains(seen)

    def runs(self, since: datetime | None = None, limit: int | None = None) -> list[LedgerRun]:
        """Return the runs that began since a time, the newest first, and what each did."""
        begin = iso(since) if since is not None else ""

        def work(connection: Connection) -> list[LedgerRun]:
            given = {"ledger": self.number, "since": begin, "limit": limit or _ALL_RUNS}
            found = connection.all("runs", **given)
            if not found:
                return []
            counts = self._counts_of_runs(connection, min(started_at for *_, started_at, _, _ in found))
            still_open = [run for run, *_, ended_at, _ in found if ended_at is None]
            alive = self._database.alive(connection, still_open) if still_open else set()
            return [LedgerRun._make((*row, row[0] in alive, counts.get(row[0], {}))) for row in found]

        return self._database.read(work)

    def _counts_of_runs(self, connection: Connection, since: str) -> dict[str, Counter[EventType]]:
        """Return how many events of each type every run has made since a time."""
        begin = iso(datetime.fromisoformat(since).astimezone(UTC) - _CLOCKS)
        events = connection.all("count_by_actor", ledger=self.number, types=_COUNTED, since=begin)
        actors = dict(connection.all("actors", ledger=self.number)) if events else {}
        counts: dict[str, Counter[EventType]] = {}
        for actor, event_type, number in events:
            run = parsed(actors[actor], connection.name).get("run")
            if run is not None:
                counts.setdefault(run, Counter())[EventType(event_type)] += number
        return counts

    def events(self, reference_id: str | None = None) -> Iterator[LoggedEvent]:
        """Yield the events of one call, or of all, oldest first."""
        if reference_id is not None:
            yield from self._logged("events_of", reference=reference_id)
            return
        after = 0
        while page := self._logged("events", after=after, limit=CHUNK):
            yield from page
            after = page[-1].serial

    def _logged(self, statement: str, **values: Value) -> list[LoggedEvent]:
        """Return the events that a statement finds, as they can be shown."""

        def work(connection: Connection) -> tuple[list[tuple[Any, ...]], dict[int, str]]:
            found = connection.all(statement, ledger=self.number, **values)
            return found, dict(connection.all("actors", ledger=self.number))

        found, actors = self._database.read(work)
        return [self._logged_event(Event(*row), actors) for row in found]

    def _logged_event(self, event: Event, actors: Mapping[int, str]) -> LoggedEvent:
        name = self._database.name
        details = {} if event.details is None else parsed(event.details, name)
        who = {} if event.actor is None else parsed(actors[event.actor], name)
        run = who.pop("run", None)
        who.pop("labels", None)  # of the call
        return LoggedEvent(
            serial=event.serial,
            reference_id=event.reference_id,
            event_type=EventType(event.event_type),
            state=State(event.state) if event.state else None,
            at=event.at,
            run=run,
            actor=Actor(**who) if who else None,
            data=details.get("data"),
            hash=event.hash,
        )

    def verify(self) -> Broken | None:
        """Walk the chain of events and compare the rows with it; the first thing that does not fit."""
        return verify(self._database, self.number)

    def close(self) -> None:
        """End the connection to the database."""
        self._database.close()
