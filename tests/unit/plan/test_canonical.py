"""The bytes of RFC 8785, proven against the package that implements it and the vectors of the RFC."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from flowops.model.document import Place, Problem
from flowops.plan.canonical import Uncanonical, canonical, fingerprint, identify

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.from_regex("[a-z-]{1,9}"), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_the_example_of_the_rfc() -> None:
    # RFC 8785, section 3.2.2 and 3.2.3
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_ordered_by_utf_16() -> None:
    assert canonical({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4}).decode() == (
        '{"1":4,"€":3,"\U0001f600":2,"\ufb33":1}'
    )


def test_a_fingerprint_names_its_version_and_never_changes() -> None:
    assert fingerprint({"callee": "+442079460023", "instruction-id": "a", "n": 1.0}) == (
        "v1:sha256:e41f7bea720075cfa3f650305943e9944937946b57ce60d535e592cc2108ea34"
    )


def test_equal_numbers_have_one_fingerprint() -> None:
    assert fingerprint({"n": 1.0}) == fingerprint({"n": 1})


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"v": {"n": 2**53}}, ("v", "n"), "is too large a number to be sent exactly"),
        ({"v": [0, -(2**53)]}, ("v", 1), "is too large a number to be sent exactly"),
        ({"v": 10**5000}, ("v",), "is too large a number to be sent exactly"),
        ({"v": float("nan")}, ("v",), "is not a number that JSON has"),
        ({"v": [float("-inf")]}, ("v", 0), "is not a number that JSON has"),
        ({"v": "\ud83d"}, ("v",), "half a character"),
        ({"v": {"\udc00": 1}}, ("v",), "half a character"),
        ({"v": {1: 1}}, ("v",), "has a key that is not text"),
        ({"v": {1, 2}}, ("v",), "is a set, which is no JSON value"),
    ],
)
def test_what_has_no_canonical_json_is_named_by_its_path(body: Any, path: Any, message: str) -> None:
    with pytest.raises(Uncanonical) as caught:
        canonical(body)
    assert caught.value.path == path
    assert message in caught.value.message


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Uncanonical) as caught:
        canonical({"v": deep})
    assert caught.value.path == ("v",)


def test_a_call_without_a_fingerprint_is_a_problem_where_the_user_wrote_it(call: Any) -> None:
    problem = identify(call("a", line=4, row=12, flow_variables={"account": 2**60}))
    assert isinstance(problem, Problem)
    assert problem.place == Place("calls/a.yaml", 4, 1)
    assert str(problem.row) == "row 12 of data/a.csv"
    assert problem.message.startswith("flow-variables.account: is too large a number to be sent exactly")
    assert problem.hint == "write it as text"


def test_a_call_is_identified_by_its_body(call: Any) -> None:
    spec = call("a")
    assert identify(spec) == fingerprint(spec.body)
