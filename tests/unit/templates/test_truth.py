"""What counts as true: a text that spells a boolean has no truth value, wherever it is asked for."""

from __future__ import annotations

import pytest

SPELLED = ["False", "No", "0", "false", "FALSE", "no", "n", "off", " no ", "0.0", "Falsch", "non", "não"]
SPELLED += ["True", "yes", "1", "TRUE", "Y", "on", "1.0", "ja", "waar"]
SPELLED += ["-", "n/a", "None", "NULL", "nan", "✗", "❌", "✓"]
ASKED = [
    "{% if row.x %}a{% endif %}",
    "{% if row.missing is defined %}{% elif row.x %}a{% endif %}",
    "{{ 'a' if row.x else 'b' }}",
    "{{ row.x and row.missing == 'x' }}",
    "{{ row.x or 'there' }}",
    "{{ not row.x }}",
    "{% for item in [row.x] if item %}{% endfor %}",
    "{{ 'a' if ('a' != 'b' and row.x) else 'b' }}",
    "{{ 'a' if (row.x | trim) else 'b' }}",
    "{{ row['x'] and true }}",
]


@pytest.mark.parametrize("text", SPELLED)
@pytest.mark.parametrize("template", ASKED)
def test_a_text_that_spells_a_boolean_has_no_truth_value(error_of, template, text):
    message = error_of(template, x=text)
    assert "is text that spells true or false, which has no truth value | compare it: " in message
    assert f"'{text}'" not in message.partition(" | ")[0]


@pytest.mark.parametrize(
    ("text", "comparison"),
    [
        ("False", "row.x == 'True'"),
        ("True", "row.x == 'True'"),
        ("FALSE", "row.x == 'TRUE'"),
        ("no", "row.x == 'yes'"),
        ("No", "row.x == 'Yes'"),
        ("0", "row.x == '1'"),
        ("N", "row.x == 'Y'"),
        ("falsch", "row.x == 'wahr'"),
    ],
)
def test_the_comparison_to_write_is_told_as_the_data_spells_it(error_of, text, comparison):
    assert error_of("{% if row.x %}a{% endif %}", x=text).endswith(f"compare it: {comparison}")


@pytest.mark.parametrize(
    ("value", "holds"),
    [("", False), ("Ann", True), ("north", True), ("10", True), (0, False), (1, True), (None, False), (True, True)],
)
def test_anything_else_counts_as_it_does_in_jinja(value_of, value, holds):
    assert value_of("{{ 'a' if row.x else 'b' }}", x=value) == ("a" if holds else "b")
    assert value_of("{{ not row.x }}", x=value) is not holds


@pytest.mark.parametrize("sign", ["and", "or"])
def test_the_last_operand_is_asked_too_where_it_becomes_the_value(error_of, value_of, sign):
    first = 1 if sign == "and" else ""
    for template in (f"{{{{ row.a {sign} row.b }}}}", f"say {{{{ row.a {sign} (row.a {sign} row.b) }}}}"):
        assert error_of(template, a=first, b="no").startswith("'row.b' is text that spells true or false")
    assert value_of(f"{{{{ row.a {sign} row.b }}}}", a=first, b="Ann") == "Ann"
    assert value_of(f"{{{{ row.a {sign} row.b }}}}", a=first, b=0) == 0


def test_a_word_may_be_what_is_spoken(value_of):
    assert value_of("{{ row.missing | default('no') }}") == "no"
    assert value_of("{{ '' or 'no' }}") == "no"
    assert value_of("{{ 'yes' if row.x == 'False' else 'no' }}", x="False") == "yes"
    assert value_of("{{ row.x }}", x="False") == "False"


@pytest.mark.parametrize("asked", ["in [true]", "not in [false]", "in [1, 0]", "not in [true, 1]", "is in [true]"])
def test_a_text_is_not_looked_for_among_what_no_text_is(error_of, value_of, asked):
    """Nothing would be found, so that what is excluded would be let in."""
    assert "'in' cannot find text in a list of " in error_of(f"{{{{ row.x {asked} }}}}", x="True")
    assert value_of("{{ row.x in [true, 'True'] }}", x="True") is True
    assert value_of("{{ row.x in ['a', 1] }}", x="True") is False
    assert value_of("{{ row.x in [] }}", x="True") is False
    assert value_of("{{ row.x in [1] }}", x=None) is False
    assert "cannot find a number in a list of true or false" in error_of("{{ row.x in [true] }}", x=1)
