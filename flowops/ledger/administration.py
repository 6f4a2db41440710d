"""What people do to a ledger: they settle, import, purge, stop and block, and go on with an older copy."""

from __future__ import annotations

import shlex
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Never

from flowops.errors import LedgerError
from flowops.ledger import blocks, operations
from flowops.ledger.chain import canonical
from flowops.ledger.changes import Change
from flowops.ledger.database import T, iso, now
from flowops.ledger.operations import Import, ImportedCall
from flowops.ledger.operators import OperatorTransaction, perform
from flowops.ledger.pseudonyms import Pseudonymizer, clean, storable
from flowops.ledger.reader import Reader
from flowops.ledger.seal import write
from flowops.ledger.transaction import CHUNK, Transaction, transact
from flowops.ledger.usage import OLDER_COPY
from flowops.ledger.witness import Server, has_seen
from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from flowops.ledger.database import Connection
    from flowops.ledger.history import Opened
    from flowops.ledger.operators import Operation
    from flowops.ledger.seal import Seal
    from flowops.ledger.witness import Memory
    from flowops.model.call import Attempts
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint, OperatorStep


class _Rehearsed(Exception):
    """Ends the transaction in which an operation was shown, so that nothing of it stays."""

    def __init__(self, steps: list[OperatorStep]) -> None:
        super().__init__()
        self.steps = steps


class Administration(Reader):
    """One environment's ledger, and the operations of the commands; `actor` is who does them."""

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self.actor = opened.actor
        self._spool = opened.spool
        #: Why this seems to be an older copy of the ledger; None where nothing says so.
        self.suspicion: str | None = None
        #: Why nothing can be written into it; None where something can.
        self.sealed: LedgerError | None = None
        self._memory: Memory | None = None

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Do some work that may be done twice in a durable transaction. Raises LedgerError for a sealed ledger."""
        return write(self._database, self.number, work)

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
            self._write(lambda it: it.run("set_server", ledger=self.number, server=str(server)))

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
                self._write(lambda it: it.run("set_suspicion", ledger=self.number, suspicion=why))

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
            f"rings everybody again. If it is lost, run `flowops reconcile --env {env}`, settle what it reports, then "
            f"`flowops ledger verify --env {env} --accept --reason …`"
        )

    def accept(self, reason: str) -> str | None:
        """Go on with an older copy; return what had told that it is one, None where nothing had."""
        why = self.suspicion

        def work(connection: Connection) -> None:
            server = self._database.server(connection)
            who = f"{self.actor.who} on {self.actor.host}"
            connection.run("insert_acceptance", ledger=self.number, at=now(), who=who, reason=clean(reason) or "")
            connection.run("accept_copy", ledger=self.number, server=str(server) if server else None)

        if why is not None:
            self._write(work)
            self.suspicion = None
            if self._memory is not None:
                self._memory.keep(self.checkpoint(), again=True, on_disk=True)
        return why

    def rehearse(self, operation: Operation, references: Sequence[str], reason: str) -> list[OperatorStep]:
        """Return what an operator's operation would do to some calls, in their order, and do none of it."""
        at = now()

        def work(transaction: Transaction) -> Never:
            operator = self._operator(transaction, at, reason)
            transaction.current(operation.names(references))
            serials = list(map(transaction.serial_before, references))
            steps = perform(operator, operation, references)
            raise _Rehearsed([step._replace(serial=serial) for step, serial in zip(steps, serials, strict=True)])

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
        return [done.get(step.reference_id, step)._replace(serial=step.serial) for step in shown]

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

    def _import(self, call: ImportedCall) -> Change:
        return Change(
            name_of(call.reference_id),
            EventType.IMPORTED,
            now(),
            self.actor,
            legs=self.pseudonymizer.legs(call.legs),
            to=call.state,
            fingerprint=self.pseudonymizer.blind(call.fingerprint),
            detail=clean(call.error),
            labels=canonical(call.labels).decode() if call.labels else "",
            data={
                **({"placed_at": call.placed_at} if call.placed_at else {}),
                **({"renamed": call.renamed} if call.renamed else {}),
                **({"cancelled_from": call.cancelled_from.value} if call.cancelled_from else {}),
                **({"attempts": call.attempts} if call.attempts else {}),
                **({"refused": call.refused} if call.refused else {}),
                **({"given_up": call.given_up} if call.given_up else {}),
                **_kept(call.attempts_of_call),
            },
        )

    def purge(self, older_than: datetime) -> int:
        """Forget all but the fact of calls that are settled and that nothing has happened to since a time."""
        before, at, count = iso(older_than), now(), 0
        last: str | None = ""
        while last is not None:
            some = partial(operations.purge, before=before, after=last, actor=self.actor, at=at)
            purged, last = transact(self._database, self.number, some)
            count += purged
        if count:
            self._write(lambda connection: connection.run("forget_actors", ledger=self.number))
        return count

    def seal(self, seal: Seal) -> None:
        """Let nobody write into this ledger from now on, durably: it moves. Raises LedgerError while a run lives."""

        def work(transaction: Transaction) -> None:
            living = operations.running(self._database, transaction.connection, self.number)
            if living is not None:
                raise LedgerError(
                    f"{self._database.name}: {living}, and a ledger only moves while nothing is placed from it",
                    hint=f"wait until it has ended; `flowops stop --env {shlex.quote(self.environment)} --reason …` "
                    "ends it soon",
                )
            operations.sweep(self._database, transaction, "", self.actor, now())
            transaction.connection.run("set_seal", id=self.id, before="", seal=str(seal))

        transact(self._database, self.number, work)

    def set_throttle(self, key: str, until: datetime) -> None:
        """Remember that something must not be asked again before a time, by whichever run."""

        def work(connection: Connection) -> None:
            connection.run("set_throttle", ledger=self.number, key=key, until=iso(until))

        self._write(work)

    def stop(self, reason: str) -> bool:
        """Let no run of this environment claim another call; False when that was so already."""
        why = clean(reason) or ""
        return self._write(lambda connection: operations.stop(connection, self.number, self.actor, why, now()))

    def resume(self) -> bool:
        """Let runs claim calls again; False when nobody had stopped them."""
        return self._write(lambda connection: operations.resume(connection, self.number, self.actor, now()))

    def block(self, numbers: Sequence[str], reason: str) -> list[bool]:
        """Let no run call some numbers ever again, in one durable transaction; return which were not blocked yet."""
        return self._write(
            lambda it: blocks.block(
                it, self.number, numbers, self.pseudonymizer, self.actor, clean(reason) or "", now()
            )
        )

    def unblock(self, numbers: Sequence[str], reason: str) -> list[bool]:
        """Let runs call some numbers again, in one durable transaction; return which of them were blocked."""
        return self._write(
            lambda it: blocks.unblock(
                it, self.number, numbers, self.pseudonymizer, self.actor, clean(reason) or "", now()
            )
        )


def can_be_kept(reference_id: str) -> bool:
    """Return whether every database keeps a reference, and finds it again, as it is."""
    return reference_id == storable(reference_id)


def name_of(reference_id: str) -> str:
    """Return a reference that can be kept. Raises LedgerError for another one."""
    if not can_be_kept(reference_id):
        raise LedgerError(f"reference-id {reference_id[:80]!r}: is too long, or has a character that cannot be kept")
    return reference_id


def _kept(attempts: Attempts) -> dict[str, Value]:
    """Return what is kept of how often a call may be tried: without an outcome behind which it may be, the number."""
    if attempts.most == 1:
        return {}
    return attempts.as_kept() if attempts.on else {"max_attempts": attempts.most}
