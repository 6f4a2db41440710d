"""Values in messages: visible, short, and nothing that steers a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.names import why_unusable
from flowops.common.text import (
    LISTED,
    SHOWN,
    escaped,
    from_spreadsheet,
    listed,
    local_times,
    minute,
    quoted,
    second,
    shorten,
    spreadsheet_cell,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone that the process is in."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "text", "shown"),
    [
        ("Europe/Berlin", "at 2026-11-24 09:00 UTC.", "at 2026-11-24 10:00 CET."),
        ("Europe/Berlin", "at 2026-07-24 09:00:12 UTC", "at 2026-07-24 11:00:12 CEST"),
        ("Europe/Berlin", "from Tue 2026-11-24 23:30 UTC to", "from Wed 2026-11-25 00:30 CET to"),
        (
            "America/Sao_Paulo",
            "2026-11-24 01:00 UTC, 2026-11-24 02:00 UTC",
            "2026-11-23 22:00 -03, 2026-11-23 23:00 -03",
        ),
        ("UTC", "2026-11-24 09:00 UTC", "2026-11-24 09:00 UTC"),
        ("Europe/Berlin", "2026-11-24T09:00Z, 2026-11-24 09:00 Europe/London, 2026-13-24 09:00 UTC", None),
    ],
    indirect=["zone"],
)
@pytest.mark.usefixtures("zone")
def test_people_read_times_in_their_own_zone_which_is_named(text: str, shown: str | None) -> None:
    assert local_times(text) == (text if shown is None else shown)


def test_a_time_for_machines_is_written_for_people() -> None:
    assert minute("2026-11-24T09:00:12.345Z") == "2026-11-24 09:00 UTC"
    assert second("2026-11-24T09:00:12.345Z") == "2026-11-24 09:00:12 UTC"


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
    assert not cell.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    if why_unusable(text) is None:
        assert from_spreadsheet(cell) == text


@pytest.mark.parametrize("text", ["\x1b[31m", "a\u202eb", "a\u200bb", "\ufeff=1", "a\u2028b", "a\U000e0041b", "a\x85b"])
def test_a_cell_holds_nothing_that_nobody_sees(text: str) -> None:
    assert spreadsheet_cell(text) == text.encode("unicode_escape").decode()


@pytest.mark.parametrize("text", ["=1", "＝1", "＋1", "－1", "＠x", "'＝1"])
def test_a_formula_of_full_width_is_one_too(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"
    assert from_spreadsheet(f"'{text}") == text
