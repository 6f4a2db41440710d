"""Attempts in the ledger: a claim looks again at those before, and evidence of one proves them all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.operators import operate

from flowops.app.policy_run import _with_attempts
from flowops.ledger.database import iso
from flowops.ledger.operators import Rename
from flowops.model.call import read_attempts
from flowops.model.claims import Record
from flowops.model.ledger import EventType, Leg, State
from flowops.model.plan import Action
from flowops.plan.chains import standing_of

if TYPE_CHECKING:
    from flowops.ledger.store import Store
    from flowops.model.claims import Claim, Written

THREE = read_attempts({"max": 3, "on": ["no-answer", "failed"], "after": "1h"})
LATER = datetime.now(UTC) + timedelta(hours=2)


def claim_of(make, reference: str, attempt: int = 1, at: datetime = LATER) -> Claim:
    """The claim of an attempt of a call that may be tried three times."""
    claim = make.claim(reference)
    call = claim.call._replace(attempts=THREE, attempt=attempt)
    return claim._replace(call=call, condition=_with_attempts(call, None, at))


def ended(store: Store, make, reference: str, code: int, attempt: int = 1) -> None:
    """Let an attempt be placed, and end."""
    (taken,) = store.write([claim_of(make, reference, attempt)])
    assert taken.done, taken
    store.write([make.accepted(reference)])
    store.called_back({reference: [Leg(None, "id-1", code=code)]})


def asked(store: Store, make, reference: str, attempt: int, at: datetime = LATER) -> Written:
    return store.write([claim_of(make, reference, attempt, at)])[0]


def test_the_next_attempt_is_taken_behind_an_outcome_that_asks_for_it(store: Store, make) -> None:
    ended(store, make, "a", 9)
    assert asked(store, make, "a~2", 2).done
    assert store.verify() is None


def test_not_before_it_is_due(store: Store, make) -> None:
    ended(store, make, "a", 9)
    soon = asked(store, make, "a~2", 2, datetime.now(UTC))
    assert not soon.done
    assert soon.decision is not None
    assert soon.decision.action is Action.DEFERRED


@pytest.mark.parametrize("code", [10, 12])
def test_not_behind_another_outcome(store: Store, make, code: int) -> None:
    ended(store, make, "a", code)
    taken = asked(store, make, "a~2", 2)
    assert not taken.done
    assert taken.decision is not None
    assert taken.decision.action is Action.BLOCKED


def test_not_behind_an_attempt_that_is_open_refused_or_unknown(store: Store, make) -> None:
    assert not asked(store, make, "a~2", 2).done
    store.write([claim_of(make, "a")])
    assert not asked(store, make, "a~2", 2).done
    store.write([make.accepted("a")])
    assert not asked(store, make, "a~2", 2).done
    store.write([claim_of(make, "b"), Record("b", EventType.REFUSED, detail="400")])
    assert not asked(store, make, "b~2", 2).done


def test_not_when_a_code_that_came_late_says_that_it_was_completed(store: Store, make) -> None:
    ended(store, make, "a", 9)
    store.called_back({"a": [Leg(None, "id-1", code=10)]})
    assert not asked(store, make, "a~2", 2).done


def test_no_more_than_the_first_claim_was_made_with(store: Store, make) -> None:
    for attempt, reference in enumerate(("a", "a~2", "a~3"), 1):
        ended(store, make, reference, 9, attempt)
    assert not asked(store, make, "a~4", 4).done
    store.write([make.claim("alone"), make.accepted("alone")])
    store.called_back({"alone": [Leg(None, "id-1", code=9)]})
    assert not asked(store, make, "alone~2", 2).done, "its document had no attempts when it was claimed"


def test_evidence_of_an_attempt_proves_those_before_it(store: Store, make) -> None:
    store.called_back({"lost~3": [Leg(None, "id-3", code=9)]})
    found = store.look_up(["lost", "lost~2", "lost~3"])
    assert [found[name].state for name in ("lost", "lost~2", "lost~3")] == [
        State.PLACED,
        State.PLACED,
        State.FINISHED,
    ]
    assert not store.write([make.claim("lost")])[0].done
    assert store.verify() is None


@pytest.mark.parametrize("state", ["in doubt", "refused"])
def test_evidence_of_what_only_looks_like_an_attempt_says_nothing_of_a_call_that_has_none(
    store: Store, make, state: str
) -> None:
    event_type = EventType.UNCLEAR if state == "in doubt" else EventType.REFUSED
    store.write([make.claim("alone"), Record("alone", event_type)])
    before = store.look_up(["alone"])["alone"]
    store.called_back({"alone~2": [Leg(None, "id-2", code=9)]})
    found = store.look_up(["alone", "alone~2"])
    assert (found["alone"], found["alone~2"].state) == (before, State.FINISHED)
    assert store.verify() is None


def test_a_record_that_only_makes_a_doubt_makes_one_of_each(store: Store) -> None:
    store.recorded({"lost~2": [Leg(None, "id-2", code=10)]}, unknown=State.IN_DOUBT)
    assert {name: entry.state for name, entry in store.look_up(["lost", "lost~2"]).items()} == {
        "lost": State.IN_DOUBT,
        "lost~2": State.IN_DOUBT,
    }


def test_a_call_that_is_known_is_left_as_it_is(store: Store, make) -> None:
    ended(store, make, "a", 9)
    store.called_back({"a~2": [Leg(None, "id-2", code=9)]})
    assert store.look_up(["a"])["a"].state is State.FINISHED


def test_an_attempt_that_is_open_is_found_by_its_call(store: Store, make) -> None:
    ended(store, make, "a", 9)
    assert store.open_attempts() == {}
    store.write([make.claim("alone"), make.accepted("alone"), make.claim("alone~2")])
    store.write([claim_of(make, "a~2", 2)])
    assert {name: entry.reference_id for name, entry in store.open_attempts().items()} == {"a": "a~2"}
    store.write([Record("a~2", EventType.UNCLEAR)])
    assert store.open_attempts()["a"].state is State.IN_DOUBT
    store.called_back({"a~2": [Leg(None, "id-2", code=9)]})
    assert store.open_attempts() == {}


@pytest.mark.parametrize("named", ["a", "b"])
def test_within_counts_from_the_first_claim_also_of_a_first_attempt_that_was_refused(
    store: Store, make, named: str
) -> None:
    began = datetime(2026, 1, 1, 9, tzinfo=UTC)
    claim, later = claim_of(make, "a"), began + timedelta(days=2)
    store.write([claim, Record("a", EventType.REFUSED, detail="400")], iso(began))
    store.write([claim, make.accepted("a")], iso(later))
    store.write([Record("a", EventType.CALLED_BACK, (Leg(None, "id-1", code=9),))], iso(later))
    if named == "b":
        operate(store, Rename({"a": "b"}), "a")
    tried = store.tried([named])[named]
    assert (tried.claimed_at, tried.first_claimed_at) == (iso(later), iso(began))
    within = timedelta(days=2, hours=1)
    assert standing_of(THREE, [tried._replace(attempts=THREE._replace(within=within))]).due == later + THREE.after[0]
    shorter = tried._replace(attempts=THREE._replace(within=within - timedelta(seconds=1)))
    assert standing_of(THREE, [shorter]).due is None


def test_a_claim_that_left_the_call_as_it_was_does_not_count(store: Store, make) -> None:
    began = datetime(2026, 1, 1, 9, tzinfo=UTC)
    claim, later = claim_of(make, "a"), began + timedelta(days=2)
    store.write([claim, Record("a", EventType.UNSENT, detail="no route")], iso(began))
    store.write([claim, make.accepted("a")], iso(later))
    assert store.tried(["a"])["a"].first_claimed_at == iso(later)
