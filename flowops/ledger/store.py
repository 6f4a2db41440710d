"""A ledger as a run writes it: claims, records, its lease, and what it could only keep beside the ledger."""

from __future__ import annotations

import logging
import os
import secrets
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from flowops.common.times import now as monotonic
from flowops.errors import LedgerError
from flowops.ledger import blocks, operations
from flowops.ledger.administration import name_of
from flowops.ledger.campaigns import Campaigns, held_by_campaigns
from flowops.ledger.chain import actor_json, canonical
from flowops.ledger.chains import chains_of
from flowops.ledger.changes import CLAIMED, NO_DATA, Change
from flowops.ledger.database import RUN_BYTES, now
from flowops.ledger.evidence import Evidence, described
from flowops.ledger.operations import make_conditionally
from flowops.ledger.pace import Pace
from flowops.ledger.pseudonyms import NONCE, clean
from flowops.ledger.states import IN_FLIGHT
from flowops.ledger.transaction import Transaction, moved_to, transact
from flowops.ledger.usage import OLDER_COPY, Standing, standing
from flowops.ledger.witness import has_seen
from flowops.model.call import INSTRUCTION_ID, attempt_reference
from flowops.model.claims import Claim, Condition, Later, Record, Written
from flowops.model.ledger import REFUSALS, EventType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from flowops.ledger.chains import Chain
    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection
    from flowops.ledger.history import Opened
    from flowops.model.call import Call
    from flowops.model.claims import Move
    from flowops.model.document import Document, Value
    from flowops.model.ledger import Checkpoint

_log = logging.getLogger(__name__)
#: What is recorded of a call whose request was answered, or may have been.
_ANSWERED = REFUSALS | {EventType.ACCEPTED, EventType.UNCLEAR}
#: How many results a message names when they can be kept nowhere.
MANY = 20


class Store(Evidence):
    """One environment's ledger, as `flowops.model.claims.Ledger` asks for it, and the operations of the commands.

    A store is one run: it holds a lease from its first claim until it is closed.
    """

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self.campaigns = Campaigns(opened.database, opened.number, opened.actor)
        self.run = secrets.token_hex(RUN_BYTES)
        self._actor_json = actor_json(opened.actor, self.run)
        #: Whether the lease is held, and whether the database knows of the run.
        self._leased = self._known = False
        #: How many requests of this run were answered, and how many of them refused.
        self._posts = self._refused = 0
        #: How far the ledger went when this run last wrote to it.
        self._seen: Checkpoint | None = None
        #: Why it claims nothing more, once the ledger did not go so far.
        self._went_back: str | None = None
        #: The rows of the calls that this run has in flight, as it left them: they need not be read back.
        self._in_flight: dict[str, CallRow] = {}
        #: A document, with what it says of all of its calls: their labels, and a hash of how they are named.
        self._of_document: tuple[Document | None, str, int] = (None, "", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(
        self, writes: Sequence[Claim | Record], at: str | None = None, *, rate: float | None = None
    ) -> list[Written]:
        """Write claims and records in one durable transaction: all are on disk when this returns.

        They have happened now, or `at` a time of which somebody tells. With a rate, in phones a second, each claim
        takes the next slots of all runs, or is told to come later (see `flowops.ledger.pace`).
        """
        at = at or now()
        # At once: each fetch lets another thread run first.
        random = os.urandom(NONCE * len(writes))
        changes = [self._change(write, at, random[n * NONCE : (n + 1) * NONCE]) for n, write in enumerate(writes)]
        types = Counter([change.event_type for change in changes])
        claims = CLAIMED in types
        refusals = sum(types[each] for each in REFUSALS)
        posts = self._posts + sum(types[each] for each in _ANSWERED)
        refused = self._refused + refusals

        def work(transaction: Transaction) -> tuple[list[Written], list[CallRow], Checkpoint]:
            self._look_back(transaction)
            if claims and not self._known:
                self._begin(transaction.connection, at)
            written = self._claim(transaction, writes, changes, rate) if claims else transaction.make(changes)
            if refusals:
                operations.count_posts(transaction.connection, self.run, posts, refused)
            return written, transaction.changed, transaction.checkpoint

        own_rows = self._own_rows(changes)
        try:
            written, changed, self._seen = transact(self._database, self.number, work, own_rows, self._actor_json)
        except LedgerError as error:
            self._keep([change for change in changes if change.event_type is not CLAIMED], error)
            raise
        taken = sum(answer.done for answer in written)
        _log.debug("%(taken)d of %(writes)d claims and records taken", {"taken": taken, "writes": len(writes)})
        self._known = self._known or claims
        self._posts, self._refused = posts, refused
        for reference in own_rows:  # also of one that changed nothing, since a callback had told it all before
            del self._in_flight[reference]
        self._in_flight.update({row.reference_id: row for row in changed if row.state is IN_FLIGHT})
        if self._memory is not None and self.suspicion is None:
            self._memory.keep(self._seen)
        return written

    def _claim(
        self, transaction: Transaction, writes: Sequence[Claim | Record], changes: Sequence[Change], rate: float | None
    ) -> list[Written]:
        """Make changes with claims among them, as far as claims may be taken at this very moment."""
        connection = transaction.connection
        now = standing(connection, self.number)
        lease = self._database.lease(connection, self.run)
        here = monotonic()
        lost = lease.lost or self._went_back
        if lost is not None:
            return _without_claims(transaction, changes, Written(done=False, state=None, lost=lost))
        if now.stopped is not None:
            return _without_claims(transaction, changes, Written(done=False, state=None, stopped=now.stopped))
        if rate is None and not now.paused_until:
            return self._make(transaction, writes, changes, now)
        pace = Pace(lease.now, here, now.next_slot, now.paused_until, rate)
        answers = iter(pace.answers([len(write.call.callees) for write in writes if isinstance(write, Claim)]))
        later = [next(answers) if isinstance(write, Claim) else None for write in writes]
        taken = [number for number, answer in enumerate(later) if answer is None]
        made = iter(self._make(transaction, [writes[it] for it in taken], [changes[it] for it in taken], now))
        written = []
        for write, answer in zip(writes, later, strict=True):
            one = next(made) if answer is None else Written(done=False, state=None, later=answer)
            if one.done and isinstance(write, Claim):
                one = one._replace(slot=pace.take(len(write.call.callees)))
            written.append(one)
        if rate is not None:
            connection.run("set_next_slot", ledger=self.number, slot=pace.next_slot)
        return written

    def _look_back(self, transaction: Transaction) -> None:
        """Let no run claim a call where the ledger does not hold what this run has written before."""
        if self._seen is not None and transaction.checkpoint.serial < self._seen.serial:
            self.suspicion = has_seen("this run", self._seen)
            self._went_back = f"{OLDER_COPY}: {self.suspicion}"
            transaction.connection.run("set_suspicion", ledger=self.number, suspicion=self.suspicion)

    def _make(
        self, transaction: Transaction, writes: Sequence[Claim | Record], changes: Sequence[Change], now: Standing
    ) -> list[Written]:
        """Make changes with claims among them, but no claim that something is against at this very moment."""
        conditions = blocks.with_blocks(
            transaction.connection, self.number, writes, self.pseudonymizer, any_blocked=now.has_blocks
        )
        campaigns = held_by_campaigns(transaction.connection, self.number, writes, are_any=now.has_campaigns)
        for at, held in campaigns.items():
            conditions[at] = Condition.never(held)
        if any(conditions):
            return make_conditionally(transaction, changes, conditions, self.pseudonymizer.value)
        return transaction.make(changes)

    def take_slot(self, rate: float | None) -> Later | float | None:
        """Take the next slot for a phone that rings without a call of this ledger: see `Written.later` and `slot`."""

        def work(connection: Connection) -> Later | float | None:
            now, clock = standing(connection, self.number), self._database.clock(connection)
            pace = Pace(clock, monotonic(), now.next_slot, now.paused_until, rate)
            (later,) = pace.answers([1])
            if later is not None:
                return later
            slot = pace.take(1)
            if slot is not None:
                connection.run("set_next_slot", ledger=self.number, slot=pace.next_slot)
            return slot

        return self._write(work)

    def pause(self, seconds: float) -> None:
        """Let no run claim a call for so many seconds from now; a longer pause that is already on stays."""

        def work(connection: Connection) -> None:
            connection.run("pause", ledger=self.number, until=self._database.clock(connection) + seconds)

        self._write(work)

    def move(self, moves: Sequence[Move]) -> list[Written]:
        """Record calls that were placed under another reference under their own, in one durable transaction.

        One that is not what was sent, or is no longer what can be moved, is answered and stays as it is.
        """
        at = now()

        def work(transaction: Transaction) -> list[Written]:
            transaction.rows([name for move in moves for name in (move.moved_from, name_of(move.reference_id))])
            before = [move.moved_from for move in moves]
            chains = chains_of(transaction.connection, self.number, before, transaction.current)
            return [self._move(transaction, move, at, chains.get(move.moved_from)) for move in moves]

        return transact(self._database, self.number, work)

    def _move(self, transaction: Transaction, move: Move, at: str, chain: Chain | None) -> Written:
        row = transaction.rows([move.moved_from]).get(move.moved_from)
        if row is not None and row.fingerprint:
            sent = self.pseudonymizer.unblind(row.fingerprint)
            # A change that somebody accepted has the fingerprint of the reference that it had then.
            if sent not in {move.fingerprint_as(name) for name in (row.renamed or move.moved_from, move.moved_from)}:
                return Written(done=False, state=row.state)
        further = chain.rows[1:] if chain is not None and chain.root == move.moved_from else ()
        for each in further:
            if each.state is not None and each.state.is_unsettled:
                return Written(done=False, state=each.state)
        names = [(move.reference_id, move.moved_from)]
        names += [(attempt_reference(move.reference_id, n), each.reference_id) for n, each in enumerate(further, 2)]
        return transaction.make([moved_to(new, old, at, self.actor) for new, old in names])[0]

    def rehearsed(self, reference_id: str, detail: str) -> None:
        """Keep what happens in a rehearsal, durably: an event of a reference that is no call's."""
        change = Change(
            name_of(reference_id), EventType.REHEARSED, now(), self.actor, run=self.run, detail=clean(detail)
        )
        transact(self._database, self.number, lambda transaction: transaction.make([change]))

    def sweep(self) -> list[str]:
        """Turn in-flight calls whose run is dead into in-doubt ones; their references."""
        at = now()
        return transact(
            self._database,
            self.number,
            lambda transaction: operations.sweep(self._database, transaction, self.run, self.actor, at),
        )

    def begin(self) -> None:
        """Hold the lease of this run from now on, whether or not it has claimed anything."""
        at = now()
        self._write(lambda connection: self._begin(connection, at))
        self._known = True

    def close(self) -> None:
        """End the run: its lease, and the connection."""
        try:
            # A mere note, which a later sweep makes if this fails: the lease ends all the same, and what a run has to
            # say of its calls must not be lost over it.
            with suppress(LedgerError):
                if self._memory is not None and self.suspicion is None and not self._database.readonly:
                    self._memory.keep(self.checkpoint(), on_disk=True)
            with suppress(LedgerError):
                if self._leased:
                    counted = self._posts, self._refused
                    self._write(lambda connection: operations.end_run(connection, self.run, now(), *counted))
        finally:
            self._leased = self._known = False
            self._database.release_leases()
            super().close()

    def _begin(self, connection: Connection, at: str) -> None:
        if not self._leased:
            self._database.take_lease(connection, self.run)
            self._leased = True
        operations.begin_run(connection, self.number, self.run, self.actor, at)

    def _own_rows(self, changes: Sequence[Change]) -> dict[str, CallRow]:
        """Return the rows of the calls in flight that something is recorded of.

        Whatever is recorded of a call in flight changes its row, so that a row which is out of date is noticed.
        """
        return {
            change.reference_id: row
            for change in changes
            if (row := self._in_flight.get(change.reference_id)) is not None and change.event_type is not CLAIMED
        }

    def _change(self, write: Claim | Record, at: str, nonce: bytes | None = None) -> Change:
        if isinstance(write, Claim):
            call, pseudonymizer = write.call, self.pseudonymizer
            labels, naming = self._said_of_all(call)
            return Change(
                name_of(call.reference_id),
                CLAIMED,
                at,
                self.actor,
                self.run,
                body=canonical(_without_reference(pseudonymizer.body(call))),
                fingerprint=pseudonymizer.blind(write.fingerprint, nonce),
                data=call.attempts.as_kept() if call.attempts.most > 1 else NO_DATA,
                moved_from=_moved_from(call),
                words=pseudonymizer.words(call.body),
                naming=naming,
                labels=labels,
            )
        return Change(
            write.reference_id,
            write.event_type,
            at,
            self.actor,
            self.run,
            self.pseudonymizer.legs(write.legs),
            clean(write.detail),
        )

    def _said_of_all(self, call: Call) -> tuple[str, int]:
        """Return the labels of a call as JSON, and a hash of how its document names it.

        The document is mostly that of the call before.
        """
        document = call.origin.document
        known, labels, naming = self._of_document
        if known is not document:
            labels = canonical(document.labels).decode() if document.labels else ""
            naming = self.pseudonymizer.naming(call.naming)
            self._of_document = document, labels, naming
        return labels, naming

    def _keep(self, records: Sequence[Change], error: LedgerError) -> None:
        """Put records that could not be written into the spool, and say so in the error."""
        if not records or self._spool is None:
            return
        noun = "result" if len(records) == 1 else "results"
        try:
            # With what was sent, for a ledger that has lost the claim.
            whole = [self._with_body(record) for record in records]
            self._spool.keep(self.id, whole, self.pseudonymizer.signature, self._seen)
        except OSError as failure:
            named = ", ".join(described(record) for record in records[:MANY])
            more = f" and {len(records) - MANY} more" if len(records) > MANY else ""
            error.message += f"; {len(records)} {noun} could not be kept either ({failure}): {named}{more}"
        else:
            error.message += f"; {len(records)} {noun} kept in {self._spool.path}, the next run records them"
        error.args = (error.message,)

    def _with_body(self, record: Change) -> Change:
        row = self._in_flight.get(record.reference_id)
        return record if row is None else record._replace(fingerprint=row.fingerprint, body=row.body.encode())


def _without_reference(body: dict[str, Value]) -> dict[str, Value]:
    """Return a body as it is kept: beside the reference, which stands in the row."""
    del body[INSTRUCTION_ID]
    return body


def _without_claims(transaction: Transaction, changes: Sequence[Change], refusal: Written) -> list[Written]:
    """Record what has happened, and take no claim."""
    records = iter(transaction.make([change for change in changes if change.event_type is not CLAIMED]))
    rows = transaction.rows([change.reference_id for change in changes])
    return [
        refusal._replace(state=row.state if (row := rows.get(change.reference_id)) else None)
        if change.event_type is CLAIMED
        else next(records)
        for change in changes
    ]


def _moved_from(call: Call) -> str | None:
    """Return the reference that a call had before, if it had another one: the first attempt has become that already."""
    before = call.terms.moved_from
    return None if before is None or before == call.reference_id or call.attempt > 1 else name_of(before)
