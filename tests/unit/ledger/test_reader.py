"""What can be asked of a ledger: rows page by page, who was called when and how many."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from flowops.ledger import postgres as postgresql
from flowops.ledger import reader
from flowops.ledger.database import migrations, statements
from flowops.ledger.operations import imported_call
from flowops.ledger.sqlite import _REWRITES, KIND
from flowops.model.claims import Record, Written
from flowops.model.ledger import EventType, Leg, State

if TYPE_CHECKING:
    from flowops.ledger.store import Store


@pytest.mark.parametrize("name", ["page_of_entries", "page_of_entries_in", "page_of_calls", "calls_in_flight"])
def test_sqlite_finds_a_page_in_an_index_and_sorts_nothing(name: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in migrations(KIND).values():
            connection.executescript(script)
        values = {"ledger": 1, "after": "a", "pattern": "*", "limit": 9, "state": "placed"}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statements(KIND, _REWRITES)[name]}", values).fetchall()
    steps = [detail for *_, detail in plan]
    assert steps[0].startswith("SEARCH flowops_calls USING INDEX")
    # What else there is are look-ups of an event by its key.
    assert not [step for step in steps[1:] if "SCAN" in step or "TEMP B-TREE" in step]


#: What a statement takes: where all calls, or all events, are gone through, no key of theirs is among it. An index of
#: those few of which a callee was refused is none of all, nor is one of further attempts.
_EVERY_ROW = re.compile(
    r"(?:SCAN|SEARCH) (?:flowops_(?:calls|events|legs)|further)"
    r"(?: USING (?:COVERING )?INDEX (?!flowops_calls_refused|flowops_calls_further)\w+| USING PRIMARY KEY)?"
    r"(?: \(ledger=\?(?: AND state>\?)?\))?$"
)
#: Statements that ask about some calls, by their references or by what else is theirs.
ABOUT_SOME = [
    *("calls", "legs", "tried", "claims_with", "codes_of", "fingerprints", "count_of", "actors_of_calls"),
    *("names_of_calls", "calls_with_words", "callees_answered", "scheduled_among", "refusals_of", "finish_times"),
    *("first_claims", "serials_of", "details_to_forget", "events_of_rows", "last_purges", "events_of", "delete_legs"),
    *("calls_in_flight", "references_in", "often_claimed", "bodies_unanswered", "oldest_claim_in", "calls_to_purge"),
    *("count_claimed_since", "count_by_state", "open_stop", "lock_ledger", "event_hash", "actor", "partly_refused"),
    *("count_labelled_since", "has_claimed_since", "claimed_with_attempts", "told_between", "batches_of"),
    *("labelled_calls", "count_further"),
]


@pytest.mark.parametrize("name", ABOUT_SOME)
def test_sqlite_goes_through_no_table_for_what_is_asked_of_some_calls(name: str) -> None:
    """Whatever else the ledger holds: a plan asks for a thousand calls at a time, a claim for a few."""
    text = statements(KIND, _REWRITES)[name]
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in migrations(KIND).values():
            connection.executescript(script)
        values = {key: "[]" if key.endswith("s") else 1 for key in re.findall(r":(\w+)", text)}
        values["pattern"] = "a*"
        steps = [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    assert not [step for step in steps if _EVERY_ROW.match(step)]


#: A ledger of so many placed calls, and what its statements are given.
MANY = 50_000
_FILL = (
    """
    INSERT INTO flowops_calls (
      ledger, reference_id, state, fingerprint, claim, attempts, claimed_at, words, naming, purged, refused,
      serial, phones
    )
    SELECT 1, 'call-' || n, 'placed', 'f', 2 * n - 1, 1, '2026-11-28T09:' || lpad((n % 60)::text, 2, '0'), n, 1, false,
      0, 2 * n, 1
    FROM generate_series(1, {many}) AS n
    """,
    """
    INSERT INTO flowops_legs (ledger, reference_id, position, callee, call_id)
    SELECT 1, 'call-' || n, 0, 'callee-' || n, 'id-' || n FROM generate_series(1, {many}) AS n
    """,
    """
    INSERT INTO flowops_events (
      ledger, serial, reference_id, event_type, state, at, earlier, actor, details, body, hash
    )
    SELECT 1, n, 'call-' || (n + 1) / 2, CASE n % 2 WHEN 1 THEN 'claimed' ELSE 'accepted' END, 'placed',
      '2026-11-28T09', CASE n % 2 WHEN 0 THEN n - 1 END, 1, '{{}}', CASE n % 2 WHEN 1 THEN '{{}}' END, 'h'
    FROM generate_series(1, 2 * {many}) AS n
    """,
    "ANALYZE",
)
_GIVEN = {
    "references": [f"call-{number}" for number in range(100)],
    "callees": ["callee-1"],
    "words": [1, 2],
    "states": ["in-flight", "in-doubt"],
    "state": "in-doubt",
    "since": "2026-11-28T09:50",
    "whole": "2026-11-28T10:0",
    "serials": list(range(1, 1000)),
    "actors": [-1, -2],
    "behind": "%~",
    "pattern": "call-12%",
    "labelled": "%",
    **dict.fromkeys(("new", "settled", "changed", "legs", "events", "counts"), "[]"),
    **dict.fromkeys(("reference", "after", "actor", "before", "marked", "head"), "call-1"),
    **dict.fromkeys(("ledger", "serial", "limit", "least", "last", "heard", "until"), 1),
}


def test_postgresql_goes_through_no_table_either(postgres, server) -> None:
    postgres.init()
    for statement in _FILL:
        server.execute(statement.format(many=MANY), postgres.url)
    whole = []
    with psycopg.connect(postgres.url) as connection:
        for name in {*ABOUT_SOME, "save"}:
            text = postgresql.statements(postgresql.KIND, postgresql._REWRITES)[name]
            values = {key: _GIVEN[key] for key in re.findall(r"%\((\w+)\)", text)}
            steps = [step for (step,) in connection.execute(f"EXPLAIN {text}", values)]
            whole += [(name, step) for step in steps if re.search(r"Seq Scan on flowops_(calls|events|legs)", step)]
    assert whole == [], whole


def test_sqlite_walks_no_event_that_is_older_than_the_runs_it_counts() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in migrations(KIND).values():
            connection.executescript(script)
        values = {"ledger": 1, "since": "2026", "types": '["claimed"]'}
        text = statements(KIND, _REWRITES)["count_by_actor"]
        steps = [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    events = [step for step in steps if "flowops_events" in step]
    assert events == [
        "SEARCH flowops_events USING PRIMARY KEY (ledger=? AND serial>?)",
        "SEARCH flowops_events USING PRIMARY KEY (ledger=?)",  # back from the last one
    ]


class TestRuns:
    def test_each_counts_what_it_did_itself(self, address, make) -> None:
        address.init()
        with address.open() as first:
            first.write([make.claim(name) for name in "abcd"])
            first.write([make.accepted("a"), Record("b", EventType.REFUSED), Record("c", EventType.UNCLEAR)])
            (running,) = first.runs()
            assert (running.run, running.state, running.who) == (first.run, "running", "ada")
            assert running.done == {
                "claimed": 4,
                "placed": 1,
                "rejected": 1,
                "in_doubt": 1,
                "not_sent": 0,
                "unanswered": 1,
                "moved": 0,
            }
        with address.open() as second:
            second.write([make.claim("b")])
            second.write([Record("b", EventType.UNSENT)])
            newest, oldest = second.runs()
            assert (newest.run, oldest.run, oldest.state) == (second.run, first.run, "ended")
            assert newest.done["not_sent"] == 1
            assert oldest.done["rejected"] == 1
            assert second.runs(limit=1) == [newest]
            assert second.runs(since=AHEAD) == []

    def test_one_that_was_killed_is_lost(self, address, make, monkeypatch: pytest.MonkeyPatch) -> None:
        address.init()
        store = address.open()
        store.write([make.claim("a")])
        monkeypatch.setattr(type(store._database), "alive", lambda *_: set())
        (found,) = store.runs()
        assert (found.state, found.done["unanswered"]) == ("lost", 1)


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


LONDON, NEW_YORK, PARIS = "+442079460023", "+12125550123", "+33199001018"
HOUR_AGO, AHEAD = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))


def rings(store: Store, *numbers: str, since: datetime = HOUR_AGO) -> dict[str, int]:
    found = store.rung_since(list(numbers), since)
    return {number: len(times) for number, times in found.items()}


class TestRungSince:
    def test_every_call_that_may_have_rung_counts(self, store: Store, make) -> None:
        store.write([make.claim("in-flight", LONDON)])
        store.write([make.claim("placed", LONDON), make.accepted("placed")])
        store.write([make.claim("finished", LONDON), make.accepted("finished")])
        store.called_back({"finished": [Leg(LONDON, "id-1", code=10)]})
        store.write([make.claim("in-doubt", LONDON), Record("in-doubt", EventType.UNCLEAR, detail="time-out")])
        assert rings(store, LONDON, NEW_YORK) == {LONDON: 4}

    def test_what_was_refused_or_never_sent_does_not(self, store: Store, make) -> None:
        store.write([make.claim("refused", LONDON), Record("refused", EventType.REFUSED, detail="400")])
        store.write([make.claim("unsent", LONDON), Record("unsent", EventType.UNSENT, detail="no connection")])
        assert rings(store, LONDON) == {}

    def test_each_callee_of_a_request_counts_once(self, store: Store, make) -> None:
        store.write([make.claim("a", LONDON, NEW_YORK)])
        assert rings(store, LONDON, NEW_YORK, PARIS) == {LONDON: 1, NEW_YORK: 1}
        store.write([Record("a", EventType.ACCEPTED, (Leg(LONDON, "id-1"), Leg(NEW_YORK, "id-2")))])
        assert rings(store, LONDON, NEW_YORK, PARIS) == {LONDON: 1, NEW_YORK: 1}

    def test_a_time_is_where_it_begins(self, store: Store, make) -> None:
        store.write([make.claim("a", LONDON), make.accepted("a")])
        assert rings(store, LONDON, since=AHEAD) == {}
        (at,) = store.rung_since([LONDON], HOUR_AGO)[LONDON]
        assert HOUR_AGO < at < AHEAD

    def test_calls_placed_elsewhere_count_from_when_they_were_placed(self, store: Store) -> None:
        long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
        store.import_calls(
            [imported_call({"reference-id": "old", "callee": LONDON, "call-id": "1", "placed-at": long_ago})]
        )
        assert rings(store, LONDON) == {}
        assert rings(store, LONDON, since=datetime.now(UTC) - timedelta(days=4)) == {LONDON: 1}

    def test_many_numbers_are_asked_for_at_once(self, store: Store, make) -> None:
        numbers = [f"+4420794{number:05d}" for number in range(2_500)]
        store.write([make.claim("a", numbers[0]), make.accepted("a")])
        store.write([make.claim("b", numbers[-1])])
        assert store.rung_since(numbers, HOUR_AGO).keys() == {numbers[-1]} | (
            {numbers[0]} if rings(store, numbers[0]) else set()
        )


class TestClaimedSince:
    def test_it_counts_calls_that_may_have_rung(self, store: Store, make) -> None:
        store.write([make.claim("a"), make.accepted("a")])
        store.write([make.claim("b")])
        store.write([make.claim("c"), Record("c", EventType.REFUSED, detail="400")])
        assert store.claimed_since(HOUR_AGO) == 2
        assert store.claimed_since(AHEAD) == 0

    def test_a_day_may_begin_at_any_time(self, store: Store, make) -> None:
        """Calls are counted for ten minutes together; in Nepal a day begins at a quarter past in UTC."""
        times = ("18:09:59.999", "18:10:00.000", "18:14:59.999", "18:15:00.000", "18:19:59.999", "18:20:00.000")
        for number, time in enumerate(times):
            store.write([make.claim(f"call-{number}", LONDON, PARIS)], f"2026-11-27T{time}Z")
        store.write([Record("call-5", EventType.UNSENT)])
        for left, since in enumerate(("18:20", "18:15:00.001", "18:15", "18:14", "18:10", "18:00")):
            at = datetime.fromisoformat(f"2026-11-27T{since}Z")
            assert store.claimed_since(at) == 2 * left, since
        assert store.count()[State.IN_FLIGHT] == 5
        assert store.phones() == 10

    @pytest.mark.parametrize("altered", ["calls = calls + 1", "phones = 0"])
    def test_who_alters_what_is_counted_is_found_out(self, address, make, altered: str) -> None:
        address.init()
        store = address.open()
        store.write([make.claim("a")])
        assert store.verify() is None
        address.sql(f"UPDATE flowops_counts SET {altered} WHERE counted = 'in-flight'")
        assert str(store.verify()) == "its counts are not those of its calls"


class TestStop:
    def test_a_stopped_ledger_takes_no_claim_and_every_record(self, store: Store, make) -> None:
        store.write([make.claim("a")])
        assert store.stop("the wrong text to +442079460023")
        why = store.stopped()
        assert why is not None
        assert why.startswith("stopped at ")
        assert why.endswith("by ada on build-7: the wrong text to +44 20 79•• ••23")
        refused, accepted = store.write([make.claim("b"), make.accepted("a")])
        assert (refused.done, refused.state, refused.stopped) == (False, None, why)
        assert accepted == Written(True, State.PLACED)
        assert store.look_up(["b"]) == {}

    def test_it_is_stopped_once_and_resumed_once(self, store: Store, make) -> None:
        assert not store.resume()
        assert store.stop("first")
        assert not store.stop("second")
        assert "first" in str(store.stopped())
        assert store.resume()
        assert not store.resume()
        assert store.stopped() is None
        assert store.write([make.claim("a")])[0].done

    def test_it_can_be_stopped_again(self, store: Store) -> None:
        assert store.stop("first")
        assert store.resume()
        assert store.stop("again")
        assert "again" in str(store.stopped())
