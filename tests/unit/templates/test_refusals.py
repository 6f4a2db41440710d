"""What templates do not have: every escape from Jinja's sandbox that was published, and all that is like it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from flowops.model.document import Problems
from flowops.templates import problems
from flowops.templates.expressions import _EXPRESSIONS
from flowops.templates.jinja import nodes

# The escapes of jinja2 up to 3.1.5: CVE-2016-10745 (str.format), CVE-2019-10906 (str.format_map), CVE-2024-56201
# (a file name in compiled code), CVE-2024-56326 (a stored reference to str.format), CVE-2025-27516 (|attr to it);
# and the usual ways to Python's own objects.
ESCAPES = [
    "{{ '{0.__class__.__init__.__globals__}'.format(row) }}",
    "{{ '{a.__class__}'.format_map({'a': row}) }}",
    "{{ ('{0.__class__}' | attr('format'))(row) }}",
    "{{ '{0.__class__}' | attr('format') }}",
    "{% set f = '{0.__class__}'.format %}{{ f(row) }}",
    "{% import 'x\\'y' as z %}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% from 'x' import y %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ()['__class__'] }}",
    "{{ row['__class__'] }}",
    "{{ row.__class__ }}",
    "{{ row.keys.__self__ }}",
    "{{ vars.__init__ }}",
    "{{ [].append(1) }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ config.items() }}",
    "{{ request }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner('x') }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ range(1000000000) }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ url_for }}",
    "{{ caller() }}",
    "{{ varargs }}",
    "{{ loop }}",
    "{{ row | attr('__class__') }}",
    "{{ row | map(attribute='__class__') }}",
    "{{ [row] | map(attribute='__class__') }}",
    "{{ [row] | map('attr', '__class__') }}",
    "{{ row | selectattr('x') }}",
    "{{ 'x' | xmlattr }}",
    "{{ 'x' | safe }}",
    "{{ 'x' | pprint }}",
    "{{ 'x' | format('y') }}",
    "{{ [1, 2] | random }}",
    "{{ 'x' is filter }}",
    "{{ row is callable }}",
    "{{ row.f() }}",
    "{{ (row)() }}",
    "{{ row() }}",
    "{{ 'x'.upper() }}",
    "{{ (1).real }}",
    "{{ 1 ** 2 }}",
    "{{ 'abc'[::-1] }}",
    "{{ {1: 2} }}",
    "{{ {row.a: 2} }}",
    "{{ 'x' if false }}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% block b %}{% endblock %}",
    "{% filter upper %}a{% endfilter %}",
    "{% set x = 1 %}",
    "{% set x %}a{% endset %}",
    "{% with x = 1 %}{% endwith %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% print 1 %}",
    "{% do x %}",
    "{% trans %}{% endtrans %}",
    "{% debug %}",
    "{% for x in [1] %}{% break %}{% endfor %}",
    "{% for x in [1] %}{{ loop.cycle('a') }}{% endfor %}",
    "{% for x in [1] recursive %}{{ x }}{% endfor %}",
    "{% for row.x in [1] %}{% endfor %}",
    "{% for vars in [1] %}{% endfor %}",
]

# Little text, much work: in Jinja each takes all memory or all day, some of them while compiling.
BOMBS = [
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ 'a' | indent(1000000000) }}",
    "{{ 9**9**9**9 }}",
    "{{ 10 ** 1000000000 }}",
    "{{ 1 | round(1000000000) }}",
    "{{ 1.5 | round(-1000000000) }}",
    "{{ '1' | int(base=36) }}",
    "{{ 'a' | wordwrap(1) }}",
    "{{ lipsum(n=1000000) }}",
    "{{ 0x" + "f" * 16_000 + " }}",
    "{{ " + "9" * 16_000 + " }}",
    "{{ " + "1_" * 8_000 + "1 }}",
    "{{ 1e999 }}",
    "{{ " + "(" * 8_000 + " }}",
    "{{ " + "[" * 8_000 + " }}",
    "{{ " + "{'a':" * 3_000 + " }}",
    "{{ " + "not " * 4_000 + "1 }}",
    "{{ " + "-" * 16_000 + "1 }}",
    "{{ 1" + " + 1" * 4_000 + " }}",
    "{{ 1" + " < 1" * 4_000 + " }}",
    "{{ 1" + " if 1 else 1" * 1_300 + " }}",
    "{{ row" + ".a" * 8_000 + " }}",
    "{{ row.t" + " | upper" * 2_000 + " }}",
    "{{ row.t" + " ~ row.t" * 1_000 + " }}",
    "{% if true %}" * 1_200,
    "{% for a in row.l %}" * 800,
    "{% for a in row.l %}" * 30 + "x" + "{% endfor %}" * 30,
    "{% for a in row.l %}{% for b in row.l %}{% for c in row.l %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in row.l %}{% if a in row.l %}x{% endif %}{% endfor %}",
    "{% for a in row.l %}{{ row.l | sort | length }}{% endfor %}",
    "{% for a in row.l %}{{ row.t | upper | lower | length }}{% endfor %}",
    "{% for a in row.l %}{{ row.t }}{% endfor %}",
    "{{ row.t | replace('a', row.t) }}",
    "{{ row.l | join(row.t) }}",
    "{{ row.t | digits(row.t) }}",
    "{{ row.l | tojson }}",
    "{{ [row.d, row.d, row.d, row.d, row.d, row.d, row.d, row.d] }}",
    "{{ [" + "row.t, " * 1_900 + "] }}",
    "{{ '2026-01-01' | datetime(row.t) }}",
    "{{ row.t | e164 }}",
    "{{ row.t | int }}",
    "{{ row.deep }}",
    "{{ row.deep | tojson }}",
    "{{" * 8_000,
    "{#" * 8_000,
    "{% raw %}" * 1_500,
    "{{ '" + "\\'" * 8_000,
    "{{ '\\N{" + "A" * 16_000 + "}' }}",
    "a" * 20_000 + "{{ 1 }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_every_known_escape_is_refused_where_it_stands(error_of, template):
    message = error_of(template)
    assert "Traceback" not in message
    assert "<" not in message


def test_every_bomb_is_refused_within_bounds_of_time_and_memory():
    program = textwrap.dedent(
        """
        import json, resource, signal, sys
        sys.path.insert(0, sys.argv[1])
        from conftest import render_one
        resource.setrlimit(resource.RLIMIT_AS, (700 * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        deep = []
        for _ in range(50_000):
            deep = [deep]
        data = {"l": list(range(100_000)), "t": "a" * 60_000, "d": [[0] * 1000] * 1000, "deep": deep}
        def late(*_):
            raise TimeoutError(template[:80])
        signal.signal(signal.SIGPROF, late)
        for template in json.load(sys.stdin):
            signal.setitimer(signal.ITIMER_PROF, 10)
            messages = [problem.message for problem in render_one(template, data, {}).problems]
            print(json.dumps([template[:40], messages]))
        """
    )
    here = __file__.rpartition("/")[0]
    ran = subprocess.run(
        [sys.executable, "-c", program, here],
        input=json.dumps(BOMBS),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(BOMBS)
    assert [template for template, messages in found if len(messages) != 1 or len(messages[0]) > 330] == []


def test_the_work_of_a_call_set_is_bounded_and_not_only_that_of_a_row(compiled, rows, render_rows):
    loop = "{% for a in row.l %}{% for b in row.l %}{% endfor %}{% endfor %}"
    calls = compiled(f'kind: CallSet\nfor-each: x.csv\ncall: {{reference-id: "{{{{ row_number }}}}{loop}"}}')
    data = rows(*({"l": list(range(80))} for _ in range(5_000)))
    found = render_rows(calls, data)
    assert 10 < len(found) < 200
    assert calls.budget.exhausted
    assert found[-1].message == "reference-id: the templates of this call take too much work"


def test_all_that_is_refused_in_a_template_is_told_at_once(compiled):
    text = "kind: Call\nreference-id: \"{{ a }} {{ 'b' | c }} {{ vars.d() }} {{ e.f }} {{ 1 if 2 }}\""
    assert [problem.message.removeprefix("reference-id: ") for problem in compiled(text).check()] == [
        "'a' is not defined",
        "templates have no filter 'c'",
        "a template cannot call functions: 'vars.d()'",
        "'e' is not defined",
        "an inline if needs an else",
    ]


def test_the_filter_to_use_in_place_of_a_method_is_told(error_of):
    assert error_of("{{ row.name.upper() }}") == (
        "a template cannot call functions: 'row.name.upper()' | use a filter: row.name | upper"
    )
    assert error_of("{{ row.name.strip() }}").endswith("use a filter: row.name | trim")
    hint = error_of("{{ cycler(3) }}").partition(" | ")[2]
    assert hint.startswith("there are filters instead: capitalize, datetime, default, digits, e164")


def test_only_expressions_on_the_list_are_compiled():
    def leaves(kind: type[nodes.Node]) -> set[type[nodes.Node]]:
        return {kind} | {leaf for below in kind.__subclasses__() for leaf in leaves(below)}

    refused = {kind.__name__ for kind in leaves(nodes.Expr)} - {kind.__name__ for kind in _EXPRESSIONS}
    abstract = {"Expr", "BinExpr", "UnaryExpr", "Literal", "_FilterTestCommon"}
    written_by_parsers = {"Call", "Pow", "Slice", "TemplateData", "NSRef"}
    by_extensions = {
        *("ContextReference", "DerivedContextReference", "EnvironmentAttribute", "ExtensionAttribute"),
        *("ImportedName", "InternalName", "MarkSafe", "MarkSafeIfAutoescape"),
    }
    assert refused == abstract | written_by_parsers | by_extensions


def test_the_nearest_name_is_looked_for_only_where_it_is_told(compiled, rows, monkeypatch, render_rows):
    looked_for: list[str] = []

    def nearest(name: str, names: tuple[str, ...]) -> None:
        looked_for.append(name)

    monkeypatch.setattr(problems, "nearest", nearest)
    text = 'kind: CallSet\ncall: {reference-id: "{{ row.phone1 }}", caller: "{{ row.phnoe }}"}'
    data = rows(*({"phone1": 1, f"phone{number}": 1} for number in range(400)))
    met = list(render_rows(compiled(text), data))
    assert len(met) == 400
    (problem,) = Problems(met)
    assert (problem.count, looked_for) == (400, [])
    assert problem.hint is not None
    assert len(looked_for) == 1
