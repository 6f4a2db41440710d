"""``if`` and ``for`` over data, and what stands around them."""

from __future__ import annotations

import pytest

DATA = {
    "list": ["a", "b", "c"],
    "pairs": [["x", 1], ["y", 2]],
    "hours": {"Mon": 9, "Tue": 10},
    "vip": "yes",
    "none": [],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% if row.vip == 'yes' %}Dear{% else %}Hi{% endif %} Ann", "Dear Ann"),
        ("{% if row.vip == 'no' %}1{% elif row.vip == 'yes' %}2{% else %}3{% endif %}", "2"),
        ("{% if row.none %}1{% endif %}", ""),
        ("{% for x in row.list %}{{ x }} {% endfor %}", "a b c "),
        ("{% for x in row.list %}{{ loop.index }}{{ x }}{{ '' if loop.last else ', ' }}{% endfor %}", "1a, 2b, 3c"),
        ("{% for x in row.list if x != 'b' %}{{ loop.index0 }}{{ x }}/{{ loop.length }} {% endfor %}", "0a/2 1c/2 "),
        ("{% for x in row.none %}{{ x }}{% else %}nobody{% endfor %}", "nobody"),
        ("{% for x in row.list if x == 'z' %}{{ x }}{% else %}nobody{% endfor %}", "nobody"),
        ("{% for key, value in row.pairs %}{{ key }}{{ value }}{% endfor %}", "x1y2"),
        ("{% for day in row.hours %}{{ day }}{{ row.hours[day] }} {% endfor %}", "Mon9 Tue10 "),
        ("{% for day, hour in row.hours | items %}{{ day }}{{ hour }} {% endfor %}", "Mon9 Tue10 "),
        ("{% for x in row.list %}{% for y in row.list %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
         "1231;1232;1233;"),
        ("{% for x in [1, 2] %}{% for x in ['i'] %}{{ x }}{% endfor %}{{ x }}{% endfor %}", "i1i2"),
        ("{%- if true -%}  a  {%- endif -%}  b", "ab"),
    ],
)  # fmt: skip
def test_statements_write_text_as_in_jinja(value_of, template, text):
    assert value_of(template, **DATA) == text


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{% for x in row.vip %}{{ x }}{% endfor %}", "a loop goes over a list or a mapping, not over text"),
        ("{% for x in 3 %}{{ x }}{% endfor %}", "a loop goes over a list or a mapping, not over a number"),
        ("{% for a, b in row.list %}{{ a }}{% endfor %}", "an item of the loop cannot be taken apart into 2"),
        ("{% for x in row.list %}{{ x }}{% endfor %}{{ x }}", "'x' is not defined"),
        ("{% for x in row.list %}{{ x }}{% else %}{{ x }}{% endfor %}", "'x' is not defined"),
        ("{% if true %}{{ loop.index }}{% endif %}", "'loop' is not defined"),
        ("{% for row in row.list %}{% endfor %}", "the variable of a loop may not be called 'row'"),
        ("{% for loop in row.list %}{% endfor %}", "the variable of a loop may not be called 'loop'"),
        ("{% for _x in row.list %}{% endfor %}", "the variable of a loop may not be called '_x'"),
        ("{% for x in row.list recursive %}{% endfor %}", "a loop may not be recursive"),
        ("{% for x in row.list %}{{ x | int }}{% endfor %}", "int: the text is not a whole number"),
        ("{% for x in row.list %}", "template syntax: the 'for' is never closed"),
        ("{% endfor %}", "template syntax: 'endfor' has no 'for' before it"),
        ("{% if %}a{% endif %}", "template syntax: expected an expression, got '%}'"),
    ],
)
def test_what_statements_cannot_do_is_told(error_of, template, error):
    assert error_of(template, **DATA).startswith(error)


def test_names_of_a_loop_end_with_it_even_when_it_breaks_off(compiled, rows, render_row):
    calls = compiled(
        "kind: CallSet\n"
        "call:\n"
        "  reference-id: \"{% for x in row.list %}{{ x | int }}{% endfor %}\"\n"
        "  caller: \"{{ row.list | length }}\"\n"
        "  callee: \"{% for y in row.list %}{{ y }}{% endfor %}\"\n"
    )  # fmt: skip
    call, problems = render_row(calls, *rows({"list": ["1", "x"]}))
    assert call is None
    assert [problem.message for problem in problems] == ["reference-id: int: the text is not a whole number"]
    call, problems = render_row(calls, *rows({"list": ["1", "2"]}))
    assert call is not None
    assert call.body["callee"] == "12"
