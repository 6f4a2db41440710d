"""What a ledger learns besides the answers of its runs: callbacks, Call Detail Records, and results out of a spool."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING

from flowops.errors import LedgerError
from flowops.ledger.administration import Administration, can_be_kept
from flowops.ledger.changes import Change
from flowops.ledger.database import now
from flowops.ledger.legs import are_of
from flowops.ledger.spool import Spool
from flowops.ledger.states import ABOUT_THE_ATTEMPT
from flowops.ledger.transaction import Transaction, transact
from flowops.model.ledger import EventType, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from flowops.model.claims import Written
    from flowops.model.ledger import Leg

_log = logging.getLogger(__name__)


class Evidence(Administration):
    """Takes what proves how a call ended, whoever placed it, and what an earlier run could not write itself."""

    def called_back(self, callbacks: Mapping[str, Sequence[Leg]]) -> dict[str, Written | None]:
        """Take authentic callbacks of this ledger, by reference: how legs ended. All are on disk when this returns.

        A callback may come before the answer, twice, or for some callees only; it counts for each one once. A call
        that the ledger does not know was placed all the same.
        """
        return self._prove(EventType.CALLED_BACK, callbacks, unknown=State.PLACED)

    def recorded(
        self,
        records: Mapping[str, Sequence[Leg]],
        *,
        unknown: State | None = None,
        moved_from: Mapping[str, str | None] = MappingProxyType({}),
    ) -> dict[str, Written | None]:
        """Take Call Detail Records, by reference: each proves that a call was placed.

        It may be one of another ledger or program on the same account, so for a call that this ledger does not know
        the answer is None, unless `unknown` says what it is to be: in doubt, or placed. `moved_from` are the references
        that such calls had before: they are never placed again, as if the call had been claimed here.
        """
        return self._prove(EventType.RECORDED, records, unknown=unknown, moved_from=moved_from)

    def called_back_elsewhere(self, reference_id: str, finished: Sequence[Leg], *, named: bool) -> State | None:
        """Take an authentic callback of another ledger's call; return what that is here then, None where it is none.

        One that this ledger has taken over, by an import, has a leg with that call-id, or without any. Proof of a call
        that is not known here makes it a doubt, where the files have `named` it, and so it does of one that was
        refused. How another call of the same name has ended says nothing of this one.
        """
        legs = self.pseudonymizer.legs(finished)
        change = Change(reference_id, EventType.RECORDED, now(), self.actor, legs=legs)

        def work(transaction: Transaction) -> State | None:
            row = transaction.current([reference_id]).get(reference_id)
            state = row.state if row is not None else None
            if row is not None and state is not None and state.is_placed:
                return transaction.make([change])[0].state if are_of(row.legs, legs) else None
            if state is State.REJECTED or (state is None and named and can_be_kept(reference_id)):
                return transaction.make([change._replace(to=State.IN_DOUBT)])[0].state
            return state if state is State.IN_DOUBT else None

        return transact(self._database, self.number, work)

    def _prove(
        self,
        event_type: EventType,
        proofs: Mapping[str, Sequence[Leg]],
        *,
        unknown: State | None,
        moved_from: Mapping[str, str | None] = MappingProxyType({}),
    ) -> dict[str, Written | None]:
        at = now()
        changes = [
            Change(reference, event_type, at, self.actor, legs=self.pseudonymizer.legs(legs))
            for reference, legs in proofs.items()
        ]

        def work(transaction: Transaction) -> dict[str, Written | None]:
            rows = transaction.current(list(proofs))
            known = {reference for reference, row in rows.items() if row.state is not None}
            before = {reference: name for reference in proofs if (name := moved_from.get(reference)) is not None}
            may_become = transaction.may_become_another(list(before.values()))
            gone = {reference: name for reference, name in before.items() if name in may_become}
            taken = [
                change
                if change.reference_id in known
                else change._replace(to=unknown, moved_from=gone.get(change.reference_id))
                for change in changes
                if change.reference_id in known or (unknown is not None and can_be_kept(change.reference_id))
            ]
            written = transaction.make(taken)
            found = {change.reference_id: answer for change, answer in zip(taken, written, strict=True)}
            return {reference: found.get(reference) for reference in proofs}

        return transact(self._database, self.number, work)

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

    def import_spool(self, file: Path) -> tuple[int, int]:
        """Record what a run on another machine could only keep in its spool.

        Return of how many calls that said something new, and of how many nothing.

        The file stays as it is: doing that twice changes nothing. Raises LedgerError for a line that was not written
        with the ledger's key, and where all lines are another ledger's.
        """
        kept = Spool(file, file.parent).kept(self.id, self.pseudonymizer.signature)
        if kept.others and not kept.changes:
            raise LedgerError(
                f"{file}: nothing in it is of ledger {self.id} of {self.environment}",
                hint="it belongs to another ledger: say its --env, or give this environment the address that it had",
            )
        self.hear(f"a spool ({file})", kept.seen)
        if not kept.changes:
            return 0, 0

        def work(transaction: Transaction) -> int:
            _make_late(transaction, kept.changes)
            return len(transaction.changed)

        new = transact(self._database, self.number, work)
        return new, len({change.reference_id for change in kept.changes}) - new

    def _record_late(self, change: Change) -> bool:
        """Record one result out of the spool; return whether that could be done."""
        try:
            transact(self._database, self.number, lambda transaction: _make_late(transaction, [change]))
        except LedgerError as error:
            _log.warning("%(what)s: %(why)s", {"what": described(change), "why": error.message})
            return False
        return True


def _make_late(transaction: Transaction, changes: Sequence[Change]) -> None:
    """Make changes that waited in a spool, but for those about an attempt that another one has followed since."""
    rows = transaction.rows([change.reference_id for change in changes])
    for change in changes:
        row = rows.get(change.reference_id)
        overtaken = row is not None and row.state is not State.RENAMED and change.at < row.claimed_at
        if not (overtaken and change.event_type in ABOUT_THE_ATTEMPT):
            transaction.make([change])


def described(record: Change) -> str:
    """Return which result a change is, in a message: the call, what happened, and the ids of its legs."""
    ids = ", ".join(leg.call_id for leg in record.legs if leg.call_id)
    return f"{record.reference_id} {record.event_type}{f' ({ids})' if ids else ''}"
