"""Every error stands at the line and column of the name that it speaks of."""

from __future__ import annotations

import textwrap

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.common.text import Lines
from flowops.model.document import Document, SourceMap
from flowops.templates.nodes import Positions

SCALARS = {
    "plain": "caller: Call {{ row.phnoe }} now",
    "plain over lines": "caller: Call\n  then   {{ 1 }}\n\n  {{ row.phnoe }} now",
    "double quotes": 'caller: "Call {{ row.phnoe }} now"',
    "double quotes with escapes": r'caller: "\"C\x61ll\" \u00e9\U0001F600 \n\t\\ \_{{ row.phnoe }}"',
    "double quotes over lines": 'caller: "Call\n\n   it \\\n   {{ 1\n   }} \\  {{ row.phnoe }}"',
    "single quotes": "caller: 'It''s {{ ''a'' }} {{ row.phnoe }}'",
    "single quotes over lines": "caller: 'It''s\n\n   {{ ''a''\n  }} {{ row.phnoe }}'",
    "literal block": "caller: |\n  Call\n\n    {{ 1 }}\n  {{ row.phnoe }}\n",
    "literal block with a comment": "caller: |-2  # {{ row.phnoe }} stands below\n   Call {{ row.phnoe }}\n",
    "folded block": "caller: >+\n  Call\n  it\n\n\n  now {{ row.phnoe }}\n\n\n",
    "with white space eaten": 'caller: "Call   {{- 1 -}}   {{-  row.phnoe }}"',
    "inside a statement": 'caller: "{% if 1 %}\\n {% for x in [1] %}{{ x }} {{ row.phnoe }}{% endfor %}{% endif %}"',
    "before a filter": 'caller: "{{ [1,\\n row.phnoe | upper] | join }}"',
    "with other names": "caller: \"row.phnoe {{ 'row.phnoe' }} {{ row.phnoe }}\"",
    "Windows lines": "caller: |\r\n  Call\r\n  {{ row.phnoe }}\r\n",
}


@pytest.mark.parametrize("scalar", SCALARS.values(), ids=SCALARS)
def test_an_undefined_name_is_placed_in_every_style_of_scalar(compiled, rows, scalar, render_row):
    text = "kind: CallSet\ncall:\n  reference-id: r\n" + "".join(
        f"  {line}" for line in scalar.splitlines(keepends=True)
    )
    _, (problem,) = render_row(compiled(text), *rows({"phone": "x"}))
    line = text.replace("\r\n", "\n").split("\n")[problem.place.line - 1]
    assert line[problem.place.column - 1 :].startswith("row.phnoe")
    # of several the last one is the name, the others are text
    assert "row.phnoe" not in line[problem.place.column :]


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("a {{ 1 }} {{ b }}", "b }}"),
        ("{{ row.x | nofilter }}", "nofilter"),
        ("{{ row.x | int }}", "int }}"),
        ("{{ row.x is notest }}", "notest"),
        ("{{ 1 if row.x }}", "1 if"),
        ("{{ 2 + row.x }}", "2 + row"),
        ("{{ 2 + -row.x }}", "-row"),
        ("{{ 1 < row.x }}", "1 <"),
        ("{{ row.x.y }}", "row.x.y"),
        ("{{ row['y'] }}", "row['y']"),
        ("{{ row.x.strip() }}", "row.x.strip"),
        ("{{ row._y }}", "row._y"),
        ("{{ 'a' ~ row.l }}", "row.l"),
        ("{{ {row.x: 1} }}", "row.x: 1"),
        ("a {{ row.l }}", "row.l"),
        ("{{ row.first-name }}", "name }}"),
        ("{{ 'a\\d' }}", "\\d"),
        ("a {% set x = 1 %}", "set x"),
        ("a {% for row in 1 %}{% endfor %}", "row in"),
        ("a {% for x in row.x %}{% endfor %}", "row.x %}"),
        ("{% for x in row.l %}{{ x | int }}{% endfor %}", "int }}"),
        ("a {{ row.x y }}", "y }}"),
        ("a {{ row.x & 1 }}", "& 1"),
        ("a {{ 'x }}", "'x"),
        ("{{ 1e999 }}", "1e999"),
        ("{{ row.x | replace(1) }}", "replace"),
        ("{{ ''.__class__ }}", "''.__class__"),
        ("{{ (row.l | first).y }}", "row.l"),
        ("{{ row.x | default(row.z) }}", "row.z"),
    ],
)
def test_every_kind_of_fault_is_placed_at_what_it_names(compiled, rows, template, named, render_row):
    text = f"kind: CallSet\ncall:\n  reference-id: r\n  caller: |-\n    {template}\n"
    calls = compiled(text)
    _, problems = render_row(calls, *rows({"x": "text", "l": [["a"]]}))
    (problem,) = [*calls.check(), *problems]
    assert problem.place.line == 5
    assert text.split("\n")[4][problem.place.column - 1 :].startswith(named)


def test_a_fault_of_a_default_stands_in_the_project(compiled, rows, told, render_row):
    text = textwrap.dedent(
        """\
        kind: Project
        defaults:
          caller: "{{ row.from }}"
        ---
        kind: CallSet
        call: {reference-id: "{{ row.id }}"}
        """
    )
    _, problems = render_row(compiled(text, file="flowops.yaml"), *rows({"id": "1"}))
    assert told(problems) == [
        "flowops.yaml:3:15: caller: 'row.from' is not defined (row 1 of data/rows.csv) [the row has: id]"
    ]


def test_nested_values_are_named_and_placed(compiled, rows, render_row):
    text = textwrap.dedent(
        """\
        kind: CallSet
        call:
          reference-id: r
          callees: ["+442079460001", "{{ row.a }}"]
          flow-variables:
            options:
              - {name: x}
              - {name: "{{ row.b }}", "{{ key }}": 1}
        """
    )
    calls = compiled(text)
    _, problems = render_row(calls, *rows({}))
    assert [(str(problem.place), problem.message) for problem in [*calls.check(), *problems]] == [
        ("calls/a.yaml:8:31", "flow-variables.options[1]: the key '{{ key }}' holds a template"),
        ("calls/a.yaml:4:34", "callees[1]: 'row.a' is not defined"),
        ("calls/a.yaml:8:20", "flow-variables.options[1].name: 'row.b' is not defined"),
    ]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp", "Co", "Cn"]), max_size=30)
STYLES = st.sampled_from([None, "'", '"', "|", ">"])


@settings(max_examples=300)
@given(
    before=TEXTS,
    between=st.sampled_from(["", " ", "\n", "\n\n", "\t"]),
    after=TEXTS,
    style=STYLES,
    narrow=st.booleans(),
)
def test_the_place_of_a_character_is_found_however_yaml_writes_it(before, between, after, style, narrow):
    value = f"{before}{between}€{after}".replace("\ufeff", "")
    offset = len(value) - len(value.rpartition("€")[2]) - 1
    text = yaml.safe_dump(
        {"key": [value]},
        default_style=style,
        allow_unicode=True,
        width=10 if narrow else 1000,
        default_flow_style=False,
    )
    (_, listed), *_ = yaml.compose(text, Loader=yaml.SafeLoader).value
    node = listed.value[0]
    if node.value != value:
        return  # PyYAML does not always read what it writes
    start, end = node.start_mark, node.end_mark
    found = SourceMap(Lines(text), start.index, end.index)
    place = Positions(Document("a.yaml", "Call", {}, found, text), (), value).place(offset)
    assert text.split("\n")[place.line - 1][place.column - 1 :].startswith(("€", "\\u20AC"))
