"""What a run remembers of the calls it has in flight never stands against what the ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowops.errors import LedgerError
from flowops.ledger import transaction
from flowops.model.ledger import EventType, Leg, Record, State, Written

if TYPE_CHECKING:
    from flowops.ledger.store import Store


def test_a_call_in_flight_is_not_read_back_whoever_writes_meanwhile(store: Store, make, address, monkeypatch) -> None:
    asked: list[list[str]] = []
    read = transaction.rows_of
    monkeypatch.setattr(transaction, "rows_of", lambda *given: asked.append(list(given[-1])) or read(*given))
    store.write([make.claim("a"), make.claim("b")])
    assert asked == [["a", "b"]]
    other = address.open()
    other.write([make.claim("c")])
    asked.clear()
    assert store.write([make.accepted("a"), Record("b", EventType.UNSENT)]) == [
        Written(True, State.PLACED),
        Written(True, None),
    ]
    assert asked == []
    store.write([make.claim("b"), Record("a", EventType.ACCEPTED)])
    assert asked == [["b", "a"]]
    assert store.verify() is None


def test_a_callback_that_another_process_took_in_comes_before_the_answer(store: Store, make, address) -> None:
    store.write([make.claim("a"), make.claim("b")])
    address.open().called_back("a", [Leg("+442079460023", "id-1", code=10)])
    assert store.write([make.accepted("a"), make.accepted("b")]) == [
        Written(True, State.FINISHED),
        Written(True, State.PLACED),
    ]
    assert store.verify() is None


def test_a_call_given_up_meanwhile_is_not_taken_for_one_in_flight(store: Store, make, address) -> None:
    store.write([make.claim("a"), make.claim("b")])
    store._database.release_leases()
    if not address.is_sqlite:
        store._database.close()  # the session's locks end with it
    assert address.open().sweep() == ["a", "b"]
    assert store.write([Record("a", EventType.UNSENT), make.accepted("b")]) == [
        Written(True, State.IN_DOUBT),
        Written(True, State.PLACED),
    ]


def test_a_row_that_was_changed_without_an_event_is_read_again(store: Store, make, address) -> None:
    store.write([make.claim("a"), make.claim("b")])
    address.sql("UPDATE flowops_calls SET serial = 99, error = 'by hand' WHERE reference_id = 'a'")
    assert store.write([make.accepted("b"), make.accepted("a")]) == [Written(True, State.PLACED)] * 2
    assert store.look_up(["a"])["a"].error is None


def test_an_answer_is_taken_also_where_the_row_is_gone(store: Store, make, address) -> None:
    store.write([make.claim("a"), make.claim("b")])
    address.sql("DELETE FROM flowops_calls WHERE reference_id = 'a'")
    assert store.write([make.accepted("a"), make.accepted("b")]) == [
        Written(True, State.PLACED),
        Written(True, State.PLACED),
    ]


def test_rows_that_change_all_the_time_are_told(store: Store, make, monkeypatch) -> None:
    monkeypatch.setattr(transaction, "PAUSE", 0.001)
    store.write([make.claim("a")])
    monkeypatch.setattr(store._database, "save", lambda *_given, **_rows: False)
    with pytest.raises(LedgerError, match="its rows change while they are written; nothing was written"):
        store.write([make.accepted("a")])
    monkeypatch.undo()
    assert store.look_up(["a"])["a"].state is State.IN_FLIGHT
