"""The chain of events: each one's hash covers the one before it, so nothing can be altered or taken out unseen.

An event's details (who, where, what exactly) are covered through a salted hash of their own. They can be purged
later without breaking the chain, and what stays tells nothing about them.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import os
from typing import TYPE_CHECKING

import orjson

from flowops.common.tuples import NamedTuple
from flowops.ledger.changes import CLAIMED, CallRow
from flowops.ledger.legs import StoredLeg
from flowops.model.ledger import REFUSALS, Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.ledger.changes import Change
    from flowops.model.document import Value
    from flowops.model.ledger import Actor


class Event(NamedTuple):
    """One event as it is stored, in the order of its columns; `earlier` is the serial of the call's event before.

    `actor` is the number of who acted, `details` and a claim's `body` are canonical JSON texts. Once purged all three
    are None, and `details_hash` is what `hash_of_details` gave for them.
    """

    serial: int
    reference_id: str
    event_type: str
    state: str | None
    at: str
    earlier: int | None
    actor: int | None
    details: str | None
    body: str | None
    details_hash: str | None
    hash: str


class Broken(NamedTuple):
    """The first thing in a ledger that does not fit: which event, which call, and what is wrong."""

    message: str
    serial: int | None = None
    reference_id: str | None = None

    def __str__(self) -> str:
        of = f" ({self.reference_id})" if self.reference_id else ""
        return self.message if self.serial is None else f"event {self.serial:,}{of}: {self.message}"


def genesis(ledger_id: str) -> str:
    """Return what stands before a ledger's first event."""
    return sha256(f"flowops ledger {ledger_id}".encode())


def chained(
    previous: str,
    details_hash: str,
    ledger: str,
    serial: int,
    reference_id: str,
    event_type: str,
    state: str | None,
    at: str,
    earlier: int | None,
) -> str:
    """Return the hash of an event: over the hash before it and what stays for ever, as a list in JSON."""
    return sha256(canonical((previous, details_hash, ledger, serial, reference_id, event_type, state, at, earlier)))


def row_hash(row: CallRow) -> str:
    """Return a hash of the columns of a row without its serial, and its legs: over their canonical JSON, as a list."""
    return sha256(canonical([*row[:_SERIAL], [tuple(leg) for leg in row.legs]]))[:ROW_HASH]


def hash_of_details(actor: bytes, details: bytes, body: bytes) -> str:
    """Return the hash that stands for an event's actor, details and body (JSON in UTF-8; or nothing) in the chain."""
    return sha256(b"%b\n%b\n%b" % (actor, details, body))


def actor_json(actor: Actor, run: str | None, labels: str = "") -> str:
    """Return who has acted, in which run if in any, and for calls with which labels (JSON), as canonical JSON."""
    lifted = {} if actor.override is None else {"override": actor.override}
    about = {"commit": actor.commit, "host": actor.host, "job": actor.job, "who": actor.who, **lifted}
    if run is not None:
        about["run"] = run
    if labels:
        about["labels"] = json.loads(labels)
    return canonical(about).decode()


def sha256(content: bytes) -> str:
    """Return a SHA-256 as URL-safe base64 without padding, 43 characters: a third less than hex, in every event."""
    return binascii.b2a_base64(hashlib.sha256(content).digest(), newline=False)[:-1].translate(_URL_SAFE).decode()


def canonical(value: Value) -> bytes:
    """Return a value as JSON in UTF-8: sorted keys, no spaces, no escapes that are not needed.

    It is kept as it was written, and never written again to compare. Raises `TypeError` for what is no JSON.
    """
    try:
        return orjson.dumps(value, option=_SORTED)
    except orjson.JSONEncodeError:  # such as of a whole number that needs more than 64 bits
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


#: Where the serial is in a row; the time of its event and its body follow.
_SERIAL = CallRow._fields.index("serial")
_SORTED = orjson.OPT_SORT_KEYS
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
#: Characters of the hash of a row, six bits each: whoever alters a row has to meet that of one text, not of any two.
ROW_HASH = 32
#: The bytes of an event's salt: a multiple of three, so that many are made to text at once.
SALT = 12


class EventBuilder:
    """Events behind a checkpoint, as rows for their table: written together when the transaction ends.

    `ledger` is the ledger's number in its database; `number_of_actor` gives the number of an actor (canonical JSON).
    """

    def __init__(self, checkpoint: Checkpoint, ledger: int, number_of_actor: Callable[[str], int]) -> None:
        self.events: list[tuple[Value, ...]] = []
        self.serial = checkpoint.serial
        self._id = checkpoint.id
        self._epoch = checkpoint.epoch
        self._head = checkpoint.head
        self._ledger = ledger
        self._number_of_actor = number_of_actor
        #: Who has acted last, and by their runs and labels as JSON and by number: mostly it is the same one.
        self._actor: Actor | None = None
        self._actors: dict[tuple[str | None, str], tuple[bytes, int]] = {}
        self._salts: Iterator[bytes] = iter(())

    @property
    def checkpoint(self) -> Checkpoint:
        """Return how far the ledger goes with these events."""
        return Checkpoint(self._id, self.serial, self._head, self._epoch)

    def expect(self, count: int) -> None:
        """Fetch random bytes for so many events at once: each fetch lets another thread run first."""
        # Four characters of base64 for three bytes.
        salts = binascii.b2a_base64(os.urandom(SALT * count), newline=False)
        self._salts = iter([salts[at : at + SALT * 4 // 3] for at in range(0, len(salts), SALT * 4 // 3)])

    def add(self, change: Change, before: CallRow | None, after: CallRow) -> None:
        """Add the event of a change, with the rows before and behind it; one of those that were to be expected."""
        actor, actor_number = self._known_actor(change)
        # The keys are sorted: what came with it, what was refused (the row may not keep it), the row that it left
        # behind, and what nobody can guess.
        event_type, serial = change.event_type, after.serial
        refused = before if event_type in REFUSALS else after if "given_up" in change.data else None
        details = b'{"data":%b,%b"row":"%b","salt":"%b"}' % (
            _data(change, after),
            b'"fingerprint":"%b",' % refused.fingerprint.encode() if refused is not None else b"",
            row_hash(after).encode(),
            next(self._salts),
        )
        # Plain texts: a driver looks longer at what is a member of an enumeration.
        state = after.state and after.state._value_
        reference_id, name, at, earlier = change.reference_id, event_type._value_, change.at, before and before.serial
        is_claim = event_type is CLAIMED
        told = hash_of_details(actor, details, change.body if is_claim else b"")
        head = chained(self._head, told, self._id, serial, reference_id, name, state, at, earlier)
        text, body = details.decode(), after.body if is_claim else None
        self.events.append(
            (self._ledger, serial, reference_id, name, state, at, earlier, actor_number, text, body, head)
        )
        self.serial, self._head = serial, head

    def _known_actor(self, change: Change) -> tuple[bytes, int]:
        """Return who has made a change, as JSON and by number."""
        if change.actor is not self._actor:
            self._actor, self._actors = change.actor, {}
        found = self._actors.get((change.run, change.labels))
        if found is None:
            actor = actor_json(change.actor, change.run, change.labels)
            found = self._actors[change.run, change.labels] = actor.encode(), self._number_of_actor(actor)
        return found


def _data(change: Change, after: CallRow) -> bytes:
    """Return what an event says beyond its name, as JSON."""
    data: dict[str, Value] = dict(change.data) if change.data else {}
    if change.event_type is CLAIMED:
        data["attempt"] = after.attempts
    if change.detail is not None:
        data["detail"] = change.detail
    if change.legs:
        data["legs"] = [
            {name: said for name, said in zip(_SAID_OF_LEGS, leg[1:], strict=True) if said is not None}
            for leg in change.legs
        ]
    return canonical(data)


#: Whose phone it is, the first, stands in the row, which the event covers by its hash.
_SAID_OF_LEGS = StoredLeg._fields[1:]
