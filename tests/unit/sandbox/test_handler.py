"""What the embedded API answers, request by request."""

from __future__ import annotations

import json

import pytest

from flowops.sandbox.handler import BODY_LIMIT

ADA, BOB = "+442079460018", "+12125550143"


def test_one_callee_is_answered_with_one_event(sandbox, instruction):
    reply = sandbox().ask(instruction("a"))
    event = json.loads(reply.body)
    assert reply.status == 200
    assert {**event, "call-id": None} == {
        "type": "call-queued",
        "call-id": None,
        "instruction-id": "a",
        "caller": "+442079460000",
        "callee": ADA,
        "success": True,
    }


@pytest.mark.parametrize("callees", [[ADA], [ADA, BOB]])
def test_several_callees_are_answered_with_an_event_each_in_their_order(sandbox, instruction, callees):
    events = json.loads(sandbox().ask(instruction("a", callee=None, callees=callees)).body)
    assert [event["callee"] for event in events] == callees
    assert len({event["call-id"] for event in events}) == len(callees)


def test_the_same_instruction_posted_twice_rings_twice(sandbox, instruction):
    api = sandbox()
    first, second = (json.loads(api.ask(instruction("a")).body)["call-id"] for _ in range(2))
    assert first != second
    assert len(api.memory.placed) == 2


def test_the_same_requests_get_the_same_replies(sandbox, instruction):
    def replies() -> list[bytes]:
        api = sandbox(seed=3, outcomes={9: 0.5, 10: 0.5})
        return [api.ask(instruction(reference)).body for reference in ("a", "b", "a")]

    assert replies() == replies()


@pytest.mark.parametrize("token", [None, "", "wrong", "11111111-2222-4333-8444-555555555555x", "\udcff"])
def test_without_the_token_nothing_is_placed(sandbox, instruction, token):
    api = sandbox()
    assert api.ask(instruction(), x_cm_producttoken=token).status == 401
    assert not api.memory.placed


@pytest.mark.parametrize("path", ["/", "/FlowBuilder", "/voiceapi/v2/flowbuilder", "/voiceapi/v2/FlowBuilder/"])
def test_another_path_is_not_found(sandbox, instruction, path):
    assert sandbox().ask(instruction(), path=path).status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "post"])
def test_another_method_is_not_understood(sandbox, method):
    reply = sandbox().ask(method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_has_to_be_called_json(sandbox, instruction, kind):
    assert sandbox().ask(instruction(), content_type=kind).status == 415


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_called_so_in_other_ways(sandbox, instruction, kind):
    assert sandbox().ask(instruction(), content_type=kind).status == 200


def test_a_body_that_is_too_long_is_told_so(sandbox):
    assert sandbox().ask(raw=b" " * (BODY_LIMIT + 1)).status == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a": NaN}',
        b"null",
        b"[]",
        b'"text"',
        b'{"caller": 1, "caller": 2}',
        b'{"\\udfaa": 0}',
    ],
)
def test_what_is_not_an_instruction_is_a_bad_request(sandbox, raw):
    api = sandbox()
    reply = api.ask(raw=raw)
    assert reply.status == 400
    assert json.loads(reply.body)["error"]
    assert not api.memory.placed


def test_every_error_of_a_body_is_listed(sandbox, instruction):
    reply = sandbox().ask(instruction(callee="0207946", caller="", max_ringing_timeout=5))
    told = json.loads(reply.body)
    assert reply.status == 400
    assert {error["path"] for error in told["errors"]} == {"/callee", "/caller", "/max-ringing-timeout"}
    assert told["error"].startswith(("callee: ", "caller: ", "max-ringing-timeout: "))
    assert reply.reference == "reminder-1"


def test_one_invalid_number_rejects_the_whole_request(sandbox, instruction):
    api = sandbox()
    assert api.ask(instruction(callee=None, callees=[ADA, "12"])).status == 400
    assert not api.memory.placed


def test_a_number_can_be_refused_among_others_placed(sandbox, instruction):
    api = sandbox(numbers={BOB: (None,)})
    first, second = json.loads(api.ask(instruction(callee=None, callees=[ADA, BOB])).body)
    assert first["success"] is True
    assert second["success"] is False
    assert second["error"]
    assert "call-id" not in second
    assert [leg.callee for leg in api.memory.placed[0].legs] == [ADA]


def test_nothing_is_placed_when_the_only_number_is_refused(sandbox, instruction):
    api = sandbox(numbers={ADA: (None,)})
    reply = api.ask(instruction())
    assert json.loads(reply.body)["success"] is False
    assert reply.placed is None
    assert not api.memory.placed


def test_a_number_can_have_an_end_of_its_own(sandbox, instruction):
    api = sandbox(numbers={BOB: (12,)})
    placed = api.ask(instruction(callee=None, callees=[ADA, BOB])).placed
    assert [leg.code for leg in placed.legs] == [10, 12]


def test_each_attempt_of_a_call_can_have_an_end_of_its_own(sandbox, instruction):
    api = sandbox(numbers={ADA: (9, None, 10)})
    replies = [api.ask(instruction(reference)) for reference in ("r", "r~2", "r~3", "r~4", "other")]
    assert [reply.placed and reply.placed.legs[0].code for reply in replies] == [9, None, 10, 10, 9]


def test_outcomes_come_in_their_shares(sandbox, instruction):
    api = sandbox(seed=1, outcomes={10: 0.8, 9: 0.1, 12: 0.1})
    codes = [api.ask(instruction(f"r{number}")).placed.legs[0].code for number in range(2000)]
    assert set(codes) == {9, 10, 12}
    assert 0.77 < codes.count(10) / len(codes) < 0.83


def test_a_call_ends_the_same_way_in_every_run_of_a_seed(sandbox, instruction):
    def codes(seed: int, order: list[int]) -> dict[int, int]:
        api = sandbox(seed=seed, outcomes={9: 0.25, 10: 0.25, 11: 0.25, 12: 0.25})
        return {number: api.ask(instruction(f"r{number}")).placed.legs[0].code for number in order}

    forwards = codes(7, list(range(50)))
    assert codes(7, list(reversed(range(50)))) == forwards
    assert codes(8, list(range(50))) != forwards
