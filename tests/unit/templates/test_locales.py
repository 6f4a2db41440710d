"""What a language calls days, numbers, money and lists."""

from __future__ import annotations

import textwrap

import pytest


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{{ '2026-12-01' | datetime('%A %-d %B', locale='nl') }}", "dinsdag 1 december"),
        ("{{ '2026-12-01' | datetime('%a %-d %b', locale='de') }}", "Di. 1 Dez."),
        ("{{ '2026-12-01' | datetime('%A %-d %B', locale='pl') }}", "wtorek 1 grudnia"),
        ("{{ '2026-12-01' | datetime('full', locale='fr') }}", "mardi 1 décembre 2026"),
        ("{{ '2026-12-01T15:05' | datetime('medium', locale='de') }}", "01.12.2026, 15:05"),
        ("{{ '2026-12-01T15:05' | datetime('short', locale='en-GB') }}", "01/12/2026, 15:05"),
        ("{{ '1. Dezember 2026' | datetime('%Y-%m-%d', from='%d. %B %Y', locale='de') }}", "2026-12-01"),
        ("{{ 1234567.891 | number(locale='de') }}", "1.234.567,891"),
        ("{{ 1234567.891 | number(locale='pt-BR') }}", "1.234.567,891"),
        ("{{ 1234567 | number(locale='hi') }}", "12,34,567"),
        ("{{ 1234567.891 | number(2) }}", "1,234,567.89"),
        ("{{ 2.5 | number(0, locale='nl') }}", "3"),
        ("{{ 12 | number(2, locale='nl') }}", "12,00"),
        ("{{ -0.125 | number }}", "-0.125"),
        ("{{ 1234.5 | money('EUR', locale='nl') }}", "€\xa01.234,50"),
        ("{{ 1234.5 | money('EUR', locale='de') }}", "1.234,50\xa0€"),
        ("{{ 1234.565 | money('USD') }}", "$1,234.57"),
        ("{{ 1234.5 | money('JPY', locale='en') }}", "¥1,235"),
        ("{{ ['a', 'b', 'c'] | join(locale='en') }}", "a, b, and c"),
        ("{{ ['a', 'b', 3] | join(locale='nl') }}", "a, b en 3"),
        ("{{ ['a', 'b'] | join(locale='de') }}", "a und b"),
        ("{{ ['a'] | join(locale='de') }}", "a"),
        ("{{ [] | join(locale='de') }}", ""),
        ("{{ ['{0}', '{x}', '%s'] | join(locale='en') }}", "{0}, {x}, and %s"),
    ],
)
def test_a_locale_writes_it_as_its_speakers_do(value_of, template, written):
    assert value_of(template) == written


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ 1 | number(locale='xx') }}", "number: locale is not a language that is known"),
        ("{{ 1 | number(locale='de_XX') }}", "number: locale is not a language that is known"),
        ("{{ 1 | number(locale='../de') }}", "number: locale is not a language that is known"),
        ("{{ 1 | number(locale='') }}", "number: locale is not a language that is known"),
        ("{{ 1 | number(locale='root') }}", "number: locale is not a language that is known"),
        ("{{ 1 | number(locale=1) }}", "number: locale has to be text, not a number"),
        ("{{ '1' | number }}", "number: needs numbers, not text"),
        ("{{ 1 | money('EURO') }}", "money: currency is not a currency that is known"),
        ("{{ 1 | money('eur') }}", "money: currency is not a currency that is known"),
        ("{{ ['a'] | join(', ', locale='de') }}", "join: join takes a separator or a locale"),
    ],
)
def test_what_no_locale_can_write_is_refused(render_value, template, said):
    made, *problems = render_value(template, None)
    assert made is None
    assert said in problems[0]


def test_a_list_that_is_spoken_is_short(error_of):
    assert "has at most 100 items" in error_of("{{ row.l | join(locale='de') }}", l=["a"] * 101)


def test_locales_are_bounded(monkeypatch, error_of):
    monkeypatch.setattr("flowops.templates.filters.locales._known", {str(number): None for number in range(64)})
    assert error_of("{{ 1 | number(locale='sv') }}") == "number: at most 64 locales may be used together"


def test_what_a_locale_writes_is_the_same_on_every_machine(tmp_path, run_python):
    program = textwrap.dedent(
        """
        from flowops.templates.filters import FILTERS
        found = [FILTERS["datetime"].call("2026-12-01T15:05", "full", locale="nl"), FILTERS["number"].call(1234.5)]
        found += [FILTERS["money"].call(1234.5, "EUR", "de"), FILTERS["join"].call(["a", "b"], locale="pl")]
        print(ascii(found))
        """
    )
    around = [{"LC_ALL": "C", "TZ": "UTC"}, {"LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "de", "TZ": "Asia/Tokyo"}]
    first, second = (run_python(program, cwd=tmp_path, **each) for each in around)
    assert first == second


def test_nobody_pays_for_a_locale_who_names_none(tmp_path, run_python):
    program = "import sys, flowops.templates.filters; print('babel' in sys.modules)"
    assert run_python(program, cwd=tmp_path) == "False\n"
