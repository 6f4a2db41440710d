"""Masked copies: every number and every pseudonym is gone, everything else is as it was, and so is the value itself."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.masking import masked_but
from flowops.report.masking import masked, without_pseudonyms

NUMBER, SHOWN = "+442079460023", "+44 20 79•• ••23"
PSEUDONYM = {"$pseudonym": "5f1c", "shown": "•••"}
#: Values without a number or a pseudonym in them.
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc •é", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_a_value_with_nothing_to_hide_is_copied_as_it_is(value) -> None:
    assert masked(value) == without_pseudonyms(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"call {NUMBER}", f"call {SHOWN}"),
        ([NUMBER, 7, None, True], [SHOWN, 7, None, True]),
        ({NUMBER: {"b": [NUMBER]}}, {SHOWN: {"b": [SHOWN]}}),
        ({"callee": PSEUDONYM, "list": [PSEUDONYM, 1]}, {"callee": "•••", "list": ["•••", 1]}),
        ({"$pseudonym": "5f1c"}, "None"),
    ],
)
def test_numbers_and_pseudonyms_are_hidden_wherever_they_stand(value, shown) -> None:
    before = deepcopy(value)
    assert masked(value) == shown
    assert value == before


def test_pseudonyms_alone_are_lifted_for_whoever_may_see_numbers() -> None:
    assert without_pseudonyms({"a": [NUMBER, {"$pseudonym": "5f1c", "shown": SHOWN}]}) == {"a": [NUMBER, SHOWN]}


@pytest.mark.parametrize(
    ("text", "kept", "shown"),
    [
        (f"{NUMBER} and +442079460024", [], f"{SHOWN} and +44 20 79•• ••24"),
        (f"{NUMBER} and +442079460024", [NUMBER], f"{NUMBER} and +44 20 79•• ••24"),
        (f"x-{NUMBER} of {NUMBER}", [f"x-{NUMBER}"], f"x-{NUMBER} of {SHOWN}"),
        ("a+b", ["a+b"], "a+b"),
        (f"aab {NUMBER}", ["a+b"], f"aab {SHOWN}"),
        # The longest of those that could be meant, in whatever order they are given.
        (f"x{NUMBER} is x", ["x", f"x{NUMBER}"], f"x{NUMBER} is x"),
        (f"id {NUMBER}00 of", [f"{NUMBER}00", NUMBER], f"id {NUMBER}00 of"),
        (f"a{NUMBER} z", ["z", "a", f"a{NUMBER}"], f"a{NUMBER} z"),
        ("id 00442079460023-00442079460024 of", ["00442079460023", "00442079460023-00442079460024"], None),
    ],
)
def test_what_a_reader_needs_as_it_is_is_kept_and_nothing_else(text: str, kept: list[str], shown: str | None) -> None:
    assert masked_but(text, kept) == (text if shown is None else shown)
