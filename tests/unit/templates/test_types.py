"""A scalar that is one whole expression keeps its type; any other gives a string."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ 15 }}", 15),
        ("{{ 1.5 }}", 1.5),
        ("{{ true }}", True),
        ("{{ None }}", None),
        ("{{ '15' }}", "15"),
        ("{{ row.minutes }}", "15"),
        ("{{ row.minutes | int }}", 15),
        ("{{- row.minutes | int -}}", 15),
        ("{{ ['a', 1, none] }}", ["a", 1, None]),
        ("{{ 'a', 'b' }}", ["a", "b"]),
        ("{{ {'a': {'b': [1]}} }}", {"a": {"b": [1]}}),
        ("{{ row.address }}", {"city": "Delft"}),
        ("{{ row.minutes == '15' }}", True),
    ],
)
def test_a_whole_expression_keeps_its_type(value_of, template, value):
    found = value_of(template, minutes="15", address={"city": "Delft"})
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (" {{ 15 }}", " 15"),
        ("{{ 15 }}\n", "15\n"),
        ("{{ 15 }}{# a comment #}", "15"),
        ("{{ 1 }}{{ 5 }}", "15"),
        ("{% if true %}{{ 15 }}{% endif %}", "15"),
        ("{% raw %}{{ 15 }}{% endraw %}", "{{ 15 }}"),
        ("{# nothing #}", ""),
        ("{{ 1.5 }} and {{ 2 }}", "1.5 and 2"),
        ("a  {{- 15 -}}  b", "a15b"),
        ("a\n{{ 15 }}\n\n", "a\n15\n\n"),
    ],
)
def test_anything_else_gives_a_string(value_of, template, text):
    assert value_of(template) == text


@pytest.mark.parametrize("text", ["", "a }} b %} c #}", "{ {x} }", "%d", "a\r\nb", "{ { x } }"])
def test_a_string_without_a_template_is_passed_on_untouched(value_of, text):
    assert value_of(text) == text


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("a {{ none }}", "null cannot be in text | say what to write instead: … | default('…', true)"),
        ("a {{ true }}", "true or false cannot be in text | choose the words: 'yes' if … else 'no'"),
        ("a {{ [1] }}", "a list cannot be in text | join its items: … | join(', ')"),
        ("{{ 'a' ~ {} }}", "a mapping cannot be in text | name one of its keys, or write it as JSON: … | tojson"),
    ],
)
def test_what_has_no_one_way_to_be_read_aloud_does_not_stand_in_text(error_of, template, error):
    assert error_of(template) == error


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 2**53, -(2**53), [2**60], {"a": float("inf")}])
def test_what_json_cannot_carry_is_refused(error_of, value):
    assert error_of("{{ row.value }}", value=value).startswith("a ")


@pytest.mark.parametrize("template", ["{{ row.value }}", "a {{ row.value }}"])
def test_half_a_character_is_refused(error_of, template):
    assert "half a character" in error_of(template, value="\ud800")


def test_values_of_rows_are_data_and_never_templates(value_of):
    assert value_of("{{ row.name }}!", name="{{ vars.secret }}") == "{{ vars.secret }}!"
