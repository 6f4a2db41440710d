"""The chain of events: each one's hash covers the one before it, so nothing can be altered or taken out unseen.

An event's details (who, where, what exactly) are covered through a salted hash of their own. They can be purged
later without breaking the chain, and what stays tells nothing about them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.ledger.changes import CallRow
    from flowops.model import Actor, Happening, State, Value


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is stored; `details` is canonical JSON text, None once purged."""

    serial: int
    reference_id: str
    happening: Happening
    state: State | None
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
    """What stands before a ledger's first event."""
    return sha256(f"flowops ledger {ledger_id}")


def chained(previous: str, details_hash: str, envelope: Mapping[str, str | int | None]) -> str:
    """The hash of an event: over the hash before it and the canonical JSON of what stays for ever."""
    return sha256(previous + canonical({**envelope, "details": details_hash}))


def details_of(actor: str, data: Value, row: CallRow) -> str:
    """An event's details: who acted (canonical JSON), what came with it, and the hash of the row it left behind."""
    return f'{{"actor":{actor},"data":{canonical(data)},"row":"{row_hash(row)}","salt":"{secrets.token_hex(16)}"}}'


def row_hash(row: CallRow) -> str:
    """A hash of everything that a row says, but for its serial."""
    legs = [[leg.callee, leg.shown, leg.call_id, leg.error, leg.code, leg.description] for leg in row.legs]
    return sha256(
        canonical(
            [
                row.reference_id,
                row.state,
                row.before_claim,
                row.fingerprint,
                row.body,
                legs,
                row.attempts,
                row.run,
                row.error,
                row.claimed_at,
                row.updated_at,
                row.purged,
            ]
        )
    )


def actor_json(actor: Actor) -> str:
    """An actor as canonical JSON."""
    lifted = {} if actor.override is None else {"override": actor.override}
    return canonical({"commit": actor.commit, "host": actor.host, "job": actor.job, "who": actor.who, **lifted})


def sha256(text: str) -> str:
    """SHA-256 of a text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def canonical(value: Value) -> str:
    """A value as JSON with one spelling: sorted keys, no spaces, ASCII only."""
    return _encode(value)
