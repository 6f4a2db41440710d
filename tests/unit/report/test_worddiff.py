"""Which words of a text changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.model.document import ABSENT
from flowops.report.worddiff import GAP, Piece, Side, edit, one_side, pieces

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a b", "a c", [("both", "a"), ("before", " b"), ("after", " c")]),
        ("a", "a b", [("both", "a"), ("after", " b")]),
        ("a b", "b", [("before", '"a b"'), ("after", '"b"')]),
        (1, 2, [("before", "1"), ("after", "2")]),
        (True, 1, [("before", "true"), ("after", "1")]),
        (ABSENT, "x", [("before", "(absent)"), ("after", '"x"')]),
        ("x", ABSENT, [("before", '"x"'), ("after", "(absent)")]),
        ("abc", "xyz", [("before", '"abc"'), ("after", '"xyz"')]),
        ("•••", "•••", [("both", '"•••" (another value behind the mask)')]),
        (None, {"a": 1}, [("before", "null"), ("after", '{"a": 1}')]),
        (
            LONG,
            LONG.replace("eight", "8"),
            [("both", "… five six seven"), ("before", " eight"), ("after", " 8"), ("both", " nine ten eleven …")],
        ),
        (
            LONG,
            LONG.replace("two", "2").replace("fourteen", "14"),
            [
                ("both", "one"), ("before", " two"), ("after", " 2"),
                ("both", " three four five … eleven twelve thirteen"),
                ("before", " fourteen"), ("after", " 14"), ("both", " fifteen"),
            ],
        ),
    ],
)  # fmt: skip
def test_pieces(before: Any, after: Any, expected: list[tuple[str, str]]) -> None:
    found = [(str(side), text) for side, text in pieces(before, after)]
    assert found == expected


TEXTS = st.lists(st.sampled_from(["a", "b", "c", " ", "\n", "d e"]), max_size=20).map(" ".join)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_pieces_of_a_short_difference(before: str, after: str) -> None:
    found = pieces(before, after)
    if before != after and not any(GAP in piece.text for piece in found) and any(p.side is Side.BOTH for p in found):
        for side, text in ((Side.BEFORE, before), (Side.AFTER, after)):
            assert "".join(piece.text for piece in one_side(found, side)) == f'"{text}"'


@given(st.text(), st.text())
def test_a_difference_is_never_lost(before: str, after: str) -> None:
    found = pieces(before, after)
    assert found
    if before != after:
        assert any(piece.side is not Side.BOTH for piece in found)


def test_the_same_edit_in_texts_with_other_names_is_the_same() -> None:
    one = edit(pieces("Dear Ada, your appointment is soon", "Dear Ada, your visit is soon"))
    other = edit(pieces("Dear Bo Li, your appointment is soon", "Dear Bo Li, your visit is soon"))
    assert one == other == (Piece(Side.BEFORE, "appointment"), Piece(Side.AFTER, "visit"))


def test_two_texts_without_end_take_no_time_without_end() -> None:
    before = " ".join(f"a{n}" for n in range(20_000))
    after = " ".join(f"b{n}" for n in range(20_000))
    assert len(pieces(f"x {before} y", f"x {after} y")) == 4
