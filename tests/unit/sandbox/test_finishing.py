"""Which callbacks a placed call causes."""

from __future__ import annotations

import json

from flowops.sandbox.callbacks import deliveries
from flowops.sandbox.settings import CallbackFaults, Span

ADA, BOB = "+442079460018", "+12125550143"


def callbacks(api, body):
    return list(deliveries(api.ask(body).placed, api.settings))


def test_one_call_is_one_object(sandbox, instruction):
    api = sandbox(numbers={ADA: (12,)})
    (delivery,) = callbacks(api, instruction("a"))
    event = json.loads(delivery.body)
    assert event.pop("call-id") == api.memory.placed[0].legs[0].call_id
    assert event == {
        "type": "call-finished",
        "instruction-id": "a",
        "caller": "+442079460000",
        "callee": ADA,
        "result": {
            "code": 12,
            "description": "Rejected by the callee or the callee's operator",
            "sip-disconnect-code": "CANCEL",
            "sip-disconnect-reason": "",
        },
    }


def test_several_calls_are_one_array(sandbox, instruction):
    (delivery,) = callbacks(sandbox(), instruction(callee=None, callees=[ADA, BOB]))
    assert [event["callee"] for event in json.loads(delivery.body)] == [ADA, BOB]


def test_several_calls_may_be_several_bodies(sandbox, instruction):
    api = sandbox(callbacks=CallbackFaults(separate=1))
    found = callbacks(api, instruction(callee=None, callees=[ADA, BOB]))
    assert [json.loads(delivery.body)["callee"] for delivery in found] == [ADA, BOB]


def test_a_refused_callee_never_finishes(sandbox, instruction):
    (delivery,) = callbacks(sandbox(numbers={BOB: (None,)}), instruction(callee=None, callees=[ADA, BOB]))
    assert [event["callee"] for event in json.loads(delivery.body)] == [ADA]


def test_callbacks_may_come_twice(sandbox, instruction):
    first, second = callbacks(sandbox(callbacks=CallbackFaults(duplicate=1)), instruction())
    assert first.body == second.body


def test_callbacks_may_be_contradicted_later(sandbox, instruction):
    for code, then in ((9, 10), (12, 10), (10, 9)):
        api = sandbox(numbers={ADA: (code,)}, callbacks=CallbackFaults(contradicting=1), ring=Span(1, 1))
        first, second = callbacks(api, instruction())
        assert [json.loads(each.body)["result"]["code"] for each in (first, second)] == [code, then]
        assert second.delay > first.delay


def test_callbacks_may_get_lost_come_early_or_be_late(sandbox, instruction):
    assert callbacks(sandbox(callbacks=CallbackFaults(lost=1)), instruction()) == []
    (early,) = callbacks(sandbox(callbacks=CallbackFaults(early=1)), instruction())
    assert early.early
    (late,) = callbacks(sandbox(ring=Span(1, 1), callbacks=CallbackFaults(late=1)), instruction())
    assert late.delay > 3


def test_a_call_rings_for_a_time_within_the_range(sandbox, instruction):
    api = sandbox(ring=Span(1, 5))
    delays = {callbacks(api, instruction(f"r{number}"))[0].delay for number in range(50)}
    assert all(1 <= delay <= 5 for delay in delays)
    assert len(delays) > 40
