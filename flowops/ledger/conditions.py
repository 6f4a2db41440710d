"""Claims that hang on a condition: counted, decided and made in one transaction, so that no other run comes between.

Writers of one ledger come one after the other (see `flowops.ledger.transaction`): what is counted here is what every
run before this transaction has left, and nobody adds to it until it ends.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from flowops.ledger.clock import iso
from flowops.ledger.counting import MAY_HAVE_RUNG, claimed_since, rung_since
from flowops.ledger.legs import sealed_callees
from flowops.ledger.states import claimable
from flowops.model.ledger import Used, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.ledger.changes import CallRow, Change
    from flowops.ledger.transaction import Transaction
    from flowops.model import Condition


def make_conditionally(
    transaction: Transaction,
    changes: Sequence[Change],
    conditions: Sequence[Condition | None],
    seal: Callable[[str], str],
) -> list[Written]:
    """Make changes one after the other, but no claim whose condition has something against it."""
    usage = _Usage(transaction, [condition for condition in conditions if condition is not None], seal)
    transaction.rows([change.reference_id for change in changes])
    answers = []
    for change, condition in zip(changes, conditions, strict=True):
        before = transaction.rows([change.reference_id]).get(change.reference_id)
        state = before.state if before else None
        ruling = condition.decide(usage.used(condition)) if condition is not None and claimable(state) else None
        if ruling is not None:
            answers.append(Written(done=False, state=state, ruling=ruling))
            continue
        answers += transaction.make([change])
        usage.follow(before, transaction.rows([change.reference_id]).get(change.reference_id))
    return answers


class _Usage:
    """What has been used up of what conditions ask for: before a transaction, and within it so far."""

    def __init__(
        self,
        transaction: Transaction,
        conditions: Sequence[Condition],
        seal: Callable[[str], str],
    ) -> None:
        connection, environment = transaction.connection, transaction.environment
        days = {day for condition in conditions for day in condition.days}
        self._claimed = {day: claimed_since(connection, environment, day) for day in days}
        self._seals = {number: seal(number) for condition in conditions for number in condition.numbers}
        self._rung: dict[str, list[datetime]] = {callee: [] for callee in self._seals.values()}
        since = min((condition.since for condition in conditions if condition.since is not None), default=None)
        if since is not None:
            self._rung |= rung_since(connection, environment, self._rung, since)

    def used(self, condition: Condition) -> Used:
        """The answer to what a condition asks."""
        rung = {number: tuple(sorted(self._rung[self._seals[number]])) for number in condition.numbers}
        return Used({day: self._claimed[day] for day in condition.days}, rung)

    def follow(self, before: CallRow | None, after: CallRow | None) -> None:
        """Count a change of this transaction."""
        if after is before:
            return
        for row, count in ((before, -1), (after, 1)):
            if row is None or row.state not in MAY_HAVE_RUNG:
                continue
            for day in self._claimed:
                self._claimed[day] += count if row.claimed_at >= iso(day) else 0
            at = datetime.fromisoformat(row.claimed_at)
            for times in [self._rung[callee] for callee in _callees(row) if callee in self._rung]:
                if count > 0:
                    times.append(at)
                elif at in times:  # not one from before the time that is asked for
                    times.remove(at)


def _callees(row: CallRow) -> Iterator[str]:
    """The sealed callees that a call may have rung."""
    for leg in row.legs or sealed_callees(json.loads(row.body)):
        if leg.callee is not None:
            yield leg.callee
