"""Campaigns in the ledger: they exist whole or not at all, and each claim asks whether its own is placed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flowops.errors import LedgerError
from flowops.ledger import campaigns
from flowops.ledger.campaigns import Campaigns, SealedCalls
from flowops.ledger.database import iso
from flowops.ledger.operators import Resolve
from flowops.model.call import read_attempts
from flowops.model.campaign import BatchTurn, Campaign, CampaignState, CanarySettings, Left, Wait
from flowops.model.claims import Record
from flowops.model.ledger import EventType, Leg, State

if TYPE_CHECKING:
    from flowops.ledger.store import Store

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def campaign(name: str = "spring", **fields: object) -> Campaign:
    values = {
        "id": f"id-{name}",
        "name": name,
        "state": CampaignState.NEW,
        "why": None,
        "created_at": "2026-11-27T09:00:00.000Z",
        "starts_at": "2026-11-27T09:00:00.000Z",
        "ended_at": None,
        "who": "ada",
        "host": "build-7",
        "commit": "4f2a9c1",
        "digest": "sha256:00",
        "settings": {"api": "x"},
        "calls": 0,
        "phones": 0,
        "batches": 0,
        "canary": None,
    }
    return Campaign(**{**values, **fields})  # type: ignore[arg-type]


def handed_over(store: Store, name: str = "spring", *batches: list[str], **fields: object) -> Campaign:
    new = campaign(name, **fields)
    sealed = [SealedCalls(batch, [7] * len(batch), len(batch), b"sealed") for batch in batches]
    store.begin()
    return store.campaigns.hand_over(new._replace(digest="", settings={}, canary=None), sealed, lambda: new, store.run)


def test_a_campaign_is_what_was_handed_over(store: Store) -> None:
    made = handed_over(store, "spring", ["a", "b"], ["c"], canary=CanarySettings(2, 0.1, 600.0))
    assert made.state is CampaignState.RUNNING
    assert (made.calls, made.phones, made.batches) == (3, 3, 2)
    assert store.campaigns.find("spring") == store.campaigns.find(made.id) == made
    assert store.campaigns.all() == [made]
    assert store.campaigns.sealed(made.id, 1) == (0, 1, b"sealed")
    assert store.campaigns.references(made.id) == ["a", "b", "c"]


def test_a_call_waits_in_one_campaign_only(store: Store) -> None:
    handed_over(store, "spring", ["a"])
    with pytest.raises(LedgerError, match="nothing was handed over"):
        handed_over(store, "autumn", ["b"], ["c", "a"])
    assert [each.name for each in store.campaigns.all()] == ["spring"]
    assert store.campaigns.of(["a", "b", "c"]).keys() == {"a"}
    handed_over(store, "autumn", ["b"], ["c"])


def test_a_claim_of_a_campaign_is_taken_while_that_is_placed(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a", "b", "c"])
    assert store.write([make.claim("a")._replace(campaign=made.id)])[0].done
    assert store.campaigns.set(made.id, CampaignState.PAUSED, "canary")
    (paused,) = store.write([make.claim("b")._replace(campaign=made.id)])
    assert not paused.done
    assert paused.decision is not None
    assert paused.decision.reasons == ("campaign spring is paused",)
    assert store.campaigns.set(made.id, CampaignState.RUNNING)
    assert store.write([make.claim("b")._replace(campaign=made.id)])[0].done
    assert store.campaigns.set(made.id, CampaignState.CANCELLED)
    assert not store.campaigns.set(made.id, CampaignState.RUNNING)
    assert not store.write([make.claim("c")._replace(campaign=made.id)])[0].done
    assert store.write([make.claim("c")])[0].done
    assert store.verify() is None


def test_what_waits_in_a_campaign_nobody_else_claims(store: Store, make) -> None:
    handed_over(store, "spring", ["a"])
    taken, other, later = store.write([make.claim("a"), make.claim("b"), make.claim("a~2")])
    assert other.done
    assert not taken.done
    assert not later.done
    assert taken.decision is not None
    assert taken.decision.reasons == ("it waits in campaign spring: flowops campaign show id-spring",)


def test_a_turn_is_ended_once(store: Store) -> None:
    made = handed_over(store, "spring", ["a"], ["b"])
    first, second = store.campaigns.open_batches()
    assert first == BatchTurn(made.id, 0, 0, made.starts_at)
    again = store.campaigns.advance(first, NOW + timedelta(hours=1))
    assert again is not None
    assert again == BatchTurn(made.id, 0, 1, "2026-11-27T10:00:00.000Z")
    assert store.campaigns.advance(first, NOW) is None
    assert store.campaigns.advance(second, None)
    assert store.campaigns.open_batches() == [again]
    assert store.campaigns.left() == {made.id: Left(1, again.due_at)}
    assert not store.campaigns.finish(made.id)
    assert store.campaigns.advance(again, None)
    assert store.campaigns.finish(made.id)


def test_the_others_wait_for_a_canary(store: Store) -> None:
    made = handed_over(store, "spring", ["a"], ["b"], canary=CanarySettings(1, 0.0, 60.0))
    assert [batch.number for batch in store.campaigns.open_batches()] == [0]
    assert store.campaigns.end_canary(made.id)
    assert not store.campaigns.end_canary(made.id)
    assert [batch.number for batch in store.campaigns.open_batches()] == [0, 1]


def test_progress_counts_calls_by_their_state(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a", "b", "c"])
    store.write([make.claim("a")._replace(campaign=made.id), make.claim("b")._replace(campaign=made.id)])
    store.write([make.accepted("a")])
    progress = store.campaigns.progress(made.id)
    assert progress.counts == {State.PLACED: 1, State.IN_FLIGHT: 1, None: 1}
    assert progress.next_at == made.starts_at


def test_progress_counts_the_newest_attempt_of_each_call(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a", "a~x", "b"])
    for reference in ("a", "a~2", "a~10"):
        store.write([make.claim(reference)._replace(campaign=made.id)])
        store.write([make.accepted(reference)])
    store.write([make.claim("a~10x"), make.claim("ab")])
    store.write([make.claim("b")._replace(campaign=made.id)])
    store.write([Record("b", EventType.REFUSED, detail="no")])
    store.called_back({"a~2": [Leg(None, "id-a~2", code=9)]})
    assert store.campaigns.progress(made.id).counts == {State.PLACED: 1, State.REJECTED: 1, None: 1}
    assert store.campaigns.answered(made.id) == (1, 4)


def test_it_is_counted_what_calls_wait_for(store: Store) -> None:
    made = handed_over(store, "spring", ["a", "b"], ["c"], ["d"], canary=CanarySettings(2, 0.1, 600.0))
    assert store.campaigns.waiting() == {made.id: {Wait.WORKER: 2, Wait.CANARY: 2}}
    store.campaigns.end_canary(made.id)
    first, second, _ = store.campaigns.open_batches()
    store.campaigns.advance(first, NOW, {Wait.TIME: 1, Wait.OUTCOME: 1})
    store.campaigns.advance(second, None)
    assert store.campaigns.progress(made.id).waiting == {Wait.TIME: 1, Wait.OUTCOME: 1, Wait.WORKER: 1}
    store.campaigns.set(made.id, CampaignState.PAUSED, "x")
    assert store.campaigns.waiting() == {made.id: {Wait.PAUSED: 3}}


def test_what_is_due_within_a_while_is_hastened(store: Store) -> None:
    made = handed_over(store, "spring", ["a"], ["b"], ["c"], starts_at="2026-11-27T09:00:20.000Z")
    first, second, _ = store.campaigns.open_batches()
    store.campaigns.advance(first, NOW)
    store.campaigns.advance(second, NOW + timedelta(hours=1))
    store.campaigns.hasten([made.id], NOW, NOW + timedelta(seconds=30))
    found = {turn.number: (turn.turn, turn.due_at[11:19]) for turn in store.campaigns.open_batches()}
    assert found == {0: (1, "09:00:00"), 1: (1, "10:00:00"), 2: (1, "09:00:00")}


SOON, LATE = datetime(2099, 1, 1, 9, 0, 10, tzinfo=UTC), datetime(2099, 1, 1, 9, 30, tzinfo=UTC)


def called(store: Store, make, made: Campaign, *references: str) -> None:
    """Place calls that may be tried twice."""
    for reference in references:
        claim = make.claim(reference)
        twice = claim.call._replace(attempts=read_attempts({"max": 2, "after": "1s"}))
        assert store.write([claim._replace(call=twice, campaign=made.id)])[0].done
        store.write([make.accepted(reference, call_id=f"id-{reference}")])


def test_an_outcome_that_is_told_brings_its_batch_forward_once(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a", "b"], ["c"])
    called(store, make, made, "a", "b", "c")
    turns = [store.campaigns.advance(turn, LATE, {Wait.OUTCOME: 1}) for turn in store.campaigns.open_batches()]
    store.called_back({"a": [Leg(None, "id-a", code=9)]})
    finished = store.campaigns.told()
    assert finished is not None
    assert finished.attempts == {"a": 1}
    (forward,) = store.campaigns.hear(finished.serial, {"a": SOON})
    assert turns[0] is not None
    assert forward == turns[0]._replace(turn=2, due_at="2099-01-01T09:00:10.000Z")
    assert store.campaigns.told() is None
    assert store.campaigns.hear(finished.serial, {"a": SOON}) == []
    assert store.campaigns.waiting() == {made.id: {Wait.OUTCOME: 2}}
    assert forward in store.campaigns.open_batches()


def test_an_outcome_that_comes_while_a_batch_is_gone_through_has_it_looked_at_again(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a"])
    (turn,) = store.campaigns.open_batches()
    called(store, make, made, "a")
    assert store.campaigns.hear(store.checkpoint().serial, {"a": SOON}) == []  # it is being gone through
    again = store.campaigns.advance(turn, LATE)
    assert again is not None
    assert again.due_at == "2099-01-01T09:00:10.000Z"
    third = store.campaigns.advance(again, LATE)
    assert third is not None
    assert third.due_at == "2099-01-01T09:30:00.000Z"


def test_a_batch_is_looked_at_as_soon_as_the_last_outcome_that_it_waits_for_has_come(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a", "b"], ["c", "d"])
    first, second = store.campaigns.open_batches()
    called(store, make, made, "a", "b", "c", "d")
    turn = store.campaigns.advance(first, LATE, {Wait.OUTCOME: 2})
    store.campaigns.advance(second, LATE, {Wait.OUTCOME: 1, Wait.TIME: 1})
    serial = store.checkpoint().serial
    assert store.campaigns.hear(serial, {}, ["a", "c"]) == []
    assert store.campaigns.waiting() == {made.id: {Wait.OUTCOME: 1, Wait.TIME: 1}}
    assert turn is not None
    (forward,) = store.campaigns.hear(serial, {}, ["b"])
    assert (forward.number, forward.turn) == (turn.number, turn.turn + 1)
    assert forward.due_at < turn.due_at
    again = store.campaigns.advance(forward, None)
    assert again is not None
    assert store.campaigns.hear(serial, {}, ["a"]) == []  # it is done


def test_a_call_that_ends_while_its_batch_is_gone_through_has_it_looked_at_again(store: Store, make) -> None:
    made = handed_over(store, "spring", ["a"])
    (turn,) = store.campaigns.open_batches()
    called(store, make, made, "a")
    assert store.campaigns.hear(store.checkpoint().serial, {}, ["a"]) == []
    again = store.campaigns.advance(turn, LATE, {Wait.OUTCOME: 1})
    assert again is not None
    assert again.due_at < iso(LATE)


def test_only_outcomes_are_asked_for_that_may_make_another_attempt_due(store: Store, make, monkeypatch) -> None:
    monkeypatch.setattr(campaigns, "EVENTS_AT_ONCE", 2)
    store.write([make.claim("before"), make.accepted("before")])
    store.called_back({"before": [Leg(None, "id-1", code=9)]})
    assert store.campaigns.told() is None  # nothing is placed by campaigns
    made = handed_over(store, "spring", ["a", "once"])
    assert store.campaigns.told() is None
    called(store, make, made, "a")
    store.write([make.claim("once")._replace(campaign=made.id), make.accepted("once", call_id="id-2")])
    store.called_back({"once": [Leg(None, "id-2", code=9)], "a": [Leg(None, "id-a", code=9)]})
    found = {}
    while (finished := store.campaigns.told()) is not None:
        found.update(finished.attempts)
        store.campaigns.hear(finished.serial, {})
    assert found == {"a": 1}
    store.campaigns.set(made.id, CampaignState.PAUSED, "x")
    store.write([make.claim("other"), make.accepted("other", call_id="id-3")])
    assert store.campaigns.told() is None


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_batch_that_is_done_is_looked_at_again_once_an_operator_has_made_a_call_of_it_placeable(
    store: Store, make, address, is_paused: bool
) -> None:
    made = handed_over(store, "spring", ["a", "b"], ["c"])
    first, _ = store.campaigns.open_batches()
    store.write([make.claim("a")._replace(campaign=made.id)])
    store.write([Record("a", EventType.UNCLEAR, detail="no answer")])
    done = store.campaigns.advance(first, None)
    assert done is not None
    store.close()
    store = address.open()
    if is_paused:
        store.campaigns.set(made.id, CampaignState.PAUSED, "x")
    word = Resolve(placed=False)
    store.operate(word, store.rehearse(word, ["a"], "r"), "r")
    store.campaigns.set(made.id, CampaignState.RUNNING)
    told = store.campaigns.told()
    assert told is not None
    assert told.placeable == {"a"}
    (again,) = store.campaigns.hear(told.serial, dict.fromkeys(told.placeable, SOON))
    assert (again.number, again.turn, again.due_at) == (0, done.turn + 1, iso(SOON))
    assert again in store.campaigns.open_batches()
    assert store.campaigns.advance(again, None)
    assert store.campaigns.hear(told.serial, {}, ["b"]) == []


def test_what_a_campaign_that_is_over_has_left_is_in_nobodys_way(store: Store, make, address, monkeypatch) -> None:
    made = handed_over(store, "spring", ["a", "b"])
    monkeypatch.setattr(Campaigns, "_forget_calls", lambda *_: None)
    store.campaigns.set(made.id, CampaignState.CANCELLED)
    handed_over(store, "autumn", ["b"])
    assert list(store.campaigns.of(["a", "b"])) == ["b"]
    taken, held = store.write([make.claim("a"), make.claim("b")])
    assert (taken.done, held.done) == (True, False)


def test_many_calls_are_written_and_deleted_some_at_a_time(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(campaigns, "WRITTEN_AT_ONCE", 2)
    monkeypatch.setattr(campaigns, "DELETED_AT_ONCE", 2)
    made = handed_over(store, "spring", *([f"r{number}"] for number in range(5)))
    assert (made.batches, made.calls) == (5, 5)
    assert [turn.number for turn in store.campaigns.open_batches()] == [0, 1, 2, 3, 4]
    store.campaigns.set(made.id, CampaignState.CANCELLED)
    assert store.campaigns.references(made.id) == []


def test_what_ended_is_purged_with_its_rows(store: Store) -> None:
    old = handed_over(store, "spring", ["a"])
    store.campaigns.set(old.id, CampaignState.FINISHED)
    assert store.campaigns.purge(datetime.now(UTC) + timedelta(seconds=1)) == [old.id]
    assert store.campaigns.sealed(old.id, 0) is None
    assert not store.campaigns.exist()


def test_what_is_handed_over_by_a_run_that_lives_is_left_to_it(store: Store, address) -> None:
    made = handed_over(store, "spring", ["a"])
    address.sql("UPDATE flowops_campaigns SET state = 'new'")
    store.campaigns.undo_unfinished()
    assert store.campaigns.sealed(made.id, 0) is not None
    address.sql("UPDATE flowops_campaigns SET run = 'dead'")
    store.campaigns.undo_unfinished()
    assert store.campaigns.sealed(made.id, 0) is None


def test_a_run_that_was_taken_for_dead_hands_nothing_over(store: Store, address) -> None:
    def taken_for_dead() -> Campaign:
        address.sql("UPDATE flowops_campaigns SET run = ''")
        return campaign()

    sealed = [SealedCalls(["a"], [7], 1, b"sealed")]
    with pytest.raises(LedgerError, match="suspended so long"):
        store.campaigns.hand_over(campaign(), sealed, taken_for_dead, store.run)
    assert not store.campaigns.exist()
    assert store.campaigns.sealed("id-spring", 0) is None
