from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.text import decode, hide_values, line_and_column, line_at
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
    found = line_at(text, line)
    assert found is not None
    assert text[index - column + 1 : index] == found[: column - 1]
    assert "\n" not in found
    assert "\r" not in found


def test_there_is_no_line_before_the_first_or_behind_the_last() -> None:
    assert [line_at("a\r\nb", number) for number in range(4)] == [None, "a", "b", None]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('callee: "+44 20 7946 0018"', 'callee: "••• •• •••• ••••"'),
        ("  callee: 020 7946 0018 # Ann", "  callee: ••• •••• •••• # Ann"),
        ("call: {callee: 0612345678, caller: 'x', flow: f}", "call: {callee: ••••••••••, caller: '•', flow: f}"),
        ("  callees: [020, Ann]", "  callees: [•••, •••]"),
        ("  patient: Ann Smith", "  patient: ••• •••••"),
        ('  "patient": {name: Ann}', '  "patient": {••••: •••}'),
        ("callee: \"{{ row.phone | e164('GB') }}\"", None),
        ("outpatient: Ann, callback-url: https://x", None),
    ],
)
def test_what_a_line_says_of_somebody_is_hidden(line: str, shown: str | None) -> None:
    assert hide_values(line, ("callee", "callees", "caller", "patient")) == (shown or line)
