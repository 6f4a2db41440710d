from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.text import decode
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
