"""Habits of other languages, and slips: the message names what to write instead, and stands where the mistake is."""

from __future__ import annotations

import pytest

from flowops.templates.budget import MAX_ERRORS
from flowops.templates.template import compile_template

NAMES = frozenset({"row", "row_number", "vars"})


def mistakes(template: str) -> list[str]:
    return [
        f"{error.offset}: {error.message}" + ("" if error.hint is None else f" | {error.hint}")
        for error in compile_template(template, NAMES).errors
    ]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a {% if row.x %}b", "2: template syntax: the 'if' is never closed: write {% endif %}"),
        ("{% for x in row.l %}{% if x %}{% endif %}", "0: template syntax: the 'for' is never closed: write {% endfor"),
        (
            "{% for x in row.l %}{% if x %}{% endfor %}",
            "20: template syntax: the 'if' is not closed before the 'endfor' that follows | write {% endif %} before",
        ),
        ("{% endif %}", "3: template syntax: 'endif' has no 'if' before it"),
        ("{% else %}", "3: template syntax: 'else' has no 'if' before it"),
        ("{% if row.x %}{% endfor %}", "0: template syntax: the 'if' is not closed before the 'endfor' that follows"),
        ("a {# b {{ row.x }} {# c", "19: template syntax: the '{#' is never closed: write #}"),
        ("{% raw %}a{% endraw %}{%- raw %}b", "22: template syntax: the 'raw' is never closed: write {% endraw %}"),
        ("{% if row.x %}{{ row.y {% endif %}", "14: template syntax: the '{{' is never closed: write }}"),
        ("{{ row.x }} {{ row.x and {{ row.y }}", "12: template syntax: the '{{' is never closed: write }}"),
        ("{% if row.x {{ row.y }}{% endif %}", "0: template syntax: the '{%' is never closed: write %}"),
        ("{{ row.name", "0: template syntax: the '{{' is never closed: write }}"),
        ("{{ row.a }} {% if row.b", "12: template syntax: the '{%' is never closed: write %}"),
        ("{{{ row.name }}}", "0: template syntax: write two braces, not three: {{ … }}"),
        ("a {{ {{ row.name }} }}", "names are written in {{ … }} without braces of their own"),
        ("{{ row.name }", "an expression ends with two braces: }}"),
        ("{{ row.name %}", "an expression ends with }}"),
        ("{% if row.name }}a{% endif %}", "a statement ends with %}"),
        ("{{ row.Phone Number }}", "a column with a space is written row['Phone Number']"),
        ("{{ row.Date of Birth | upper }}", "a column with a space is written row['Date of Birth']"),
        ("{% if row.Phone Number == '' %}{% endif %}", "a column with a space is written row['Phone Number']"),
        ("{{ row.'Phone' }}", "a column of any name is written row['Phone number']"),
        ("{{ row.x | split(';')[1] }}", "put brackets around what is before it: (row.x | split(';'))[1]"),
        ("{{ row.x | first.name }}", "put what is before it in brackets: (… | first).name"),
        ("{{ row.x || 'a' }}", "where one has to hold write: … or …"),
        ("{{ row.x && row.y }}", "where both have to hold write: … and …"),
        ("{{ !row.x }}", "the opposite is written: not …"),
        ("{{ row.x ? 'a' : 'b' }}", "one of two is chosen so: 'a' if row.x == 'y' else 'b'"),
        ("{{ $json.name }}", "a column is written row.name, a variable vars.name"),
        ("{{ @name }}", "a column is written row.name, a variable vars.name"),
        ("{{#if row.x}}a{{/if}}", "| "),
        ("{{ #if row.x }}", "a condition is written {% if … %} … {% endif %}"),
        ("{{ if row.x }}", "a condition is written {% if … %} … {% endif %}"),
        ("{{/if}}", "a condition is written {% if … %} … {% endif %}"),
        ("{{ row.x = 'a' }}", "compare with =="),
        ("{{ row.x === 'a' }}", "compare with =="),
        ("{{ row.x <> 'a' }}", "two values that differ: !="),
        ("{{ row.x == 'a }}", "the quote is never closed"),
        ("{{ row.x == ‘a’ }}", "write straight quotes: '…'"),
        ("{{ row.x | default: 'a' }}", "a filter takes what it needs in brackets: default('…')"),
        ("{% for x of row.l %}{% endfor %}", "a loop is written {% for x in … %} … {% endfor %}"),
        ("{% elseif row.x %}", "did you mean 'elif'?"),
    ],
)  # fmt: skip
def test_what_to_write_instead_is_told(template, said):
    (found,) = mistakes(template)
    assert said in found


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ now() }}", "a template cannot call functions: 'now()' | a template has no clock; give"),
        ("{{ now().strftime('%Y') }}", "give the date: --var today=2026-12-01, and write vars.today"),
        ("{{ datetime.now() }}", "give the date: --var today=2026-12-01, and write vars.today"),
        ("{{ today }}", "'today' is not defined | a template has no clock; give the date: --var today="),
        ("{{ 'x' | now }}", "a template has no clock; give the date: --var today="),
        ("{{ lookup('env', 'X') }}", "give the value: --var name=…, and write vars.name"),
        ("{{ env.X }}", "'env' is not defined | a template sees files, rows and variables alone"),
        ("{{ os.environ['X'] }}", "give the value: --var name=…, and write vars.name"),
        ("{{ range(3) }}", "a loop goes over a list: {% for n in [1, 2, 3] %}"),
        ("{{ row.day.strftime('%Y') }}", "use a filter: row.day | datetime"),
        ("{{ row.x | default(omit) }}", "'omit' is not defined | null leaves a field out: … | default(none)"),
        ("{{ item.id }}", "'item' is not defined | did you mean 'row.id'?"),
        ("{{ record['first name'] }}", "did you mean 'row['first name']'?"),
        ("{{ loop.index }}", "'loop' is known inside of a {% for %}; the number of the row is row_number"),
        ("{{ row.x | strftime }}", "did you mean 'datetime'?"),
        ("{{ row.x | str }}", "did you mean 'string'?"),
    ],
)  # fmt: skip
def test_what_templates_do_not_have_names_what_there_is(template, said):
    (found,) = mistakes(template)
    assert said in found


@pytest.mark.parametrize("name", ["previtem", "nextitem", "revindex", "revindex0", "cycle", "depth", "frist", "Index"])
@pytest.mark.parametrize(
    "use",
    ["loop.{} is defined", "loop.{} | default('a')", "loop['{}'] is undefined", "loop.{}", "loop.{}.x | default('a')"],
)
def test_a_name_of_loop_that_cannot_be_is_never_forgiven(name, use):
    template = f"{{% for x in [1] %}}{{{{ {use.format(name)} }}}}{{% endfor %}}"
    assert any("' is not defined" in found or "has no parts" in found for found in mistakes(template))


@pytest.mark.parametrize("use", ["loop.first.x is defined", "row_number.x | default('a')", "loop[row.x] is defined"])
def test_what_can_have_no_parts_is_never_forgiven(use):
    assert len(mistakes(f"{{% for x in [1] %}}{{{{ {use} }}}}{{% endfor %}}")) == 1


def test_every_name_of_loop_that_there_is_may_be_asked_for(value_of):
    inside = "{{ loop.index }}{{ loop.index0 | default(9) }}{{ loop.length }}{{ ',' if loop.first else '' }}"
    assert value_of(f"{{% for x in [1, 2] %}}{inside}{{% endfor %}}") == "102,212"


def test_so_many_mistakes_are_told_and_the_rest_is_not_looked_at():
    found = mistakes("{{ a }}" * 100)
    assert len(found) == MAX_ERRORS + 1
    assert found[-1].endswith(": more is wrong here; the rest of the template was not looked at")
