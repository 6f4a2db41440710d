"""What was meant to be a template: many bodies are asked together whether one of them may say such a thing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowops.templates.leftovers import leftovers, may_have_leftovers

TEXTS = st.sampled_from(["plain", "{{ row.name }}", "{name}", "[name]", "caf\u00e9", "\x93quoted\x94", "{% if %}", ""])
VALUES = st.recursive(TEXTS | st.integers() | st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=2))
VARIABLES = st.none() | st.dictionaries(st.sampled_from(["name", "when"]), VALUES, max_size=2)


@given(st.lists(VARIABLES, max_size=4))
def test_where_nothing_may_be_left_over_nothing_is(variables: list[dict[str, Any] | None]) -> None:
    bodies = [{"callee": "+442079460000"} if each is None else {"flow-variables": each} for each in variables]
    found = [left for body in bodies for left in leftovers(body, ["name"])]
    assert may_have_leftovers(bodies) or not found


def test_bodies_of_plain_texts_and_numbers_are_not_looked_at_one_by_one() -> None:
    assert not may_have_leftovers([{"flow-variables": {"name": "Ann", "minutes": 5, "vip": True}}, {}])
    assert may_have_leftovers([{"flow-variables": {"name": "Ann"}}, {"flow-variables": {"name": "{name}"}}])
