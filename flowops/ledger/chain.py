"""The chain of events: each one's hash covers the one before it, so nothing can be altered or taken out unseen.

An event's details (who, where, what exactly) are covered through a salted hash of their own. They can be purged
later without breaking the chain, and what stays tells nothing about them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from flowops.ledger.changes import CallRow
    from flowops.model import Actor, Value


class Event(NamedTuple):
    """One event as it is stored, in the order of its columns; `details` is canonical JSON text, None once purged."""

    serial: int
    reference_id: str
    happening: str
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
    happening: str,
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
                "happening": happening,
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
