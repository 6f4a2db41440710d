from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowops.common.budget import Budget
from flowops.model.document import Batch, Place, Problem, Problems, RowPlace
from flowops.templates.batches import compile_selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

from flowops.model.document import Document


@pytest.fixture
def selection(documents: Callable[..., list[Document]]) -> Any:
    def compile_(fields: str, variables: dict[str, Any] | None = None) -> Any:
        text = f"kind: CallSet\nfor-each: x.csv\n{fields}\ncall: {{reference-id: r}}\n"
        (document,) = documents(text)
        return compile_selection(document, variables or {}, Budget())

    return compile_


def batch(*values: Any, first: int = 1, problems: tuple[tuple[int, Problem], ...] = ()) -> Batch:
    numbers = range(first, first + len(values))
    return Batch("x.csv", [{"v": value} for value in values], numbers, [n + 1 for n in numbers], problems)


def told(found: Iterator[Batch]) -> list[Any]:
    """``(number, value)`` of each row, and the message of each problem, in their order."""
    return [
        each.message if isinstance(each, Problem) else (each.place.number, each.values["v"])
        for batch in found
        for each in batch
    ]


BAD = Problem(Place("x.csv", 3), RowPlace("x.csv", 2, 3), "bad", "rows")
WORSE = Problem(Place("x.csv", 9), RowPlace("x.csv", 8, 9), "worse", "rows")


def test_without_a_word_every_row_is_chosen_as_it_is(selection: Any) -> None:
    rows = batch("a", "b", problems=((1, BAD),))
    (found,) = selection("limit: 3").select([rows])
    assert found is rows


def test_rows_that_are_left_out_keep_their_places(selection: Any) -> None:
    chosen = selection("where: \"{{ row.v == 'a' or row_number == 4 }}\"")
    (one, two) = chosen.select([batch("a", "b", "a"), batch("b", "c", first=4)])
    assert told(iter([one, two])) == [(1, "a"), (3, "a"), (4, "b")]
    assert one.place(1) == RowPlace("x.csv", 3, 4)


def test_rows_without_lines_stay_without(selection: Any) -> None:
    rows = Batch("the query", [{"v": 1}, {"v": 2}], (1, 2), None)
    (found,) = selection('where: "{{ row.v == 2 }}"').select([rows])
    assert found.place(0) == RowPlace("the query", 2, None)


def test_where_sees_variables(selection: Any) -> None:
    chosen = selection('where: "{{ row.v in vars.wanted }}"', {"wanted": ["b"]})
    assert told(chosen.select([batch("a", "b")])) == [(2, "b")]


def test_problems_stay_where_they_were(selection: Any) -> None:
    rows = batch("a", "b", "a", problems=((1, BAD), (3, WORSE)))
    assert told(selection("where: \"{{ row.v == 'a' }}\"").select([rows])) == [(1, "a"), "bad", (3, "a"), "worse"]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1, [(1, "a")]), (2, [(1, "a"), "bad", (3, "a")]), (3, [(1, "a"), "bad", (3, "a"), "worse", (9, "a")])],
)
def test_a_limit_counts_the_rows_that_are_left(selection: Any, limit: int, expected: list[Any]) -> None:
    rows = [batch("a", "b", "a", problems=((1, BAD), (3, WORSE))), batch("a", "a", first=9)]
    assert told(selection(f"where: \"{{{{ row.v == 'a' }}}}\"\nlimit: {limit}").select(rows)) == expected


def test_behind_a_limit_nothing_is_read(selection: Any) -> None:
    def rows() -> Iterator[Batch]:
        yield batch("a", "b")
        pytest.fail("more was read")

    assert told(selection("limit: 2").select(rows())) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("where", "what"),
    [("{{ row.v }}", "text"), ("{{ 1 }}", "a number"), ("{{ none }}", "null"), ("{% if true %}x{% endif %}", "text")],
)
def test_what_is_neither_true_nor_false_is_a_problem_of_its_row(selection: Any, where: str, what: str) -> None:
    (problem,) = (each for found in selection(f'where: "{where}"').select([batch("a")]) for each in found)
    assert problem.message == f"where: has to be true or false, not {what}"
    assert (problem.place, problem.row) == (Place("calls/a.yaml", 3, 8), RowPlace("x.csv", 1, 2))
    assert problem.hint == "ask a question, such as {{ row.status == 'open' }}"


def test_the_same_problem_of_many_rows_is_one(selection: Any) -> None:
    chosen = selection('where: "{{ row.w == 1 }}"').select([batch(*"a" * 30), batch(*"a" * 30, first=31)])
    (problem,) = Problems(each for found in chosen for _, each in found.problems)
    assert problem.message == "where: 'row.w' is not defined"
    assert (problem.count, [row.number for row in problem.rows]) == (60, [1, 2, 3, 4])


def test_what_is_wrong_whatever_the_rows_say_is_told_once_and_no_row_is_read(selection: Any) -> None:
    chosen = selection('where: "{{ rwo.v == 1 }}"')
    assert [problem.message for problem in chosen.check()] == ["where: 'rwo' is not defined"]
    assert list(chosen.select([batch("a")])) == []


def test_a_question_that_takes_too_much_work_ends(selection: Any) -> None:
    loop = "{% for a in [1,2,3,4,5,6,7,8,9] %}" * 5 + "{% endfor %}" * 5
    read = 0

    def rows() -> Iterator[Batch]:
        nonlocal read
        for read in range(1, 100_000):
            yield batch("a", first=read)

    found = told(selection(f'where: "{loop}"').select(rows()))
    assert found[0] == "where: the templates of this call take too much work"
    assert 10 < read < 100


@pytest.mark.parametrize(
    ("where", "hint"),
    [
        ("{{ row.v }}", "compare it: {{ row.v == 'True' }}"),
        ("{{ row.v and row.v != '' }}", "compare it: row.v == 'True'"),
        ("{{ row.v != '' and row.v }}", "compare it: row.v == 'True'"),
        ("{{ not row.v }}", "compare it: row.v == 'True'"),
        ("{{ row.v or true }}", "compare it: row.v == 'True'"),
    ],
)
@pytest.mark.parametrize("text", ["True", "False"])
def test_a_text_that_spells_a_boolean_chooses_nobody(selection: Any, where: str, hint: str, text: str) -> None:
    (problem,) = (each for found in selection(f'where: "{where}"').select([batch(text)]) for each in found)
    assert problem.hint == hint
