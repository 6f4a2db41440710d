"""Whatever is done to a ledger behind flowops' back is found, and named."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.errors import LedgerError
from flowops.ledger.chain import ROW_HASH, Broken, Event, canonical, chained, genesis, row_hash, sha256
from flowops.ledger.changes import CallRow
from flowops.ledger.legs import StoredLeg
from flowops.model.claims import Record
from flowops.model.ledger import EventType, Leg, State

if TYPE_CHECKING:
    from flowops.ledger.store import Store


@pytest.fixture
def full(store: Store, make) -> Store:
    """Five calls; a: 1 and 6, b: 2 and 7, c: 3, d: 4 and 8, e: 5 (claimed, unsent: 9)."""
    store.write([make.claim(name) for name in "abcde"])
    store.write([make.accepted("a"), Record("b", EventType.REFUSED), Record("d", EventType.UNCLEAR)])
    store.write([Record("e", EventType.UNSENT)])
    return store


def test_an_untouched_ledger_holds(full: Store) -> None:
    assert full.verify() is None


def test_an_empty_ledger_holds(store: Store) -> None:
    assert store.verify() is None


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE flowops_events SET reference_id = 'x' WHERE serial = 3", Broken("it was altered", 3, "x")),
        ("UPDATE flowops_events SET at = '2026' WHERE serial = 3", Broken("it was altered", 3, "c")),
        ("UPDATE flowops_events SET state = 'placed' WHERE serial = 3", Broken("it was altered", 3, "c")),
        ("UPDATE flowops_events SET event_type = 'refused' WHERE serial = 8", Broken("it was altered", 8, "d")),
        (
            "UPDATE flowops_events SET details = replace(details, 'attempt', 'another') WHERE serial = 2",
            Broken("it was altered", 2, "b"),
        ),
        (
            "UPDATE flowops_events SET body = replace(body, 'callee', 'caller') WHERE serial = 2",
            Broken("it was altered", 2, "b"),
        ),
        ("UPDATE flowops_events SET earlier = 3 WHERE serial = 7", Broken("it was altered", 7, "b")),
        ("UPDATE flowops_events SET actor = 7 WHERE serial = 2", Broken("it was altered", 2, "b")),
        ("UPDATE flowops_actors SET actor = replace(actor, 'ada', 'eve')", Broken("it was altered", 1, "a")),
        (
            "UPDATE flowops_events SET details = NULL WHERE serial = 2",
            Broken("its details were taken out, and not by a purge", 2, "b"),
        ),
        ("UPDATE flowops_events SET hash = 'x' WHERE serial = 2", Broken("it was altered", 2, "b")),
        ("DELETE FROM flowops_events WHERE serial = 1", Broken("event 1 is missing", 1, "b")),
        ("DELETE FROM flowops_events WHERE serial = 4", Broken("event 4 is missing", 4, "e")),
        (
            "DELETE FROM flowops_events WHERE serial = 9",
            Broken("the ledger has 9 events, and the chain ends after 8", 8),
        ),
        ("UPDATE flowops_ledgers SET serial = 12", Broken("the ledger has 12 events, and the chain ends after 9", 9)),
        ("UPDATE flowops_ledgers SET head = 'x'", Broken("the ledger has 9 events, and the chain ends after 9", 9)),
        ("DELETE FROM flowops_calls WHERE reference_id = 'a'", Broken("its row is gone", 1, "a")),
        (
            "UPDATE flowops_calls SET serial = 1 WHERE reference_id = 'a'",
            Broken("its row is not of its last event", 6, "a"),
        ),
        *(
            (
                f"UPDATE flowops_calls SET {change} WHERE reference_id = 'd'",
                Broken("its row does not say what its last event says", 8, "d"),
            )
            for change in (
                "state = 'rejected'",
                "fingerprint = ''",
                "claim = 1",
                "attempts = 7",
                "run = NULL",
                "error = 'nothing'",
                "claimed_at = '2020'",
                "purged = (1 = 1)",
            )
        ),
        (
            "UPDATE flowops_legs SET code = 10 WHERE reference_id = 'a'",
            Broken("its row does not say what its last event says", 6, "a"),
        ),
        (
            "DELETE FROM flowops_legs WHERE reference_id = 'a'",
            Broken("its row does not say what its last event says", 6, "a"),
        ),
    ],
)
def test_the_first_thing_that_does_not_fit_is_named(full: Store, address, statement: str, broken: Broken) -> None:
    address.sql(statement)
    assert full.verify() == broken


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE flowops_events SET at = x'00' WHERE serial = 3", Broken("it was altered", 3, "c")),
        ("UPDATE flowops_events SET details = x'00' WHERE serial = 3", Broken("it was altered", 3, "c")),
        (
            "UPDATE flowops_calls SET error = x'00' WHERE reference_id = 'd'",
            Broken("its row does not say what its last event says", 8, "d"),
        ),
        ("UPDATE flowops_events SET body = x'00' WHERE serial = 3", Broken("it was altered", 3, "c")),
        (
            "UPDATE flowops_calls SET fingerprint = x'00' WHERE reference_id = 'd'",
            Broken("its row does not say what its last event says", 8, "d"),
        ),
    ],
)
def test_bytes_where_a_text_belongs_do_not_fit(sqlite, make, statement: str, broken: Broken) -> None:
    sqlite.init()
    store = sqlite.open()
    store.write([make.claim(name) for name in "abcde"])
    store.write([make.accepted("a"), Record("b", EventType.REFUSED), Record("d", EventType.UNCLEAR)])
    sqlite.sql(statement)
    assert store.verify() == broken


def test_a_state_that_there_is_not_is_told(full: Store, address) -> None:
    address.sql("UPDATE flowops_calls SET state = 'ringing' WHERE reference_id = 'd'")
    for ask in (full.verify, lambda: full.look_up(["d"])):
        with pytest.raises(LedgerError, match="holds text that flowops did not write"):
            ask()


def test_a_row_that_no_event_tells_of_is_found(full: Store, address) -> None:
    columns = (
        "state, before_claim, fingerprint, claim, attempts, run, error, claimed_at, purged, refused, serial, phones"
    )
    address.sql(
        f"INSERT INTO flowops_calls (ledger, reference_id, {columns}) "
        f"SELECT ledger, 'x', {columns} FROM flowops_calls WHERE reference_id = 'a'"
    )
    assert full.verify() == Broken("its row does not say what its last event says", 6, "x")


def test_a_purge_breaks_nothing_and_hides_nothing(full: Store, address) -> None:
    full.purge(datetime.now(UTC) + timedelta(days=1))
    assert full.verify() is None
    address.sql("UPDATE flowops_events SET details = NULL WHERE event_type = 'purged' AND reference_id = 'a'")
    broken = full.verify()
    assert broken is not None
    assert broken.reference_id == "a"


def test_more_events_than_one_page_are_walked(store: Store, make, address) -> None:
    names = [f"call-{number}" for number in range(1100)]
    store.write([make.claim(name) for name in names])
    store.write([make.accepted(name) for name in names])
    assert store.verify() is None
    address.sql("UPDATE flowops_events SET at = '2026' WHERE serial = 2150")
    assert store.verify() == Broken("it was altered", 2150, "call-1049")


def test_the_chain_can_be_checked_by_hand(store: Store, make, address) -> None:
    """The format that other programs may rely on."""
    store.write([make.claim()])
    store.called_back({"a": [Leg("+442079460023", "id-1", code=10)]})
    checkpoint = store.checkpoint()
    head = digest(f"flowops ledger {checkpoint.id}")
    assert head == genesis(checkpoint.id)
    raw = store._database.read(lambda it: it.all("events", ledger=store.number, after=0, limit=9))
    actors = dict(store._database.read(lambda it: it.all("actors", ledger=store.number)))
    names = ("serial", "reference_id", "event_type", "state", "at", "earlier")
    for row in starmap(Event, raw):
        stays = checkpoint.id, *(getattr(row, name) for name in names)
        details = digest(f"{actors[row.actor]}\n{row.details}\n{row.body or ''}")
        before, head = head, digest(one_spelling([head, details, *stays]))
        assert head == chained(before, details, *stays) == row.hash
        assert canonical(json.loads(row.details)).decode() == row.details
    assert head == checkpoint.head


def digest(text: str) -> str:
    """SHA-256 as URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def one_spelling(value: object) -> str:
    """JSON with one spelling, whoever writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


texts = st.none() | st.text()
#: What a column of a database takes.
numbers = st.integers(-(2**63), 2**63 - 1)
states = st.none() | st.sampled_from(State)
stored_legs = st.builds(StoredLeg, texts, texts, texts, texts, st.none() | numbers, texts, st.none() | numbers)


@given(
    row=st.builds(
        CallRow, st.text(), states, states, st.text(), numbers, numbers, texts, texts, st.text(), texts,
        st.none() | numbers, st.none() | numbers, st.booleans(), states, numbers, numbers, st.text(), st.text(),
        st.lists(stored_legs, max_size=3).map(tuple),
    )
)  # fmt: skip
def test_a_rows_hash_is_that_of_its_canonical_json(row: CallRow) -> None:
    legs = [[leg.callee, leg.shown, leg.call_id, leg.error, leg.code, leg.description, leg.later] for leg in row.legs]
    said = [
        row.reference_id, row.state, row.before_claim, row.fingerprint, row.claim, row.attempts, row.run, row.error,
        row.claimed_at, row.renamed, row.words, row.naming, row.purged, row.cancelled_from, row.refused, legs,
    ]  # fmt: skip
    assert row_hash(row) == sha256(one_spelling(said).encode())[:ROW_HASH]


@given(
    ledger=st.text(), serial=numbers, reference=st.text(), state=st.none() | st.sampled_from(State), at=st.text(),
    earlier=st.none() | numbers,
)  # fmt: skip
def test_an_events_hash_is_that_of_its_canonical_json(ledger, serial, reference, state, at, earlier) -> None:
    stays = (ledger, serial, reference, "claimed", state, at, earlier)
    whole = one_spelling(["before", "details", *stays])
    assert chained("before", "details", *stays) == sha256(whole.encode())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda it: st.dictionaries(st.text(), it)))
def test_what_is_kept_as_json_has_sorted_keys_and_no_spaces(value) -> None:
    kept = canonical(value)
    assert json.loads(kept) == value
    assert one_spelling(json.loads(kept)) == one_spelling(value)
    assert kept.decode() in (one_spelling(value), json.dumps(value, sort_keys=True, separators=(",", ":")))
