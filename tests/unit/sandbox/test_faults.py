"""Which requests meet a fault, and which of them place a call all the same."""

from __future__ import annotations

import json

import pytest

from flowops.sandbox.exchange import fault_of
from flowops.sandbox.settings import FAULTS, Fault, FaultKind, Settings, Span


def test_every_fault_is_explained():
    assert set(FAULTS) == set(FaultKind)


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_places_a_call_exactly_where_it_says_so(sandbox, instruction, kind):
    api = sandbox(faults=(Fault(kind),))
    reply = api.ask(instruction())
    assert len(api.memory.placed) == int(kind.places)
    assert (reply.placed is not None) == kind.places
    assert FAULTS[kind].startswith("placed" if kind.places else "not placed")


def test_the_answers_of_faults(sandbox, instruction):
    def reply(kind: FaultKind):
        return sandbox(faults=(Fault(kind),), retry_after=7).ask(instruction("a"))

    assert reply(FaultKind.ERROR).status == 500
    assert (reply(FaultKind.THROTTLE).status, reply(FaultKind.THROTTLE).headers["Retry-After"]) == (429, "7")
    assert reply(FaultKind.REDIRECT).headers["Location"] == "/voiceapi/v2/FlowBuilder"
    assert reply(FaultKind.HTML).status == 200
    assert reply(FaultKind.HTML).body.startswith(b"<!doctype html>")
    assert json.loads(reply(FaultKind.REFUSE).body)["success"] is False
    assert json.loads(reply(FaultKind.OTHER_REFERENCE).body)["instruction-id"] != "a"


def test_a_fault_meets_only_references_that_fit():
    settings = Settings(faults=(Fault(FaultKind.DROP, references="bad-*"),))
    assert fault_of(settings, "bad-1", 1) is FaultKind.DROP
    assert fault_of(settings, "good-1", 1) is None


def test_a_fault_may_meet_the_first_posts_only(sandbox, instruction):
    api = sandbox(faults=(Fault(FaultKind.THROTTLE, first=2),))
    assert [api.ask(instruction()).status for _ in range(4)] == [429, 429, 200, 200]


def test_shares_exclude_each_other():
    settings = Settings(seed=5, faults=(Fault(FaultKind.DROP, 0.2), Fault(FaultKind.ERROR, 0.3)))
    met = [fault_of(settings, f"r{number}", 1) for number in range(2000)]
    assert 0.17 < met.count(FaultKind.DROP) / len(met) < 0.23
    assert 0.27 < met.count(FaultKind.ERROR) / len(met) < 0.33


def test_the_latency_is_drawn_from_its_range(sandbox, instruction):
    api = sandbox(latency=Span(0.05, 0.15))
    delays = [api.ask(instruction(f"r{number}")).delay for number in range(100)]
    assert all(0.05 <= delay <= 0.15 for delay in delays)
    assert len(set(delays)) > 90
