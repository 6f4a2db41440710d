"""Values in messages: visible, short, and nothing that steers a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.schema.error import SchemaError, dotted
from flowops.schema.words import LISTED, SHOWN, choice, escaped, expected, quoted


@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_becomes_one_short_visible_line(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert len(shown) <= SHOWN * len("\\U0010ffff")
    if text.isprintable() and len(text) <= SHOWN:
        assert shown == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\tc\r", r"'a\nb\tc\r'"),
        ("\x1b[31m", r"'\x1b[31m'"),
        ("\u202e\U000e0001\ud800", r"'\u202e\U000e0001\ud800'"),
        ("x" * 61, "'" + "x" * 59 + "…'"),
        ("https://user:hunter2@example.org/x", "'https://•••@example.org/x'"),
        (15, "15"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "nothing"),
        ([1], "a list"),
        ({}, "a mapping"),
        (10**100, "1" + "0" * 58 + "…"),
        pytest.param(10**5000, "of thousands of digits", id="huge"),
    ],
)
def test_a_value_is_shown_as_it_was_written(value: Any, shown: str) -> None:
    assert quoted(value) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("callees", 1), "callees[1]"),
        (("flow-variables", "slots", 0, "from"), "flow-variables.slots[0].from"),
        (("a\nb",), r"a\nb"),
    ],
)
def test_a_path_reads_like_the_file(path: tuple[str | int, ...], shown: str) -> None:
    assert dotted(path) == shown
    assert SchemaError(path, "is wrong").message == (f"{shown}: is wrong" if path else "is wrong")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 10, "maximum": 60}, "a whole number from 10 to 60"),
        ({"type": ["string", "null"]}, "text"),
        ({"type": "null"}, "empty"),
        ({"type": ["string", "array"]}, "text or a list"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 9}, "a number above 0 and at most 9"),
        ({"type": "integer", "minimum": 1}, "a whole number of at least 1"),
        ({"enum": ["a", "b", 3]}, "a, b or 3"),
        ({"const": True}, "true"),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "text or a mapping"),
        ({}, "something else"),
        (True, "something else"),
    ],
)
def test_a_schema_in_a_few_words(schema: Any, words: str) -> None:
    assert expected(schema) == words


def test_not_everything_is_listed() -> None:
    words = choice(str(number) for number in range(1000))
    assert words == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 or one of 990 others"
    assert choice(str(number) for number in range(LISTED)).endswith("10 or 11")
    assert choice(["a", "a"]) == "a"
