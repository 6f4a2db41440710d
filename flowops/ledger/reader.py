"""What can be asked of a ledger. Nothing here writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from flowops.errors import LedgerError
from flowops.ledger.blocks import blocks_among
from flowops.ledger.chain import Broken, Event, genesis
from flowops.ledger.database import iso
from flowops.ledger.refusals import ENOUGH, given_up_among
from flowops.ledger.states import stored_callees
from flowops.ledger.transaction import CHUNK, current_rows_of, parsed, rows_of, with_legs
from flowops.ledger.verify import verify
from flowops.model.attempts import OUTCOME_CODES
from flowops.model.call import INSTRUCTION_ID
from flowops.model.ledger import (
    RUN_RESULTS,
    Actor,
    Checkpoint,
    Entry,
    EventType,
    GivenUp,
    LedgerRun,
    Leg,
    NumberBlock,
    State,
    Tried,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from flowops.ledger.database import Connection, Database
    from flowops.ledger.pseudonyms import Pseudonymizer
    from flowops.ledger.states import CallRow
    from flowops.model.call import Call
    from flowops.model.document import Value

_MAY_HAVE_RUNG = [str(state) for state in State if state.may_have_rung]
_UNSETTLED = [str(state) for state in State if state.is_unsettled]
#: It outweighs every other code, whichever came first.
COMPLETED_CODE = OUTCOME_CODES["completed"]
_PLACED = frozenset(str(state) for state in State if state.is_placed)


#: What of a run is counted, see `LedgerRun.done`.
_COUNTED = [str(it) for it in (EventType.CLAIMED, EventType.MOVED, *chain.from_iterable(RUN_RESULTS.values()))]
#: By how much the clocks of machines that write one ledger may differ.
_CLOCKS = timedelta(hours=1)
#: More runs than there are.
_ALL_RUNS = 2**31 - 1


def claimed_since(connection: Connection, ledger: int, since: datetime) -> int:
    """Return how many phones were claimed since a time and may have rung."""
    given = {"ledger": ledger, "since": iso(since), "states": _MAY_HAVE_RUNG}
    return int(connection.value("count_claimed_since", **given))


def rung_since(
    connection: Connection, ledger: int, callees: Collection[str], since: datetime
) -> dict[str, list[datetime]]:
    """Return when each of these callees (pseudonyms) may have been called since a time; none that was not."""
    found: dict[str, list[datetime]] = {}
    begin = iso(since)
    rung = chain(_answered(connection, ledger, list(callees)), _unanswered(connection, ledger))
    for callee, claimed_at in rung:
        if claimed_at >= begin and callee in callees:
            found.setdefault(callee, []).append(datetime.fromisoformat(claimed_at))
    return found


def tried(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, Tried]:
    """Return what decides whether another attempt follows these calls."""
    found: dict[str, Tried] = {}
    for start in range(0, len(references), CHUNK):
        some = list(references[start : start + CHUNK])
        codes: dict[str, list[int]] = {}
        for reference, code, later in connection.all("codes_of", ledger=ledger, references=some):
            completed = COMPLETED_CODE in (code, later)
            codes.setdefault(reference, []).append(COMPLETED_CODE if completed else code)
        finished: dict[str, str] = dict(connection.all("finish_times", ledger=ledger, references=some))
        for reference, state, claimed_at, claim in connection.all("tried", ledger=ledger, references=some):
            said = parsed(claim, connection.name) if claim else {}
            most = said.get("data", {}).get("max_attempts", 1)
            told = tuple(codes.get(reference, ()))
            found[reference] = Tried(State(state), claimed_at, most, told, finished.get(reference))
    return found


def _answered(connection: Connection, ledger: int, callees: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the callees of calls of which something has been told, and when they were claimed."""
    for start in range(0, len(callees), CHUNK):
        some = callees[start : start + CHUNK]
        for row in connection.all("callees_answered", ledger=ledger, callees=some, states=_MAY_HAVE_RUNG):
            callee, claimed_at = row
            yield callee, claimed_at


def _unanswered(connection: Connection, ledger: int) -> Iterator[tuple[str, str]]:
    """Yield the callees of calls of which nothing has been told yet, and when they were claimed."""
    for body, claimed_at in connection.all("bodies_unanswered", ledger=ledger, states=_UNSETTLED):
        for leg in stored_callees(parsed(body, connection.name)):
            if leg.callee is not None:
                yield leg.callee, claimed_at


@dataclass(frozen=True, slots=True)
class LoggedEvent:
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


#: What is said of a ledger that does not hold what a witness has seen.
OLDER_COPY = "this is an older copy of the ledger"


class Reader:
    """One environment's ledger. Every method raises `LedgerError` when the database does not answer."""

    def __init__(
        self,
        database: Database,
        environment: str,
        ledger_id: str,
        number: int,
        pseudonymizer: Pseudonymizer | LedgerError,
    ) -> None:
        self.environment = environment
        self.id = ledger_id
        #: What its database calls it.
        self.number = number
        self._database = database
        self._pseudonymizer = pseudonymizer

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

    def pseudonymize(self, call: Call) -> dict[str, Value]:
        """Return the body with every sensitive value replaced by ``{"$pseudonym": hmac, "shown": masked}``."""
        return self.pseudonymizer.body(call)

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

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the rows of these references that exist, one or two statements for a thousand of them."""
        found: dict[str, Entry] = {}
        for start in range(0, len(reference_ids), CHUNK):
            chunk = reference_ids[start : start + CHUNK]

            def work(connection: Connection, chunk: Sequence[str] = chunk) -> dict[str, Entry]:
                rows = current_rows_of(connection, self.number, chunk)
                there = {name: row for name, row in rows.items() if row.state is not None}
                return dict(zip(there, self._entries(connection, list(there.values()), strict=True), strict=True))

            found.update(self._database.read(work))
        return found

    def fingerprints(self, reference_ids: Sequence[str]) -> dict[str, str]:
        """Return what was placed under these references, where that is known whole and nothing else is to be told."""
        return {it: known for it, (known, refused) in self.placed(reference_ids).items() if known and not refused}

    def placed(self, reference_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return of these references, as far as they are placed, what was sent, and how many callees were refused.

        What was sent is empty where it is not known. A refusal that somebody has acknowledged does not count.
        """
        found: dict[str, tuple[str, int]] = {}
        unblind = self.pseudonymizer.unblind
        for start in range(0, len(reference_ids), CHUNK):
            some = list(reference_ids[start : start + CHUNK])

            def work(connection: Connection, some: list[str] = some) -> list[tuple[str, str, str, int]]:
                return connection.all("fingerprints", ledger=self.number, references=some)

            try:
                for reference, blinded, state, refused in self._database.read(work):
                    if state in _PLACED:
                        found[reference] = unblind(blinded), refused
            except ValueError:
                raise self._damaged() from None
        return found

    def tried(self, reference_ids: Sequence[str]) -> dict[str, Tried]:
        """Return what decides whether another attempt follows these calls, of those that are in the ledger."""
        return self._database.read(lambda connection: tried(connection, self.number, reference_ids))

    def given_up(self, calls: Mapping[str, str | None] | None = None) -> dict[str, GivenUp]:
        """Return which of these calls, given with their fingerprints, the API has refused too often.

        Without a fingerprint, and of all calls where none are given, it is that of what was sent last.
        """

        def work(connection: Connection) -> dict[str, GivenUp]:
            asked = calls
            if asked is None:
                found = connection.all("often_claimed", ledger=self.number, least=ENOUGH)
                asked = dict.fromkeys(reference for (reference,) in found)
            return given_up_among(connection, self.number, asked, self.pseudonymizer.unblind) if asked else {}

        try:
            return self._database.read(work)
        except ValueError:
            raise self._damaged() from None

    def count_of(self, reference_ids: Sequence[str]) -> int:
        """Return how many of these references have a row."""
        found = 0
        for start in range(0, len(reference_ids), CHUNK):
            some = list(reference_ids[start : start + CHUNK])

            def work(connection: Connection, some: list[str] = some) -> int:
                return int(connection.value("count_of", ledger=self.number, references=some))

            found += self._database.read(work)
        return found

    def placed_with_the_words_of(self, bodies: Sequence[Mapping[str, Value]], template: str) -> dict[int, str]:
        """Return which of some bodies may have been placed under another reference, that another template made.

        That is so where all but the reference is the same; but not where `template` has made one of such a call before.
        """
        own = self.pseudonymizer.naming(template)
        hashes = list(map(self.pseudonymizer.words, bodies))
        known: dict[int, list[tuple[int | None, str]]] = {}
        for start in range(0, len(hashes), CHUNK):
            given = {"ledger": self.number, "words": hashes[start : start + CHUNK]}
            found = self._database.read(partial(_calls_with_words, given))
            for words, naming, reference in found:
                known.setdefault(words, []).append((naming, reference))
        return {
            index: known[words][0][1]
            for index, words in enumerate(hashes)
            if words in known and not any(naming in (None, own) for naming, _ in known[words])
        }

    def entries(
        self,
        *,
        states: Collection[State] | None = None,
        glob: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Yield rows in the order of their references, read a thousand at a time.

        `glob` knows ``*`` and ``?``. A ledger that is being written meanwhile is neither blocked nor frozen.
        Without the ledger's key the fingerprints are empty.
        """
        pattern = self._database.pattern(glob or "*")
        wanted = None if states is None else [str(state) for state in set(states)]
        last, left = "", limit
        while left is None or left > 0:
            size = CHUNK if left is None else min(CHUNK, left)
            page = self._page(wanted, pattern, last, size)
            yield from page
            if len(page) < size:
                return
            last = page[-1].reference_id
            left = None if left is None else left - size

    def entries_of(self, references: Sequence[str]) -> list[Entry]:
        """Return the rows of these references that exist, in their order; as `entries` does without the key."""
        found: list[Entry] = []
        for start in range(0, len(references), CHUNK):
            some = references[start : start + CHUNK]

            def work(connection: Connection, some: Sequence[str] = some) -> list[Entry]:
                rows = rows_of(connection, self.number, some)
                return self._entries(connection, [row for row in rows if row.state is not None])

            found += self._database.read(work)
        return sorted(found, key=lambda entry: entry.reference_id)

    def references(self, states: Collection[State]) -> list[str]:
        """Return the references of the calls that are in one of some states, in order."""
        wanted = [str(state) for state in states]
        found = self._database.read(lambda it: it.all("references_in", ledger=self.number, states=wanted))
        return [reference for (reference,) in found]

    def partly_refused(self) -> list[str]:
        """Return the references of placed calls of which a callee was refused, and nobody has acknowledged it."""
        found = self._database.read(lambda it: it.all("partly_refused", ledger=self.number))
        return [reference for (reference,) in found]

    def _page(self, states: list[str] | None, pattern: str, after: str, limit: int) -> list[Entry]:
        given = {"ledger": self.number, "pattern": pattern, "after": after, "limit": limit}

        def work(connection: Connection) -> list[Entry]:
            if states is None:
                raw = connection.all("page_of_entries", **given)
            else:
                found = chain.from_iterable(connection.all("page_of_entries_in", state=it, **given) for it in states)
                raw = sorted(found, key=itemgetter(0))[:limit]
            return self._entries(connection, with_legs(connection, self.number, raw))

        return self._database.read(work)

    def count(self) -> dict[State, int]:
        """Return how many calls of this environment are in each state; every state is there.

        A reference that became another one is no call any more, and is counted as what it is: renamed.
        """
        rows = self._database.read(lambda it: it.all("count_by_state", ledger=self.number))
        found: dict[str, int] = dict(rows)
        return {state: found.get(state, 0) for state in State}

    def phones(self) -> int:
        """Return how many phones the calls of this environment are for."""
        return int(self._database.read(lambda it: it.value("count_phones", ledger=self.number)))

    def stopped(self) -> str | None:
        """Return since when no run may claim a call, by whom and why; None while they may."""
        return self._database.read(lambda connection: stopped(connection, self.number))

    def has_blocks(self) -> bool:
        """Return whether a number is blocked."""
        return bool(self._database.read(lambda it: it.value("has_blocks", ledger=self.number)))

    def blocked(self, numbers: Collection[str]) -> dict[str, NumberBlock]:
        """Return why each of these numbers is never to be called again; none that may be."""
        return self._database.read(lambda it: blocks_among(it, self.number, numbers, self.pseudonymizer))

    def blocks(self) -> list[NumberBlock]:
        """Return all numbers that were ever blocked, oldest first, those that were lifted too."""
        rows = self._database.read(lambda it: it.all("blocks", ledger=self.number))
        return [NumberBlock(*row) for row in rows]

    def claimed_since(self, since: datetime) -> int:
        """Return how many phones were claimed since a time and may have rung."""
        return self._database.read(lambda connection: claimed_since(connection, self.number, since))

    def rung_since(self, numbers: Sequence[str], since: datetime) -> dict[str, tuple[datetime, ...]]:
        """Return when each of these numbers may have been called since a time, over all references.

        Calls in doubt count, and so does a callee that the API refused among others. What was purged does not.
        """
        numbered = {self.pseudonymizer.value(number): number for number in numbers}
        found = self._database.read(lambda connection: rung_since(connection, self.number, numbered, since))
        return {numbered[callee]: tuple(sorted(times)) for callee, times in found.items()}

    def outcomes(self) -> dict[int, int]:
        """Return how many callees came to each result code (9 cancelled, 10 finished, 11 failed, 12 rejected)."""
        return dict(self._database.read(lambda it: it.all("count_by_code", ledger=self.number)))

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

    def export(self) -> Iterator[dict[str, Value]]:
        """Return every row, for `import_calls` of another ledger; works without the ledger's key."""
        return map(exported, self.entries())

    def throttled_until(self, key: str) -> datetime | None:
        """Return until when something must not be asked again (see `Store.set_throttle`); None when it may be."""
        found = self._database.read(lambda it: it.value("throttle", ledger=self.number, key=key))
        return None if found is None else datetime.fromisoformat(found)

    def verify(self) -> Broken | None:
        """Walk the chain of events and compare the rows with it; the first thing that does not fit."""
        return verify(self._database, self.number)

    def close(self) -> None:
        """End the connection to the database."""
        self._database.close()

    def _entries(self, connection: Connection, rows: Sequence[CallRow], *, strict: bool = False) -> list[Entry]:
        runs = {row.run for row in rows if row.state is State.IN_FLIGHT and row.run}
        alive = self._database.alive(connection, sorted(runs)) if runs else set()
        return [self._entry(row, alive, strict) for row in rows]

    def _entry(self, row: CallRow, alive: Collection[str], strict: bool) -> Entry:
        state = row.state
        assert state is not None, "a row without a state is not shown"
        return Entry(
            environment=self.environment,
            reference_id=row.reference_id,
            state=state,
            fingerprint=self._fingerprint(row.fingerprint, strict),
            body=self._body(row),
            legs=tuple(
                Leg(None, leg.call_id, leg.error, leg.code, leg.description, leg.shown, leg.later) for leg in row.legs
            ),
            attempts=row.attempts,
            live=state is State.IN_FLIGHT and row.run in alive,
            error=row.error,
            claimed_at=row.claimed_at,
            updated_at=row.updated_at,
            purged=row.purged,
            renamed=row.renamed,
            cancelled_from=row.cancelled_from,
            refused=row.refused,
        )

    def _body(self, row: CallRow) -> Mapping[str, Value]:
        """Return the body of a call under the reference that was posted; empty where it is not known."""
        body = parsed(row.body, self._database.name)
        return {INSTRUCTION_ID: row.renamed or row.reference_id, **body} if body else body

    def _fingerprint(self, blinded: str, strict: bool) -> str:
        if isinstance(self._pseudonymizer, LedgerError) and not strict:
            return ""
        try:
            return self.pseudonymizer.unblind(blinded) if blinded else ""
        except ValueError:
            raise self._damaged() from None

    def _damaged(self) -> LedgerError:
        return LedgerError(f"{self._database.name}: a fingerprint in it is damaged")


def _calls_with_words(given: Mapping[str, Value], connection: Connection) -> list[tuple[int, int | None, str]]:
    return connection.all("calls_with_words", **given)


def stopped(connection: Connection, ledger: int) -> str | None:
    """Return why no run may claim a call: the environment is stopped, or its ledger an older copy; None otherwise."""
    at, who, host, reason, suspicion = connection.first("open_stop", ledger=ledger) or (None,) * 5
    if at is None:
        return suspicion and f"{OLDER_COPY}: {suspicion}"
    return f"stopped at {at} by {who} on {host}: {reason}"


def exported(entry: Entry) -> dict[str, Value]:
    """Return a row as it leaves the ledger: without the body, and with callees masked."""
    return {
        "reference_id": entry.reference_id,
        "state": str(entry.state),
        "fingerprint": entry.fingerprint,
        "attempts": entry.attempts,
        "error": entry.error,
        "claimed_at": entry.claimed_at,
        "updated_at": entry.updated_at,
        "purged": entry.purged,
        "renamed": entry.renamed,
        "cancelled_from": entry.cancelled_from and str(entry.cancelled_from),
        "legs": [
            {
                "callee": leg.shown,
                "call_id": leg.call_id,
                "code": leg.code,
                "description": leg.description,
                "error": leg.error,
            }
            for leg in entry.legs
        ],
    }
