from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.yaml import SPECIAL_STARTS, read_plain

numberlike = st.text(alphabet="+-.0123456789eE_xo:", min_size=1, max_size=12)


@given(st.one_of(st.text(), numberlike))
def test_a_number_prints_back_as_it_was_written(text: str) -> None:
    value = read_plain(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert str(value) == text
        assert math.isfinite(value)


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_what_a_number_prints_is_read_as_that_number(number: float) -> None:
    value = read_plain(str(number))
    assert value == number
    assert type(value) is type(number)


@given(st.one_of(st.text(), numberlike))
def test_everything_else_is_the_text_itself(text: str) -> None:
    value = read_plain(text)
    assert isinstance(value, int | float) or value is None or value == text
    if isinstance(value, bool):
        assert text in ("true", "false")
    if value is None:
        assert text in ("", "~", "null")


@given(st.one_of(st.text(min_size=1), numberlike))
def test_only_special_starts_need_a_look(text: str) -> None:
    if text[0] not in SPECIAL_STARTS:
        assert read_plain(text) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_has_the_same_numbers(number: float) -> None:
    assert read_plain(json.dumps(number)) == number


@pytest.mark.parametrize(
    "text", ["-0", "1e5", "1E5", "1e+5", "00", "-", "1.", ".1", "+1", "0.10", "inf", "nan", "1_0", "١"]
)
def test_these_stay_text(text: str) -> None:
    assert read_plain(text) == text
    assert isinstance(read_plain(text), str)


def test_integers_that_python_may_refuse_to_print_stay_text() -> None:
    assert read_plain("9" * 640) == int("9" * 640)
    assert read_plain("9" * 641) == "9" * 641
    assert read_plain("9" * 1_000_000) == "9" * 1_000_000
