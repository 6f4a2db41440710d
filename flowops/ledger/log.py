"""The events of one transaction, each chained to the one before it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowops.ledger.chain import actor_json, canonical, chained, details_of, sha256
from flowops.model.ledger import LedgerMark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.ledger.changes import CallRow, Change
    from flowops.model import Actor, Value

#: The bytes of an event's salt.
SALT = 16


class Log:
    """Events behind a mark, as rows for their table: written together when the transaction ends."""

    def __init__(self, mark: LedgerMark) -> None:
        self.events: list[tuple[Value, ...]] = []
        self.serial = mark.serial
        self._ledger = mark.id
        self._head = mark.head
        self._actors: dict[Actor, str] = {}
        self._salts: Iterator[str] = iter(())

    @property
    def mark(self) -> LedgerMark:
        """How far the ledger goes with these events."""
        return LedgerMark(self._ledger, self.serial, self._head)

    def expect(self, count: int) -> None:
        """Fetch random bytes for so many events at once: each fetch lets another thread run first."""
        salts = os.urandom(SALT * count).hex()
        self._salts = (salts[at : at + 2 * SALT] for at in range(0, len(salts), 2 * SALT))

    def add(self, change: Change, after: CallRow) -> None:
        """Tell of a change that has left a row behind; one of those that were to be expected."""
        actor = self._actors.get(change.actor) or self._actors.setdefault(change.actor, actor_json(change.actor))
        details = details_of(actor, _data(change, after), after, next(self._salts))
        details_hash = sha256(details)
        reference_id, happening, state, at = change.reference_id, change.happening.value, after.state, change.at
        head = chained(
            self._head,
            details_hash,
            ledger=self._ledger,
            serial=after.serial,
            reference_id=reference_id,
            happening=happening,
            state=state,
            at=at,
        )
        self.events.append(
            (
                self._ledger,
                after.serial,
                reference_id,
                happening,
                state,
                at,
                details,
                details_hash,
                self._head,
                head,
            )
        )
        self.serial, self._head = after.serial, head


def _data(change: Change, after: CallRow) -> str:
    """What an event says beyond its name, as JSON."""
    data: dict[str, Value] = dict(change.data)
    if change.run is not None:
        data["run"] = change.run
    if change.fingerprint:
        data["fingerprint"] = change.fingerprint
        data["attempt"] = after.attempts
    if change.detail is not None:
        data["detail"] = change.detail
    if change.legs:
        data["legs"] = [
            {name: value for name, value in zip(leg._fields, leg, strict=True) if value is not None}
            for leg in change.legs
        ]
    return canonical(data)
