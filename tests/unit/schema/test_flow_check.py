"""What a flow may declare, and what a call has to pass to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.budget import Budget
from flowops.schema.flow_check import (
    MOST_LARGE_PATTERNS,
    MOST_PATTERNS,
    Patterns,
    check_flow,
    check_flows,
    convert,
    flow_variables,
    variable_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.project import Flow
    from flowops.schema.explain import SchemaError


def messages(schema: Any) -> list[str]:
    return [error.message for error in variable_errors(schema, Patterns())]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "minLength": 1, "pattern": "^[A-Z]", "description": "x", "x-sensitive": True},
        {"type": ["integer", "null"], "minimum": 1, "default": None},
        {"$ref": "#/$defs/name", "$defs": {"name": {"type": "string"}}, "default": "x"},
        {"type": "object", "properties": {"default": {"type": "string"}, "$ref": {}}, "required": ["default"]},
        {"enum": [{"$ref": "elsewhere"}], "default": {"$ref": "elsewhere"}},
        {"type": "string", "pattern": r"^(?:a+)+$"},
        {"type": "string", "pattern": r"^[\p{L} .'-]{1,80}$"},
        {"type": "string", "format": "date", "default": "2026-03-02"},
    ],
)
def test_such_a_schema_is_fine(schema: dict[str, Any]) -> None:
    assert messages(schema) == []


def test_a_misspelt_keyword_is_found_at_any_depth() -> None:
    schema = {"items": {"properties": {"a": {"minLenght": 1}}}}
    [error] = variable_errors(schema, Patterns())
    assert error.path == ("items", "properties", "a", "minLenght")
    assert (error.hint, error.at_key) == ("did you mean 'minLength'?", True)


def test_a_misspelt_mark_of_personal_data_is_found() -> None:
    assert messages({"x-sensitve": True}) == ["x-sensitve: is not a known field"]


def test_personal_data_is_marked_at_the_variable_itself() -> None:
    assert messages({"properties": {"iban": {"x-sensitive": True}}}) == [
        "properties.iban.x-sensitive: has to be at the variable itself, not inside it"
    ]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strin"}, "type: must be string, integer, number, boolean, object, array, null or a list, not"),
        ({"minLength": -1}, "minLength: must be at least 0, not -1"),
        ({"items": {"minimum": "1"}}, "items.minimum: must be a number, not the text '1'"),
        ({"anyOf": []}, "anyOf: is an empty list"),
        ({"required": ["a", "a"]}, "required[1]: is the same as item [0]"),
        ({"type": ["integer", "integer"]}, "type[1]: is the same as item [0]"),
        ({"items": {"type": ["string", "null", "string"]}}, "items.type[2]: is the same as item [0]"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": ["null", "null"]}}}, "$defs.a.type[1]: is the same as item [0]"),
        ({"enum": "a"}, "enum: must be a list, not the text 'a'"),
    ],
)
def test_what_json_schema_forbids_is_told(schema: dict[str, Any], message: str) -> None:
    assert messages(schema)[0].startswith(message)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "integer", "default": "15"}, "default: must be a whole number, not the text '15'"),
        ({"minimum": 1, "default": 0}, "default: must be at least 1, not 0"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"enum": ["x"]}}, "default": "y"},
            "default: must be x, not the text 'y'",
        ),
    ],
)
def test_a_default_fits_its_own_schema(schema: dict[str, Any], message: str) -> None:
    assert messages(schema) == [message]


def test_a_personal_default_is_not_repeated() -> None:
    schema = {"type": "integer", "x-sensitive": True, "default": "NL91ABNA0417164300"}
    assert messages(schema) == ["default: must be a whole number, not text"]


@pytest.mark.parametrize(
    "reference", ["https://example.org/s.json", "file:///etc/passwd", "other.yaml", "#anchor", "urn:x", "", 5]
)
def test_a_reference_leads_nowhere_else(reference: Any) -> None:
    [error] = variable_errors({"items": {"$ref": reference}}, Patterns())
    assert error.path == ("items", "$ref")


@pytest.mark.parametrize("keyword", ["$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "unevaluatedItems"])
def test_nothing_depends_on_where_a_schema_is_kept(keyword: str) -> None:
    assert messages({keyword: "https://example.org/x"}) == [f"{keyword}: is not a known field"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
    ],
)
def test_a_schema_does_not_refer_to_itself(schema: dict[str, Any]) -> None:
    [message] = messages(schema)
    assert "refers to itself" in message


def test_references_cannot_grow_a_schema_without_end() -> None:
    double = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**double, "a30": {}}}
    [message] = messages(schema)
    assert "is too large once its references are followed" in message


def test_references_cannot_nest_a_schema_without_end() -> None:
    chain = {f"a{n}": {"items": {"$ref": f"#/$defs/a{n + 1}"}} for n in range(500)}
    [message] = messages({"$ref": "#/$defs/a0", "$defs": {**chain, "a500": {}}})
    assert "is too large once its references are followed" in message


@pytest.mark.parametrize(
    "pattern", ["(", r"(a)\1", "(?=a)", "(?<!a)b", "a{1000000}", "((a{100}){100}){100}", "x" * 1001]
)
def test_a_pattern_is_for_an_engine_without_backtracking_and_small(pattern: str) -> None:
    [error] = variable_errors({"items": {"pattern": pattern}}, Patterns())
    assert error.path == ("items", "pattern")
    [error] = variable_errors({"patternProperties": {pattern: {}}}, Patterns())
    assert error.path[0] == "patternProperties"


def test_an_unknown_format_would_be_an_empty_promise() -> None:
    [error] = variable_errors({"format": "datetime"}, Patterns())
    assert error.text.startswith("must be date, date-time, ")
    assert error.hint == "did you mean 'date-time'?"


def test_a_project_has_only_so_many_large_patterns() -> None:
    patterns = Patterns()
    large = [rf"^\p{{L}}{{1,60}}{n}$" for n in range(MOST_LARGE_PATTERNS + 1)]
    assert [patterns.refusal(pattern) for pattern in large[:-1]] == [None] * MOST_LARGE_PATTERNS
    assert "too large" in str(patterns.refusal(large[-1]))
    assert patterns.refusal("^small$") is None


def test_a_project_has_only_so_many_patterns() -> None:
    patterns = Patterns()
    assert {patterns.refusal(f"^{n}$") for n in range(MOST_PATTERNS)} == {None}
    assert "one pattern too many" in str(patterns.refusal("^more$"))
    assert patterns.refusal("^1$") is None


def test_a_flow_does_not_consume_what_it_creates(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow("variables: {dtmf_input: {type: string}}\nproduces: [dtmf_input]\n")
    [error] = check_flow(flow)
    assert error.message == "variables.dtmf_input: is also in produces: a flow does not consume what it creates"


def test_problems_stand_where_they_are_written(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(
        "variables:\n  when:\n    type: string\n    patern: x\n  minutes: {type: integer, default: soon}\n"
    )
    problems = sorted(check_flows([flow]))
    assert [(problem.place.line, problem.place.column, problem.message) for problem in problems] == [
        (8, 5, "variables.when.patern: is not a known field"),
        (9, 37, "variables.minutes.default: must be a whole number, not the text 'soon'"),
    ]


def test_a_deep_schema_is_told_and_not_fallen_over() -> None:
    schema: dict[str, Any] = {"minLength": -1}
    for _ in range(200):
        schema = {"not": schema}
    assert messages(schema)


REMINDER = """
variables:
  patient: {type: string, minLength: 1, description: The first name.}
  when: {type: string}
  minutes: {type: integer, minimum: 1, default: 15}
  iban: {type: string, pattern: "^[A-Z]{2}[0-9]+$", x-sensitive: true, default: NL00}
produces: [dtmf_input]
"""
GOOD = {"patient": "Ada", "when": "Monday, 20:00"}


def check_variables(flow: Flow, given: dict[str, Any]) -> tuple[dict[str, Any], list[SchemaError]]:
    taken = flow_variables(flow)
    values, errors = taken.complete(dict(given))
    problems = taken.problems(values, Budget())
    assert taken.fit([values], Budget()) is not bool(problems)
    return values, [*errors, *problems]


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


def test_a_variable_that_is_misspelt_is_not_missing_as_well(make_flow: Callable[..., Flow]) -> None:
    values = {"patients" if name == "patient" else name: value for name, value in GOOD.items()}
    assert told(make_flow(REMINDER), values) == [
        ("flow-variables.patients: is not a variable of the flow reminder", "did you mean 'patient'?")
    ]


def test_what_the_flow_creates_is_not_passed(make_flow: Callable[..., Flow]) -> None:
    [error] = check_variables(make_flow(REMINDER), {**GOOD, "dtmf_input": "1"})[1]
    assert error.message == "flow-variables.dtmf_input: is created inside the flow reminder"
    assert (error.hint, error.at_key, error.code) == ("do not pass it", True, "variable")


def test_a_value_that_cannot_be_converted_is_told(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(REMINDER)
    assert told(flow, {**GOOD, "minutes": "soon"}) == [
        ("flow-variables.minutes: must be a whole number of at least 1, not the text 's…'", None)
    ]
    assert told(flow, {**GOOD, "minutes": 0, "patient": ""}) == [
        ("flow-variables.patient: is empty", None),
        ("flow-variables.minutes: must be at least 1, not '…'", None),
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
