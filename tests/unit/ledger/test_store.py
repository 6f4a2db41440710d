"""Claims, records and questions, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowops.errors import LedgerError
from flowops.model.claims import Record, Written
from flowops.model.ledger import Actor, Checkpoint, EventType, Leg, State

if TYPE_CHECKING:
    from flowops.ledger.store import Store

WON = Written(done=True, state=State.IN_FLIGHT)


def test_a_claim_is_won_once(store: Store, make) -> None:
    assert store.write([make.claim()]) == [WON]
    assert store.write([make.claim()]) == [Written(done=False, state=State.IN_FLIGHT)]


def test_of_two_claims_in_one_batch_the_first_wins(store: Store, make) -> None:
    assert store.write([make.claim(), make.claim("b"), make.claim()]) == [
        WON,
        WON,
        Written(done=False, state=State.IN_FLIGHT),
    ]


def test_a_batch_is_taken_in_its_order(store: Store, make) -> None:
    written = store.write([make.claim(), Record("a", EventType.UNSENT), make.claim(), make.accepted()])
    assert written == [WON, Written(True, None), WON, Written(True, State.PLACED)]
    assert store.look_up(["a"])["a"].attempts == 2


def test_a_rejected_call_may_be_claimed_again(store: Store, make) -> None:
    store.write([make.claim(), Record("a", EventType.REFUSED, detail="bad caller")])
    assert store.look_up(["a"])["a"].error == "bad caller"
    assert store.write([make.claim(digit="1")]) == [WON]
    entry = store.look_up(["a"])["a"]
    assert (entry.attempts, entry.error, entry.fingerprint) == (2, None, make.fingerprint("1"))


@pytest.mark.parametrize("event_type", [EventType.ACCEPTED, EventType.UNCLEAR])
def test_a_placed_call_and_one_in_doubt_are_never_claimed_again(store: Store, make, event_type: EventType) -> None:
    _, record = store.write([make.claim(), Record("a", event_type)])
    assert store.write([make.claim()]) == [Written(done=False, state=record.state)]


def test_a_call_proven_unsent_leaves_no_row(store: Store, make) -> None:
    store.write([make.claim(), Record("a", EventType.UNSENT, detail="connection refused")])
    assert store.look_up(["a"]) == {}
    assert list(store.entries()) == []
    assert sum(store.count().values()) == 0


def test_a_refusal_of_a_call_that_nobody_claimed_changes_nothing(store: Store) -> None:
    before = store.checkpoint()
    assert store.write([Record("a", EventType.REFUSED)]) == [Written(done=False, state=None)]
    assert store.checkpoint() == before


def test_an_answer_to_a_call_that_nobody_claimed_proves_that_it_was_placed(store: Store, make) -> None:
    assert store.write([make.accepted()]) == [Written(done=True, state=State.PLACED)]
    assert store.verify() is None


def test_what_is_recorded_can_be_looked_up(store: Store, make) -> None:
    store.write([make.claim(), make.accepted()])
    entry = store.look_up(["a", "b"])["a"]
    assert (entry.environment, entry.reference_id, entry.state) == ("production", "a", State.PLACED)
    assert (entry.fingerprint, entry.attempts, entry.live) == (make.fingerprint(), 1, False)
    assert entry.body == store.pseudonymize(make.call())
    assert entry.legs == (Leg(None, "id-1", shown="+44 20 79•• ••23"),)
    assert entry.claimed_at <= entry.updated_at
    assert entry.claimed_at.endswith("Z")


def test_a_call_in_flight_is_live_as_long_as_its_run(store: Store, make, address) -> None:
    store.write([make.claim()])
    assert store.look_up(["a"])["a"].live
    watcher = address.open(readonly=True)
    assert watcher.look_up(["a"])["a"].live
    store.close()
    assert not watcher.look_up(["a"])["a"].live


def test_thousands_are_looked_up_and_counted(store: Store, make) -> None:
    names = [f"call-{number:04d}" for number in range(2500)]
    store.write([make.claim(name) for name in names])
    store.write([make.accepted(name, call_id=f"id-{name}") for name in names[:1500]])
    found = store.look_up([*names, "nobody"])
    assert sorted(found) == names
    assert found["call-1499"].legs[0].call_id == "id-call-1499"
    assert found["call-1500"].legs == ()
    assert store.count() == {**dict.fromkeys(State, 0), State.PLACED: 1500, State.IN_FLIGHT: 1000}
    assert [entry.reference_id for entry in store.entries()] == names


def test_rows_are_chosen_by_state_reference_and_pattern(store: Store, make) -> None:
    names = ["a-1", "a-10", "A-1", "b_1", "b%1", "c[1]", "d\\1"]
    store.write([make.claim(name) for name in names])
    store.write([make.accepted("a-1")])

    def chosen(**options) -> list[str]:
        return [entry.reference_id for entry in store.entries(**options)]

    assert chosen() == sorted(names)
    assert chosen(states=[State.PLACED]) == ["a-1"]
    assert chosen(states=[]) == []
    assert [entry.reference_id for entry in store.entries_of(["b_1", "nobody", "a-1"])] == ["a-1", "b_1"]
    assert chosen(glob="a-*") == ["a-1", "a-10"]
    assert chosen(glob="a-?") == ["a-1"]
    assert chosen(glob="b_?") == ["b_1"]
    assert chosen(glob="?%?") == ["b%1"]
    assert chosen(glob="c[1]") == ["c[1]"]
    assert chosen(glob="d\\*") == ["d\\1"]
    assert chosen(limit=2) == sorted(names)[:2]


def test_a_mark_is_found_again_and_that_of_another_ledger_is_not(store: Store, make, address) -> None:
    empty = store.checkpoint()
    assert (empty.serial, store.contains(empty)) == (0, True)
    store.write([make.claim()])
    after = store.checkpoint()
    assert (after.serial, after.id) == (1, empty.id)
    assert store.contains(empty)
    assert store.contains(after)
    assert not store.contains(Checkpoint(empty.id, 1, empty.head))
    assert not store.contains(Checkpoint(empty.id, 2, after.head))
    address.init("staging")
    other = address.open("staging")
    assert not other.contains(empty)
    assert not other.contains(after)


def test_environments_in_one_database_do_not_see_each_other(store: Store, make, address) -> None:
    address.init("staging")
    other = address.open("staging")
    store.write([make.claim(), make.accepted()])
    assert other.write([make.claim()]) == [WON]
    assert other.count()[State.PLACED] == 0
    assert (store.checkpoint().serial, other.checkpoint().serial) == (2, 1)
    assert store.checkpoint().id != other.checkpoint().id
    assert store.verify() is other.verify() is None


def test_who_did_what_where_and_at_which_commit_is_on_record(store: Store, make) -> None:
    store.write([make.claim(), make.accepted()])
    claimed, placed = store.events("a")
    assert (claimed.serial, claimed.event_type, claimed.state) == (1, EventType.CLAIMED, State.IN_FLIGHT)
    assert (placed.serial, placed.event_type, placed.state) == (2, EventType.ACCEPTED, State.PLACED)
    assert claimed.actor is not None
    assert (claimed.actor.who, claimed.actor.host, claimed.actor.commit) == ("ada", "build-7", "4f2a9c1")
    assert claimed.actor.job == "https://ci.example.org/jobs/1"
    assert placed.data is not None
    assert placed.data["legs"][0]["call_id"] == "id-1"
    assert list(store.events("b")) == []


def test_no_number_and_no_sensitive_value_is_anywhere_in_the_database(store: Store, make, address) -> None:
    store.write([make.claim(), make.accepted()])
    store.write([make.claim("b"), Record("b", EventType.REFUSED, detail="callee +442079460023 is bad")])
    store.called_back({"a": [Leg("+442079460023", "id-1", code=10, description="to +442079460023")]})
    everything = str([list(store.events()), list(store.entries()), list(store.export())])
    assert "442079460023" not in everything
    assert "Ann" not in everything
    if address.is_sqlite:
        raw = address.file.read_bytes()
        for secret in (b"442079460023", b"Ann", make.fingerprint().encode()):
            assert secret not in raw


@pytest.mark.parametrize("text", ["nul \x00 inside", "lone \ud800 surrogate", "x" * 100_000, "emoji 📞 +442079460023"])
def test_whatever_the_api_answers_can_be_recorded(store: Store, make, text: str) -> None:
    store.write([make.claim()])
    leg = Leg("+442079460023", text, error=text, description=text)
    assert store.write([Record("a", EventType.UNCLEAR, (leg,), text)]) == [Written(True, State.IN_DOUBT)]
    assert store.verify() is None


def test_a_ledger_opened_for_reading_refuses_to_write(store: Store, make, address) -> None:
    reader = address.open(readonly=True)
    with pytest.raises(LedgerError, match="opened for reading only"):
        reader.write([make.claim()])
    with pytest.raises(LedgerError, match="opened for reading only"):
        reader.sweep()
    assert reader.checkpoint().serial == 0


def test_an_empty_batch_writes_nothing(store: Store) -> None:
    assert store.write([]) == []
    assert store.checkpoint().serial == 0


def test_a_throttle_is_remembered_by_whoever_asks_next(store: Store, address) -> None:
    from datetime import UTC, datetime, timedelta

    soon = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert store.throttled_until("cdr") is None
    store.set_throttle("cdr", soon)
    store.set_throttle("cdr", soon + timedelta(minutes=5))
    assert address.open(readonly=True).throttled_until("cdr") == soon + timedelta(minutes=5)
    assert store.throttled_until("other") is None


def test_many_threads_may_ask_while_one_writes(store: Store, make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def ask(number: int) -> int:
        if number % 2:
            return len(store.look_up([f"call-{number}"]))
        return sum(written.done for written in store.write([make.claim(f"call-{number}")]))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(80))) == 40
    assert store.verify() is None


@pytest.mark.parametrize("reference", ["lone \ud800 surrogate", "nul \x00 inside", "x" * 501])
def test_a_reference_that_not_every_database_keeps_as_it_is_is_never_claimed(
    store: Store, make, reference: str
) -> None:
    with pytest.raises(LedgerError, match="reference-id"):
        store.write([make.claim("b"), make.claim(reference)])
    assert store.checkpoint().serial == 0


def test_who_acts_may_have_any_name(address, make) -> None:
    address.init()
    store = address.open(actor=Actor("ada \udc80", "host \x00", "x" * 1000))
    assert store.write([make.claim()]) == [WON]
    (event,) = store.events("a")
    assert event.actor is not None
    assert event.actor.who == "ada \udc80"
