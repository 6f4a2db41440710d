"""What differs between two bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.model.plan import ABSENT, Change
from flowops.plan.canonical import canonical
from flowops.plan.diff import diff

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "a", "~", "/"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab~/"), inner, max_size=3),
    max_leaves=8,
)


def hidden(value: str, shown: str = "•••") -> dict[str, str]:
    return {"$pseudonym": value, "shown": shown}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [("/a", 1, True)]),
        ({"a": None}, {}, [("/a", None, ABSENT)]),
        ({}, {"a": None}, [("/a", ABSENT, None)]),
        ({"b": 1, "a": 1}, {"a": 2, "c": 3}, [("/a", 1, 2), ("/b", 1, ABSENT), ("/c", ABSENT, 3)]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("/a/b/c", 1, 2)]),
        ({"a": {"b": 1}}, {}, [("/a", {"b": 1}, ABSENT)]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("/a/1", 2, 3), ("/a/2", ABSENT, 4)]),
        ({"a": [1, 2]}, {"a": [1]}, [("/a/1", 2, ABSENT)]),
        ({"a": [1]}, {"a": {"0": 1}}, [("/a", [1], {"0": 1})]),
        ({"a/b": 1, "c~d": 1}, {"a/b": 2, "c~d": 2}, [("/a~1b", 1, 2), ("/c~0d", 1, 2)]),
        ({"a": hidden("x")}, {"a": hidden("x", "••")}, []),
        ({"a": hidden("x")}, {"a": hidden("y")}, [("/a", hidden("x"), hidden("y"))]),
        ({"a": "x"}, {"a": hidden("x")}, [("/a", "x", hidden("x"))]),
        ({"a": {"b": "x"}}, {"a": hidden("x")}, [("/a", {"b": "x"}, hidden("x"))]),
        ({"a": [hidden("x")]}, {"a": [hidden("y")]}, [("/a/0", hidden("x"), hidden("y"))]),
    ],
)
def test_each_field_that_differs_is_one_change(before: Any, after: Any, changes: list[tuple[str, Any, Any]]) -> None:
    assert diff(before, after) == tuple(Change(*change) for change in changes)


@given(JSON, JSON)
def test_bodies_differ_where_their_canonical_json_does(before: Any, after: Any) -> None:
    assert bool(diff(before, after)) == (canonical(before) != canonical(after))


@given(JSON, JSON)
def test_a_difference_read_backwards_is_the_difference_backwards(before: Any, after: Any) -> None:
    assert diff(after, before) == tuple(Change(c.path, c.after, c.before) for c in diff(before, after))
