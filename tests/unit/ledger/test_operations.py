"""What operators, callbacks and records do with a ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.operators import resolve

from flowops.errors import LedgerError
from flowops.ledger.operations import imported_call
from flowops.ledger.operators import Resolve
from flowops.model.claims import Record, Written
from flowops.model.ledger import EventType, Leg, State

if TYPE_CHECKING:
    from flowops.ledger.store import Store

LONDON, NEW_YORK = "+442079460023", "+12125550123"
LATER = datetime.now(UTC) + timedelta(days=1)


def doubtful(store: Store, make, reference_id: str = "a") -> None:
    store.write([make.claim(reference_id), Record(reference_id, EventType.UNCLEAR, detail="time-out")])


class TestCallback:
    def test_it_finishes_a_placed_call(self, store: Store, make) -> None:
        store.write([make.claim(), make.accepted()])
        told = [Leg(LONDON, "id-1", code=10, description="Finished successfully")]
        assert store.called_back({"a": told})["a"] == Written(True, State.FINISHED)
        leg = store.look_up(["a"])["a"].legs[0]
        assert (leg.code, leg.description, leg.shown) == (10, "Finished successfully", "+44 20 79•• ••23")
        assert store.outcomes() == {10: 1}

    def test_a_second_one_changes_nothing(self, store: Store, make) -> None:
        store.write([make.claim(), make.accepted()])
        told = [Leg(LONDON, "id-1", code=10)]
        store.called_back({"a": told})
        checkpoint = store.checkpoint()
        assert store.called_back({"a": told})["a"] == Written(True, State.FINISHED)
        assert store.checkpoint() == checkpoint

    def test_it_may_come_before_the_answer(self, store: Store, make) -> None:
        store.write([make.claim()])
        assert store.called_back({"a": [Leg(LONDON, "id-1", code=10)]})["a"] == Written(True, State.FINISHED)
        assert store.write([make.accepted()]) == [Written(True, State.FINISHED)]

    def test_it_settles_a_call_in_doubt(self, store: Store, make) -> None:
        doubtful(store, make)
        assert store.called_back({"a": [Leg(LONDON, "id-1", code=12)]})["a"] == Written(True, State.FINISHED)
        assert store.look_up(["a"])["a"].error is None

    def test_it_counts_for_its_callee_alone(self, store: Store, make) -> None:
        store.write([make.claim("a", LONDON, NEW_YORK)])
        store.write([Record("a", EventType.ACCEPTED, (Leg(LONDON, "id-1"), Leg(NEW_YORK, "id-2")))])
        assert store.called_back({"a": [Leg(NEW_YORK, None, code=9)]})["a"] == Written(True, State.PLACED)
        assert store.called_back({"a": [Leg(None, "id-1", code=10)]})["a"] == Written(True, State.FINISHED)
        assert [leg.code for leg in store.look_up(["a"])["a"].legs] == [10, 9]
        assert store.outcomes() == {9: 1, 10: 1}

    def test_one_for_an_unknown_call_proves_that_it_was_placed(self, store: Store, make) -> None:
        store.write([make.claim(), Record("a", EventType.UNSENT)])
        for unknown in ("a", "nobody"):
            assert store.called_back({unknown: [Leg(LONDON, "id-1", code=10)]})[unknown] == Written(
                True, State.FINISHED
            )
        assert store.verify() is None


class TestRecord:
    def test_records_settle_calls_in_doubt(self, store: Store, make) -> None:
        doubtful(store, make, "a")
        doubtful(store, make, "b")
        answers = store.recorded({"a": [Leg(LONDON, "id-1", code=10)], "b": [], "nobody": []})
        assert answers == {"a": Written(True, State.FINISHED), "b": Written(True, State.PLACED), "nobody": None}

    def test_the_same_records_again_change_nothing(self, store: Store, make) -> None:
        doubtful(store, make)
        store.recorded({"a": [Leg(LONDON, "id-1", code=10)]})
        checkpoint = store.checkpoint()
        store.recorded({"a": [Leg(LONDON, "id-1", code=10)]})
        assert store.checkpoint() == checkpoint


class TestResolve:
    def test_an_operator_says_that_a_call_was_placed(self, store: Store, make) -> None:
        doubtful(store, make)
        assert resolve(store, "a", placed=True, reason="seen in the portal", call_id="id-7") == "placed"
        entry = store.look_up(["a"])["a"]
        assert (entry.error, entry.legs) == (None, (Leg(None, "id-7", shown="+44 20 79•• ••23"),))
        assert store.called_back({"a": [Leg(LONDON, "id-7", code=10)]})["a"] == Written(True, State.FINISHED)

    def test_a_call_that_was_placed_by_word_alone_rang_its_callee(self, store: Store, make) -> None:
        doubtful(store, make)
        resolve(store, "a", placed=True, reason="she says so")
        assert store.look_up(["a"])["a"].legs == (Leg(None, None, shown="+44 20 79•• ••23"),)
        assert len(store.rung_since([LONDON], datetime.now(UTC) - timedelta(hours=1))[LONDON]) == 1
        assert store.called_back({"a": [Leg(LONDON, "id-1", code=10)]})["a"] == Written(True, State.FINISHED)
        assert store.verify() is None

    def test_not_placed_waits_until_the_run_is_dead(self, store: Store, make, address) -> None:
        doubtful(store, make)
        operator = address.open()
        assert "still alive" in resolve(operator, "a", placed=False)
        store.close()
        assert resolve(operator, "a", placed=False, reason="nobody was rung") == "rejected"
        assert operator.write([make.claim()]) == [Written(True, State.IN_FLIGHT)]

    @pytest.mark.parametrize("placed", [True, False])
    def test_a_call_in_flight_is_left_to_a_live_run(self, store: Store, make, address, placed: bool) -> None:
        store.write([make.claim()])
        operator = address.open()
        assert "still alive" in resolve(operator, "a", placed=placed)
        assert operator.checkpoint().serial == 1

    def test_a_call_of_a_dead_run_is_first_abandoned(self, store: Store, make, address) -> None:
        store.write([make.claim()])
        store.close()
        operator = address.open()
        resolve(operator, "a", placed=False, reason="asked +442079460023, who was not rung")
        happened = list(operator.events("a"))
        assert [event.event_type for event in happened] == [
            EventType.CLAIMED,
            EventType.ABANDONED,
            EventType.RESOLVED_NOT_PLACED,
        ]
        assert happened[-1].data == {"reason": "asked +44 20 79•• ••23, who was not rung"}

    def test_a_word_that_was_shown_of_one_doubt_is_no_word_on_the_next_one(self, store: Store, make, address) -> None:
        """Two operators are shown a doubt; one settles it, the call is placed again, and may have rung this time."""
        doubtful(store, make)
        store.close()
        first, second, again = address.open(), address.open(), address.open()
        word = Resolve(placed=False)
        shown = second.rehearse(word, ["a"], "asked in the morning")
        assert resolve(first, "a", placed=False) == "rejected"
        doubtful(again, make)
        again.close()
        (step,) = second.operate(word, shown, "asked in the morning")
        assert (step.changed, step.refused) == (False, "it has changed since it was shown, and is in-doubt now")
        assert second.look_up(["a"])["a"].state is State.IN_DOUBT

    @pytest.mark.parametrize("placed", [True, False])
    def test_there_is_nothing_to_resolve_in_a_placed_call(self, store: Store, make, placed: bool) -> None:
        store.write([make.claim(), make.accepted()])
        assert "placed, not in doubt" in resolve(store, "a", placed=placed)

    def test_not_placed_can_be_taken_back_until_the_call_is_claimed(self, store: Store, make, address) -> None:
        doubtful(store, make)
        store.close()
        operator = address.open()
        assert resolve(operator, "a", placed=False, reason="a mistake") == "rejected"
        assert resolve(operator, "a", placed=True, reason="it rang") == "placed"

    def test_an_unknown_call_was_placed_if_an_operator_says_so_and_nothing_else_can_be_said_of_it(
        self, store: Store
    ) -> None:
        assert "no such call" in resolve(store, "nobody", placed=False)
        assert resolve(store, "nobody", placed=True, reason="the vendor says so") == "placed"
        assert store.look_up(["nobody"])["nobody"].state is State.PLACED


class TestImport:
    def test_a_call_placed_elsewhere_is_never_placed_here(self, store: Store, make) -> None:
        row = {"reference-id": "a", "callee": LONDON, "call-id": "id-1", "placed-at": "2026-11-01T09:00:00+01:00"}
        result = store.import_calls([imported_call(row), imported_call({"reference_id": "b"})])
        assert (result.added, result.present) == (["a", "b"], {})
        entry = store.look_up(["a"])["a"]
        assert (entry.state, entry.fingerprint, entry.claimed_at) == (
            State.PLACED,
            "",
            "2026-11-01T08:00:00.000Z",
        )
        assert entry.legs == (Leg(None, "id-1", shown="+44 20 79•• ••23"),)
        assert store.write([make.claim("a"), make.claim("b")]) == [Written(False, State.PLACED)] * 2
        assert store.called_back({"a": [Leg(LONDON, "id-1", code=10)]})["a"] == Written(True, State.FINISHED)

    @pytest.mark.parametrize("written", ["+44 20 7946 0023", "+44 (0)20 7946 0023", "+44\u00a020\u00a07946\u00a00023"])
    def test_a_callee_is_the_same_however_it_is_written(self, store: Store, written: str) -> None:
        row = {"reference-id": "a", "callee": written, "placed-at": "2026-11-01T09:00:00Z"}
        store.import_calls([imported_call(row)])
        (leg,) = store.look_up(["a"])["a"].legs
        assert leg.shown == "+44 20 79•• ••23"
        assert store.rung_since([LONDON], datetime(2026, 10, 1, tzinfo=UTC)).keys() == {LONDON}

    def test_a_call_that_the_ledger_has_stays_as_it_is(self, store: Store, make) -> None:
        doubtful(store, make)
        result = store.import_calls([imported_call({"reference-id": "a"})])
        assert (result.added, result.present) == ([], {"a": State.IN_DOUBT})

    def test_a_rejected_call_that_was_placed_elsewhere_is_placed(self, store: Store, make) -> None:
        store.write([make.claim(), Record("a", EventType.REFUSED)])
        assert store.import_calls([imported_call({"reference-id": "a"})]).added == ["a"]
        assert store.look_up(["a"])["a"].state is State.PLACED

    def test_a_ledger_moves_with_all_it_knows(self, store: Store, make, address) -> None:
        store.write([make.claim(name) for name in "abcde"])
        store.write([make.accepted("a", call_id="id-a"), make.accepted("b", call_id="id-b")])
        store.write([Record("c", EventType.UNCLEAR), Record("d", EventType.REFUSED)])
        store.called_back({"b": [Leg(LONDON, "id-b", code=10)]})
        rows = [json.loads(json.dumps(row)) for row in store.export()]
        address.init("copy")
        copy = address.open("copy")
        assert copy.import_calls(map(imported_call, rows)).added == list("abcde")
        states = {entry.reference_id: entry.state for entry in copy.entries()}
        assert states == {
            "a": State.PLACED,
            "b": State.FINISHED,
            "c": State.IN_DOUBT,
            "d": State.REJECTED,
            "e": State.IN_DOUBT,
        }
        assert [entry.fingerprint for entry in copy.entries()] == [make.fingerprint()] * 5
        assert copy.outcomes() == {10: 1}
        assert copy.look_up(["b"])["b"].legs[0].shown == "+44 20 79•• ••23"
        assert copy.called_back({"a": [Leg(LONDON, "id-a", code=9)]})["a"] == Written(True, State.FINISHED)
        assert copy.verify() is None

    def test_a_callee_that_was_refused_among_others_is_still_told_of(self, store: Store, make, address) -> None:
        store.write([make.claim("a", LONDON, NEW_YORK)])
        store.write([Record("a", EventType.ACCEPTED, (Leg(LONDON, "id-1"), Leg(NEW_YORK, None, "refused")))])
        rows = list(store.export())
        address.init("copy")
        copy = address.open("copy")
        copy.import_calls(map(imported_call, rows))
        assert copy.partly_refused() == store.partly_refused() == ["a"]
        assert (copy.look_up(["a"])["a"].refused, copy.look_up(["a"])["a"].attempts) == (1, 1)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({}, "reference-id: is missing"),
            ({"reference-id": "a", "attempts": "-1"}, "attempts: '…' is not a number of things"),
            ({"reference-id": "a", "max-attempts": 100}, "max-attempts: no call has more than 99"),
            ({"reference-id": "a", "refused": True}, "refused: 'T…' is not a number of things"),
            ({"reference-id": "a", "attempts": 10**10}, "attempts: '1000•••••00' is not a number of things"),
            ({"reference-id": "a", "state": "rejected", "given-up": "soon"}, "given-up: 's…' is not a time"),
            ({"reference-id": 7}, "reference-id: is missing"),
            ({"reference-id": "a", "state": "rung"}, "state: 'r…' is none of in-flight, placed"),
            ({"reference-id": "a", "placed-at": "yesterday"}, "placed-at: 'y…' is not a time"),
            ({"reference-id": "a", "placed-at": "2026-11-01T09:00:00"}, "is not a time such as"),
            ({"reference-id": "a", "placed-at": 7}, "placed-at: '…' is not a time"),
            ({"reference-id": "a", "callees": 3}, "callees: has to be a list"),
            ({"reference-id": "a", "callees": [LONDON, NEW_YORK], "call-id": "x"}, "call-id: names one call"),
            ({"reference-id": "a", "callee": LONDON, "call-id": "a b"}, "call-id: 'a…' is not usable"),
            ({"reference-id": "a", "callee": LONDON, "call-id": 7.5}, "call-id: '7…' is not usable"),
            ({"reference-id": "a", "callee": 442079460023}, "callee: '4420••••••23' is not a text"),
            ({"reference-id": "a", "state": "+442079460023"}, "state: '+442•••••••23' is none of"),
            ({"reference-id": "a", "callee": "020 7946 0023"}, "callee: '020 •••••••23' has no country code: write it"),
            ({"reference-id": "a", "callee": "442079460023"}, "callee: '4420••••••23' has no country code"),
            (
                {"reference-id": "a", "callees": ["+447700900123"]},
                "callee: '+447•••••••23' is not a valid number in GB",
            ),
            ({"reference-id": "a", "callee": "+4930901820024.0"}, "callee: '+493••••••••••.0' is a decimal number"),
            ({"reference-id": "a", "legs": [{"callee": "Ann •••"}]}, "callee: 'A…' has U.0041"),
            ({"reference-id": "a", "legs": ["x"]}, "legs: each has to be an object"),
            ({"reference-id": "a", "legs": [{"code": "10"}]}, "code: '…' is not a whole number"),
        ],
    )
    def test_a_row_that_makes_no_sense_is_refused(self, row: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message.replace("'", ".")):
            imported_call(row)


class TestPurge:
    def test_what_is_settled_is_forgotten_but_for_the_fact(self, store: Store, make, address) -> None:
        store.write([make.claim(name) for name in "abcd"])
        store.write([make.accepted("a", call_id="id-a")])
        store.write([Record("b", EventType.REFUSED, detail="bad"), Record("c", EventType.UNCLEAR)])
        store.called_back({"a": [Leg(LONDON, "id-a", code=10)]})
        assert store.purge(LATER) == 2
        entry = store.look_up(["a"])["a"]
        assert (entry.state, entry.purged, entry.fingerprint, dict(entry.body)) == (State.FINISHED, True, "", {})
        assert entry.legs == (Leg(None, None, code=10),)
        assert store.look_up(["b"])["b"].error is None
        kept = [store.look_up([name])[name].purged for name in "cd"]
        assert kept == [False, False], "what is not settled is not forgotten"
        claimed, *_, purged = store.events("a")
        assert (claimed.actor, claimed.data) == (None, None)
        assert purged.event_type is EventType.PURGED
        assert purged.actor is not None
        assert store.verify() is None
        if address.is_sqlite:
            assert b"id-a" not in address.file.read_bytes()

    def test_a_purged_call_is_never_placed_again(self, store: Store, make) -> None:
        store.write([make.claim(), make.accepted()])
        store.purge(LATER)
        assert store.write([make.claim()]) == [Written(False, State.PLACED)]

    def test_a_late_callback_finishes_a_purged_call_and_brings_no_data_back(self, store: Store, make) -> None:
        store.write([make.claim(), make.accepted()])
        store.purge(LATER)
        assert store.called_back({"a": [Leg(LONDON, "id-1", code=10)]})["a"] == Written(True, State.FINISHED)
        assert "id-1" not in str(store.look_up(["a"]))
        assert store.verify() is None

    def test_what_is_younger_stays(self, store: Store, make) -> None:
        store.write([make.claim(), make.accepted()])
        assert store.purge(datetime.now(UTC) - timedelta(days=1)) == 0
        assert store.look_up(["a"])["a"].fingerprint

    def test_a_second_purge_finds_nothing(self, store: Store, make) -> None:
        store.write([make.claim(f"call-{number}") for number in range(1200)])
        store.write([make.accepted(f"call-{number}") for number in range(1200)])
        assert [store.purge(LATER), store.purge(LATER)] == [1200, 0]
        assert store.verify() is None

    def test_an_unsent_call_is_forgotten_too(self, store: Store, make) -> None:
        store.write([make.claim(), Record("a", EventType.UNSENT, detail="refused by proxy.example.org")])
        assert store.purge(LATER) == 1
        assert "proxy" not in str(list(store.events()))
        assert store.verify() is None
        assert store.write([make.claim()]) == [Written(True, State.IN_FLIGHT)]


def test_the_key_is_only_needed_for_pseudonyms(sqlite, make) -> None:
    sqlite.init()
    sqlite.open().write([make.claim(), make.accepted()])
    (sqlite.root / "ledger.db.key").unlink()
    with pytest.raises(LedgerError, match=r"ledger\.db\.key.*No such file") as lost:
        sqlite.open()
    assert lost.value.hint is not None
    assert "flowops ledger export" in lost.value.hint
    reader = sqlite.open(readonly=True)
    assert [(row["reference_id"], row["fingerprint"]) for row in reader.export()] == [("a", "")]
    assert reader.verify() is None
    with pytest.raises(LedgerError, match="key"):
        reader.look_up(["a"])
    with pytest.raises(LedgerError, match="key"):
        reader.pseudonymize(make.call())
