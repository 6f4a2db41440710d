"""Filters and tests: the documentation is true, and nothing but a error ever comes out of them."""

from __future__ import annotations

import inspect
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.common.budget import MAX_TEXT
from flowops.templates.filters import FILTERS, documentation, documentation_of_tests
from flowops.templates.filters.tests import TESTS
from flowops.templates.problems import TemplateError

ENTRIES = [*documentation(), *documentation_of_tests()]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_documented_example_is_true(value_of, entry):
    assert value_of(entry.example, vars={}) == entry.result


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_function_is_documented(entry):
    assert entry.signature.startswith(entry.name)
    assert entry.sentence.endswith(".")
    assert entry.name in entry.example


def test_the_filters_that_users_are_promised_are_there():
    promised = "e164 digits datetime default int float round upper lower title trim replace join length tojson"
    assert set(promised.split()) <= set(FILTERS)
    assert {entry.name: entry.signature for entry in documentation()}["round"] == "round(precision=0, method='common')"
    assert {entry.name: entry.signature for entry in documentation()}["int"] == "int([default])"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ '4821' | digits }}", "4 8 2 1"),
        ("{{ 4821 | digits(', ') }}", "4, 8, 2, 1"),
        ("{{ ' +15 ' | int }}", 15),
        ("{{ '15.0' | int }}", 15),
        ("{{ 7.9 | int }}", 7),
        ("{{ -7.9 | int }}", -7),
        ("{{ '' | int(15) }}", 15),
        ("{{ none | int(default=15) }}", 15),
        ("{{ '1e3' | float }}", 1000.0),
        ("{{ 'x' | float(0) }}", 0),
        ("{{ 2.5 | round }}", 2.0),
        ("{{ 2.1 | round(method='ceil') }}", 3.0),
        ("{{ 2.19 | round(1, 'floor') }}", 2.1),
        ("{{ 2.675 | fixed }}", "2.68"),
        ("{{ 3 | fixed(0) }}", "3"),
        ("{{ row.missing | default }}", ""),
        ("{{ '' | default('there', true) }}", "there"),
        ("{{ '' | default('there') }}", ""),
        ("{{ none | default('there', boolean=true) }}", "there"),
        ("{{ 'o\\'neil van DAM-smit' | title }}", "O'neil Van Dam-Smit"),
        ("{{ 'xxaxx' | trim('x') }}", "a"),
        ("{{ 'a b  c' | split }}", ["a", "b", "c"]),
        ("{{ ['b', 'a', 'C'] | sort(reverse=true) }}", ["C", "b", "a"]),
        ("{{ ['b', 'a', 'C'] | sort(case_sensitive=true) }}", ["C", "a", "b"]),
        ("{{ [2, 10, 1.5] | sort }}", [1.5, 2, 10]),
        ("{{ ['a', 'A'] | unique }}", ["a"]),
        ("{{ ['a', 'A'] | unique(true) }}", ["a", "A"]),
        ("{{ [1, 2.5] | join('-') }}", "1-2.5"),
        ("{{ 'é\"<' | tojson }}", '"é\\"<"'),
        ("{{ none | tojson }}", "null"),
        ("{{ [] | sum }}", 0),
    ],
)
def test_filters_do_what_they_say(value_of, template, value):
    found = value_of(template)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("template", "number"),
    [
        ("{{ '020 7946 0123' | e164('GB') }}", "+442079460123"),
        ("{{ '+44 (0)20 7946-0123' | e164 }}", "+442079460123"),
        ("{{ '0044 20 7946 0123' | e164('GB') }}", "+442079460123"),
        ("{{ '(212) 555-0123' | e164(region='us') }}", "+12125550123"),
        ("{{ '+1 212 555 0123' | e164('NL') }}", "+12125550123"),
        ("{{ '030 901820123' | e164('DE') }}", "+4930901820123"),
        ("{{ '+44 20\\u200b7946\\u00a00123' | e164 }}", "+442079460123"),
        ("{{ '\\u202a+442079460123\\u202c' | e164 }}", "+442079460123"),
        ("{{ '020\\u20117946\\u20130123' | e164('GB') }}", "+442079460123"),
        ('{{ "\'+442079460123" | e164 }}', "+442079460123"),
        ("{{ 'tel:+442079460123' | e164 }}", "+442079460123"),
        ("{{ '+48 (0) 22 123 45 67' | e164('GB') }}", "+48221234567"),
    ],
)
def test_e164_reads_what_people_write(value_of, template, number):
    assert value_of(template) == number


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ '+3161234' | e164 }}", "e164: '+3••••34' is not a valid number in NL"),
        ("{{ '0612' | e164('NL') }}", "e164: '0…' is not a valid number in NL"),
        (
            "{{ '020 7946 0123' | e164 }}",
            "e164: the text has no country code | write it with + and the country code, or name the region: e164('GB')",
        ),
        ("{{ '' | e164 }}", "e164: the text is empty, not a phone number"),
        ("{{ '+1800FLOWERS' | e164 }}", "e164: the text has U+0046 (LATIN CAPITAL LETTER F) at character 6"),
        ("{{ '+44 20 7946 0123;ext=9' | e164 }}", "e164: the text has an extension"),
        ("{{ '+４４ 20 7946 0123' | e164 }}", "e164: the text has U+FF14 (FULLWIDTH DIGIT FOUR) at character 2"),
        # What pandas and spreadsheets make of a column of phone numbers, and two numbers in one cell.
        ("{{ '4930901820024.0' | e164('DE') }}", "e164: the text is a decimal number"),
        ("{{ '4.42079E+11' | e164('GB') }}", "e164: the text is a number that a spreadsheet has rounded"),
        ("{{ '2026-12-01' | e164('DE') }}", "e164: the text looks like a date"),
        ("{{ '030/901820024/5' | e164('DE') }}", "e164: the text has more than one number, or a range"),
        ("{{ '491701234567' | e164('DE') }}", "e164: '4917••••••67' can be read as two different phone numbers"),
        ("{{ 'N/A' | e164('GB') }}", "e164: the text has U+004E (LATIN CAPITAL LETTER N) at character 1"),
        (
            "{{ '+44 20 7946 0123' | e164('UK') }}",
            "e164: region is not a region that is known | the United Kingdom is GB",
        ),
        (
            "{{ 442079460123 | e164 }}",
            "e164: the value has to be text, not a number | make it text first: … | string | e164",
        ),
        ("{{ '+442079460123' | e164(1) }}", "e164: region has to be text, not a number"),
        ("{{ '999' | e164('GB') }}", "e164: '9…' is not a valid number in GB"),
    ],
)
def test_e164_refuses_what_is_no_number_and_does_not_repeat_it(error_of, template, error):
    assert error_of(template).startswith(error)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ '2026-03-02T09:05:00' | datetime('%H:%M') }}", "09:05"),
        ("{{ '2026-03-02 09:05' | datetime('%-I %M %p') }}", "9 05 AM"),
        ("{{ '2026-03-02T00:05' | datetime('%I%p') }}", "12AM"),
        ("{{ '2026-03-02T12:05' | datetime('%I%p') }}", "12PM"),
        (
            "{{ '2026-03-02' | datetime('%A %-d %B %Y, week %V, day %j, %u') }}",
            "Monday 2 March 2026, week 10, day 061, 1",
        ),
        ("{{ '2026-12-02' | datetime('%a %d %b %y %m %-m 100%%') }}", "Wed 02 Dec 26 12 12 100%"),
        ("{{ '2026-03-29T00:30:00Z' | datetime('%H:%M %z', 'Europe/Amsterdam') }}", "01:30 +0100"),
        ("{{ '2026-03-29T01:30:00Z' | datetime('%H:%M %z', 'Europe/Amsterdam') }}", "03:30 +0200"),
        ("{{ '2026-03-02T09:05+01:00' | datetime(tz='UTC') }}", "2026-03-02 08:05"),
        ("{{ '0001-01-01' | datetime('%Y') }}", "0001"),
    ],
)
def test_datetime_writes_what_the_data_says_in_no_locale(value_of, template, text):
    assert value_of(template) == text


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ 'tomorrow' | datetime }}", "datetime: the text is not an ISO 8601 date or time"),
        ("{{ '2026-02-30' | datetime }}", "datetime: there is no such date or time"),
        ("{{ '2026-02-28T24:61' | datetime }}", "datetime: there is no such date or time"),
        ("{{ '２026-02-28' | datetime }}", "datetime: the text is not an ISO 8601 date or time"),
        ("{{ '2026-02-28' | datetime('%H:%M') }}", "datetime: the text is a date without a time, so '%H' has"),
        ("{{ '2026-02-28T09:00' | datetime('%z') }}", "datetime: the text has no UTC offset, so '%z' has no answer"),
        ("{{ '2026-02-28' | datetime('%Q') }}", "datetime: format has '%Q', which is not known"),
        ("{{ '2026-02-28' | datetime('100%') }}", "datetime: format has '%', which is not known"),
        ("{{ '2026-02-28T09:00' | datetime(tz='Europe/Amsterdam') }}", "datetime: the time has no UTC offset"),
        ("{{ '2026-02-28T09:00Z' | datetime(tz='Europe/Amsterdm') }}",
         "datetime: tz is not a time zone of the IANA's list | did you mean 'Europe/Amsterdam'?"),
        ("{{ '2026-02-28T09:00Z' | datetime(tz='../../etc/passwd') }}", "datetime: tz is not a time zone"),
        ("{{ '2026-02-28T09:00Z' | datetime(tz='/etc/passwd') }}", "datetime: tz is not a time zone"),
        ("{{ '2026-02-28T09:00Z' | datetime(tz='Europe') }}", "datetime: tz is not a time zone"),
        ("{{ '2026-02-28T09:00Z' | datetime(tz='a\\x00b') }}", "datetime: tz is not a time zone"),
        ("{{ '2026-02-28T09:00Z' | datetime(tz='') }}", "datetime: tz is not a time zone"),
        ("{{ '0001-01-01T00:00Z' | datetime(tz='America/New_York') }}", "datetime: the date is out of range"),
        ("{{ 20260228 | datetime }}", "datetime: the value has to be text, not a number"),
    ],
)  # fmt: skip
def test_datetime_refuses_what_has_no_answer(error_of, template, error):
    assert error_of(template).startswith(error)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ 'ten' | int }}", "int: the text is not a whole number"),
        ("{{ '' | int }}", "int: the text is empty, not a whole number"),
        ("{{ '15.5' | int }}", "int: the text is a fraction, not a whole number | … | float | round | int"),
        ("{{ '15.5' | int(3) }}", "int: the text is a fraction, not a whole number"),
        ("{{ '9007199254740992.0' | int }}", "int: a whole number may not be beyond 9007199254740991"),
        ("{{ '1e999' | int(3) }}", "int: a number may not be infinite"),
        ("{{ '1_000' | int }}", "int: the text is not a whole number"),
        ("{{ '١٥' | int }}", "int: the text is not a whole number"),
        ("{{ none | int }}", "int: the value has to be text, not null"),
        ("{{ true | int }}", "int: the value has to be text, not true or false"),
        ("{{ '99999999999999999999' | int }}", "int: a whole number may not be beyond 9007199254740991"),
        ("{{ 'nan' | float }}", "float: the text is not a number"),
        ("{{ '1e999' | float }}", "float: a number may not be infinite"),
        ("{{ '1.5' | round }}", "round: needs numbers, not text | make a number of it first: … | float"),
        ("{{ 1.5 | round(99) }}", "round: precision has to be a whole number from 0 to 15"),
        ("{{ 1.5 | round(0, 'up') }}", "round: method has to be 'common', 'ceil' or 'floor'"),
        ("{{ 15 | upper }}", "upper: the value has to be text, not a number"),
        ("{{ 'a' | replace('', 'b') }}", "replace: old may not be empty"),
        ("{{ 'a' | split('') }}", "split: separator may not be empty"),
        ("{{ '--' | digits }}", "digits: the text has neither digits nor letters"),
        ("{{ 'a' | join(',') }}", "join: the value has to be a list, not text | split the text first: … | split(',')"),
        ("{{ [none] | join(',') }}", "join: null cannot be in text"),
        ("{{ [] | first }}", "first: the list is empty"),
        ("{{ [] | max }}", "max: the list is empty"),
        ("{{ [1, 'a'] | sort }}", "sort: only a list of texts, or one of numbers, can be sorted"),
        ("{{ ['a'] | sort('yes') }}", "sort: reverse has to be true or false, not text"),
        ("{{ [[1]] | unique }}", "unique: only texts and numbers can be compared, not a list"),
        ("{{ [{'a': 1}] | map('b') }}", "map: an item of the list has no 'b'"),
        ("{{ [1] | map('b') }}", "map: needs a list of mappings, not of a number"),
        ("{{ [1] | items }}", "items: the value has to be a mapping, not a list"),
        ("{{ 1 | length }}", "length: a number has no length"),
        ("{{ 1.5 is even }}", "even: needs a whole number, not a number"),
        ("{{ '1' is divisibleby(3) }}", "divisibleby: needs a whole number, not text"),
        ("{{ 3 is divisibleby(0) }}", "divisibleby: '%' by zero"),
        ("{{ 'a' | e164(1, 2) }}", "e164: too many positional arguments | it is e164(region=none)"),
        ("{{ 'a' | e164(country='NL') }}", "e164: got an unexpected keyword argument 'country'"),
        ("{{ 'a' | replace('b') }}", "replace: missing a required argument: 'new' | it is replace(old, new)"),
        ("{{ 'a' | upper(*[1]) }}", "upper: templates have no '*' and '**'"),
        ("{{ 'a' | uper }}", "templates have no filter 'uper' | did you mean 'upper'?"),
        ("{{ 'a' | strip }}", "templates have no filter 'strip' | did you mean 'trim'?"),
        ("{{ 'a' is numbr }}", "templates have no test 'numbr' | did you mean 'number'?"),
    ],
)
def test_a_filter_refuses_what_it_is_not_for(error_of, template, error):
    assert error_of(template).startswith(error)


def test_int_of_a_wrong_text_is_never_zero(error_of):
    assert "0" not in error_of("{{ row.minutes | int }}", minutes="soon")


def test_faults_do_not_repeat_the_data(error_of):
    secret = "born-1970-in-Delft"
    for name in FILTERS:
        for template in (f"{{{{ [row.x, 1] | {name} }}}}", f"{{{{ row.x | {name}(row.x) }}}}"):
            try:
                message = error_of(template, x=secret)
            except ValueError:
                continue  # it has no error
            assert secret not in message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=400)
@given(name=st.sampled_from([*FILTERS, *TESTS]), value=VALUES, arguments=st.lists(VALUES, max_size=3))
def test_a_filter_gives_a_bounded_value_or_a_fault_whatever_it_is_given(name, value, arguments):
    function = FILTERS.get(name) or TESTS[name]
    needed = list(function.parameters.parameters.values())
    required = sum(parameter.default is inspect.Parameter.empty for parameter in needed)
    arguments = (arguments + [value] * required)[: max(required, min(len(arguments), len(needed)))]
    assert function.misuse(len(arguments), ()) is None
    with suppress(TemplateError):
        result = function.call(value, *arguments)
        assert not isinstance(result, str) or len(result) <= MAX_TEXT * 3
        assert repr(result) == repr(function.call(value, *arguments))
