"""The variables of a call: converted where that is safe, completed, and checked against the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.schema.flow_check import check_variables, convert

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model import Flow

REMINDER = """
variables:
  patient: {type: string, minLength: 1, description: The first name.}
  when: {type: string}
  minutes: {type: integer, minimum: 1, default: 15}
  iban: {type: string, pattern: "^[A-Z]{2}[0-9]+$", x-sensitive: true, default: NL00}
produces: [dtmf_input]
"""
GOOD = {"patient": "Ada", "when": "Monday, 20:00"}


def told(flow: Flow, values: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(error.message, error.hint) for error in check_variables(flow, values)[1]]


def test_defaults_are_filled_in_behind_what_was_given(make_flow: Callable[..., Flow]) -> None:
    values, errors = check_variables(make_flow(REMINDER), GOOD)
    assert errors == []
    assert list(values.items()) == [*GOOD.items(), ("minutes", 15), ("iban", "NL00")]


def test_what_was_given_is_left_alone(make_flow: Callable[..., Flow]) -> None:
    given_values = {**GOOD, "minutes": "20"}
    values, _ = check_variables(make_flow(REMINDER), given_values)
    assert values["minutes"] == 20
    assert given_values["minutes"] == "20"


def test_every_missing_variable_is_told_with_what_it_is_for(make_flow: Callable[..., Flow]) -> None:
    assert told(make_flow(REMINDER), {}) == [
        ("flow-variables.patient: is missing: the flow reminder needs it", "The first name."),
        ("flow-variables.when: is missing: the flow reminder needs it", None),
    ]


def test_an_unknown_variable_is_told_with_the_nearest_one(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(REMINDER)
    assert told(flow, {**GOOD, "minute": 1, "zzz": 1}) == [
        ("flow-variables.minute: is not a variable of the flow reminder", "did you mean 'minutes'?"),
        ("flow-variables.zzz: is not a variable of the flow reminder", "it takes patient, when, minutes, iban"),
    ]
    assert told(make_flow("variables: {}"), {"x": 1}) == [
        ("flow-variables.x: is not a variable of the flow reminder", None)
    ]


def test_what_the_flow_creates_is_not_passed(make_flow: Callable[..., Flow]) -> None:
    [error] = check_variables(make_flow(REMINDER), {**GOOD, "dtmf_input": "1"})[1]
    assert error.message == "flow-variables.dtmf_input: is created inside the flow reminder"
    assert (error.hint, error.at_key, error.code) == ("do not pass it", True, "variable")


def test_a_value_that_cannot_be_converted_is_told(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(REMINDER)
    assert told(flow, {**GOOD, "minutes": "soon"}) == [
        ("flow-variables.minutes: must be a whole number of at least 1, not the text 'soon'", None)
    ]
    assert told(flow, {**GOOD, "minutes": 0, "patient": ""}) == [
        ("flow-variables.patient: is empty", None),
        ("flow-variables.minutes: must be at least 1, not 0", None),
    ]


def test_a_personal_value_is_never_repeated(make_flow: Callable[..., Flow]) -> None:
    for wrong in ("secret-1234", ["secret-1234"], {"secret-1234": 1}):
        for message, hint in told(make_flow(REMINDER), {**GOOD, "iban": wrong}):
            assert "secret" not in f"{message} {hint}"


def test_a_flow_with_a_wrong_schema_takes_anything_for_that_variable(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow('variables: {a: {$ref: "https://example.org"}, b: {type: integer}}')
    assert told(flow, {"a": [{"b": None}], "b": 1}) == []


def test_two_flows_with_one_name_are_not_mixed_up(make_flow: Callable[..., Flow]) -> None:
    for kind, wanted in (("integer", 1), ("string", "1"), ("number", 1)):
        values, errors = check_variables(make_flow(f"variables: {{a: {{type: {kind}}}}}"), {"a": "1"})
        assert (values, errors) == ({"a": wanted}, [])


def test_a_shared_schema_converts_as_well(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow('variables: {a: {$ref: "#/$defs/n", $defs: {n: {type: integer}}}}')
    assert check_variables(flow, {"a": "15"}) == ({"a": 15}, [])


@pytest.mark.parametrize(
    ("value", "types", "result"),
    [
        ("15", {"integer"}, 15),
        ("-15", {"integer"}, -15),
        ("0", {"integer"}, 0),
        ("1.50", {"number"}, 1.5),
        ("15", {"number"}, 15),
        ("15", {"integer", "string"}, "15"),
        ("true", {"boolean"}, True),
        ("false", {"boolean"}, False),
        (15, {"string"}, "15"),
        (1.5, {"string"}, "1.5"),
        (15.0, {"integer"}, 15),
        (15, {"string", "integer"}, 15),
        (None, {"null", "integer"}, None),
    ],
)
def test_a_value_becomes_the_declared_type(value: Any, types: set[str], result: Any) -> None:
    made = convert(value, frozenset(types))
    assert (made, type(made)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "types"),
    [
        *(
            (text, {"integer"})
            for text in ("", " 15", "15 ", "+15", "015", "1_000", "1,5", "1.5", "15.0", "1e3", "0x1", "١٥")
        ),
        *((text, {"number"}) for text in ("nan", "inf", "1.", ".5", "01.5", "1" * 400 + ".5")),
        *((text, {"boolean"}) for text in ("True", "yes", "1", "")),
        ("9" * 17, {"integer"}),
        ("9007199254740993", {"integer"}),
        (True, {"string"}),
        (True, {"integer"}),
        (15.5, {"integer"}),
        (None, {"string"}),
        ("null", {"null"}),
        ([1], {"string"}),
        (2**60, {"string"}),
        (float("inf"), {"integer"}),
        ("15", set()),
    ],
)
def test_nothing_is_guessed(value: Any, types: set[str]) -> None:
    assert convert(value, frozenset(types)) is value


@given(
    st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.none()),
    st.frozensets(st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])),
)
def test_converting_twice_changes_nothing_more(value: Any, types: frozenset[str]) -> None:
    once = convert(value, types)
    twice = convert(once, types)
    assert twice is once or twice == once
    assert type(twice) is type(once)


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_number_comes_back_from_its_text(number: int) -> None:
    assert convert(convert(number, frozenset({"string"})), frozenset({"integer"})) == number
