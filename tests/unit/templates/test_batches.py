"""Call sets, a batch at a time: the generated function and the plain way come to the same, whatever the rows hold."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowops.model import Batch, Call, Place, Problem, Row, RowPlace
from flowops.templates import CallSet, generated
from flowops.templates.limits import CALL_STEPS, ROW_STEPS, SET_STEPS, WRONG_ROWS
from flowops.templates.problems import TOLD

# Whatever may stand in a field; each one of a kind that the generated function treats in its own way.
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
TEXT = st.sampled_from(
    ["", "x", " 12 ", "7", "Zoë", "a;b", "A" * 255, "A" * 256, "ë" * 300, "9" * 20, "{{ no }}", "1.5"]
)
ANY = (
    TEXT
    | st.integers(-(2**54), 2**54)
    | st.sampled_from([None, True, 1.5, float("inf"), [], ["a", 1], ["x"] * 20, {"k": "v"}])
)
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(flow=st.booleans(), reference=st.sampled_from(TEMPLATES), fields=FIELDS, variables=VARIABLES, values=ROWS)
def test_both_ways_render_any_rows_to_the_same_bytes_and_problems(
    compiled, rows, render_rows, flow, reference, fields, variables, values
) -> None:
    render_rows(compiled(document(flow, reference, fields, variables)), rows(*values))


def made(compiled, bodies_of, reference: str = "{{ row.a }}", **fields: str) -> CallSet:
    return CallSet(compiled(document(True, reference, fields, {"p": "{{ row.a }}"})), bodies_of)


def batch_of(*values: str) -> Batch:
    numbers = range(1, len(values) + 1)
    return Batch("d.csv", [{"a": value} for value in values], numbers, numbers)


def unchecked(call: Call, whole: bool) -> list:
    return []


@pytest.mark.parametrize(
    ("template", "quick"),
    [("{{ row.a | trim }}", True), ("{% if row.a %}x{% endif %}", True), ("{{ row.a + 1 }}", True), ("r", False)],
)
def test_only_a_set_that_cannot_be_right_has_no_function(compiled, bodies_of, template, quick) -> None:
    assert (made(compiled, bodies_of, template).quick is not None) is quick


def test_only_rows_out_of_the_ordinary_are_rendered_the_plain_way(compiled, bodies_of, monkeypatch) -> None:
    calls = made(compiled, bodies_of, callee="{{ row.a | upper }}")
    asked = []
    plain = type(calls.compiled).render_row

    def watched(self, row: Row, *rest):
        asked.append(row.place)
        return plain(self, row, *rest)

    monkeypatch.setattr(type(calls.compiled), "render_row", watched)
    found = calls.render(batch_of("a", "b" * 256, "c", "d" * 300), unchecked)
    assert [body["callee"] for body in found.bodies] == ["A", "B" * 256, "C", "D" * 300]
    assert asked == [RowPlace("d.csv", 2, 2), RowPlace("d.csv", 4, 4)]


def test_bodies_that_are_not_accepted_are_looked_at_the_plain_way(compiled, bodies_of) -> None:
    class Picky(bodies_of):
        def accepts(self, body) -> bool:
            return body["instruction-id"] != "b"

    calls = made(compiled, Picky)
    seen = []

    def check(call: Call, whole: bool) -> list:
        seen.append((call.reference_id, whole))
        return []

    assert len(calls.render(batch_of("a", "b", "c"), check).bodies) == 3
    assert seen == [("b", True)]


def test_of_calls_with_terms_each_is_asked_for_its_terms(compiled, bodies_of) -> None:
    calls = made(compiled, bodies_of, timezone="{{ row.a | trim }}")
    seen = []

    def check(call: Call, whole: bool) -> list:
        seen.append((call.terms.timezone, whole))
        return []

    found = calls.render(batch_of("a", "b" * 256, "c"), check)
    assert seen == [("a", False), ("b" * 256, True), ("c", False)]
    assert [call.terms.timezone for call in found.calls] == ["a", "b" * 256, "c"]
    assert "timezone" not in found.bodies[0]


def test_what_a_batch_takes_apart_is_what_it_takes_in_its_place(compiled, bodies_of) -> None:
    batches = [batch_of("a", "b" * 400), batch_of("c" * 9_000, "d")]
    one, other = made(compiled, bodies_of), made(compiled, bodies_of)
    for batch in batches:
        one.render(batch, unchecked)
    changes = [made(compiled, bodies_of).apart(batch, unchecked)[1] for batch in batches]
    assert all(other.join(change, 2) for change in changes)
    assert one._left == other._left == SET_STEPS + sum(changes)


@pytest.mark.parametrize(("change", "fits"), [(0, True), (CALL_STEPS + 20 * ROW_STEPS - SET_STEPS, True)])
def test_a_batch_near_a_limit_is_not_taken_from_elsewhere(compiled, bodies_of, change, fits) -> None:
    calls = made(compiled, bodies_of)
    assert calls.join(change, 20) is fits
    assert calls.join(-1, 20) is (change == 0)


@pytest.mark.parametrize("fault", ["cannot be rendered", "is wrong once it is rendered"])
def test_when_a_thousand_rows_have_problems_the_rest_is_left_alone(compiled, bodies_of, fault) -> None:
    class Never(bodies_of):
        def accepts(self, body) -> bool:
            return False

    if fault == "cannot be rendered":
        calls, check = made(compiled, bodies_of, caller="{{ row.a | int }}"), unchecked
    else:
        calls = made(compiled, Never)

        def check(call: Call, whole: bool) -> list:
            return [Problem(Place("calls/a.yaml"), call.row, "callee: is wrong")]

    first = calls.render(batch_of(*["x"] * 600), check)
    assert not calls.exhausted
    second = calls.render(batch_of(*["x"] * 600), check)
    assert calls.exhausted
    assert second.problems[-1].message == f"for-each: {WRONG_ROWS:,} rows have problems; the rest was not rendered"
    told = [problem for batch in (first, second) for problem in batch.problems[: None if batch is first else -1]]
    assert len(told) == (TOLD if fault == "cannot be rendered" else WRONG_ROWS)
    assert len(second.calls) == len(second.bodies)


def test_nothing_that_a_user_writes_becomes_source(compiled, bodies_of, monkeypatch) -> None:
    sources = []

    def spy(source: str, *rest):
        sources.append(source)
        return compile(source, *rest)

    monkeypatch.setattr(generated, "compile", spy, raising=False)
    text = (
        "kind: CallSet\ncall:\n  reference-id: 'EVIL{{ row.EVIL }}'\n  callflow-id: EVIL\n"
        "  EVIL: '{{ row.EVIL | default(\"EVIL\") }}'\n"
        '  flow-variables:\n    EVIL: \'{{ row["EVIL] + EVIL"] | replace(old="EVIL", new=vars.EVIL) }}\'\n'
        "    'EVIL\"): EVIL': ['{% if row.EVIL %}EVIL{% endif %}', EVIL]\n---\nkind: Project\nvars: {EVIL: EVIL}\n"
    )
    calls = CallSet(compiled(text), bodies_of)
    assert calls.quick is not None
    (source,) = sources
    assert "EVIL" not in source
    row = {"EVIL": "EVIL", "EVIL] + EVIL": "EVIL"}
    found = calls.render(Batch("d.csv", [row], [1], [2]), unchecked)
    assert found.bodies == [
        call.body for call in CallSet(compiled(text), None).render(Batch("d.csv", [row], [1], [2]), unchecked).calls
    ]
