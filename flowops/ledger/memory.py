"""Ledgers in memory that hold the calls that somebody gives: what the tests of a project plan against.

Each is a ledger like any other: what is given happens to it, event by event, at the times that are given.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.ledger.database import iso
from flowops.ledger.history import Opened
from flowops.ledger.keys import GIVEN, KEY_BYTES
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.records import insert, upgrade
from flowops.ledger.sqlite import SqliteDatabase
from flowops.ledger.store import Store
from flowops.model.claims import Claim, Record
from flowops.model.ledger import STATES, Actor, EventType, Leg, Owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from flowops.ledger.database import Connection
    from flowops.model.call import Call
    from flowops.model.ledger import State

#: Nobody has acted.
NOBODY = Actor("a test", "nowhere")


class GivenCall(NamedTuple):
    """A call as the ledger is to have it: what was sent and when, and with which result code it ended, if it has."""

    call: Call
    fingerprint: str
    state: State
    at: datetime
    code: int | None = None


class MemoryDatabase(SqliteDatabase):
    """A database in memory that holds a ledger for each time that somebody asks for one, until it is closed.

    Every run that is named in it still lives.
    """

    def __init__(self) -> None:
        super().__init__(None, readonly=False)
        self._key = secrets.token_bytes(KEY_BYTES)
        self._pseudonymizer = Pseudonymizer(self._key)
        self._ledgers = 0
        self.write(lambda connection: upgrade(self, connection))

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:  # noqa: ARG002 (nobody is asked)
        """Return the runs that hold a lease: all."""
        return set(named)

    def ledger(self, environment: str, given: Iterable[GivenCall]) -> Store:
        """Return one more ledger, which holds these calls and nothing else; nothing more is written into it."""
        self._ledgers += 1
        number, ledger_id = self._ledgers, f"{self._ledgers} in memory"
        self.readonly = False
        self.write(lambda connection: insert(connection, Owner(ledger_id, environment), ledger_id, GIVEN, self._key))
        store = Store(Opened(self, environment, ledger_id, number, self._pseudonymizer, NOBODY))
        for each in given:
            _tell(store, each)
        self.readonly = True
        return store


def _tell(store: Store, given: GivenCall) -> None:
    """Let a call come to its state."""
    reference, at = given.call.reference_id, iso(given.at)
    store.write([Claim(given.call, given.fingerprint)], at)
    for event in STATES[given.state].reached_by or ():
        ended = event is EventType.CALLED_BACK
        code = given.code if ended else None
        legs = [Leg(number, f"given-{n}", code=code) for n, number in enumerate(given.call.callees)]
        record = Record(reference, event, tuple(legs) if event in _WITH_LEGS else (), _DETAILS.get(event))
        store.write([record], at)


_WITH_LEGS = (EventType.ACCEPTED, EventType.CALLED_BACK)
_DETAILS = {EventType.REFUSED: "refused", EventType.UNCLEAR: "the answer was lost"}
