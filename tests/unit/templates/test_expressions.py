"""Lookups, operators and tests: on JSON's values, each for the kinds it makes sense for."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "update", "pop", "copy", "if", "for", "class", "0"])
def test_a_column_may_have_the_name_of_a_method_or_a_keyword(value_of, name):
    template = "{{ row[0 ~ ''] }}" if name == "0" else f"{{{{ row.{name} }}}}"
    assert value_of(template, **{name: "mine"}) == "mine"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ row['first name'] }}", "Ann"),
        ("{{ row['_id'] }}", 7),
        ("{{ row.list[0] }}", "a"),
        ("{{ row.list[-1] }}", "c"),
        ("{{ row.list.1 }}", "b"),
        ("{{ row.list[1:] }}", ["b", "c"]),
        ("{{ row['first name'][:1] }}", "A"),
        ("{{ row.deep.down[0]['x'] }}", 1),
        ("{{ vars[row.key] }}", "by key"),
        ("{{ row_number }}", 1),
        ("{{ vars.office.city }}", "Delft"),
    ],
)
def test_keys_and_items_are_looked_up_in_data_alone(value_of, template, value):
    names = {"first name": "Ann", "_id": 7, "list": ["a", "b", "c"], "deep": {"down": [{"x": 1}]}, "key": "k"}
    assert value_of(template, vars={"k": "by key", "office": {"city": "Delft"}}, **names) == value


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ 1 + 2 * 3 - 4 }}", 3),
        ("{{ 7 / 2 }}", 3.5),
        ("{{ 7 // 2 }}", 3),
        ("{{ 7 % 4 }}", 3),
        ("{{ -(2) }}", -2),
        ("{{ 'a' ~ 1 ~ 2.5 }}", "a12.5"),
        ("{{ 1 < 2 <= 2 }}", True),
        ("{{ 1 < 2 > 3 }}", False),
        ("{{ 'b' > 'a' }}", True),
        ("{{ 1 == 1.0 }}", True),
        ("{{ none == none }}", True),
        ("{{ 'a' != none }}", True),
        ("{{ 'n' in 'Ann' }}", True),
        ("{{ 2 in [1, 2] }}", True),
        ("{{ 'x' not in {'x': 1} }}", False),
        ("{{ not '' }}", True),
        ("{{ '' or 'there' }}", "there"),
        ("{{ 1 and 'yes' }}", "yes"),
        ("{{ 'yes' if 1 == 1 else 'no' }}", "yes"),
        ("{{ false and row.missing }}", False),
        ("{{ 1 is not none and 2 is even }}", True),
        ("{{ 'a' is in ['a'] }}", True),
        ("{{ row.missing is defined }}", False),
        ("{{ row.missing is not defined }}", True),
        ("{{ row['missing'] is undefined }}", True),
        ("{{ [1][5] is defined }}", False),
    ],
)
def test_operators_mean_what_they_mean_in_jinja(value_of, template, value):
    found = value_of(template)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ 'a' * 2 }}", "'*' is for numbers, not for text"),
        ("{{ 'a' + 'b' }}", "'+' is for numbers, not for text"),
        ("{{ [1] + [2] }}", "'+' is for numbers, not for a list"),
        ("{{ '%s' % 1 }}", "'%' is for numbers, not for text"),
        ("{{ true + 1 }}", "'+' is for numbers, not for true or false"),
        ("{{ -'1' }}", "'-' is for numbers, not for text"),
        ("{{ 1 / 0 }}", "'/' by zero"),
        ("{{ 1 // 0 }}", "'//' by zero"),
        ("{{ 1 % 0 }}", "'%' by zero"),
        ("{{ 9007199254740991 + 1 }}", "a whole number may not be beyond 9007199254740991"),
        ("{{ 1e308 * 10 }}", "a number may not be infinite"),
        ("{{ row.minutes == 15 }}", "'==' cannot compare text with a number"),
        ("{{ row.minutes > 10 }}", "'>' cannot compare text with a number"),
        ("{{ 'true' == true }}", "'==' cannot compare text with true or false"),
        ("{{ [1] == [1] }}", "a list cannot be compared"),
        ("{{ none < 1 }}", "'<' cannot compare null with a number"),
        ("{{ 1 in '123' }}", "'in' text looks for text, not for a number"),
        ("{{ 1 in 123 }}", "'in' looks into text, a list or a mapping, not into a number"),
        (
            "{{ row.minutes.upper }}",
            "'row.minutes' is text, which has no 'upper' | use the filter: row.minutes | upper",
        ),
        ("{{ row.minutes['x'] }}", "'row.minutes' is text, which cannot be looked into with text"),
        ("{{ 15[:1] }}", "only text or a list can be cut; '…' is a number"),
        ("{{ 'abc'['a':] }}", "the ends of a slice have to be whole numbers"),
    ],
)
def test_what_makes_no_sense_is_told_and_never_guessed(error_of, template, error):
    assert error_of(template, minutes="15").startswith(error)


def test_an_undefined_name_is_named_with_the_nearest(error_of):
    names = {"id": 1, "name": "Ann", "phone": "+442079460123"}
    expected = "'row.phnoe' is not defined | did you mean 'row.phone'? the row has: id, name, phone"
    assert error_of("{{ row.name ~ row.phnoe }}", **names) == expected
    assert error_of("{{ row.name ~ row['phnoe'] }}", **names) == expected
    expected = "'vars.brnd' is not defined | did you mean 'vars.brand'? vars has: brand"
    assert error_of("{{ vars.brnd }}", vars={"brand": "Acme"}) == expected
    assert error_of("{{ vars.office.cty }}", vars={"office": {"city": "Delft"}}) == (
        "'vars.office.cty' is not defined | did you mean 'vars.office.city'? vars.office has: city"
    )
    assert error_of("{{ vras.brand }}") == "'vras' is not defined | did you mean 'vars'?"
    assert error_of("{{ brand }}") == (
        "'brand' is not defined | a template sees attempt, row, row_number, vars: vars.brand or row.brand?"
    )
    assert error_of("{{ row.list[3] }}", list=[1]) == "'row.list[3]' is not defined | row.list has 1 item"
    assert error_of("{{ row.x }}") == "'row.x' is not defined | the row is empty"


def test_a_column_with_a_dash_is_told_how_to_be_written(error_of):
    assert error_of("{{ row.first-name }}") == "'name' is not defined | did you mean row['first-name']?"
    assert error_of("{{ row._id }}") == (
        "'row._id': an attribute may not begin with '_' | a column of that name is written row['_id']"
    )


def test_undefined_is_forgiven_for_the_last_name_only(value_of, error_of):
    assert value_of("{{ row.missing | default('there') }}") == "there"
    assert value_of("{{ row.address.street | default('no street') }}", address={}) == "no street"
    assert value_of("{{ row.address.street | default('no street') }}", address=None) == "no street"
    assert error_of("{{ row.adress.street | default('') }}", address={}).startswith("'row.adress' is not defined")
    assert error_of("{{ rwo.name | default('') }}").startswith("'rwo' is not defined")
    assert error_of("{{ row.missing | trim | default('') }}").startswith("'row.missing' is not defined")


def test_vars_are_checked_without_a_row_unless_a_template_may_not_need_them(compiled):
    text = "kind: CallSet\ncall: {reference-id: r, caller: '%s'}"
    assert [problem.message for problem in compiled(text % "{{ vars.a.b }}").check()] == [
        "caller: 'vars.a' is not defined"
    ]
    for guarded in (
        "{{ vars.a if vars.a is defined else 1 }}",
        "{% if row.x %}{{ vars.a }}{% endif %}",
        "{{ row.x or vars.a }}",
        "{% for x in row.list %}{{ vars.a }}{% endfor %}",
        "{{ vars.a | default(1) }}",
    ):
        assert compiled(text % guarded.replace("'", "''")).check() == []
