from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from flowops.common.text import LINE_BREAK, Lines, line_starts


@given(st.text(alphabet="ab\r\né"), st.integers(0, 50), st.integers(1, 9))
def test_lines_and_columns_lead_back_to_the_offset(text: str, index: int, block: int) -> None:
    index = min(index, len(text))
    if text[index - 1 : index + 1] == "\r\n":
        index += 1
    with patch("flowops.common.text._BLOCK", block):
        line, column = Lines(text).at(index)
    found = LINE_BREAK.split(text)[line - 1]
    assert line_starts(text)[line - 1] == index - column + 1
    assert text[index - column + 1 : index] == found[: column - 1]
    assert "\n" not in found
    assert "\r" not in found


def test_places_may_be_asked_for_in_any_order() -> None:
    text = "ab\n" * 10_000
    found = Lines(text)
    offsets = [29_999, 0, 12_345, 4_095, 4_096, 4_097, 29_998]
    assert [found.at(offset) for offset in offsets] == [(offset // 3 + 1, offset % 3 + 1) for offset in offsets]
