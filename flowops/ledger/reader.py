"""What can be asked of a ledger. Nothing here writes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from itertools import chain, takewhile
from operator import itemgetter
from typing import TYPE_CHECKING

from flowops.common.names import ATTEMPT
from flowops.errors import LedgerError
from flowops.ledger.blocks import ENOUGH, blocks_among, given_up_among
from flowops.ledger.chains import WITH_ATTEMPTS, chains_among, chains_of, claimed_with, roots_among, tried
from flowops.ledger.export import exported, refused
from flowops.ledger.history import History
from flowops.ledger.transaction import CHUNK, NO_BODY, current_rows_of, parsed, rows_of, with_legs
from flowops.ledger.usage import claimed_since, has_claimed_since, labelled_since, rung_since, standing, stopped
from flowops.model.call import INSTRUCTION_ID, further_references, split_reference
from flowops.model.ledger import Entry, GivenUp, Leg, NumberBlock, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection
    from flowops.model.call import Call
    from flowops.model.claims import Labelled
    from flowops.model.document import Value
    from flowops.model.ledger import Tried

_PLACED = frozenset(str(state) for state in State if state.is_placed)


class Reader(History):
    """One environment's ledger. Every method raises `LedgerError` when the database does not answer."""

    def pseudonymize(self, call: Call) -> dict[str, Value]:
        """Return the body with every sensitive value replaced by ``{"$pseudonym": hmac, "shown": masked}``."""
        return self.pseudonymizer.body(call)

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the rows of these references that exist, one or two statements for a thousand of them; no labels."""
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

    def unknown(self, reference_ids: Collection[str]) -> set[str]:
        """Return those of some references of which the ledger has no call."""
        asked, unknown = list(reference_ids), set(reference_ids)
        for start in range(0, len(asked), CHUNK):
            known = self._database.read(partial(_known, self.number, asked[start : start + CHUNK]))
            unknown.difference_update(known)
        return unknown

    def tried(self, reference_ids: Sequence[str]) -> dict[str, Tried]:
        """Return what decides whether another attempt follows these calls, of those that are in the ledger."""
        return self._database.read(lambda connection: tried(connection, self.number, reference_ids))

    def roots_of(self, reference_ids: Sequence[str]) -> dict[str, str]:
        """Return the calls' own names of those references that are further attempts of a call, by those."""
        return self._database.read(lambda connection: roots_among(connection, self.number, reference_ids))

    def with_attempts(self, reference_ids: Sequence[str]) -> list[str]:
        """Return references, and in place of one that is an attempt of a call the names of all of these; each once."""
        chains = self.chains_among(reference_ids)
        calls = (chains.get(name, (name, 1)) for name in reference_ids)
        return list(dict.fromkeys(each for call in calls for each in (call[0], *further_references(*call))))

    def chains_among(self, reference_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return of those references that are attempts of a call its own name, and how often it may be tried."""
        return self._database.read(lambda connection: chains_among(connection, self.number, reference_ids))

    def chain_of(self, reference_id: str) -> list[Entry]:
        """Return the attempts of a call that were made; none of one that has no others."""
        names = self.with_attempts([reference_id])
        found = {entry.reference_id: entry for entry in self.entries_of(names)} if len(names) > 1 else {}
        return [found[name] for name in names if name in found]

    def open_chains(self, within: str = "*") -> list[str]:
        """Return the references of the placed calls of which another attempt may follow, in order.

        Of those that a pattern with ``*`` and ``?`` fits: only they are read.
        """
        given = {"ledger": self.number, "pattern": self._database.pattern(within), "marked": WITH_ATTEMPTS}

        def work(connection: Connection) -> list[str]:
            found = connection.all("claimed_with_attempts", **given)
            names = [reference for (reference,) in found]
            further = roots_among(connection, self.number, names)
            roots = [name for name in names if name not in further]
            chains = chains_of(connection, self.number, roots, partial(current_rows_of, connection, self.number))
            return [root for root in roots if chains[root].is_open]

        return self._database.read(work)

    def chains(self) -> list[list[Tried]]:
        """Return the attempts that were made of each call that was claimed with attempts, from the first on."""

        def work(connection: Connection) -> list[list[Tried]]:
            every = self._database.pattern("*")
            rows = connection.all("claimed_with_attempts", ledger=self.number, pattern=every, marked=WITH_ATTEMPTS)
            calls = dict.fromkeys(chains_among(connection, self.number, [reference for (reference,) in rows]).values())
            names = [[root, *further_references(root, most)] for root, most in calls]
            found = tried(connection, self.number, [name for some in names for name in some])
            return [[found[name] for name in takewhile(found.__contains__, some)] for some in names]

        return self._database.read(work)

    def open_attempts(self) -> dict[str, Entry]:
        """Return the further attempts that are in flight or in doubt, by their calls' own names."""
        open_ = [name for name in self.references([State.IN_FLIGHT, State.IN_DOUBT]) if ATTEMPT in name]
        roots = self.roots_of(open_) if open_ else {}
        return {roots[name]: entry for name, entry in self.look_up(list(roots)).items()} if roots else {}

    def further_attempts(self) -> int:
        """Return how many rows are further attempts of calls that are in the ledger."""
        found = self._database.read(
            lambda it: it.value("count_further", ledger=self.number, marked=WITH_ATTEMPTS, behind="%~")
        )
        return int(found)

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
                return self._labelled_entries(connection, [row for row in rows if row.state is not None])

            found += self._database.read(work)
        return sorted(found, key=lambda entry: entry.reference_id)

    def labelled(self, labels: Iterable[tuple[str, str]], among: Sequence[str] | None = None) -> set[str]:
        """Return the references of the calls that all of some labels are kept with: those that they were claimed with.

        Of an attempt they are those of the call. Where it is said `among` which, no other is read.
        """
        wanted = set(labels)
        if among is not None:
            return {reference for reference, known in self._all_labels(among).items() if wanted <= known.items()}

        def work(connection: Connection) -> list[tuple[str]]:
            labelled = self._labels_of_actors(connection)
            actors = [number for number, known in labelled.items() if wanted <= known.items()]
            return connection.all("labelled_calls", ledger=self.number, actors=actors) if actors else []

        return {reference for (reference,) in self._database.read(work)}

    def _all_labels(self, references: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """Return the labels of those of many calls that have any."""
        found: dict[str, Mapping[str, str]] = {}
        for start in range(0, len(references), CHUNK):
            some = references[start : start + CHUNK]
            found |= self._database.read(partial(self._labels, references=some))
        return found

    def _labels_of_actors(self, connection: Connection) -> dict[int, dict[str, str]]:
        """Return the labels that are kept with who has acted, by the number of that."""
        rows = connection.all("actors", ledger=self.number)
        told = {number: parsed(actor, connection.name) for number, actor in rows if number < 0}
        return {number: who["labels"] for number, who in told.items() if "labels" in who}

    def _labels(self, connection: Connection, references: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """Return the labels of those of some calls that have any."""
        known = self._labels_of_actors(connection) if references else {}
        if not known:
            return {}
        rows = connection.all("actors_of_calls", ledger=self.number, references=list(references))
        return {reference: known[actor] for reference, actor in rows if actor in known}

    def references(self, states: Collection[State]) -> list[str]:
        """Return the references of the calls that are in one of some states, in order."""
        wanted = [str(state) for state in states]
        found = self._database.read(lambda it: it.all("references_in", ledger=self.number, states=wanted))
        return sorted(reference for (reference,) in found)

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
            return self._labelled_entries(connection, with_legs(connection, self.number, raw))

        return self._database.read(work)

    def alive(self, runs: Collection[str]) -> set[str]:
        """Return which of some runs hold their leases."""
        return self._database.read(lambda connection: self._database.alive(connection, sorted(runs)))

    def count(self) -> dict[State, int]:
        """Return how many calls of this environment are in each state; every state is there.

        A reference that became another one is no call any more, and is counted as what it is: renamed.
        """
        return {state: calls for state, (calls, _) in self._count_by_state().items()}

    def _count_by_state(self) -> dict[State, tuple[int, int]]:
        """Return how many calls are in each state, and how many phones they ring."""
        states = [str(state) for state in State]
        rows = self._database.read(lambda it: it.all("count_by_state", ledger=self.number, states=states))
        found = {state: (int(calls), int(phones)) for state, calls, phones in rows}
        return {state: found.get(state, (0, 0)) for state in State}

    def age_of_oldest_doubt(self) -> float:
        """Return how many seconds ago the call was claimed that has been in doubt for longest; 0 where none is."""
        given = {"ledger": self.number, "state": str(State.IN_DOUBT)}
        found = self._database.read(lambda it: it.value("oldest_claim_in", **given))
        if found is None:
            return 0.0
        return max((datetime.now(UTC) - datetime.fromisoformat(found)).total_seconds(), 0.0)

    def labelled_since(self, asked: Labelled) -> int:
        """Return how many phones the calls ring that were claimed with a label since a time."""
        return self._database.read(lambda it: labelled_since(it, self.number, asked))

    def lease_ages(self) -> dict[str, float]:
        """Return how many seconds ago the lease of each run was renewed that has not ended."""
        return self._database.read(lambda it: self._database.lease_ages(it, self.number))

    def clock_difference(self) -> float:
        """Return by how many seconds this machine's clock is ahead of the database's."""
        return time.time() - self._database.read(self._database.clock)

    def slots_ahead(self) -> tuple[float, float]:
        """Return for how many seconds slots are taken, and for how many the API has asked everybody to wait."""

        def work(connection: Connection) -> tuple[float, float]:
            now, clock = standing(connection, self.number), self._database.clock(connection)
            return max(now.next_slot - clock, 0.0), max(now.paused_until - clock, 0.0)

        return self._database.read(work)

    def phones(self) -> int:
        """Return how many phones the calls of this environment are for."""
        return sum(phones for state, (_, phones) in self._count_by_state().items() if state is not State.RENAMED)

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
        if not self._database.read(lambda connection: has_claimed_since(connection, self.number, since)):
            return {}  # as before the first call, where a pseudonym for each of a million numbers would be for nothing
        numbered = {self.pseudonymizer.value(number): number for number in numbers}
        found = self._database.read(lambda connection: rung_since(connection, self.number, numbered, since))
        return {numbered[callee]: tuple(sorted(times)) for callee, times in found.items()}

    def outcomes(self) -> dict[int, int]:
        """Return how many callees came to each result code (9 cancelled, 10 finished, 11 failed, 12 rejected)."""
        return dict(self._database.read(lambda it: it.all("count_by_code", ledger=self.number)))

    def export(self) -> Iterator[dict[str, Value]]:
        """Yield every row, for `import_calls` of another ledger; works without the ledger's key.

        Without it nobody can tell which calls are given up: a row has no fingerprint either.
        """
        given_up = self.given_up() if not isinstance(self._pseudonymizer, LedgerError) else {}
        last = ""
        while some := self._database.read(partial(self._exported, last, given_up)):
            yield from some
            last = str(some[-1]["reference_id"])
            for row in some if given_up else ():
                given_up.pop(row["reference_id"], None)
        # Those that the API forbids have no state: for another ledger they are refused.
        for each in given_up.values():
            yield exported(refused(each), each.fingerprint, each)

    def _exported(self, after: str, given_up: Mapping[str, GivenUp], connection: Connection) -> list[dict[str, Value]]:
        """Return the next rows as they leave the ledger."""
        raw = connection.all("page_of_rows", ledger=self.number, after=after, limit=CHUNK)
        rows = with_legs(connection, self.number, raw)
        names = [row.reference_id for row in rows]
        labels, chains = self._labels(connection, names), chains_among(connection, self.number, names)
        roots = [name for name, (root, _) in chains.items() if name == root]
        kept = claimed_with(connection, self.number, roots) if roots else {}
        terms = {name: attempts.terms for name, attempts in kept.items() if attempts.on}
        return [
            exported(
                row,
                self._fingerprint(row.fingerprint, strict=False),
                given_up.get(row.reference_id),
                labels.get(row.reference_id),
                _attempt_of(row.reference_id, *chains.get(row.reference_id, ("", 1))),
                terms.get(row.reference_id),
            )
            for row in rows
        ]

    def throttled_until(self, key: str) -> datetime | None:
        """Return until when something must not be asked again (see `Store.set_throttle`); None when it may be."""
        found = self._database.read(lambda it: it.value("throttle", ledger=self.number, key=key))
        return None if found is None else datetime.fromisoformat(found)

    def _labelled_entries(self, connection: Connection, rows: Sequence[CallRow]) -> list[Entry]:
        """Return rows with their labels, and with which attempt of a call each is."""
        names = [row.reference_id for row in rows]
        labels, chains = self._labels(connection, names), chains_among(connection, self.number, names)
        entries = self._entries(connection, rows)
        if not labels and not chains:
            return entries
        return [
            _with_more(it, labels.get(it.reference_id, {}), *chains.get(it.reference_id, ("", 1))) for it in entries
        ]

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
        if row.body == NO_BODY:
            return {}
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


def _known(ledger: int, references: Sequence[str], connection: Connection) -> list[str]:
    """Return those of some references that are calls of a ledger."""
    rows = connection.all("fingerprints", ledger=ledger, references=list(references))
    return [reference for reference, _, state, _ in rows if state is not None]


def _with_more(entry: Entry, labels: Mapping[str, str], root: str, most: int) -> Entry:
    """Return a row with its labels, and with which attempt it is of the call of another name, if of one."""
    attempt, most = _attempt_of(entry.reference_id, root, most)
    return entry._replace(labels=labels, attempt=attempt, max_attempts=most)


def _attempt_of(reference: str, root: str, most: int) -> tuple[int, int]:
    """Return which attempt of the call of another name a call is, if of one, and how often that may be tried."""
    return (split_reference(reference)[1] if root not in ("", reference) else 1), most
