"""The chain of events: each one's hash covers the one before it, so nothing can be altered or taken out unseen.

An event's details (who, where, what exactly) are covered through a salted hash of their own. They can be purged
later without breaking the chain, and what stays tells nothing about them.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

from flowops.model.ledger import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.ledger.states import CallRow, Change
    from flowops.model.document import Value
    from flowops.model.ledger import Actor


class Event(NamedTuple):
    """One event as it is stored, in the order of its columns; `details` is canonical JSON text, None once purged."""

    serial: int
    reference_id: str
    event_type: str
    state: str | None
    at: str
    details: str | None
    details_hash: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing in a ledger that does not fit: which event, which call, and what is wrong."""

    message: str
    serial: int | None = None
    reference_id: str | None = None


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
) -> str:
    """Return the hash of an event: over the hash before it and the canonical JSON of what stays for ever."""
    return sha256(
        previous.encode()
        + canonical(
            {
                "at": at,
                "details": details_hash,
                "event_type": event_type,
                "ledger": ledger,
                "reference_id": reference_id,
                "serial": serial,
                "state": state,
            }
        )
    )


def row_hash(row: CallRow) -> str:
    """Return a hash of everything that a row says, but for its serial: over the canonical JSON of it, as a list."""
    *columns, _serial, legs = row
    return sha256(canonical([*columns, [tuple(leg) for leg in legs]]))


def actor_json(actor: Actor) -> bytes:
    """Return an actor as canonical JSON."""
    lifted = {} if actor.override is None else {"override": actor.override}
    return canonical({"commit": actor.commit, "host": actor.host, "job": actor.job, "who": actor.who, **lifted})


def sha256(content: bytes) -> str:
    """Return a SHA-256, as hex."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: Value) -> bytes:
    """Return a value as JSON in UTF-8: sorted keys, no spaces, no escapes that are not needed.

    It is kept as it was written, and never written again to compare. Raises `TypeError` for what is no JSON.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # such as of a whole number that needs more than 64 bits
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


#: The bytes of an event's salt.
SALT = 16


class EventBuilder:
    """Events behind a checkpoint, as rows for their table: written together when the transaction ends."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.events: list[tuple[Value, ...]] = []
        self.serial = checkpoint.serial
        self._ledger = checkpoint.id
        self._head = checkpoint.head
        #: Who has acted last, and that as JSON: mostly it is the same one.
        self._actor: Actor | None = None
        self._actor_json = b""
        self._salts: Iterator[bytes] = iter(())

    @property
    def checkpoint(self) -> Checkpoint:
        """How far the ledger goes with these events."""
        return Checkpoint(self._ledger, self.serial, self._head)

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
        event_type, state = change.event_type._value_, after.state and after.state._value_
        said = (self._ledger, serial, change.reference_id, event_type, state, change.at)
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
