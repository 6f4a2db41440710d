"""A ledger that can be written: claims, records, leases, and what operators do."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Never, Self

from flowops.errors import LedgerError
from flowops.ledger import blocks, operations
from flowops.ledger.chain import canonical
from flowops.ledger.database import RUN_BYTES, iso, now
from flowops.ledger.operations import Import, ImportedCall, make_conditionally
from flowops.ledger.operators import OperatorTransaction, perform
from flowops.ledger.pseudonyms import NONCE, Pseudonymizer, clean, storable
from flowops.ledger.reader import OLDER_COPY, Reader, stopped
from flowops.ledger.spool import Spool
from flowops.ledger.states import ABOUT_THE_ATTEMPT, NO_DATA, Change
from flowops.ledger.transaction import CHUNK, Transaction, moved_to, transact
from flowops.ledger.witness import Server, has_seen
from flowops.model.call import INSTRUCTION_ID
from flowops.model.claims import Claim, Record, Written
from flowops.model.ledger import REFUSALS, Actor, EventType, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from flowops.ledger.database import Connection, Database
    from flowops.ledger.operators import Operation
    from flowops.ledger.states import CallRow
    from flowops.ledger.witness import Memory
    from flowops.model.call import Call
    from flowops.model.claims import Move
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint, Leg, OperatorStep

_log = logging.getLogger(__name__)
#: What is recorded of a call whose request was answered, or may have been.
_ANSWERED = REFUSALS | {EventType.ACCEPTED, EventType.UNCLEAR}
#: How many results a message names when they can be kept nowhere.
MANY = 20


class _Rehearsed(Exception):
    """Ends the transaction in which an operation was shown, so that nothing of it stays."""

    def __init__(self, steps: list[OperatorStep]) -> None:
        super().__init__()
        self.steps = steps


class Store(Reader):
    """One environment's ledger, as `flowops.model.ledger.Ledger` asks for it, and the operations of the commands.

    A store is one run: it holds a lease from its first claim until it is closed.
    """

    def __init__(
        self,
        database: Database,
        environment: str,
        ledger_id: str,
        number: int,
        pseudonymizer: Pseudonymizer | LedgerError,
        actor: Actor,
        spool: Spool | None,
    ) -> None:
        super().__init__(database, environment, ledger_id, number, pseudonymizer)
        self.actor = actor
        self.run = secrets.token_hex(RUN_BYTES)
        self._spool = spool
        #: Whether the lease is held, and whether the database knows of the run.
        self._leased = self._known = False
        #: How many requests of this run were answered, and how many of them refused.
        self._posts = self._refused = 0
        #: Why this seems to be an older copy of the ledger; None where nothing says so.
        self.suspicion: str | None = None
        self._memory: Memory | None = None
        #: How far the ledger went when this run last wrote to it.
        self._seen: Checkpoint | None = None
        #: The rows of the calls that this run has in flight, as it left them: they need not be read back.
        self._in_flight: dict[str, CallRow] = {}

    def ask_witnesses(self, memory: Memory, suspicion: str | None, written_on: str | None) -> None:
        """Ask whoever may have seen more of this ledger than it has; where one has, no run may claim a call.

        The ledger's record has a `suspicion`, or none, and the server that it was `written_on` last. Nothing is
        written where the ledger is only read.
        """
        server = self._database.read(self._database.server)
        self.suspicion = suspicion
        if server is not None and server.timeline is None:
            return  # a standby lags, and is never written
        self._memory = memory
        seen = memory.seen()
        self.hear(f"this workspace ({memory.path})", [seen] if seen is not None else [])
        if self._database.readonly and self._spool is not None and isinstance(self._pseudonymizer, Pseudonymizer):
            self.hear(f"a spool ({self._spool.path})", self._spool.seen(self.id, self._pseudonymizer.signature))
        if server is None:
            return
        before = Server.read(written_on) if written_on else server
        if server.is_another(before):
            self._suspect(
                f"it was written last on another server (system {before.system}, timeline {before.timeline}; this is "
                f"system {server.system}, timeline {server.timeline}), and its last writes may not have come here"
            )
        elif str(server) != written_on and not self._database.readonly:
            self._database.write(lambda it: it.run("set_server", ledger=self.number, server=str(server)))

    def hear(self, who: str, seen: Sequence[Checkpoint]) -> None:
        """Hear a witness: where it has seen what this ledger does not hold, no run may claim a call."""
        for checkpoint in seen:
            if self.lacks(checkpoint):
                self._suspect(has_seen(who, checkpoint))

    def _suspect(self, why: str) -> None:
        """Let no run claim a call, until somebody has accepted that this is an older copy."""
        if self.suspicion is None:
            self.suspicion = why
            if not self._database.readonly:
                self._database.write(lambda it: it.run("set_suspicion", ledger=self.number, suspicion=why))

    def check_newest(self) -> None:
        """Raise LedgerError, with the way on, for what seems to be an older copy."""
        if self.suspicion is not None:
            raise LedgerError(f"{self._database.name}: {OLDER_COPY}: {self.suspicion}", hint=self.way_on)

    @property
    def way_on(self) -> str:
        """Return what is to be done about an older copy."""
        env = shlex.quote(self.environment)
        return (
            "first find the newest one, or restore it: what was placed since this copy rings again, and a new ledger "
            f"rings everybody again. If it is lost, run `flowops reconcile --env {env}`, settle what it tells, then "
            f"`flowops ledger verify --env {env} --accept --reason …`"
        )

    def accept(self, reason: str) -> str | None:
        """Go on with an older copy; return what had told that it is one, None where nothing had."""
        why = self.suspicion

        def work(connection: Connection) -> None:
            connection.first("lock_ledger", ledger=self.number)
            server = self._database.server(connection)
            who = f"{self.actor.who} on {self.actor.host}"
            connection.run("insert_acceptance", ledger=self.number, at=now(), who=who, reason=clean(reason) or "")
            connection.run("accept_copy", ledger=self.number, server=str(server) if server else None)

        if why is not None:
            self._database.write(work)
            self.suspicion = None
            if self._memory is not None:
                self._memory.keep(self.checkpoint(), again=True, on_disk=True)
        return why

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, writes: Sequence[Claim | Record], at: str | None = None) -> list[Written]:
        """Write claims and records in one durable transaction: all are on disk when this returns.

        They have happened now, or `at` a time of which somebody tells.
        """
        at = at or now()
        # At once: each fetch lets another thread run first.
        random = os.urandom(NONCE * len(writes))
        changes = [self._change(write, at, random[n * NONCE : (n + 1) * NONCE]) for n, write in enumerate(writes)]
        claims = any(change.event_type is EventType.CLAIMED for change in changes)
        refusals = sum(change.event_type in REFUSALS for change in changes)
        posts = self._posts + sum(change.event_type in _ANSWERED for change in changes)
        refused = self._refused + refusals

        def work(transaction: Transaction) -> tuple[list[Written], list[CallRow], Checkpoint]:
            if claims and not self._known:
                self._begin(transaction.connection, at)
            why = stopped(transaction.connection, self.number) if claims else None
            if why is not None:
                written = _without_claims(transaction, changes, why)
            else:
                written = self._make(transaction, writes, changes) if claims else transaction.make(changes)
            if refusals:
                operations.count_posts(transaction.connection, self.run, posts, refused)
            return written, transaction.changed, transaction.checkpoint

        try:
            written, changed, self._seen = transact(self._database, self.number, work, self._own_rows(changes))
        except LedgerError as error:
            self._keep([change for change in changes if change.event_type is not EventType.CLAIMED], error)
            raise
        taken = sum(answer.done for answer in written)
        _log.debug("%(taken)d of %(writes)d claims and records taken", {"taken": taken, "writes": len(writes)})
        self._known = self._known or claims
        self._posts, self._refused = posts, refused
        self._keep_own_rows(changed)
        if self._memory is not None and self.suspicion is None:
            self._memory.keep(self._seen)
        return written

    def _make(
        self, transaction: Transaction, writes: Sequence[Claim | Record], changes: Sequence[Change]
    ) -> list[Written]:
        """Make changes with claims among them, but no claim that something is against at this very moment."""
        conditions = blocks.with_blocks(transaction.connection, self.number, writes, self.pseudonymizer)
        if any(conditions):
            return make_conditionally(transaction, changes, conditions, self.pseudonymizer.value)
        return transaction.make(changes)

    def move(self, moves: Sequence[Move]) -> list[Written]:
        """Record calls that were placed under another reference under their own, in one durable transaction.

        One that is not what was sent, or is no longer what can be moved, is answered and stays as it is.
        """
        at = now()

        def work(transaction: Transaction) -> list[Written]:
            transaction.rows([name for move in moves for name in (move.moved_from, _name(move.reference_id))])
            return [self._move(transaction, move, at) for move in moves]

        return transact(self._database, self.number, work)

    def _move(self, transaction: Transaction, move: Move, at: str) -> Written:
        row = transaction.rows([move.moved_from]).get(move.moved_from)
        if row is not None and row.fingerprint:
            sent = self.pseudonymizer.unblind(row.fingerprint)
            # A change that somebody accepted has the fingerprint of the reference that it had then.
            if sent not in {move.fingerprint_as(name) for name in (row.renamed or move.moved_from, move.moved_from)}:
                return Written(done=False, state=row.state)
        return transaction.make([moved_to(move.reference_id, move.moved_from, at, self.actor)])[0]

    def called_back(self, reference_id: str, finished: Sequence[Leg]) -> Written | None:
        """Take an authentic callback of this ledger: how legs ended.

        A callback may come before the answer, twice, or for some callees only; it counts for each one once. A call
        that the ledger does not know was placed all the same.
        """
        return self._prove(EventType.CALLED_BACK, {reference_id: finished}, unknown=State.PLACED)[reference_id]

    def recorded(
        self, records: Mapping[str, Sequence[Leg]], *, unknown: State | None = None
    ) -> dict[str, Written | None]:
        """Take Call Detail Records, by reference: each proves that a call was placed.

        It may be one of another ledger or program on the same account, so for a call that this ledger does not know
        the answer is None, unless `unknown` says what it is to be: in doubt, or placed.
        """
        return self._prove(EventType.RECORDED, records, unknown=unknown)

    def rehearse(self, operation: Operation, references: Sequence[str], reason: str) -> list[OperatorStep]:
        """Return what an operator's operation would do to some calls, in their order, and do none of it."""
        at = now()

        def work(transaction: Transaction) -> Never:
            operator = self._operator(transaction, at, reason)
            raise _Rehearsed(perform(operator, operation, references))

        try:
            transact(self._database, self.number, work)
        except _Rehearsed as rehearsed:
            return rehearsed.steps

    def operate(self, operation: Operation, shown: Sequence[OperatorStep], reason: str) -> list[OperatorStep]:
        """Do to calls what `rehearse` has shown, in one durable transaction, and return what that came to.

        What was refused then is not asked again, and a call that has changed meanwhile is left as it is.
        """
        at = now()
        agreed = {step.reference_id: step for step in shown if step.refused is None}

        def work(transaction: Transaction) -> list[OperatorStep]:
            operator = self._operator(transaction, at, reason)
            return perform(operator, operation, list(agreed), agreed)

        done = {step.reference_id: step for step in transact(self._database, self.number, work)}
        return [done.get(step.reference_id, step) for step in shown]

    def rehearsed(self, reference_id: str, detail: str) -> None:
        """Keep what happens in a rehearsal, durably: an event of a reference that is no call's."""
        change = Change(_name(reference_id), EventType.REHEARSED, now(), self.actor, run=self.run, detail=clean(detail))
        transact(self._database, self.number, lambda transaction: transaction.make([change]))

    def _operator(self, transaction: Transaction, at: str, reason: str) -> OperatorTransaction:
        return OperatorTransaction(self._database, transaction, lambda: self.pseudonymizer, self.actor, at, reason)

    def import_calls(self, calls: Iterable[ImportedCall]) -> Import:
        """Adopt calls that were placed elsewhere, a thousand in a transaction; one the ledger has stays as it is."""
        result = Import()
        rest = iter(calls)
        while some := list(islice(rest, CHUNK)):
            changes = [self._import(call) for call in some]
            written = transact(self._database, self.number, partial(Transaction.make, changes=changes))
            for call, answer in zip(some, written, strict=True):
                if answer.done:
                    result.added.append(call.reference_id)
                elif answer.state is not None:
                    result.present[call.reference_id] = answer.state
        return result

    def purge(self, older_than: datetime) -> int:
        """Forget all but the fact of calls that are settled and that nothing has happened to since a time."""
        before, at, count = iso(older_than), now(), 0
        while purged := transact(
            self._database, self.number, lambda transaction: operations.purge(transaction, before, self.actor, at)
        ):
            count += purged
        if count:
            self._database.write(lambda connection: connection.run("forget_actors", ledger=self.number))
        return count

    def take_in_spool(self) -> int:
        """Record what an earlier run could only keep beside the ledger; how many events that were.

        One that cannot be written stays in the spool, and stops no other. Raises LedgerError when none can.
        """
        if self._spool is None or not self._spool.path.exists():
            return 0
        with self._spool.taken(self.id, self.pseudonymizer.signature) as kept:
            if not kept.changes:
                return 0
            # Before anything is taken out of the file: that is a witness, too.
            self.hear(f"a spool ({self._spool.path})", kept.seen)
            try:
                transact(self._database, self.number, lambda transaction: _make_late(transaction, kept.changes))
                kept.recorded.extend(kept.changes)
            except LedgerError:
                kept.recorded.extend(change for change in kept.changes if self._record_late(change))
                if not kept.recorded:
                    raise
        left = len(kept.changes) - len(kept.recorded)
        if left:
            _log.warning("%(left)d results in %(spool)s cannot be written", {"left": left, "spool": self._spool.path})
        return len(kept.recorded)

    def import_spool(self, file: Path) -> int:
        """Record what a run on another machine could only keep in its spool; how many events that were.

        The file stays as it is: doing that twice changes nothing. Raises LedgerError for a line that was not written
        with the ledger's key.
        """
        kept = Spool(file, file.parent).kept(self.id, self.pseudonymizer.signature)
        self.hear(f"a spool ({file})", kept.seen)
        if kept.changes:
            transact(self._database, self.number, lambda transaction: _make_late(transaction, kept.changes))
        return len(kept.changes)

    def _record_late(self, change: Change) -> bool:
        """Record one result out of the spool; return whether that could be done."""
        try:
            transact(self._database, self.number, lambda transaction: _make_late(transaction, [change]))
        except LedgerError as error:
            _log.warning("%(what)s: %(why)s", {"what": _described(change), "why": error.message})
            return False
        return True

    def set_throttle(self, key: str, until: datetime) -> None:
        """Remember that something must not be asked again before a time, by whichever run."""

        def work(connection: Connection) -> None:
            connection.run("set_throttle", ledger=self.number, key=key, until=iso(until))

        self._database.write(work)

    def stop(self, reason: str) -> bool:
        """Let no run of this environment claim another call; False when that was so already."""
        why = clean(reason) or ""
        return self._database.write(lambda connection: operations.stop(connection, self.number, self.actor, why, now()))

    def resume(self) -> bool:
        """Let runs claim calls again; False when nobody had stopped them."""
        return self._database.write(lambda connection: operations.resume(connection, self.number, self.actor, now()))

    def block(self, numbers: Sequence[str], reason: str) -> list[bool]:
        """Let no run call some numbers ever again, in one durable transaction; return which were not blocked yet."""
        return self._database.write(
            lambda it: blocks.block(
                it, self.number, numbers, self.pseudonymizer, self.actor, clean(reason) or "", now()
            )
        )

    def unblock(self, numbers: Sequence[str], reason: str) -> list[bool]:
        """Let runs call some numbers again, in one durable transaction; return which of them were blocked."""
        return self._database.write(
            lambda it: blocks.unblock(
                it, self.number, numbers, self.pseudonymizer, self.actor, clean(reason) or "", now()
            )
        )

    def sweep(self) -> list[str]:
        """Turn in-flight calls whose run is dead into in-doubt ones; their references."""
        at = now()
        return transact(
            self._database,
            self.number,
            lambda transaction: operations.sweep(self._database, transaction, self.run, self.actor, at),
        )

    def beat(self) -> None:
        """Renew this run's lease."""
        if self._leased:
            self._database.write(lambda connection: self._database.beat(connection, self.run))

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
                    self._database.write(lambda connection: operations.end_run(connection, self.run, now(), *counted))
        finally:
            self._leased = self._known = False
            self._database.release_leases()
            super().close()

    def _begin(self, connection: Connection, at: str) -> None:
        if not self._leased:
            self._database.take_lease(connection, self.run)
            self._leased = True
        operations.begin_run(self._database, connection, self.number, self.run, self.actor, at)

    def _own_rows(self, changes: Sequence[Change]) -> dict[str, CallRow]:
        """Return the rows of the calls in flight that something is recorded of.

        Whatever is recorded of a call in flight changes its row, so that a row which is out of date is noticed.
        """
        return {
            change.reference_id: self._in_flight[change.reference_id]
            for change in changes
            if change.event_type is not EventType.CLAIMED and change.reference_id in self._in_flight
        }

    def _keep_own_rows(self, changed: Sequence[CallRow]) -> None:
        for row in changed:
            if row.state is State.IN_FLIGHT:
                self._in_flight[row.reference_id] = row
            else:
                self._in_flight.pop(row.reference_id, None)

    def _change(self, write: Claim | Record, at: str, nonce: bytes | None = None) -> Change:
        if isinstance(write, Claim):
            return Change(
                _name(write.call.reference_id),
                EventType.CLAIMED,
                at,
                self.actor,
                run=self.run,
                body=canonical(self._without_reference(write.call)).decode(),
                fingerprint=self.pseudonymizer.blind(write.fingerprint, nonce),
                moved_from=_moved_from(write.call),
                words=self.pseudonymizer.words(write.call.body),
                naming=self.pseudonymizer.naming(write.call.naming),
                data={"max_attempts": write.call.attempts.most} if write.call.attempts.most > 1 else NO_DATA,
            )
        return Change(
            write.reference_id,
            write.event_type,
            at,
            self.actor,
            run=self.run,
            legs=self.pseudonymizer.legs(write.legs),
            detail=clean(write.detail),
        )

    def _without_reference(self, call: Call) -> dict[str, Value]:
        """Return a body as it is kept: beside the reference, which stands in the row."""
        body = self.pseudonymize(call)
        del body[INSTRUCTION_ID]
        return body

    def _import(self, call: ImportedCall) -> Change:
        return Change(
            _name(call.reference_id),
            EventType.IMPORTED,
            now(),
            self.actor,
            legs=self.pseudonymizer.legs(call.legs),
            to=call.state,
            fingerprint=self.pseudonymizer.blind(call.fingerprint),
            data={
                **({"placed_at": call.placed_at} if call.placed_at else {}),
                **({"renamed": call.renamed} if call.renamed else {}),
            },
        )

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
            named = ", ".join(_described(record) for record in records[:MANY])
            more = f" and {len(records) - MANY} more" if len(records) > MANY else ""
            error.message += f"; {len(records)} {noun} could not be kept either ({failure}): {named}{more}"
        else:
            error.message += f"; {len(records)} {noun} kept in {self._spool.path}, the next run records them"
        error.args = (error.message,)

    def _with_body(self, record: Change) -> Change:
        row = self._in_flight.get(record.reference_id)
        return record if row is None else record._replace(fingerprint=row.fingerprint, body=row.body)

    def _prove(
        self, event_type: EventType, proofs: Mapping[str, Sequence[Leg]], *, unknown: State | None
    ) -> dict[str, Written | None]:
        at = now()
        changes = [
            Change(reference, event_type, at, self.actor, legs=self.pseudonymizer.legs(legs))
            for reference, legs in proofs.items()
        ]

        def work(transaction: Transaction) -> dict[str, Written | None]:
            rows = transaction.current(list(proofs))
            known = {reference for reference, row in rows.items() if row.state is not None}
            taken = [
                change if change.reference_id in known else change._replace(to=unknown)
                for change in changes
                if change.reference_id in known or (unknown is not None and _can_be_kept(change.reference_id))
            ]
            written = transaction.make(taken)
            found = {change.reference_id: answer for change, answer in zip(taken, written, strict=True)}
            return {reference: found.get(reference) for reference in proofs}

        return transact(self._database, self.number, work)


def _without_claims(transaction: Transaction, changes: Sequence[Change], why: str) -> list[Written]:
    """Record what has happened, and take no claim."""
    records = iter(transaction.make([change for change in changes if change.event_type is not EventType.CLAIMED]))
    rows = transaction.rows([change.reference_id for change in changes])
    return [
        Written(False, row.state if (row := rows.get(change.reference_id)) else None, stopped=why)
        if change.event_type is EventType.CLAIMED
        else next(records)
        for change in changes
    ]


def _make_late(transaction: Transaction, changes: Sequence[Change]) -> None:
    """Make changes that waited in a spool, but for those about an attempt that another one has followed since."""
    rows = transaction.rows([change.reference_id for change in changes])
    for change in changes:
        row = rows.get(change.reference_id)
        overtaken = row is not None and row.state is not State.RENAMED and change.at < row.claimed_at
        if not (overtaken and change.event_type in ABOUT_THE_ATTEMPT):
            transaction.make([change])


def _moved_from(call: Call) -> str | None:
    """Return the reference that a call had before, if it had another one."""
    before = call.terms.moved_from
    return None if before is None or before == call.reference_id else _name(before)


def _can_be_kept(reference_id: str) -> bool:
    """Return whether every database keeps a reference, and finds it again, as it is."""
    return reference_id == storable(reference_id)


def _name(reference_id: str) -> str:
    """Return a reference that can be kept. Raises LedgerError for another one."""
    if not _can_be_kept(reference_id):
        raise LedgerError(f"reference-id {reference_id[:80]!r}: is too long, or has a character that cannot be kept")
    return reference_id


def _described(record: Change) -> str:
    ids = ", ".join(leg.call_id for leg in record.legs if leg.call_id)
    return f"{record.reference_id} {record.event_type}{f' ({ids})' if ids else ''}"
