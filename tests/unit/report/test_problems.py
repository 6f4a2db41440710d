"""Problems with their source lines: the message format of the contract's section 4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.model.document import Place, Problem, RowPlace
from flowops.report.phrases import AFTER, BEFORE, excerpt
from flowops.report.terminal import plain
from flowops.report.writers.text import problem_lines

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = (Path(__file__).parents[2] / "cases/report/005-problems/calls.yaml").read_text().split("\n")
FILE = "calls/reminders.yaml"


def row(number: int) -> RowPlace:
    return RowPlace("data/appointments.csv", number, number + 1)


def source(place: Place) -> str | None:
    return SOURCE[place.line - 1] if place.file == FILE else None


def nothing(_: Place) -> None:
    return None


UNDEFINED = ("flow-variables.text: 'row.nmae' is undefined", "template", "did you mean 'name'?")
PROBLEMS = [
    Problem(Place(FILE, 9, 32), row(1), *UNDEFINED),
    Problem(Place(FILE, 9, 32), row(2), *UNDEFINED),
    Problem(Place(FILE, 7, 13), None, "callees.0: '+3161234' is not a valid number in NL", "number"),
    Problem(Place(FILE, 8, 2), None, "a tab cannot indent", "syntax", "use spaces"),
    Problem(Place(FILE, 10, 23), None, "voicemail-response: 'Beep' is not one of Ignore, Restart, Stop", "schema"),
    Problem(Place(FILE, 10, 23), None, "voicemail-response: 'Beep' is not one of Ignore, Restart, Stop", "schema"),
    Problem(Place("data/appointments.csv", 13, 1), None, "the row has 2 values, the head 3", "rows"),
    Problem(Place("calls/missing.yaml"), None, "cannot be read: no such file", "file"),
]


def test_all_problems_are_told_sorted_each_once(golden: Callable[[str, str], None]) -> None:
    golden("005-problems/problems.txt", plain(problem_lines(reversed(PROBLEMS), source)))


def test_no_problem_is_a_total_of_none() -> None:
    assert plain(problem_lines([], source)) == "0 problems in 0 files\n"


def test_rows_with_the_same_problem_are_counted() -> None:
    problems = [Problem(Place(FILE, 1), row(number), "callee: '' is empty") for number in (9, 12, 3, 3)]
    assert plain(problem_lines(problems, nothing)) == (
        f"{FILE}:1:1: callee: '' is empty "
        f"(row 3 of data/appointments.csv, line 4, and 2 more rows: 9, 12)\n1 problem in 1 file\n"
    )


def test_a_data_row_is_never_repeated() -> None:
    problem = Problem(Place("data/people.csv", 2, 1), None, "too short")
    assert "Ada" not in plain(problem_lines([problem], lambda place: "1,Ada,0612345678"))


class TestExcerpt:
    def test_puts_the_caret_under_the_column(self) -> None:
        shown = excerpt('  callee: "x"\n', 11, "")
        assert shown == ('callee: "x"', 8)

    def test_masks_numbers_and_moves_the_caret_with_them(self) -> None:
        shown = excerpt('a: "+442079460023", b: nine', 24, "b: 'nine' is not a number")
        assert shown.text == 'a: "+44 20 79•• ••23", b: nine'
        assert shown.text[shown.caret :] == "nine"

    def test_leaves_the_number_that_the_message_tells(self) -> None:
        line = 'callees: ["+442079460023", "+442079460024"]'
        shown = excerpt(line, 11, "callees.0: '+442079460023' was given twice")
        assert shown.text == 'callees: ["+442079460023", "+44 20 79•• ••24"]'
        assert shown.text[shown.caret :].startswith('"+442079460023"')

    def test_puts_the_caret_before_a_number_that_it_would_be_inside_of(self) -> None:
        shown = excerpt("a: +442079460023", 10, "")
        assert (shown.text, shown.caret) == ("a: +44 20 79•• ••23", 3)

    def test_masks_a_number_that_is_written_without_its_country(self) -> None:
        line = "[0612345678, '06 12 34 56 79', nine]"
        shown = excerpt(line, 32, "callees.2: 'nine' is not a number")
        assert shown.text == "[••••••••78, '•• •• •• •• 79', nine]"
        assert shown.text[shown.caret :] == "nine]"
        assert "0612345678" in excerpt(line, 2, "callees.0: '0612345678' is not a number with a country").text

    def test_shows_tabs_as_spaces(self) -> None:
        assert excerpt("a:\tb", 4, "") == ("a:    b", 6)

    def test_counts_the_columns_of_wide_characters(self) -> None:
        assert excerpt("日本: x", 5, "") == ("日本: x", 6)

    def test_shows_what_a_terminal_would_obey(self) -> None:
        assert excerpt("a\x1b[2J: x", 8, "") == ("a\\u{1b}[2J: x", 12)

    @pytest.mark.parametrize("column", [1, 40, 500, 1_000, 5_000])
    def test_windows_long_lines(self, column: int) -> None:
        shown = excerpt("abcdefghi " * 100, column, "")
        assert len(shown.text) <= BEFORE + AFTER + 2
        assert shown.caret <= BEFORE + 1

    def test_masks_a_number_that_the_window_cuts(self) -> None:
        for start in range(120):
            line = "x" * start + " +442079460023 " + "y" * 200
            for column in (1, start + 5, start + 40, start + 70):
                assert "+4420" not in excerpt(line, column, "").text
                assert "460023" not in excerpt(line, column, "").text

    @given(st.text(), st.integers(-3, 300), st.text(max_size=30))
    def test_never_fails_and_stays_on_one_line(
        self, harmless: Callable[[str], bool], line: str, column: int, message: str
    ) -> None:
        shown = excerpt(line, column, message)
        assert "\n" not in shown.text
        assert harmless(shown.text)
        assert shown.caret >= 0


def test_the_line_of_a_secret_is_not_repeated() -> None:
    problem = Problem(Place("flowops.yaml", 7, 12), message="token: must be a reference", code="secret")
    text = plain(problem_lines([problem], lambda _place: "    token: 0f3c-canary"))
    assert "canary" not in text
