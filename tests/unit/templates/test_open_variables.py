"""Variables that come from outside reach two fields, by what is written in a template and not by their values."""

from __future__ import annotations

import pytest

from flowops.templates.open_variables import OpenVariables
from flowops.templates.syntax import open_use

NAMES = frozenset({"headline", "it's"})


@pytest.mark.parametrize(
    "template",
    [
        "{{ vars.headline }}",
        "Alert: {{ vars.headline }} and {{ vars['headline'] }}.",
        "{{ vars.brand }}, {{ vars.headline }}",
        "{{- vars.headline -}}",
    ],
)
def test_a_template_that_only_puts_them_into_its_text_is_plain(template: str) -> None:
    use = open_use(template, NAMES)
    assert use is not None
    assert (use.name, use.is_plain) == ("vars.headline", True)
    assert template[use.offset :].startswith("vars")


@pytest.mark.parametrize(
    "template",
    [
        "{{ vars.headline | upper }}",
        "{{ 'a' if vars.headline else 'b' }}",
        "{% if vars.brand == vars.headline %}a{% endif %}",
        "{% for each in [vars.headline] %}{{ each }}{% endfor %}",
        "{{ vars.headline.x }}",
        "{{ row[vars.headline] }}",
        "{{ vars.brand ~ vars.headline }}",
        "{{ vars[row.x] }}",
        "{{ vars['head' ~ 'line'] }}",
        "{{ vars }}",
        "{{ vars | tojson }}",
        "{% for key in vars %}{{ vars[key] }}{% endfor %}",
        "{{ [vars][0].headline }}",
        "{{ vars.brand | default(vars.headline) }}",
        "{{ vars['headline'][0] }}",
    ],
)
def test_one_that_does_more_with_them_or_may_take_any_is_told_and_is_not_plain(template: str) -> None:
    use = open_use(template, NAMES)
    assert use is not None
    assert not use.is_plain


@pytest.mark.parametrize(
    "template", ["{{ vars.brand }}", "{{ row.headline }}", "vars.headline", "{{ 'vars.headline' }}"]
)
def test_one_that_does_not_use_them_is_not_told(template: str) -> None:
    assert open_use(template, NAMES) is None


@pytest.mark.parametrize(
    ("label", "may"),
    [
        ("reference-id", True),
        ("flow-variables.text", True),
        ("flow-variables.text.more[0]", True),
        ("flow-variables", False),
        ("flow-variablesx.text", False),
        ("callee", False),
        ("callees[0]", False),
        ("caller", False),
        ("consent.reference-id", False),
        ("where", False),
    ],
)
def test_they_reach_the_reference_and_the_flow_variables_alone(label: str, may: bool) -> None:
    variables = OpenVariables.shown("oncall", NAMES)
    use = variables.use("{{ vars.headline }}")
    assert use is not None
    assert (variables.refusal(label, use) is None) is may


def test_what_is_open_stands_for_itself() -> None:
    values = OpenVariables.shown("oncall", NAMES).values
    assert values["headline"] == "{{ vars.headline }}"
    use = open_use(values["it's"], NAMES)
    assert use is not None
    assert use.is_plain
