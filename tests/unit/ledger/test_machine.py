"""Anything in any order, on both databases, against a dictionary; and no phone that might ring twice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from support.operators import resolve

from flowops.model.claims import Record
from flowops.model.ledger import EventType, Leg, State

IN_FLIGHT, PLACED, FINISHED, REJECTED, IN_DOUBT = (
    State.IN_FLIGHT,
    State.PLACED,
    State.FINISHED,
    State.REJECTED,
    State.IN_DOUBT,
)
RUNS, REFERENCES = st.sampled_from([0, 1]), st.sampled_from("abc")
ANSWERS = st.sampled_from(
    [
        EventType.ACCEPTED,
        EventType.REFUSED,
        EventType.UNAUTHORIZED,
        EventType.FORBIDDEN,
        EventType.UNSENT,
        EventType.THROTTLED,
        EventType.UNCLEAR,
    ]
)


@dataclass
class Known:
    """What the dictionary says of a call: `posts` counts requests that may have rung the phone."""

    state: State | None = None
    before: State | None = None
    run: int | None = None
    posts: int = 0


class Machine(RuleBasedStateMachine):
    """Two runs, an operator and the API's callbacks, on one ledger."""

    address = make = None

    def __init__(self) -> None:
        super().__init__()
        self.environment = uuid.uuid4().hex
        self.address.init(self.environment)
        self.operator = self.address.open(self.environment)
        self.runs = [self.address.open(self.environment) for _ in range(2)]
        self.known = {reference: Known() for reference in "abc"}
        #: The runs that hold a lease: from their first claim on.
        self.leased: set[int] = set()

    def teardown(self) -> None:
        for store in (self.operator, *self.runs):
            store.close()
            self.address.stores.remove(store)

    @rule(run=RUNS, reference=REFERENCES)
    def claim(self, run: int, reference: str) -> None:
        known = self.known[reference]
        (written,) = self.runs[run].write([self.make.claim(reference)])
        self.leased.add(run)
        assert written.done == (known.state in (None, REJECTED))
        if written.done:
            known.posts += 1
            assert known.posts == 1, "an earlier request may have rung the phone"
            known.before, known.state, known.run = known.state, IN_FLIGHT, run
        assert written.state == known.state

    @rule(run=RUNS, reference=REFERENCES, event_type=ANSWERS)
    def answer(self, run: int, reference: str, event_type: EventType) -> None:
        known = self.known[reference]
        legs = (Leg("+442079460023", "id"),) if event_type is EventType.ACCEPTED else ()
        (written,) = self.runs[run].write([Record(reference, event_type, legs)])
        if event_type is EventType.ACCEPTED:
            assert written.done
            known.run = run if known.state is None else known.run
            if known.state in (None, IN_FLIGHT, IN_DOUBT, REJECTED):
                known.state, known.posts = PLACED, 1
        elif known.state is None and event_type is EventType.UNCLEAR:
            assert written.done
            known.state, known.run, known.posts = IN_DOUBT, run, 1
        elif known.run == run and known.state is IN_FLIGHT:
            assert written.done
            if event_type is EventType.UNCLEAR:
                known.state = IN_DOUBT
            else:
                known.posts = 0
                known.state = REJECTED if event_type is EventType.REFUSED else known.before
        else:
            settled = known.run == run and known.state in (PLACED, FINISHED, IN_DOUBT)
            assert written.done == settled
        assert written.state == known.state

    @rule(reference=REFERENCES)
    def call_back(self, reference: str) -> None:
        known = self.known[reference]
        written = self.operator.called_back({reference: [Leg("+442079460023", "id", code=10)]})[reference]
        assert written is not None
        known.run = None if known.state is None else known.run
        known.state, known.posts = FINISHED, 1

    @rule(run=RUNS)
    def die(self, run: int) -> None:
        self.runs[run].close()
        self.leased.discard(run)
        self.address.stores.remove(self.runs[run])
        self.runs[run] = self.address.open(self.environment)
        lost = [name for name, known in self.known.items() if known.run == run and known.state is IN_FLIGHT]
        assert self.operator.sweep() == lost
        for known in self.known.values():
            if known.run == run:
                known.run = None
                known.state = IN_DOUBT if known.state is IN_FLIGHT else known.state

    @rule(reference=REFERENCES, placed=st.booleans())
    def resolve(self, reference: str, placed: bool) -> None:
        known = self.known[reference]
        lease_ended = known.run not in self.leased
        possible = known.state is IN_DOUBT and (placed or lease_ended)
        if possible or (placed and known.state in (None, REJECTED)):
            assert resolve(self.operator, reference, placed=placed) == ("placed" if placed else "rejected")
            known.run = None if known.state is None else known.run
            known.state, known.posts = (PLACED, 1) if placed else (REJECTED, 0)
        else:
            assert resolve(self.operator, reference, placed=placed) not in ("placed", "rejected")

    @rule()
    def purge(self) -> None:
        self.operator.purge(datetime.now(UTC) + timedelta(days=1))

    @invariant()
    def the_ledger_says_what_the_dictionary_says(self) -> None:
        entries = self.operator.look_up(list(self.known))
        assert {name: entry.state for name, entry in entries.items()} == {
            name: known.state for name, known in self.known.items() if known.state is not None
        }
        for name, entry in entries.items():
            assert entry.live == (entry.state is IN_FLIGHT and self.known[name].run is not None)

    @invariant()
    def the_chain_holds(self) -> None:
        assert self.operator.verify() is None


def test_no_order_of_events_makes_a_phone_ring_twice(address, make) -> None:
    machine = type("Machine", (Machine,), {"address": address, "make": make})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


@pytest.mark.long
def test_no_order_of_events_makes_a_phone_ring_twice_in_a_long_run(sqlite, make) -> None:
    machine = type("Machine", (Machine,), {"address": sqlite, "make": make})
    run_state_machine_as_test(machine, settings=settings(max_examples=300, stateful_step_count=60, database=None))
