"""A quick yes is one that nobody has anything to say against, and a no costs a closer look and nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.model import Call, Document, Flow, Marks, Origin
from flowops.schema import bodies_of, check_body, check_number, check_variables
from flowops.schema.number_plan import is_valid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.schema.bodies import FlowBodies

DOCUMENT = Document("flows/a.yaml", "Flow", {}, Marks(1, 1, 0, 0), "")
FLOW = Flow(
    "reminder",
    {"*": "id"},
    {
        "patient": {"type": "string", "minLength": 1},
        "minutes": {"type": "integer", "maximum": 60, "default": 15},
        "rate": {"type": "number"},
        "vip": {"type": "boolean"},
        "any": {},
    },
    frozenset({"made"}),
    DOCUMENT,
)
BODY: dict[str, Any] = {
    "instruction-id": "reminder-1",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "max-ringing-timeout": 30,
    "callflow-id": "id",
    "voicemail-response": "Stop",
    "flow-variables": {"patient": "Ada", "minutes": 15, "rate": 1.5, "vip": True, "any": None},
}
VALUES = st.sampled_from(
    [
        None,
        "",
        "x",
        "+442079460018",
        "+31612345678",
        "+3161234",
        "+4420794600",
        30,
        30.0,
        61,
        -1,
        1.5,
        True,
        [],
        {},
    ]
)


def objections(flow: Flow | None, body: Mapping[str, Any]) -> list[Any]:
    call = Call(body["instruction-id"], dict(body), None, frozenset(), Origin(DOCUMENT, {}))
    found: list[Any] = list(check_body(call))
    if flow is not None and isinstance(body.get("flow-variables"), dict):
        found += check_variables(flow, body["flow-variables"])[1]
    return found


def accepts(bodies: FlowBodies, body: Mapping[str, Any]) -> bool:
    try:
        return all(look(body if field is None else body[field]) for look, field in bodies.looks(body))
    except (ValueError, SystemError):
        return False


@pytest.mark.parametrize("flow", [None, FLOW], ids=["any flow", "a flow"])
def test_a_body_that_is_right_is_accepted(flow: Flow | None) -> None:
    assert accepts(bodies_of(flow), BODY)


@settings(max_examples=400, deadline=None)
@given(
    flow=st.sampled_from([None, FLOW]),
    fields=st.dictionaries(
        st.sampled_from([*BODY, "callees", "callback-url", "anonymous", "other"]), VALUES, max_size=2
    ),
    variables=st.dictionaries(st.sampled_from(["patient", "minutes", "rate", "vip", "any"]), VALUES, max_size=2),
    gone=st.sets(st.sampled_from(["callee", "caller", "callflow-id", "voicemail-response"]), max_size=1),
)
def test_nothing_is_accepted_that_somebody_objects_to(
    flow: Flow | None, fields: dict[str, Any], variables: dict[str, Any], gone: set[str]
) -> None:
    body = {name: value for name, value in copy.deepcopy(BODY).items() if name not in gone}
    body["flow-variables"] |= variables
    body |= fields
    if not isinstance(body["instruction-id"], str):
        return
    bodies, inside = bodies_of(flow), body["flow-variables"]
    yes = bodies.takes(inside if isinstance(inside, dict) else ()) and accepts(bodies, body)
    assert not (yes and objections(flow, body))


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        (["patient", "rate", "vip", "any"], True),
        (["patient", "rate", "vip", "any", "minutes"], True),
        (["patient", "rate", "vip"], False),
        (["patient", "rate", "vip", "any", "made"], False),
        (["patient", "rate", "vip", "any", "typo"], False),
    ],
)
def test_variables_are_judged_by_their_names_alone(names: list[str], fits: bool) -> None:
    assert bodies_of(FLOW).takes(names) is fits
    assert bodies_of(None).takes(names)


def test_only_values_of_another_type_are_converted() -> None:
    kinds = {name: found and found[1] for name, found in ((n, bodies_of(FLOW).converter(n)) for n in FLOW.variables)}
    assert kinds == {"patient": (str,), "minutes": (int,), "rate": (int,), "vip": (), "any": None}
    convert, _ = bodies_of(FLOW).converter("minutes")
    assert [convert(value) for value in ("15", "x", 15.0)] == [15, "x", 15]
    assert bodies_of(FLOW).defaults == {"minutes": 15}


def numbers() -> list[str]:
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in range(11):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                found.append(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        example = phonenumbers.example_number_for_non_geo_entity(code)
        found.append(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    return found


NUMBERS = numbers()


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(NUMBERS), st.integers(0, 15), st.sampled_from([*"0123456789", "", "00", "\n", "٣", "x"]))
def test_the_quick_look_at_a_number_gives_the_verdict_of_the_slow_one(number: str, at: int, other: str) -> None:
    for text in (number, number[:at] + other + number[at + 1 :]):
        assert is_valid(text) is (check_number(text) is None)


def test_every_example_of_the_number_plans_is_valid() -> None:
    assert [number for number in NUMBERS if not is_valid(number)] == [
        number for number in NUMBERS if check_number(number) is not None
    ]
    assert sum(map(is_valid, NUMBERS)) > 1_000
