"""Held against Jinja itself: whatever a template of ours gives, Jinja gives as well."""

from __future__ import annotations

import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from flowops.templates.budget import Scope
from flowops.templates.problems import TemplateError
from flowops.templates.template import compile_template

DATA = {
    "id": 7,
    "name": "Ann van Dam",
    "empty": "",
    "rate": 1.25,
    "vip": True,
    "none": None,
    "list": ["b", "a", "C", "a"],
    "numbers": [3, 1, 2.5],
    "address": {"city": "Delft", "zip": "2611"},
}
JINJA = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


def ours(template: str) -> object:
    """What our template gives; raises `TemplateError`."""
    made = compile_template(template, frozenset({"row", "row_number", "vars"}))
    if made.errors:
        raise made.errors[0]
    return made.evaluate(Scope({"row": DATA, "row_number": 1, "vars": {"brand": "Acme"}}))


def agree(template: str) -> None:
    """Ours is stricter; where it gives a text, Jinja gives the same."""
    text = " " + template
    try:
        found = ours(text)
    except TemplateError:
        return
    try:
        theirs = JINJA.from_string(text)
    except UndefinedError:
        return  # it works constants out as it compiles, also those that nobody asks for
    assert found == theirs.render(row=DATA, row_number=1, vars={"brand": "Acme"})


@pytest.mark.parametrize(
    "template", ["{{ (row.numbers | join)[:-1] | int(3) }}", "{{ '.5' | float(3) }}", "{{ '-7.e2' | int(3) }}"]
)
def test_numbers_are_read_as_jinja_reads_them(template: str) -> None:
    agree(template)
    assert ours(template) != 3


# What templates are made of: a word in angle brackets stands for any of its line, the first ones are leaves.
GRAMMAR = {
    "number": [
        *("1", "2.5", "0", "row.id", "row.rate", "row['id']", "row_number", "-3"),
        *(f"(<number> {sign} <number>)" for sign in ("+", "-", "*", "/", "//", "%")),
        *(
            f"(<number> | {name})"
            for name in ("int", "float", "round", "round(1)", "round(0, 'ceil')", "round(1, 'floor')")
        ),
        *(f"(<list> | {name})" for name in ("length", "sum", "min", "max")),
        *(f"(<text> | {name})" for name in ("length", "int(3)", "float(0.5)")),
    ],
    "text": [
        *("'a'", "'x y'", "row.name", "row.empty", "row.address.city", "vars.brand", "row.address['zip']"),
        *("(<text> ~ <text>)", "(<text> ~ <number>)", "(<text> or <text>)", "(<text> and <text>)"),
        *(f"(<text> | {name})" for name in ("upper", "lower", "title", "capitalize", "trim", "trim('A')")),
        *(f"(<text> | {name})" for name in ("replace('a', 'bb')", "default('d')", "default('d', true)")),
        *(f"({name} | default(<text>))" for name in ("row.missing", "row['gone']", "row.address.street")),
        *(f"(<list> | {name})" for name in ("join", "join(', ')", "first", "last")),
        *("(<text> if <truth> else <text>)", "<text>[1:]", "<text>[:-1]", "<text>[-2:3]", "<list>[0]"),
    ],
    "list": [
        *("row.list", "row.numbers", "['x', 'y']", "[]", "row.list[1:]", "[row.id, 2]"),
        *(f"(<list> | {name})" for name in ("sort", "sort(reverse=true)", "sort(case_sensitive=true)")),
    ],
    "truth": [
        *("true", "row.vip", "row.none is none", "row.x is defined", "row.id is odd", "row.id is even"),
        *(f"(<number> {sign} <number>)" for sign in ("==", "!=", "<", "<=", ">", ">=")),
        *(f"(<text> {sign} <text>)" for sign in ("==", "!=", "<", ">", "in", "not in")),
        *("(<text> in <list>)", "(<number> not in <list>)", "(<number> is divisibleby(3))", "(<text> is string)"),
        *("(<truth> and <truth>)", "(<truth> or <truth>)", "(not <text>)", "(not <list>)", "(not <truth>)"),
    ],
    "shown": ["<text>", "<number>", "<text>", "('yes' if <truth> else 'no')"],
    "template": [
        *("", "text ", "\n", "  ", "{# comment #}", "{% raw %}{{ x }}{% endraw %}", "}}", "€"),
        *("{{ <shown> }}", "{{- <shown> -}}", "<template><template>", "<template> <template>"),
        "{% if <shown> %}<template>{% else %}<template>{% endif %}",
        "{%- if <truth> -%}<template>{%- elif row.vip +%}<template>{% endif %}",
        "{% for x in row.list %}{{ x ~ loop.index }}<template>{% endfor %}",
        "{% for x in row.list if x > 'B' %}{{ loop.length }}<template>{% endfor %}",
        "{% for k, v in row.address | items %}{{ k ~ v }}<template>{% endfor %}",
        "{% for x in [] %}<template>{% else %}<template>{% endfor %}",
    ],
}
_PLACEHOLDER = re.compile("<([a-z]+)>")


@st.composite
def written(draw: st.DrawFn, kind: str, depth: int) -> str:
    """A text of the grammar; below `depth` it only has leaves."""

    def one(kind: str, depth: int) -> str:
        leaves = [line for line in GRAMMAR[kind] if not _PLACEHOLDER.search(line)]
        line = draw(st.sampled_from(leaves if depth <= 0 and leaves else GRAMMAR[kind]))
        return _PLACEHOLDER.sub(lambda found: one(found[1], depth - 1), line)

    return one(kind, depth)


@settings(max_examples=500)
@given(written("shown", 4))
def test_expressions_mean_what_they_mean_in_jinja(expression):
    agree(f"{{{{ {expression} }}}}")


@settings(max_examples=200)
@given(written("template", 5))
def test_templates_mean_what_they_mean_in_jinja(template):
    agree(template)


def test_the_comparison_with_jinja_compares_something():
    given_texts = [
        "{{ row.name | upper }} {{ row.id + 1 }}",
        "{% for x in row.list %}{{ x }}{{ ', ' if not loop.last else '' }}{% endfor %}",
        "{{ row.numbers | sort | join('/') }}",
    ]
    assert [ours(" " + text) for text in given_texts] == [" ANN VAN DAM 8", " b, a, C, a", " 1/2.5/3"]
    for text in given_texts:
        agree(text)


SOURCE = st.text(st.sampled_from("{}%#-+ \n'\"\\().,|[]:~*/<>=!ab01_xirowfends "), max_size=40)


@settings(max_examples=1000)
@given(SOURCE, st.sampled_from(["", "{{", "{%", "{#", "{{ row.", "{% if ", "{% for a in "]))
def test_any_text_gives_a_value_or_a_fault_in_its_bounds(text, opening):
    source = f"{opening}{text}"
    made = compile_template(source, frozenset({"row", "vars"}))
    for error in made.errors:
        assert 0 <= (error.offset or 0) <= len(source)
    if not made.errors:
        scope = Scope({"row": DATA, "vars": {}})
        try:
            made.evaluate(scope)
        except TemplateError as error:
            assert 0 <= (error.offset or 0) <= len(source)  # noqa: PT017


def test_the_same_everywhere_whatever_surrounds_the_process(tmp_path, run_python):
    program = textwrap.dedent(
        """
        from flowops.templates.budget import Scope
        from flowops.templates.template import compile_template
        row = {"when": "2026-07-01T09:30:00Z", "list": ["ß", "i", "I", "é"], "map": {"b": 1, "a": 2}, "n": 1234.5}
        source = (
            "{{ row.when | datetime('%A %-d %B %H:%M %z', tz='Europe/Amsterdam') }} {{ row.list | sort | join }} "
            "{{ row.list | unique | join | upper }} {{ row.map | tojson }} {{ row.n | fixed }} {{ row.n | round }} "
            "{% for key in row.map %}{{ key }}{% endfor %} {{ 0.1 + 0.2 }} {{ '020 7946 0123' | e164('GB') }}"
        )
        template = compile_template(source, frozenset({"row"}))
        print(ascii(template.evaluate(Scope({"row": row}))))
        """
    )
    surroundings = [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "America/New_York"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kolkata", "LANGUAGE": "de"},
    ]
    first, second = (run_python(program, cwd=tmp_path, **around) for around in surroundings)
    assert first == second
    assert "Wednesday 1 July 11:30 +0200" in first


@pytest.mark.parametrize("name", ["now", "today", "random", "environ", "env", "open", "lookup", "uuid", "time"])
def test_there_is_no_name_or_filter_for_what_changes(error_of, name):
    assert error_of(f"{{{{ {name} }}}}").startswith(f"'{name}' is not defined")
    assert error_of(f"{{{{ 'x' | {name} }}}}").startswith(f"templates have no filter '{name}'")
