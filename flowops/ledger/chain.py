"""The chain of events: each one's hash covers the one before it, so nothing can be altered or taken out unseen.

An event's details (who, where, what exactly) are covered through a salted hash of their own. They can be purged
later without breaking the chain, and what stays tells nothing about them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
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
    """What stands before a ledger's first event."""
    return sha256(f"flowops ledger {ledger_id}")


def chained(
    previous: str,
    details_hash: str,
    *,
    ledger: str,
    serial: int,
    reference_id: str,
    happening: str,
    state: str | None,
    at: str,
) -> str:
    """The hash of an event: over the hash before it and the canonical JSON of what stays for ever."""
    return sha256(
        f'{previous}{{"at":{_text(at)},"details":{_text(details_hash)},"happening":{_text(happening)},'
        f'"ledger":{_text(ledger)},"reference_id":{_text(reference_id)},"serial":{serial},"state":{_nullable(state)}}}'
    )


def details_of(actor: str, data: str, row: CallRow, salt: str) -> str:
    """An event's details: who acted and what came with it (both JSON), and the hash of the row it left behind.

    `salt` is random hex digits, new for each event.
    """
    return f'{{"actor":{actor},"data":{data},"row":"{row_hash(row)}","salt":"{salt}"}}'


def row_hash(row: CallRow) -> str:
    """A hash of everything that a row says, but for its serial: over the canonical JSON of it, as a list."""
    legs = ",".join(
        f"[{_nullable(leg.callee)},{_nullable(leg.shown)},{_nullable(leg.call_id)},{_nullable(leg.error)},"
        f"{'null' if leg.code is None else leg.code},{_nullable(leg.description)}]"
        for leg in row.legs
    )
    return sha256(
        f"[{_text(row.reference_id)},{_nullable(row.state)},{_nullable(row.before_claim)},{_text(row.fingerprint)},"
        f"{_text(row.body)},[{legs}],{row.attempts},{_nullable(row.run)},{_nullable(row.error)},"
        f"{_text(row.claimed_at)},{_text(row.updated_at)},{'true' if row.purged else 'false'}]"
    )


def actor_json(actor: Actor) -> str:
    """An actor as canonical JSON."""
    lifted = {} if actor.override is None else {"override": actor.override}
    return canonical({"commit": actor.commit, "host": actor.host, "job": actor.job, "who": actor.who, **lifted})


def sha256(text: str) -> str:
    """SHA-256 of a text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Value) -> str:
    """A value as JSON: sorted keys, no spaces. It is kept as it was written, and never written anew to compare."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # such as of a whole number that needs more than 64 bits
        return json.dumps(value, sort_keys=True, separators=(",", ":"))


#: A text as JSON in ASCII, so with one spelling. Raises `TypeError` for what is no text: flowops did not write that.
_text = encode_basestring_ascii


def _nullable(value: str | None) -> str:
    return "null" if value is None else _text(value)
