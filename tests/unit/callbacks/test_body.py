"""What counts as a callback of a call, and what is kept of it."""

from __future__ import annotations

import json

import pytest

from flowops.callbacks.body import DEEPEST, Malformed, read_callback
from flowops.model.ledger import Leg

ADA, BOB = "+442079460018", "+12125550143"


def read(value, reference="a"):
    return read_callback(value if isinstance(value, bytes) else json.dumps(value).encode(), reference)


def test_an_object_is_one_leg(event):
    assert read(event()) == (Leg(ADA, "id-a", code=10, description="Finished successfully"),)


def test_an_array_is_a_leg_each(event):
    legs = read([event(), event(callee=BOB, call_id="id-b", result={"code": 12})])
    assert legs == (Leg(ADA, "id-a", code=10, description="Finished successfully"), Leg(BOB, "id-b", code=12))


@pytest.mark.parametrize("code", [0, 9, 10, 11, 12, 99])
def test_a_code_is_kept_as_it_comes(event, code):
    assert read(event(result={"code": code}))[0].code == code


@pytest.mark.parametrize("kind", ["call-finished", "flowbuilder-call-finished", "-finished"])
def test_the_type_only_has_to_end_in_finished(event, kind):
    assert read(event(type=kind))


def test_a_leg_is_known_by_its_call_id_or_its_callee(event):
    assert read(event(call_id=None)) == (Leg(ADA, None, code=10, description="Finished successfully"),)
    assert read(event(callee=None)) == (Leg(None, "id-a", code=10, description="Finished successfully"),)


@pytest.mark.parametrize("written", ["442079460018", "00442079460018", "+44 20 7946 0018"])
def test_a_callee_is_the_same_however_it_is_written(event, written):
    assert read(event(callee=written)) == read(event())


def test_a_call_id_may_be_a_whole_number_and_nothing_keeps_the_callees_number_in_one(event):
    assert read(event(call_id=7)) == read(event(call_id="7"))
    assert read(event(call_id=int(ADA[1:])))[0].call_id == "xxxxxxxxxx18"


@pytest.mark.parametrize(
    "written", [ADA, ADA[3:], f"+44{ADA[3:7]}\u200b{ADA[7:]}", "020 7946-0018x", r"+44\xa020 79460018"]
)
def test_no_number_is_kept_of_what_a_callback_says(event, written):
    said = read(event(result={"code": 9, "description": f"{written} is busy"}))[0].description
    assert said.startswith("•••")
    assert said.endswith("is busy")
    assert not any(character.isdigit() for character in said)


def test_a_reference_is_the_same_in_every_normal_form(event):
    assert read(event(instruction_id="Zoe\u0308"), "Zo\u00eb") == read(event())


def test_a_callee_that_is_no_number_stays_what_it_is(event):
    assert read(event(callee="anonymous"))[0].callee == "anonymous"


def test_fields_that_nobody_knows_do_not_matter(event):
    assert read(event(duration=12, legs=[{"a": {"b": []}}], sip=None)) == read(event())


def test_a_description_is_kept_as_far_as_it_can_be_printed(event):
    told = "a\x1b[31m\n\x00\ud800" + "x" * 500
    (leg,) = read(event(result={"code": 11, "description": told}))
    assert leg.description == "a�[31m���" + "x" * (200 - 9)
    assert read(event(result={"code": 11, "description": 5}))[0].description is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "call-queued"}, "its type does not end in -finished"),
        ({"type": None}, "its type does not end in -finished"),
        ({"instruction_id": "b"}, "its instruction-id is missing or another call's"),
        ({"instruction_id": None}, "its instruction-id is missing or another call's"),
        ({"result": None}, "it has no result"),
        ({"result": {}}, "it has no result code"),
        ({"result": {"code": "10"}}, "it has no result code"),
        ({"result": {"code": True}}, "it has no result code"),
        ({"result": {"code": 10.0}}, "it has no result code"),
        ({"result": {"code": -1}}, "it has no result code"),
        ({"result": {"code": 10**30}}, "it has no result code"),
        ({"call_id": None, "callee": None}, "it names neither a call-id nor a callee"),
        ({"call_id": "a b"}, "its call-id is not usable"),
        ({"call_id": ""}, "its call-id is not usable"),
        ({"call_id": "x" * 129}, "its call-id is not usable"),
        ({"call_id": 7.5}, "its call-id is not usable"),
        ({"callee": "\ud800"}, "its callee is not usable"),
        ({"callee": "\x00"}, "its callee is not usable"),
        ({"callee": [ADA]}, "its callee is not usable"),
    ],
)
def test_what_is_no_callback_of_the_call_is_not_taken(event, change, why):
    for value in (event(**change), [event(), event(**change)]):
        with pytest.raises(Malformed) as told:
            read(value)
        assert str(told.value) == why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b"\xff", "not JSON in UTF-8"),
        (b'"\xed\xa0\x80"', "not JSON in UTF-8"),
        (b"9" * 5000, "not JSON in UTF-8"),
        (b'{"a": 1, "a": 2}', "a key is given twice"),
        (b'{"a": NaN}', "NaN and Infinity are not JSON"),
        (b"[" * 60_000, "nested too deeply"),
        (b"[" * 20 + b"]" * 20, "nested too deeply"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "nested too deeply"),
        (b"[]", "the array is empty"),
        (b"null", "an event is not an object"),
        (b"[[]]", "an event is not an object"),
    ],
)
def test_what_is_no_json_of_events_is_not_taken(body, why):
    with pytest.raises(Malformed) as told:
        read(body)
    assert str(told.value) == why


def test_a_body_may_be_nested_as_deep_as_its_limit(event):
    deep: object = 1
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert read(event(extra=deep))
    with pytest.raises(Malformed):
        read(event(extra=[deep]))
