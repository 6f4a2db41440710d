"""Values in messages: visible, short, and nothing that steers a terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.text import (
    INVISIBLE,
    LISTED,
    SHOWN,
    escaped,
    from_spreadsheet,
    listed,
    quoted,
    shorten,
    spreadsheet_cell,
    visible,
)


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
        (None, "null"),
        ("", "''"),
        ([1], "a list"),
        ({}, "a mapping"),
        ({"a": 1}, "a mapping"),
        ("Call", "'Call'"),
        ("x" * 100, "'" + "x" * 59 + "…'"),
        (10**100, "1" + "0" * 58 + "…"),
        pytest.param(10**5000, "of thousands of digits", id="huge"),
    ],
)
def test_a_value_is_shown_as_it_was_written(value: Any, shown: str) -> None:
    assert quoted(value) == shown


def test_a_path_that_is_no_text_can_be_printed() -> None:
    assert visible("a/b\udcff\x07é") == r"a/b\udcff\x07é"


def test_a_long_text_is_cut() -> None:
    assert shorten("x" * 300, 300) == "x" * 300
    assert shorten("x" * 301, 300) == "x" * 299 + "…"


def test_not_every_name_is_listed() -> None:
    assert listed([]) == ""
    assert listed(["a", "b\n"]) == r"a, b\n"
    assert listed(str(number) for number in range(LISTED)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    assert listed(str(number) for number in range(LISTED + 1)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"


@given(st.text())
def test_a_cell_is_no_formula_and_is_taken_back(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert not cell.startswith(("=", "+", "-", "@"))
    if not any(unicodedata.category(character) == "Cc" for character in text):
        assert from_spreadsheet(cell) == text


def test_what_is_invisible_is_what_unicode_says() -> None:
    # Format characters that Unicode does not ignore: marks that stand before numbers, and what interlinear notes have.
    seen = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, *range(0xFFF9, 0xFFFC), 0x110BD, 0x110CD}
    seen |= set(range(0x13430, 0x13440))
    listed = {code for first, last in INVISIBLE for code in range(first, last + 1)}
    known = {code for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
    assert known - listed == known & seen
    assert not listed & seen
    assert {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F, 0x115F, 0x3164, 0x2800} <= listed
