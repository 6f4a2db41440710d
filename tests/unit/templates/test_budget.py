"""The bounds of a template, each just met and just passed."""

from __future__ import annotations

import pytest

from flowops.common.budget import CALL_STEPS, COMMAND_STEPS, MAX_BODY, MAX_INTEGER, MAX_TEXT
from flowops.templates.budget import MAX_BRACKETS, MAX_DEPTH, MAX_LOOPS, MAX_PARTS, MAX_SOURCE

LOOP = "{% for x in row.list %}{% endfor %}"


def brackets(depth: int) -> str:
    """A number in so many brackets."""
    return "{{ " + "(" * depth + "1" + ")" * depth + " }}"


def loops(depth: int) -> str:
    """So many loops in each other."""
    return "{% for x in [] %}" * depth + "{% endfor %}" * depth


@pytest.mark.parametrize(
    ("inside", "outside", "error"),
    [
        ("a" * (MAX_SOURCE - 7) + "{{ 1 }}", "a" * (MAX_SOURCE - 6) + "{{ 1 }}", "a template may have at most 16,384"),
        (brackets(MAX_BRACKETS), brackets(MAX_BRACKETS + 1), "the template is nested too deeply"),
        ("{{ " + "not " * (MAX_DEPTH - 1) + "1 }}", "{{ " + "not " * MAX_DEPTH + "1 }}",
         "the template is nested too deeply"),
        (loops(MAX_LOOPS), loops(MAX_LOOPS + 1), "the template is nested too deeply"),
        ("{{ [" + "1," * (MAX_PARTS - 1) + "] }}", "{{ [" + "1," * MAX_PARTS + "] }}", "a template may have"),
        (f"{{{{ {MAX_INTEGER} }}}}", f"{{{{ {MAX_INTEGER + 1} }}}}", "a whole number may not be beyond"),
        ("{{ row.text ~ '' }}", "{{ row.text ~ 'a' }}", f"the text has more than {MAX_TEXT} characters"),
        ("{{ row.text }}", "{{ row.long }}", f"a text may have at most {MAX_TEXT:,} characters, this has "),
        ("{{ row.text | length }}", "{{ row.long | length }}", "length: a text may have"),
        ("{{ row.sharp[1:] | upper }}", "{{ row.sharp | upper }}", "upper: a text may have"),
        ("{{ row.text | replace('a', 'b') }}", "{{ row.text | replace('a', 'bb') }}", "replace: the text would"),
        ("{{ row.half | digits }}", "{{ row.text | digits }}", "digits: the text would"),
        ("{{ [row.half, row.half] | join }}", "{{ [row.half, row.half] | join('a') }}", "join: the text would"),
        ("{{ row.half | tojson }}", "{{ row.text | tojson }}", "tojson: the text would"),
        (LOOP, LOOP * 2, "the templates of this call take too much work"),
    ],
)  # fmt: skip
def test_a_bound_holds_where_it_is_set(value_of, error_of, inside, outside, error):
    data = {
        "text": "a" * MAX_TEXT,
        "long": "a" * (MAX_TEXT + 1),
        "half": "a" * (MAX_TEXT // 2),
        "sharp": "ß" * (MAX_TEXT // 2 + 1),
        "list": [1] * (CALL_STEPS - CALL_STEPS // 16),
    }
    value_of(inside, **data)
    assert error_of(outside, **data).startswith(error)


def test_what_a_document_says_itself_has_to_be_sendable_too(compiled, told):
    calls = compiled(f"kind: Call\nreference-id: r\nflow-variables: {{a: [{MAX_INTEGER}, {MAX_INTEGER + 1}], b: .inf}}")
    assert told(calls.check()) == [
        "calls/a.yaml:3:40: flow-variables.a[1]: a whole number may not be beyond 9007199254740991",
        "calls/a.yaml:3:62: flow-variables.b: a number may not be infinite",
    ]


def test_data_of_any_depth_is_no_crash(error_of):
    deep: list[object] = []
    for _ in range(20_000):
        deep = [deep]
    assert error_of("{{ row.deep }}", deep=deep) == "the data is nested too deeply"


def test_json_of_a_number_that_json_has_not(error_of):
    assert error_of("{{ row.x | tojson }}", x=float("inf")) == "tojson: a number is infinite, or too large for JSON"


def test_a_call_of_very_many_parts_is_refused_before_any_of_them_is_worked_out(compiled, told, monkeypatch):
    monkeypatch.setattr("flowops.templates.assemble.PARTS_PER_STEP", 1)
    calls = compiled("kind: Call\nreference-id: r\ncallees: [" + '"{{ [1, 1, 1, 1] }}", ' * 2001 + "]\n")
    (problem,) = told(calls.render()[1])
    assert problem.startswith("calls/a.yaml:1:1: call: the templates of this call take too much work")


def test_templates_are_compiled_for_steps_of_the_command(compiled):
    calls = compiled('kind: Call\nreference-id: "{{ 12345 }}"\ncallees: ["{{ 1 }}", "{{ 2 }}", "{{ 1 }}"]')
    assert calls.budget.left == COMMAND_STEPS - 3 * (6 + 8 * 2)
    many = ", ".join(f'"{{{{ {number} }}}}"' for number in range(50_000))
    calls = compiled(f"kind: Call\nreference-id: a\ncallees: [{many}]")
    assert calls.budget.exhausted
    assert calls.budget.left > -100


def test_a_body_has_at_most_a_mebibyte_of_json(compiled, told):
    names = [f"v{number}" for number in range(20)]
    text = "{{ vars.text }}"

    def call(*values):
        variables = "".join(f"\n  {name}: {value}" for name, value in zip(names, values, strict=False))
        project = f'kind: Project\nname: x\nvars: {{text: "{"x" * 60_000}"}}\n'
        calls = compiled(f"{project}---\nkind: Call\nreference-id: r\nflow-variables:{variables}")
        return told([*calls.check(), *calls.render()[1]])

    assert call(*[f'"{text}"'] * 17) == []
    said = ["calls/a.yaml:5:1: call: the body would have more than 1 MiB of JSON [say less in its variables]"]
    assert call(*[f'"{text}"'] * 18) == said
    assert call(*["x" * 60_000] * 18) == said
    assert call(*[f"[{', '.join(['*s'] * 20)}]" if n else f"&s {'x' * 60_000}" for n in range(2)]) == said
    assert MAX_BODY == 2**20


@pytest.mark.parametrize(
    "template",
    [
        "{{ vars.many | sort | length }}",
        "{{ vars.many | unique | length }}",
        "{{ vars.many | join }}",
        "{{ vars.many | tojson }}",
        "{{ vars.text in vars.many }}",
        "{{ vars.many }}",
    ],
)
def test_the_items_of_a_list_count_with_their_texts(compiled, told, template):
    text = "\u00e9" * 60_000
    project = f'kind: Project\nname: x\nvars: {{text: &s "{text}", many: [{", ".join(["*s"] * 5_000)}]}}\n'
    calls = compiled(f'{project}---\nkind: Call\nreference-id: r\nflow-variables: {{x: "{template}"}}')
    (problem,) = told(calls.render()[1])
    assert "the templates of this call take too much work" in problem
