"""A reference-id names one call."""

from __future__ import annotations

from flowops.model.document import Problems
from flowops.templates.problems import duplicates


def test_both_places_of_a_duplicate_are_named(compiled, rows, told, render_rows):
    set_ = compiled('kind: CallSet\ncall:\n  reference-id: "r-{{ row.id }}"', file="calls/set.yaml")
    one = compiled("kind: Call\nreference-id: r-1", file="calls/one.yaml")
    calls = [*render_rows(set_, rows({"id": "1"}, {"id": "2"}, {"id": "1"})), one.render()[0]]
    assert told(duplicates(calls)) == [
        (
            "calls/set.yaml:3:17: reference-id: row 3 and row 1 of data/rows.csv both make the reference-id 'r-1' "
            "(row 3 of data/rows.csv) [each call needs one of its own]"
        ),
        (
            "calls/one.yaml:2:15: reference-id: 'r-1' is also that of the call at calls/set.yaml:3:17, "
            "row 1 of data/rows.csv, line 2 [each call needs one of its own]"
        ),
    ]


def test_calls_with_references_of_their_own_are_no_problem(compiled, rows, render_rows):
    calls = render_rows(compiled('kind: CallSet\ncall: {reference-id: "{{ row.id }}"}'), rows({"id": "a"}, {"id": "A"}))
    assert list(duplicates(calls)) == []


def test_many_duplicates_are_counted(compiled, rows, render_rows):
    calls = render_rows(compiled("kind: CallSet\ncall: {reference-id: r}"), rows(*[{}] * 200))
    problems = list(duplicates(calls))
    (problem,) = Problems(problems)
    assert (problem.count, [row.number for row in problem.rows]) == (199, [2, 3, 4, 5])


def test_the_same_call_twice_is_a_duplicate(compiled):
    call, _ = compiled("kind: Call\nreference-id: r").render()
    assert len(list(duplicates([call, call]))) == 1
