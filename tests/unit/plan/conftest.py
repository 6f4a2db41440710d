"""Calls, and a ledger that is a dictionary."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from support.values import document_at

from flowops.model.call import Call, Origin
from flowops.model.document import RowPlace
from flowops.model.ledger import Checkpoint, Entry, GivenUp, State, Tried
from flowops.plan.canonical import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowops.model.claims import Claim, Record, Written

FLOW_ID = "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"
SENT = (State.PLACED, State.FINISHED)
CHECKPOINT = Checkpoint("3f2a9c1e-0000-4000-8000-000000000001", 12, "ef" * 32)


def make_call(reference_id: str, *, line: int = 1, row: int | None = None, **body: Any) -> Call:
    """A call to +44 20 7946 0023; keyword arguments replace or add fields (``flow_variables``), None takes one away."""
    fields = {
        "instruction-id": reference_id,
        "callee": "+442079460023",
        "caller": "+442079460000",
        "callflow-id": FLOW_ID,
        "voicemail-response": "Stop",
    } | {name.replace("_", "-"): value for name, value in body.items()}
    return Call(
        reference_id=reference_id,
        body={name: value for name, value in fields.items() if value is not None},
        flow=None,
        sensitive=frozenset({("callee",), ("callees",)}),
        origin=Origin(document_at("calls/a.yaml", "Call", line), {}),
        row=RowPlace("data/a.csv", row, row + 1) if row else None,
    )


def pseudonymize(call: Call) -> dict[str, Any]:
    """Pseudonymize as a ledger does, with a key that everybody knows."""

    def hidden(value: Any) -> Any:
        if isinstance(value, list):
            return [hidden(item) for item in value]
        return {"$pseudonym": hashlib.sha256(json.dumps(value).encode()).hexdigest(), "shown": f"…{value[-2:]}"}

    return {name: hidden(value) if (name,) in call.sensitive else value for name, value in call.body.items()}


def make_entry(sent: Call, state: State, **fields: Any) -> Entry:
    """The row of a call as it was sent."""
    values: dict[str, Any] = {
        "environment": "production",
        "reference_id": sent.reference_id,
        "state": state,
        "fingerprint": fingerprint(sent.body),
        "body": pseudonymize(sent),
        "legs": (),
        "attempts": 1,
        "live": False,
        "error": None,
        "claimed_at": "2026-11-23T09:00:00Z",
        "updated_at": "2026-11-23T09:00:01Z",
    }
    return Entry(**(values | fields))


class DictLedger:
    """A `flowops.model.claims.Ledger` that only answers; it remembers how many references each look-up asked for."""

    def __init__(self, *entries: Entry, checkpoint: Checkpoint = CHECKPOINT) -> None:
        self.entries = {entry.reference_id: entry for entry in entries}
        self.refused: dict[str, GivenUp] = {}
        self.asked: list[int] = []
        self.open: dict[str, Entry] = {}
        self._checkpoint = checkpoint

    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    def pseudonymize(self, call: Call) -> dict[str, Any]:
        return pseudonymize(call)

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        self.asked.append(len(reference_ids))
        return {name: self.entries[name] for name in reference_ids if name in self.entries}

    def fingerprints(self, reference_ids: Sequence[str]) -> dict[str, str]:
        self.asked.append(len(reference_ids))
        rows = (self.entries[name] for name in reference_ids if name in self.entries)
        return {row.reference_id: row.fingerprint for row in rows if row.fingerprint and row.state in SENT}

    def given_up(self, calls: Mapping[str, str]) -> dict[str, GivenUp]:
        return {name: found for name, found in self.refused.items() if found.fingerprint == calls.get(name)}

    def count(self) -> dict[State, int]:
        return {state: sum(entry.state is state for entry in self.entries.values()) for state in State}

    def tried(self, reference_ids: Sequence[str]) -> dict[str, Tried]:
        rows = (self.entries[name] for name in reference_ids if name in self.entries)
        return {row.reference_id: Tried(row.state, row.claimed_at) for row in rows}

    def roots_of(self, _reference_ids: Sequence[str]) -> dict[str, str]:
        return {}

    def open_attempts(self) -> dict[str, Entry]:
        return self.open

    def further_attempts(self) -> int:
        return 0

    def write(self, writes: Sequence[Claim | Record], *, rate: float | None = None) -> list[Written]:
        raise AssertionError("a plan writes nothing")

    def sweep(self) -> list[str]:
        raise AssertionError("a plan writes nothing")


@pytest.fixture(scope="session")
def call() -> Callable[..., Call]:
    """Makes calls: see `make_call`."""
    return make_call


@pytest.fixture(scope="session")
def entry() -> Callable[..., Entry]:
    """Makes rows of a ledger: see `make_entry`."""
    return make_entry


@pytest.fixture(scope="session")
def ledger() -> type[DictLedger]:
    """Makes ledgers of rows."""
    return DictLedger
