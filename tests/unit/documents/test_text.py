from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.text import LINE_BREAK, decode, line_and_column, line_starts
from flowops.model.document import Problem


@given(st.text())
def test_utf_8_is_read_as_it_is(text: str) -> None:
    assert decode("f", text.encode()) == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"\xff", 1, 1),
        (b"a\n\xc3\xa9\xf0\x9d\x84\x9e\xff", 2, 3),
        (b"\xef\xbb\xbfab\xff", 1, 3),
        (b"a\r\nb\rc\xe2\x82", 3, 2),
        (b"\xc0\x80", 1, 1),
        (b"\xed\xa0\x80", 1, 1),
    ],
)
def test_the_first_byte_that_is_not_utf_8_has_a_place(data: bytes, line: int, column: int) -> None:
    problem = decode("f", data)
    assert isinstance(problem, Problem)
    assert (problem.place.line, problem.place.column) == (line, column)
    assert problem.code == "encoding"


@given(st.text(alphabet="ab\r\né"), st.integers(0, 50))
def test_lines_and_columns_lead_back_to_the_offset(text: str, index: int) -> None:
    index = min(index, len(text))
    if text[index - 1 : index + 1] == "\r\n":
        index += 1
    line, column = line_and_column(text, index)
    found = LINE_BREAK.split(text)[line - 1]
    assert line_starts(text)[line - 1] == index - column + 1
    assert text[index - column + 1 : index] == found[: column - 1]
    assert "\n" not in found
    assert "\r" not in found
