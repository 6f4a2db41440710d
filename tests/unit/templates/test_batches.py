"""Call sets, a batch at a time, whatever the rows hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.model.document import Batch, Place, Problem, Problems
from flowops.templates.batches import CallSet
from flowops.templates.budget import WRONG_ROWS

if TYPE_CHECKING:
    from flowops.model.call import Call

VALUES = Path(__file__).parents[2] / "cases" / "template_values" / "expected.json"

# Whatever may stand in a field.
TEMPLATES = [
    "{{ row.a }}",
    "{{ row['b c'] }}",
    "{{ row_number }}",
    "plain",
    "{{ vars.brand }}",
    "{{ vars.hours.open }} to {{ row.a }}",
    "{{ row.a }}{{ row.a }}",
    "{{ row.a | trim }}",
    "{{ row.a | int }}",
    "{{ row.a | int(7) }}",
    "{{ row.missing | default('none') }}",
    "{{ row['b c'] | default(vars.brand, boolean=true) }}",
    "{{ row.missing }}",
    "{{ row.a | float }} euros",
    "{{ row.a | upper | replace('A', row['b c']) }}",
    "{{ row.a | split(';') | join(', ') }}",
    "{{ row.list }}",
    "{{ row.list | length }}",
    "{% if row.a %}{{ row.a }}{% else %}nobody{% endif %}",
    "{% for x in row.list %}{{ x }},{% endfor %}",
    "{{ row.a ~ '-' ~ row_number }}",
    "{{ row.a == 'x' }}",
    "{{ row.a if row.a is defined else 'x' }}",
    "{{ {'k': row.a} }}",
    "{{ row }}",
    "{# nothing #}",
    "a{{ row.a }}é{{ row['b c'] }}" + "long " * 60,
]
TEXTS = ["", "x", " 12 ", "7", "Zoë", "a;b", "A" * 255, "A" * 256, "ë" * 300, "9" * 20, "{{ no }}", "1.5"]
TEXT = st.sampled_from(TEXTS)
OTHERS = [None, True, 1.5, float("inf"), [], ["a", 1], ["x"] * 20, {"k": "v"}]
ANY = TEXT | st.integers(-(2**54), 2**54) | st.sampled_from(OTHERS)
ROWS = st.lists(st.fixed_dictionaries({"a": ANY, "b c": TEXT, "list": ANY}, optional={"missing": TEXT}), max_size=6)
FIELDS = st.dictionaries(st.sampled_from(["callee", "caller", "anonymous", "note"]), st.sampled_from(TEMPLATES))
VARIABLES = st.dictionaries(st.sampled_from(["p", "q", "n", "ü"]), st.sampled_from(TEMPLATES), max_size=3)
HEAD = (
    "kind: Project\nvars: {brand: Acme, hours: {open: '9'}}\ndefaults: {caller: '+442079460000'}\n---\n"
    "kind: Flow\nname: f\ncallflow-id: id-f\n"
    "variables: {p: {type: string}, n: {type: integer, default: 3}, q: {default: [1]}}\n---\n"
)


def document(flow: bool, reference: str, fields: dict[str, str], variables: dict[str, str]) -> str:
    lines = [f"  {name}: {quoted(value)}" for name, value in fields.items()]
    inside = ", ".join(f"{name}: {quoted(value)}" for name, value in variables.items())
    which = "flow: f" if flow else "callflow-id: other"
    return f"{HEAD}kind: CallSet\ncall:\n  reference-id: {quoted(reference)}\n  {which}\n" + "\n".join(
        [*lines, f"  flow-variables: {{{inside}}}"]
    )


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize("template", TEMPLATES)
def test_any_template_makes_of_any_value_what_stands_in_the_file(render_value, template) -> None:
    expected = json.loads(VALUES.read_text("utf-8"))[template]
    found = [render_value(template, value) for value in (*TEXTS, *OTHERS, 7, 2**53 - 1, -(2**53))]
    assert json.dumps(found) == json.dumps(expected)


@settings(max_examples=300)
@given(flow=st.booleans(), reference=st.sampled_from(TEMPLATES), fields=FIELDS, variables=VARIABLES, values=ROWS)
def test_a_row_of_many_comes_to_what_it_comes_to_by_itself(
    compiled, rows, render_rows, flow, reference, fields, variables, values, render_row
) -> None:
    calls, data = compiled(document(flow, reference, fields, variables)), rows(*values)
    each = [render_row(calls, row) for row in data]
    assert render_rows(calls, data) == [item for call, wrong in each for item in (wrong if call is None else [call])]


def made(compiled, reference: str = "{{ row.a }}", **fields: str) -> CallSet:
    return CallSet(compiled(document(True, reference, fields, {"p": "{{ row.a }}"})))


def batch_of(*values: str) -> Batch:
    numbers = range(1, len(values) + 1)
    return Batch("d.csv", [{"a": value} for value in values], numbers, numbers)


def wrong(call: Call) -> list[Problem]:
    return [Problem(Place("calls/a.yaml"), call.row, "callee: is wrong")]


def test_only_bodies_that_are_not_accepted_are_made_calls_of_and_looked_at_closely(compiled, unchecked) -> None:
    seen = []
    unchecked.accepts = lambda bodies: all(body["instruction-id"] != "b" for body in bodies)
    unchecked.body_problems = lambda call: seen.append((call.reference_id, call.row.number)) or []
    found = made(compiled).render(batch_of("a", "b", "c"), unchecked)
    assert (len(found), found.references, found.problems) == (3, ["a", "b", "c"], [])
    assert seen == [("b", 2)]


def test_of_calls_with_terms_each_is_asked_for_its_terms(compiled, unchecked) -> None:
    seen = []
    unchecked.terms_problems = lambda call: seen.append(call.terms.timezone) or []
    found = made(compiled, timezone="{{ row.a | trim }}").render(batch_of("a", "b" * 256, "c"), unchecked)
    assert seen == [call.terms.timezone for call in map(found.call, range(len(found)))] == ["a", "b" * 256, "c"]
    assert "timezone" not in found.bodies[0]


def test_a_call_that_is_wrong_keeps_its_body_and_its_place_among_the_problems(compiled, unchecked) -> None:
    calls = made(compiled, caller="{{ row.a | int }}")
    unchecked.accepts = lambda bodies: all(body["caller"] != 2 for body in bodies)
    unchecked.body_problems = wrong
    found = calls.render(batch_of("1", "x", "2", "y", "3"), unchecked)
    assert found.references == ["1", "2", "3"]
    assert [call.row.number for call in map(found.call, range(len(found)))] == [1, 3, 5]
    assert [(problem.row.number, problem.message) for problem in found.problems] == [
        (2, "caller: int: the text is not a whole number"),
        (3, "callee: is wrong"),
        (4, "caller: int: the text is not a whole number"),
    ]


@pytest.mark.parametrize("error", ["cannot be rendered", "is wrong once it is rendered"])
def test_when_a_thousand_rows_have_problems_the_rest_is_left_alone(compiled, unchecked, error) -> None:
    calls = made(compiled, caller="{{ row.a | int }}") if error == "cannot be rendered" else made(compiled)
    unchecked.accepts = lambda bodies: False
    unchecked.body_problems = wrong
    first = calls.render(batch_of(*["x"] * 600), unchecked)
    assert not calls.exhausted
    further = Batch("d.csv", [{"a": "x"}] * 600, range(601, 1201), range(601, 1201))
    second = calls.render(further, unchecked)
    assert calls.exhausted
    assert second.problems[-1].message == f"for-each: {WRONG_ROWS:,} rows have problems; the rest was not rendered"
    told = [problem for batch in (first, second) for problem in batch.problems[: None if batch is first else -1]]
    assert len(told) == WRONG_ROWS
    once = list(Problems(told))
    assert [(problem.count, [row.number for row in problem.rows]) for problem in once] == [(WRONG_ROWS, [1, 2, 3, 4])]
    assert len(second) == len(second.bodies)


FLOW = """
kind: Flow
name: short
callflow-id: f1
variables:
  p: {type: string, maxLength: 2}
"""


@pytest.mark.parametrize("skip", [False, True])
def test_a_row_whose_variables_do_not_fit_makes_no_call(compiled, unchecked, skip) -> None:
    more = "on-invalid: skip\n" if skip else ""
    fields = "{reference-id: '{{ row.a }}', flow: short, flow-variables: {p: '{{ row.a }}'}}"
    found = CallSet(compiled(f"kind: CallSet\n{more}call: {fields}\n---{FLOW}")).render(
        batch_of("a", "long", "b", "c", "longer"), unchecked
    )
    assert found.references == ["a", "b", "c"]
    assert [call.row.number for call in map(found.call, range(3))] == [1, 3, 4]
    assert (len(found.hashes), len(found.bodies)) == (3, 3)
    told = [(problem.row.number, problem.message) for problem in (found.skipped if skip else found.problems)]
    assert told == [(2, "flow-variables.p: is too long"), (5, "flow-variables.p: is too long")]
    assert [call.reference_id for call in found.left_out] == (["long", "longer"] if skip else [])
    assert found.invalid == (2 if skip else 0)
