"""Rows as the tables have them, to values and back."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flowops.errors import LedgerError
from flowops.ledger.changes import CallRow
from flowops.ledger.legs import SealedLeg
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.database import Connection
    from flowops.model import Value

#: How many references go into one statement.
CHUNK = 1000


def rows_of(connection: Connection, environment: str, references: Sequence[str]) -> list[CallRow]:
    """Return the rows of these references that exist."""
    found: list[CallRow] = []
    for start in range(0, len(references), CHUNK):
        some = list(references[start : start + CHUNK])
        raw = connection.all("calls", environment=environment, references=some)
        found += with_legs(connection, environment, raw)
    return found


def with_legs(connection: Connection, environment: str, raw: Sequence[tuple[Any, ...]]) -> list[CallRow]:
    """Return rows of the calls' table as values, with the legs that belong to them."""
    told = [reference for reference, state, *_ in raw if state is not None and state != State.IN_FLIGHT]
    legs = _legs_of(connection, environment, told) if told else {}
    try:
        return [_row(row, legs.get(row[0], ())) for row in raw]
    except ValueError:  # of a state that there is not
        raise _not_ours(connection.name) from None


def _legs_of(connection: Connection, environment: str, references: Sequence[str]) -> dict[str, tuple[SealedLeg, ...]]:
    rows = connection.all("legs", environment=environment, references=list(references))
    grouped = groupby(rows, key=lambda leg: leg[0])
    return {reference: tuple(SealedLeg(*leg[1:]) for leg in group) for reference, group in grouped}


def _row(raw: tuple[Any, ...], legs: tuple[SealedLeg, ...]) -> CallRow:
    reference_id, state, before_claim, *rest, purged, serial = raw
    states = State(state) if state else None, State(before_claim) if before_claim else None
    return CallRow._make((reference_id, *states, *rest, bool(purged), serial, legs))


def parsed(text: str, name: str) -> dict[str, Value]:
    """Return a JSON object out of the database."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _not_ours(name)
    return value


def _not_ours(name: str) -> LedgerError:
    return LedgerError(f"{name}: it holds text that flowops did not write", hint="run `flowops ledger verify`")
