"""A run and the other runs on its ledger."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from support.runs import outcomes

from flowops.apply.outcome import exit_code
from flowops.model.ledger import Leg, State
from flowops.model.plan import Action
from flowops.model.result import Outcome


def test_a_call_that_another_run_places_meanwhile_is_unchanged(given, kit):
    other = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.rows["a"] = other
    given.ledger.database.live.add("other")
    looks = []

    def on_look():
        looks.append(1)
        if len(looks) == 3:
            other.state, other.legs = State.PLACED, (Leg(None, "call-1"),)

    given.ledger.on_look = on_look
    plan = kit.plan_of("a", "b")
    result = given.run(plan)
    assert [(call.outcome, call.call_ids) for call in result.calls] == [
        (Outcome.UNCHANGED, ("call-1",)),
        (Outcome.PLACED, ("call-b",)),
    ]
    assert given.api.references == ["b"]
    assert exit_code(result) == 0


def test_a_call_that_the_plan_saw_in_flight_elsewhere_is_waited_for(given, kit):
    other = given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.ledger.on_look = lambda: setattr(other, "state", State.FINISHED)
    plan = kit.plan_of(kit.planned("a", Action.IN_FLIGHT))
    result = given.run(plan)
    assert (outcomes(result), exit_code(result)) == ({"a": Outcome.UNCHANGED}, 0)


def test_a_call_whose_other_run_dies_is_in_doubt(given, kit):
    given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.ledger.on_look = lambda: given.ledger.database.live.discard("other")
    plan = kit.plan_of("a")
    result = given.run(plan)
    assert (outcomes(result), exit_code(result)) == ({"a": Outcome.IN_DOUBT}, 7)
    assert given.ledger.database.rows["a"].state is State.IN_DOUBT


@pytest.mark.parametrize(
    ("state", "fingerprint", "outcome", "code", "error"),
    [
        (
            State.PLACED,
            "v1:x",
            Outcome.CONFLICT,
            9,
            "another run placed this reference-id with other content; give it a new reference-id, or accept the edit",
        ),
        (State.REJECTED, "v1:a", Outcome.NOT_ATTEMPTED, 6, "another run had it refused: the API answered 400"),
        (None, "", Outcome.NOT_ATTEMPTED, 6, "another run had it and did not place it; run apply again"),
    ],
)
def test_a_call_that_another_run_did_not_place_so_is_told(given, kit, state, fingerprint, outcome, code, error):
    rows = given.ledger.database.rows
    rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")

    def on_look():
        rows.pop("a", None)
        if state is not None:
            rows["a"] = kit.Row(state, fingerprint, "other", error="the API answered 400")

    given.ledger.on_look = on_look
    plan = kit.plan_of("a")
    result = given.run(plan)
    assert [(call.outcome, call.error) for call in result.calls] == [(outcome, error)]
    assert exit_code(result) == code


def test_a_call_that_the_plan_saw_in_flight_and_its_run_put_back_is_told_as_not_placed(given, kit):
    """Not as one that is still in flight: nobody has it any more, and this run was not to place it."""
    result = given.run(kit.plan_of(kit.planned("a", Action.IN_FLIGHT)))
    assert [(call.outcome, call.error) for call in result.calls] == [
        (Outcome.NOT_ATTEMPTED, "another run had it and did not place it; run apply again")
    ]
    assert (given.api.references, exit_code(result)) == ([], 6)


def test_a_signal_ends_the_wait_for_other_runs(given, kit):
    given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.hurry(first_look=3600.0)

    async def main():
        given.ledger.on_look = partial(asyncio.get_running_loop().call_soon_threadsafe, given.shutdown.request, 15)
        return await given.apply(plan)

    plan = kit.plan_of("a")
    result = asyncio.run(main())
    [call] = result.calls
    assert (call.outcome, call.error) == (Outcome.IN_FLIGHT, "still in flight in another run")
    assert exit_code(result) == 143


def test_patience_with_other_runs_ends(given, kit):
    given.ledger.database.rows["a"] = kit.Row(State.IN_FLIGHT, kit.planned("a").fingerprint, "other")
    given.ledger.database.live.add("other")
    given.hurry(patience=0.0)
    result = given.run(kit.plan_of("a"))
    [call] = result.calls
    assert (call.outcome, call.error) == (Outcome.IN_FLIGHT, "still in flight in another run")
    assert exit_code(result) == 0


def test_two_runs_at_once_post_each_call_once(kit):
    async def main():
        database, api = kit.Database(), kit.FakeApi()
        names = [f"call-{number}" for number in range(200)]
        runs = [kit.Given(kit.FakeLedger(database, name), api) for name in ("one", "two")]
        results = await asyncio.gather(*(run.apply(kit.plan_of(*names)) for run in runs))
        return names, api, results

    names, api, results = asyncio.run(main())
    assert sorted(api.references) == sorted(names)
    for result in results:
        assert {call.outcome for call in result.calls} <= {Outcome.PLACED, Outcome.UNCHANGED}
    assert sum(result.counts()[Outcome.PLACED] for result in results) == len(names)
