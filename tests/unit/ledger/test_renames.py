"""A call that goes on under another reference-id: the old one is never placed again, and what is said of it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.operators import operate, resolve

from flowops.ledger.operators import Cancel, Rename, Resolve, UndoCancel
from flowops.model.call import Terms
from flowops.model.claims import Claim, Move, Record, Written
from flowops.model.ledger import EventType, Leg, State
from flowops.model.plan import Action

if TYPE_CHECKING:
    from flowops.ledger.store import Store
    from flowops.model.ledger import OperatorStep

LONDON = "+442079460023"


def moved(make, new: str, old: str, digit: str = "0") -> Claim:
    """A claim of a call that had another reference before."""
    claim = make.claim(new, digit=digit)
    return claim._replace(call=claim.call._replace(terms=Terms(moved_from=old)))


def rename(store: Store, **pairs: str) -> list[OperatorStep]:
    operation = Rename(pairs)
    return store.operate(operation, store.rehearse(operation, list(pairs), "the campaign has a new name"), "so")


def move(make, new: str, old: str, digit: str = "0") -> Move:
    return Move(new, old, lambda _name: make.fingerprint(digit))


@pytest.fixture
def placed(store: Store, make) -> Store:
    store.write([make.claim("old"), make.accepted("old")])
    return store


class TestRename:
    def test_it_is_the_same_call_under_the_new_name(self, placed: Store, make) -> None:
        (step,) = rename(placed, old="new")
        assert (step.changed, step.refused, step.after) == (True, None, State.PLACED)
        entry = placed.look_up(["new"])["new"]
        assert (entry.state, entry.posted_as, entry.became) == (State.PLACED, "old", None)
        assert entry.fingerprint == make.fingerprint()
        assert entry.body["instruction-id"] == "old"
        assert [leg.call_id for leg in entry.legs] == ["id-1"]
        assert placed.look_up(["old"]) == {"old": entry}
        assert [event.event_type for event in placed.events("new")][-2:] == [EventType.RENAMED, EventType.MOVED]
        assert placed.verify() is None

    def test_neither_name_is_placed_again(self, placed: Store, make) -> None:
        rename(placed, old="new")
        assert placed.write([make.claim("old"), make.claim("new")]) == [
            Written(False, State.RENAMED),
            Written(False, State.PLACED),
        ]

    def test_it_counts_once_and_for_its_callee(self, placed: Store) -> None:
        rename(placed, old="new")
        assert (placed.count()[State.PLACED], placed.count()[State.RENAMED], placed.phones()) == (1, 1, 1)
        since = datetime.now(UTC) - timedelta(hours=1)
        assert len(placed.rung_since([LONDON], since)[LONDON]) == 1
        assert placed.claimed_since(since) == 1

    def test_what_is_said_of_the_old_name_settles_the_new_one(self, placed: Store) -> None:
        rename(placed, old="new")
        rename(placed, new="newest")
        assert placed.called_back({"old": [Leg(LONDON, "id-1", code=10)]})["old"] == Written(True, State.FINISHED)
        entry = placed.look_up(["newest"])["newest"]
        assert (entry.state, entry.posted_as, entry.legs[0].code) == (State.FINISHED, "old", 10)
        assert placed.recorded({"old": [Leg(LONDON, "id-1", code=10)]})["old"] == Written(True, State.FINISHED)
        assert placed.verify() is None

    def test_a_name_that_exists_is_not_taken(self, placed: Store, make) -> None:
        placed.write([make.claim("b"), make.accepted("b", call_id="id-2")])
        rename(placed, b="c")
        for taken in ("b", "c", "old"):
            (step,) = rename(placed, old=taken)
            assert step.refused is not None, taken
        (step,) = rename(placed, nobody="x")
        assert step.refused == "the ledger has no such call"
        (step,) = rename(placed, b="x")
        assert step.refused == "it is c now: rename that"

    def test_two_calls_do_not_become_one(self, placed: Store, make) -> None:
        placed.write([make.claim("b"), make.accepted("b", call_id="id-2")])
        first, second = rename(placed, old="one", b="one")
        assert (first.refused, second.refused) == (None, "the ledger has a call one already")

    @pytest.mark.parametrize("event_type", [None, EventType.UNCLEAR])
    def test_what_may_be_ringing_keeps_its_name(self, store: Store, make, event_type: EventType | None) -> None:
        store.write([make.claim("old")])
        if event_type is not None:
            store.write([Record("old", event_type)])
        (step,) = rename(store, old="new")
        assert step.refused is not None
        assert store.look_up(["new"]) == {}

    def test_what_was_refused_is_refused_under_the_new_name(self, store: Store, make) -> None:
        store.write([make.claim("old"), Record("old", EventType.REFUSED, detail="no such number")])
        rename(store, old="new")
        assert store.write([make.claim("old"), make.claim("new")]) == [
            Written(False, State.RENAMED),
            Written(True, State.IN_FLIGHT),
        ]
        assert store.look_up(["new"])["new"].posted_as == "new"
        assert store.verify() is None

    @pytest.mark.parametrize("before", [None, State.REJECTED, State.IN_DOUBT])
    def test_what_was_cancelled_is_so_under_the_new_name_and_is_given_back_there(
        self, store: Store, make, address, before: State | None
    ) -> None:
        if before is not None:
            event = EventType.REFUSED if before is State.REJECTED else EventType.UNCLEAR
            store.write([make.claim("old"), Record("old", event, detail="why")])
            store.close()
            store = address.open()
        cancel = Cancel(frozenset)
        assert store.operate(cancel, store.rehearse(cancel, ["old"], "so"), "so")[0].changed
        (step,) = rename(store, old="new")
        assert (step.changed, step.after) == (True, State.CANCELLED)
        assert store.write([make.claim("old"), make.claim("new")]) == [
            Written(False, State.RENAMED),
            Written(False, State.CANCELLED),
        ]
        undo = UndoCancel()
        (back,) = store.operate(undo, store.rehearse(undo, ["new"], "so"), "so")
        assert back.after is before
        assert store.verify() is None

    @pytest.mark.parametrize("before", [None, State.REJECTED, State.IN_DOUBT])
    def test_a_cancelled_call_that_was_purged_is_given_back_as_what_it_was(
        self, address, make, before: State | None
    ) -> None:
        """Only what it said is gone: a doubt is a doubt again, and rings nobody."""
        address.init()
        store = address.open()
        if before is not None:
            event = EventType.REFUSED if before is State.REJECTED else EventType.UNCLEAR
            store.write([make.claim("a"), Record("a", event, detail="why")])
            store.close()
            store = address.open()
        assert operate(store, Cancel(frozenset), "a").changed
        assert store.purge(datetime.now(UTC) + timedelta(days=1)) == 1
        back = operate(store, UndoCancel(), "a")
        assert (back.changed, back.after) == (True, before)
        assert back.note == "what it said was purged from the ledger"
        assert store.verify() is None
        assert store.write([make.claim("a")])[0].done is (before is not State.IN_DOUBT)
        if before is State.IN_DOUBT:
            assert resolve(store, "a", placed=False) == "rejected"
            assert store.write([make.claim("a")])[0].done
        assert store.verify() is None

    def test_an_old_name_is_not_taken_again(self, placed: Store) -> None:
        assert rename(placed, old="new")[0].changed
        (step,) = rename(placed, new="old")
        assert step.refused == "it was called old before, and an old name is never placed, nor taken, again"

    def test_a_purge_forgets_what_was_sent_under_any_name(self, placed: Store) -> None:
        rename(placed, old="new")
        assert placed.purge(datetime.now(UTC) + timedelta(days=1)) > 0
        assert placed.purge(datetime.now(UTC) + timedelta(days=1)) == 0
        assert all(event.data is None for event in [*placed.events("new")][:-2])
        assert placed.look_up(["old"])["old"].state is State.PLACED
        assert placed.verify() is None


class TestMovedFrom:
    def test_what_was_placed_is_recorded_under_the_new_name(self, placed: Store, make) -> None:
        assert placed.move([move(make, "new", "old")]) == [Written(True, State.PLACED)]
        assert placed.look_up(["new"])["new"].posted_as == "old"
        checkpoint = placed.checkpoint()
        assert placed.move([move(make, "new", "old")]) == [Written(True, State.PLACED)], "another run may have done it"
        assert placed.checkpoint() == checkpoint
        assert placed.move([move(make, "third", "old")]) == [Written(False, None)]
        assert placed.verify() is None

    def test_what_was_never_placed_does_not_move(self, store: Store, make) -> None:
        store.write([make.claim("old"), Record("old", EventType.UNSENT)])
        assert store.move([move(make, "new", "old")]) == [Written(False, None)]
        assert store.write([moved(make, "new", "old")]) == [Written(True, State.IN_FLIGHT)]

    def test_another_body_does_not_move(self, placed: Store, make) -> None:
        assert placed.move([move(make, "new", "old", "1")]) == [Written(False, State.PLACED)]
        assert placed.look_up(["old"])["old"].state is State.PLACED

    def test_a_call_is_not_claimed_that_was_placed_under_its_old_name(self, placed: Store, make) -> None:
        (written,) = placed.write([moved(make, "new", "old")])
        assert (written.done, written.state) == (False, State.PLACED)
        assert written.decision is not None
        assert written.decision.action is Action.MOVED
        assert placed.look_up(["new"]) == {}

    @pytest.mark.parametrize("event_type", [None, EventType.UNCLEAR])
    def test_nor_one_that_may_be_ringing(self, store: Store, make, event_type: EventType | None) -> None:
        store.write([make.claim("old")])
        if event_type is not None:
            store.write([Record("old", event_type)])
        (written,) = store.write([moved(make, "new", "old")])
        assert not written.done
        assert written.decision is not None
        assert written.decision.action is (Action.IN_FLIGHT if event_type is None else Action.IN_DOUBT)

    def test_a_claim_gives_up_the_old_name_though_it_was_never_placed(self, store: Store, make) -> None:
        assert store.write([moved(make, "new", "old")]) == [Written(True, State.IN_FLIGHT)]
        assert store.write([make.claim("old")]) == [Written(False, State.RENAMED)]
        assert store.look_up(["old"])["old"].reference_id == "new"
        assert store.verify() is None

    def test_it_stays_given_up_when_nothing_was_sent(self, store: Store, make) -> None:
        store.write([moved(make, "new", "old"), Record("new", EventType.UNSENT)])
        assert store.write([make.claim("old")]) == [Written(False, State.RENAMED)]
        entry = store.look_up(["old"])["old"]
        assert (entry.state, entry.became) == (State.RENAMED, "new")
        assert store.write([moved(make, "new", "old")]) == [Written(True, State.IN_FLIGHT)]
        assert store.verify() is None

    def test_both_names_in_one_transaction_are_claimed_once(self, store: Store, make) -> None:
        first, second = store.write([make.claim("old"), moved(make, "new", "old")])
        assert (first.done, second.done) == (True, False)
        first, second = store.write([moved(make, "b", "a"), make.claim("a")])
        assert (first.done, second.done) == (True, False)

    def test_proof_under_the_old_name_is_proof_of_the_new_one(self, store: Store, make) -> None:
        store.write([moved(make, "new", "old"), Record("new", EventType.UNSENT)])
        assert store.called_back({"old": [Leg(LONDON, "id-9", code=10)]})["old"] == Written(True, State.FINISHED)
        assert store.look_up(["new"])["new"].state is State.FINISHED
        assert store.write([moved(make, "new", "old")])[0].done is False
        assert store.verify() is None

    def test_an_operator_who_speaks_of_the_old_name_means_the_call(self, store: Store, make, address) -> None:
        store.write([moved(make, "new", "old"), Record("new", EventType.UNCLEAR)])
        store.close()
        operator = address.open()
        operation = Resolve(placed=True)
        operator.operate(operation, operator.rehearse(operation, ["old"], "seen"), "seen")
        assert operator.look_up(["new"])["new"].state is State.PLACED

    def test_what_became_another_call_is_none_of_the_next_one(self, placed: Store, make) -> None:
        rename(placed, old="new")
        assert placed.write([moved(make, "third", "old")]) == [Written(True, State.IN_FLIGHT)]
        assert placed.look_up(["old"])["old"].reference_id == "new"

    def test_a_run_that_still_names_the_old_one_loses(self, store: Store, make, address) -> None:
        other = address.open()
        assert other.look_up(["old"]) == {}
        store.write([moved(make, "new", "old")])
        assert other.write([make.claim("old")]) == [Written(False, State.RENAMED)]
        other.write([make.claim("a")])
        assert store.write([moved(make, "b", "a")])[0].done is False


def test_an_export_is_taken_back_with_its_names(placed: Store, make, address) -> None:
    rename(placed, old="new")
    rows = list(placed.export())
    from flowops.ledger.operations import imported_call

    address.init("copy")
    copy = address.open("copy")
    copy.import_calls([imported_call(row) for row in rows])
    assert copy.look_up(["old"])["old"].reference_id == "new"
    assert copy.look_up(["new"])["new"].posted_as == "old"
    assert copy.write([make.claim("old")]) == [Written(False, State.RENAMED)]
    assert copy.verify() is None
