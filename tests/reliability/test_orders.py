"""An answer, callbacks, a record and the end of a lease, in every order there is: the ledger says the same in the end.

Each order has a call of its own. All calls of one step are told together, so that hundreds of orders fit into one
ledger; each position at which a lease may end has a run of its own, that claims the calls for which it does.
"""

from __future__ import annotations

import os
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from support.values import call

from flowops.model.claims import Claim, Record
from flowops.model.ledger import EventType, Leg, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support.postgres import Server
    from support.repository import Maker, Repository

    from flowops.ledger.store import Store
    from flowops.model.ledger import Entry

    Order = tuple[str, ...]

ONE, TWO = "+442079460001", "+12125550143"
#: What may happen to a call of one callee: its callback comes twice.
SINGLE = ("answer", "callback one", "callback one again", "record", "lease ends")
#: The same with two callees.
DOUBLE = ("answer", "callback one", "callback one again", "callback two", "record", "lease ends")
#: What a run may hear in place of a good answer, although phones ring.
ANSWERS = (EventType.ACCEPTED, EventType.UNCLEAR, EventType.REFUSED)


class Replay:
    """All orders of some events, each of them the story of one call."""

    def __init__(self, here: Repository, events: Sequence[str], answer: EventType) -> None:
        self.callees = (ONE, TWO) if "callback two" in events else (ONE,)
        self.orders: dict[str, Order] = {
            f"call-{number}": order for number, order in enumerate(dict.fromkeys(permutations(events)))
        }
        self._answer = answer
        self._here = here
        self._ledger = here.open(readonly=False)
        self._runs = [here.open(readonly=False) for _ in events]

    def play(self, end_lease: Callable[[Repository, Store], None]) -> dict[str, Entry]:
        """Tell the ledger all stories; the calls as it knows them in the end."""
        for position, run in enumerate(self._runs):
            run.write([Claim(call(name, *self.callees), "v1:sha256:00") for name in self._of_run(position)])
        for position, run in enumerate(self._runs):
            at = {name: order[position] for name, order in self.orders.items()}
            for holder, story in enumerate(self._runs):
                story.write([self._record(name) for name in self._of_run(holder) if at[name] == "answer"])
            self._ledger.recorded({name: [self._leg(name, ONE)] for name, event in at.items() if event == "record"})
            # As `called_back` does for one call, for all of them in one transaction.
            heard = {
                name: [self._leg(name, TWO if event == "callback two" else ONE, code=10)]
                for name, event in at.items()
                if event.startswith("callback")
            }
            assert None not in self._ledger._prove(EventType.CALLED_BACK, heard, unknown=State.PLACED).values()
            end_lease(self._here, run)
            self._ledger.sweep()
        assert self._ledger.verify() is None
        entries = self._ledger.look_up(list(self.orders))
        for store in (*self._runs, self._ledger):
            store.close()
        return entries

    def _of_run(self, position: int) -> Iterator[str]:
        """The calls whose lease ends at this position."""
        return (name for name, order in self.orders.items() if order[position] == "lease ends")

    def _record(self, name: str) -> Record:
        accepted = self._answer is EventType.ACCEPTED
        legs = tuple(self._leg(name, callee) for callee in self.callees) if accepted else ()
        return Record(name, self._answer, legs, detail=None if accepted else "500")

    def _leg(self, name: str, callee: str, code: int | None = None) -> Leg:
        return Leg(callee, f"{name}-{callee}", code=code, description="ended" if code else None)


@pytest.fixture
def end_lease(request: pytest.FixtureRequest) -> Callable[[Repository, Store], None]:
    """Makes a run seem dead that may yet say something: frozen, and then awake again."""

    def end(here: Repository, run: Store) -> None:
        if here.ledger_url.startswith("sqlite"):
            held = run._database._leases._held
            for descriptor in held.values():
                os.close(descriptor)
            held.clear()
        else:
            server: Server = request.getfixturevalue("server")
            statement = f"UPDATE flowops_runs SET beat_at = beat_at - interval '1 minute' WHERE run = '{run.run}'"
            server.execute(statement, here.ledger_url)

    return end


def say(name: str, entry: Entry) -> tuple[object, ...]:
    """What the ledger says of a call, but for the name, the times, and how many events it took."""
    legs = sorted((leg.shown, leg.call_id.removeprefix(name), leg.code, leg.description) for leg in entry.legs)
    return entry.state, entry.error, entry.fingerprint, entry.body["voicemail-response"], tuple(legs)


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_order_of_one_callee_ends_the_same(
    repository: Maker, end_lease: Callable[[Repository, Store], None], answer: EventType
) -> None:
    replay = Replay(repository(1), SINGLE, answer)
    assert len(replay.orders) == 120
    entries = replay.play(end_lease)
    assert {say(name, entries[name]) for name in replay.orders} == {
        (State.FINISHED, None, "v1:sha256:00", "Stop", (("+44 20 79•• ••01", f"-{ONE}", 10, "ended"),))
    }


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_order_of_two_callees_ends_the_same(
    sqlite: Maker, end_lease: Callable[[Repository, Store], None], answer: EventType
) -> None:
    replay = Replay(sqlite(1), DOUBLE, answer)
    assert len(replay.orders) == 720
    entries = replay.play(end_lease)
    legs = (("+1 212 5•• ••43", f"-{TWO}", 10, "ended"), ("+44 20 79•• ••01", f"-{ONE}", 10, "ended"))
    assert {say(name, entries[name]) for name in replay.orders} == {
        (State.FINISHED, None, "v1:sha256:00", "Stop", legs)
    }


@pytest.mark.parametrize(
    ("events", "states"),
    [
        # What a late "no" is worth: before the lease ends it is proof, behind it the call is in doubt already.
        (("lease ends",), {State.IN_DOUBT}),
        (("answer", "lease ends"), {State.REJECTED, State.IN_DOUBT}),
        # A record proves that the call was placed, whatever the answer said, but not how it ended.
        (("answer", "record", "lease ends"), {State.PLACED}),
    ],
    ids=["no answer", "a refusal", "a refusal and a record"],
)
def test_the_orders_that_differ_are_these(
    repository: Maker, end_lease: Callable[[Repository, Store], None], events: Order, states: set[State]
) -> None:
    replay = Replay(repository(1), events, EventType.REFUSED)
    assert {entry.state for entry in replay.play(end_lease).values()} == states


def test_of_two_callbacks_that_contradict_each_other_the_first_one_stands(repository: Maker) -> None:
    store = repository(1).open(readonly=False)
    store.write([Claim(call("a", ONE), "v1:sha256:00")])
    for code in (10, 12):
        store.called_back({"a": [Leg(ONE, "id-1", code=code)]})
    assert [leg.code for leg in store.look_up(["a"])["a"].legs] == [10]
    store.close()


@pytest.mark.parametrize("proof", [EventType.UNSENT, EventType.THROTTLED, EventType.UNAUTHORIZED, EventType.FORBIDDEN])
def test_a_callback_counts_before_and_behind_the_proof_that_nothing_was_sent(
    repository: Maker, proof: EventType
) -> None:
    store = repository(1).open(readonly=False)
    store.write([Claim(call(name, ONE), "v1:sha256:00") for name in "ab"])
    store.write([Record("a", proof)])
    assert store.called_back({"a": [Leg(ONE, "id-1", code=10)]})["a"] is not None
    assert store.called_back({"b": [Leg(ONE, "id-1", code=10)]})["b"] is not None
    store.write([Record("b", proof)])
    assert {name: entry.state for name, entry in store.look_up(["a", "b"]).items()} == dict.fromkeys(
        "ab", State.FINISHED
    )
    store.close()
