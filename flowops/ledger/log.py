"""The events of one transaction, each chained to the one before it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowops.ledger.chain import actor_json, canonical, chained, row_hash, sha256
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
        #: Who has acted last, and that as JSON: mostly it is the same one.
        self._actor: Actor | None = None
        self._actor_json = b""
        self._salts: Iterator[bytes] = iter(())

    @property
    def mark(self) -> LedgerMark:
        """How far the ledger goes with these events."""
        return LedgerMark(self._ledger, self.serial, self._head)

    def expect(self, count: int) -> None:
        """Fetch random bytes for so many events at once: each fetch lets another thread run first."""
        salts = os.urandom(SALT * count).hex().encode()
        self._salts = (salts[at : at + 2 * SALT] for at in range(0, len(salts), 2 * SALT))

    def add(self, change: Change, after: CallRow) -> None:
        """Tell of a change that has left a row behind; one of those that were to be expected."""
        if change.actor is not self._actor:
            self._actor, self._actor_json = change.actor, actor_json(change.actor)
        # The keys are sorted: who acted, what came with it, the row that it left behind, and what nobody can guess.
        details = b'{"actor":%b,"data":%b,"row":"%b","salt":"%b"}' % (
            self._actor_json,
            _data(change, after),
            row_hash(after).encode(),
            next(self._salts),
        )
        details_hash, serial = sha256(details), after.serial
        # Plain texts: a driver looks longer at what is a member of an enumeration.
        happening, state = change.happening._value_, after.state and after.state._value_
        said = (self._ledger, serial, change.reference_id, happening, state, change.at)
        head = chained(self._head, details_hash, *said)
        self.events.append((*said, details.decode(), details_hash, self._head, head))
        self.serial, self._head = serial, head


def _data(change: Change, after: CallRow) -> bytes:
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
