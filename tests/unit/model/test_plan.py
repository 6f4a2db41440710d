"""What a plan keeps of many calls: what is asked for is what was decided."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from support.plans import decided
from support.values import document_at

from flowops.model.call import FINGERPRINT, HASH_BYTES, Call, Origin
from flowops.model.plan import SENDING, Action, Change, Plan, PlannedBatch, PlannedCall, PlannedReference

AT = datetime(2026, 11, 25, tzinfo=UTC)
PLACES = [document_at("calls/a.yaml", "CallSet", line) for line in (1, 9)]


def planned(number: int, action: Action, place: int = 0) -> PlannedCall:
    reference = f"r-{number}"
    callees = [f"+4420794601{number:02}" for number in range(number % 3 + 1)]
    call = Call(
        reference, {"instruction-id": reference, "callees": callees}, None, frozenset(), Origin(PLACES[place], {})
    )
    change = (Change("/a", 1, 2),) if action is Action.CONFLICT else ()
    until = AT if action is Action.DEFERRED else None
    fingerprint = FINGERPRINT + sha256(reference.encode()).hexdigest()
    return PlannedCall(call, fingerprint, action, change, (f"why {number}",) if change or until else (), until)


def plan_of(calls: list[PlannedCall]) -> Plan:
    return Plan("test", None, None, **decided(calls), unnamed=0, digest="")


def kept(item: PlannedCall) -> PlannedReference:
    return PlannedReference(
        item.reference_id, item.fingerprint, item.action, item.changes, item.reasons, item.until, phones=item.phones
    )


CALLS = st.lists(st.tuples(st.sampled_from(Action), st.integers(0, 1)), max_size=30).map(
    lambda drawn: [planned(number, *each) for number, each in enumerate(drawn)]
)


@given(CALLS)
def test_what_is_kept_of_the_calls_is_what_was_planned(calls: list[PlannedCall]) -> None:
    plan = plan_of(calls)
    assert list(plan.references()) == [kept(item) for item in calls]
    assert plan.counts() == {action: sum(item.action is action for item in calls) for action in Action}
    assert plan.phones() == {action: sum(item.phones for item in calls if item.action is action) for action in Action}
    assert plan.size == sum(item.action.sends for item in calls)
    assert list(plan.references(*SENDING)) == [kept(item) for item in calls if item.action.sends]
    for batch in plan.batches:
        assert batch.size == sum(batch.counts().values()) == len(list(batch.references))


@given(CALLS)
def test_a_few_of_each_document_and_action_are_shown_and_each_that_needs_somebody(calls: list[PlannedCall]) -> None:
    shown = plan_of(calls).shown
    assert [item for item in calls if item in shown] == list(shown), "in their order, each once"
    for place in PLACES:
        for action in Action:
            here = [item for item in calls if item.action is action and item.call.origin.document is place]
            count = sum(item in shown for item in here)
            if action is Action.UNCHANGED:
                assert count == 0
            elif action in (Action.CONFLICT, Action.IN_DOUBT):
                assert count == len(here)
            else:
                assert [item in shown for item in here] == [at < 3 for at in range(len(here))]


def test_a_call_takes_about_a_hundred_and_forty_bytes() -> None:
    count = 1_000
    tracemalloc.start()
    batch = PlannedBatch(
        PLACES[0].place(),
        frozenset(),
        tuple(f"reminder-2026-{number:010}" for number in range(count)),
        bytes(HASH_BYTES) * count,
        bytes(count),
        {},
    )
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.size == count
    assert size / count < 140
