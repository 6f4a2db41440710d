"""A ledger in memory that holds the calls that somebody gives: what the tests of a project plan against.

It is a ledger like any other: what is given happens to it, event by event, at the times that are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.ledger.database import iso
from flowops.ledger.open import stand_in
from flowops.ledger.sqlite import SqliteDatabase
from flowops.model.claims import Claim, Record
from flowops.model.ledger import STATES, Actor, EventType, Leg

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from flowops.ledger.database import Connection
    from flowops.ledger.store import Store
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
    """A database in which every run that is named still lives."""

    def __init__(self) -> None:
        super().__init__(None, readonly=False)

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:  # noqa: ARG002 (nobody is asked)
        """Return the runs that hold a lease: all."""
        return set(named)


def memory_ledger(environment: str, given: Iterable[GivenCall]) -> Store:
    """Return a ledger that holds these calls, and nothing else."""
    database = MemoryDatabase()
    store = stand_in(environment, NOBODY, database, "in memory")
    database.readonly = False
    for each in given:
        _tell(store, each)
    database.readonly = True
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
