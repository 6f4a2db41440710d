"""How rows are read: page by page in the order of their references, and from an index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from flowops.ledger import reader
from flowops.ledger.database import migrations, statements
from flowops.ledger.sqlite import _REWRITES, KIND
from flowops.model.ledger import EventType, Record, State

if TYPE_CHECKING:
    from flowops.ledger.store import Store


@pytest.mark.parametrize("name", ["page_of_entries", "page_of_entries_in", "page_of_calls", "calls_in_flight"])
def test_sqlite_finds_a_page_in_an_index_and_sorts_nothing(name: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in migrations(KIND).values():
            connection.executescript(script)
        values = {"environment": "production", "after": "a", "pattern": "*", "limit": 9, "state": "placed"}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statements(KIND, _REWRITES)[name]}", values).fetchall()
    steps = [detail for *_, detail in plan]
    assert len(steps) == 1
    assert steps[0].startswith("SEARCH flowops_calls USING INDEX")


@pytest.mark.parametrize("limit", [None, 3, 5])
def test_rows_of_several_states_are_one_list_in_order_however_many_pages_that_takes(
    store: Store, make, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    monkeypatch.setattr(reader, "CHUNK", 2)
    for number, reference in enumerate("hcadgbfe"):
        event = EventType.ACCEPTED if number % 2 else EventType.UNCLEAR
        store.write([make.claim(reference), Record(reference, event)])
    store.write([make.claim("aa")])
    found = store.entries(states={State.IN_DOUBT, State.PLACED, State.REJECTED}, limit=limit)
    assert [entry.reference_id for entry in found] == list("abcdefgh")[:limit]
