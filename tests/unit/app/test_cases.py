"""What a test expects and what was found: each difference at its place, and masked unless it stands in the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.plans import decided

from flowops.app.cases import Case, Comparison, Found
from flowops.documents.yaml import parse
from flowops.documents.yaml_builder import Budget
from flowops.model.call import Call, Origin
from flowops.model.document import Document, Problem, RowPlace
from flowops.model.plan import Action, Plan, PlannedCall

if TYPE_CHECKING:
    from flowops.model.document import Value

NUMBER = "+442079460018"
HEAD = "apiVersion: flowops/v1\nkind: Test\nname: it\n"
ROW = "given: {document: a.yaml, row: {name: Ann}}\n"
OWN = "given: {document: a.yaml}\n"


def read(text: str) -> Document:
    [parsed] = parse("t.yaml", text, Budget(1_000, "too many"))
    return Document("t.yaml", parsed.value["kind"], parsed.value, parsed.source_map, text)


def told(given: str, expect: str, variables: dict[str, Value], **found: Any) -> list[str]:
    """What differs in one call, with its line and column in the test."""
    body = {"instruction-id": "r-1", "callee": NUMBER, "caller": "+442079460000", "flow-variables": variables}
    spec = read("kind: CallSet\ncall: {}\n")
    sensitive = frozenset({("callee",), ("caller",), ("flow-variables", "secret")})
    call = Call("r-1", body, None, sensitive, Origin(spec, {}), RowPlace("rows.csv", 3, 4))
    planned = PlannedCall(call, "v1:sha256:" + "ab" * 32, Action.PLACE, **found)
    comparison = Comparison(
        Case(read(f"{HEAD}{given}expect: {expect}\n")),
        Found(Plan("sandbox", None, None, unnamed=0, digest="", **decided([planned]))),
    )
    return [f"{each.place.line}:{each.place.column}: {each.message}" for each in comparison.differences()]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("1", 1.0),
        ("true", True),
        ("null", None),
        ("'1'", "1"),
        ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1, "b": 2}),
    ],
)
def test_values_that_are_one_to_json_are_the_same(written: str, value: Value) -> None:
    assert told(ROW, f"{{body: {{flow-variables: {{x: {written}}}}}}}", {"x": value}) == []


@pytest.mark.parametrize(
    ("written", "value"),
    [("1", True), ("true", 1), ("'1'", 1), ("1", "1"), ("[1]", [1, 2]), ("{a: 1}", {"b": 1}), ("''", None)],
)
def test_others_differ(written: str, value: Value) -> None:
    [difference] = told(ROW, f"{{body: {{flow-variables: {{x: {written}}}}}}}", {"x": value})
    assert difference.startswith("5:")
    assert "body.flow-variables.x" in difference


def test_a_value_is_shown_that_is_made_of_a_row_in_the_test() -> None:
    expect = "{body: {flow-variables: {x: Ben}}}"
    assert told(ROW, expect, {"x": "Hello Ann"}) == ["5:37: body.flow-variables.x: expected 'Ben', found 'Hello Ann'"]
    # A number that does not stand there is somebody's.
    [difference] = told(ROW, expect, {"x": f"call {NUMBER}"})
    assert NUMBER not in difference


def test_any_other_is_masked() -> None:
    for name in ("x", "secret"):
        [difference] = told(OWN, f"{{body: {{flow-variables: {{{name}: Ben}}}}}}", {name: "Zachary"})
        assert "Zachary" not in difference
        assert "row 3" not in difference  # it is told as the rows of the problem
    [difference] = told(OWN, "{body: {callee: '+442079460101'}}", {})
    assert "+44 20 79•• ••18" in difference


def test_what_stands_in_the_test_may_be_shown() -> None:
    assert "found 'Ben'" in told(OWN, "{body: {flow-variables: {x: Ann}}, says: Ben}", {"x": "Ben"})[0]


def test_a_rule_is_found_by_the_reason_that_names_it() -> None:
    reasons = ("max-calls.per-day (flowops.yaml:4): the day is full",)
    assert told(ROW, "{rule: max-calls.per-day}", {}, reasons=reasons) == []
    assert told(ROW, "{rule: max-calls}", {}, reasons=reasons) == [
        "5:16: rule: 'max-calls' does not hold the call back"
    ]


def test_a_problem_is_found_by_its_code_or_by_words_in_whatever_case() -> None:
    problem = Problem(read("kind: Call\n").place(), None, "callee: '1…' is not a Number", "number")
    for written, holds in (("number", True), ("NOT A number", True), ("schema", False)):
        case = Case(read(f"{HEAD}{OWN}expect: {{problem: {written}}}\n"))
        assert (list(Comparison(case, Found(problems=[problem])).differences()) == []) is holds
