"""A policy as it is written, read: every key to its rule, with its place, and what is wrong with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.values import document_at

from flowops.common.secrets import Reference
from flowops.model.document import Place
from flowops.policy.config import read_policy
from flowops.policy.rules.limits import MaxChange, PerCallee, PerDay, PerDocument, PerRun, StopOn
from flowops.policy.rules.lists import DoNotCall
from flowops.policy.rules.people import ORDINARY, Callers, Consent, Countries, NumberTypes
from flowops.policy.rules.windows import Holidays, Windows

HERE = Place("flowops.yaml", 7, 3)
WEEK = frozenset(range(7))


def read(policy, environment=None):
    value = {"policy": policy, "environments": {"production": {"policy": environment} if environment else None}}
    return read_policy(document_at("flowops.yaml", "Project", 7, 3, value=value), "production")


def rules(policy, environment=None):
    found, problems = read(policy, environment)
    assert problems == []
    own = [rule for rule in found.rules if rule not in (Countries(None, HERE), NumberTypes(ORDINARY, HERE))]
    return [*own, *(guard for guard in found.guards if guard not in own)]


def told(policy, environment=None):
    return [(problem.message, problem.hint) for problem in read(policy, environment)[1]]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"max-calls": 5}, [PerRun(5, HERE)]),
        ({"max-calls": {"per-run": 5}}, [PerRun(5, HERE)]),
        ({"max-calls": {"per-document": 6}}, [PerDocument(6, HERE)]),
        ({"max-calls": {"per-day": 7}}, [PerDay(7, "UTC", HERE)]),
        ({"max-calls": {"per-day": 7, "timezone": "Asia/Tokyo"}}, [PerDay(7, "Asia/Tokyo", HERE)]),
        ({"max-change": "20%"}, [MaxChange(0.2, HERE)]),
        ({"countries": ["GB", "FR"]}, [Countries(frozenset({"GB", "FR"}), HERE)]),
        ({"number-types": ["mobile"]}, [NumberTypes(frozenset({"mobile"}), HERE)]),
        ({"callers": ["+442079460000"]}, [Callers(frozenset({"+442079460000"}), HERE)]),
        ({"do-not-call": "dnc.txt"}, [DoNotCall("dnc.txt", None, None, HERE)]),
        (
            {"do-not-call": [{"file": "a", "max-age": "31d", "key": {"env": "FLOWOPS_K"}}, "b"]},
            [DoNotCall("a", timedelta(days=31), Reference("FLOWOPS_K"), HERE), DoNotCall("b", None, None, HERE)],
        ),
        ({"per-callee": {"calls": 2, "within": "12h"}}, [PerCallee(2, timedelta(hours=12), HERE)]),
        (
            {"per-callee": [{"calls": 2, "within": "1w"}, {"calls": 1, "within": "90m"}]},
            [PerCallee(2, timedelta(days=7), HERE), PerCallee(1, timedelta(minutes=90), HERE)],
        ),
        ({"consent": ["basis"]}, [Consent(("basis",), None, HERE)]),
        ({"consent": {"max-age": "30s"}}, [Consent(("basis", "date"), timedelta(seconds=30), HERE)]),
        ({"consent": {"require": ["date"]}}, [Consent(("date",), None, HERE)]),
    ],
)
def test_every_key_is_its_rule(written, expected) -> None:
    assert rules(written) == expected


@pytest.mark.parametrize(
    ("written", "days", "spans"),
    [
        ({"hours": "08:00-20:00"}, WEEK, ((480, 1_200),)),
        ({"hours": ["00:00-00:01", "23:59-24:00"]}, WEEK, ((0, 1), (1_439, 1_440))),
        ({"hours": "08:00-20:00", "days": "tue"}, {1}, ((480, 1_200),)),
        ({"hours": "08:00-20:00", "days": "mon-fri"}, {0, 1, 2, 3, 4}, ((480, 1_200),)),
        ({"hours": "08:00-20:00", "days": ["sat-mon", "wed"]}, {5, 6, 0, 2}, ((480, 1_200),)),
    ],
)
def test_a_window_has_days_and_hours(written, days, spans) -> None:
    (rule,) = rules({"windows": [written]})
    assert isinstance(rule, Windows)
    (window,) = rule.windows
    assert (window.days, window.spans, window.countries, window.holidays) == (days, spans, frozenset(), Holidays.OPEN)


def test_a_window_has_countries_and_holidays() -> None:
    (rule,) = rules({"windows": [{"hours": "08:00-20:00", "countries": ["FR"], "holidays": "any-region"}]})
    assert (rule.windows[0].countries, rule.windows[0].holidays) == ({"FR"}, Holidays.ANY_REGION)


def test_no_policy_is_none_and_an_empty_one_has_the_defaults() -> None:
    assert read_policy(None, "production") == (None, [])
    assert read(None) == (None, [])
    assert read({})[0].rules == (Countries(None, HERE), NumberTypes(ORDINARY, HERE))
    assert read(None, {"max-calls": 1})[0].guards == (PerRun(1, HERE),)
    assert Countries(None, HERE) in read(None, {"max-calls": 1})[0].rules


def test_the_defaults_count_once_and_not_beside_an_own_rule() -> None:
    both = read({"max-calls": 5}, {"max-calls": 4})[0]
    assert [type(rule) for rule in both.rules] == [Countries, NumberTypes]
    assert [type(guard) for guard in both.guards] == [PerRun, PerRun]
    own = read({"countries": ["GB"], "number-types": ["mobile"]})[0].rules
    assert Countries(None, HERE) not in own
    assert NumberTypes(ORDINARY, HERE) not in own


@pytest.mark.parametrize(
    ("refused", "answered", "reached"), [(2, 19, False), (2, 20, False), (3, 20, True), (20, 20, True), (4, 40, False)]
)
def test_too_many_refusals_end_a_run_once_enough_were_answered(refused, answered, reached) -> None:
    (stop,) = read({"stop-on": {"refused": "10%"}})[0].stop_on
    assert stop == StopOn(0.1, 20, HERE)
    why = stop.reached(refused, answered)
    assert (why is not None) == reached
    if why:
        assert why == f"{refused} of {answered} phones were refused, the limit is 10%"


def test_after_how_many_calls_refusals_count_can_be_said() -> None:
    assert read({"stop-on": {"refused": "0.5%", "after": 3}})[0].stop_on == (StopOn(0.005, 3, HERE),)


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        (
            {"countries": ["UK"]},
            "countries: 'UK' is not a country with phone numbers",
            "it is GB",
        ),
        (
            {"countries": ["XX"]},
            "countries: 'XX' is not a country with phone numbers",
            "write two capital letters of ISO 3166-1, such as GB",
        ),
        (
            {"callers": ["+442079460000", "+4402079460000"]},
            "callers: '+440••••••••00' is not a valid number in GB",
            "leave out the digits after the country code that are dialled inside of the country only, such as a 0",
        ),
        (
            {"callers": ["+3161234"]},
            "callers: '+3••••34' is not a valid number in NL",
            None,
        ),
        (
            {"max-calls": {"per-day": 1, "timezone": "Mars/Olympus"}},
            "timezone: 'Mars/Olympus' is not a time zone",
            "write one such as Europe/London",
        ),
        (
            {"windows": [{"hours": "20:00-08:00"}]},
            "hours: '20:00-08:00' ends before it begins: write the hours of one day, such as 08:00-20:00",
            None,
        ),
        (
            {"windows": [{"hours": "08:00-24:01"}]},
            "hours: '08:00-24:01' ends before it begins: write the hours of one day, such as 08:00-20:00",
            None,
        ),
        (
            {"windows": [{"hours": "08:00-08:00"}]},
            "hours: '08:00-08:00' ends before it begins: write the hours of one day, such as 08:00-20:00",
            None,
        ),
        (
            {"per-callee": {"calls": 1, "within": "0d"}},
            "within: '0d' is not a span of time: write a number with s, m, h, d or w, such as 30d",
            None,
        ),
        (
            {"do-not-call": {"file": "a", "max-age": "soon"}},
            "max-age: 'soon' is not a span of time: write a number with s, m, h, d or w, such as 30d",
            None,
        ),
    ],
)
def test_what_is_wrong_is_told(written, message, hint) -> None:
    assert told(written) == [(message, hint)]


#: Every key in a place of its own.
WRITTEN = """\
policy:
  max-calls:
    timezone: Europe/London
    per-run: 500
    per-document: 100
    per-day: 1000
  max-change: 20%
  countries: [GB]
  number-types: [mobile]
  callers: ["+442079460000"]
  windows:
    - hours: 08:00-20:00
    - hours: [08:00-12:00, 14:00-16:00]
      days: sat
  do-not-call:
    - ours.txt
    - file: theirs.txt
      max-age: 30d
  per-callee: {calls: 1, within: 1d}
  consent: [basis]
  stop-on: {refused: 10%}
environments:
  production:
    policy:
      max-calls: 200
      do-not-call: more.txt
      per-callee:
        - {calls: 3, within: 30d}
      max-change: 10%
      countries: [GB]
"""


def test_every_rule_stands_where_its_key_does(document) -> None:
    found, problems = read_policy(document(WRITTEN, "Project", "flowops.yaml"), "production")
    assert problems == []
    guards = [guard for guard in found.guards if guard not in found.rules]
    assert [(rule.name, rule.place.line, rule.place.column) for rule in (*found.rules, *guards, *found.stop_on)] == [
        ("max-calls.per-day", 6, 5),
        ("countries", 8, 3),
        ("number-types", 9, 3),
        ("callers", 10, 3),
        ("windows", 11, 3),
        ("do-not-call", 16, 7),
        ("do-not-call", 17, 7),
        ("per-callee", 19, 3),
        ("consent", 20, 3),
        ("do-not-call", 26, 7),
        ("per-callee", 28, 11),
        ("countries", 30, 7),
        ("max-calls.per-run", 4, 5),
        ("max-calls.per-document", 5, 5),
        ("max-change", 7, 3),
        ("max-calls.per-run", 25, 7),
        ("max-change", 29, 7),
        ("stop-on", 21, 3),
    ]
    (windows,) = (rule for rule in found.rules if isinstance(rule, Windows))
    assert [(window.place.line, window.place.column) for window in windows.windows] == [(12, 7), (13, 7)]


def test_a_default_stands_where_the_policy_does(document) -> None:
    written = "environments:\n  production:\n    policy:\n      max-calls: 1\n"
    found, _ = read_policy(document(written, "Project", "flowops.yaml"), "production")
    assert found.rules[:2] == (
        Countries(None, Place("flowops.yaml", 3, 5)),
        NumberTypes(ORDINARY, Place("flowops.yaml", 3, 5)),
    )


WRONG = """\
policy:
  max-calls:
    per-day: 5
    timezone: Mars/Olympus
  countries: [GB, UK]
  windows:
    - hours: 20:00-08:00
      countries:
        - FR
        - XX
    - hours:
        - 08:00-12:00
        - 16:00-14:00
  do-not-call: {file: ours.txt, max-age: soon}
  per-callee:
    - {calls: 1, within: 1d}
    - {calls: 2, within: 0d}
  consent: {max-age: long}
  max-change: 10%
environments:
  production:
    policy:
      do-not-call:
        - {file: theirs.txt, max-age: late}
      max-change: 20%
"""


def test_a_problem_stands_where_the_mistake_does(document) -> None:
    _, problems = read_policy(document(WRONG, "Project", "flowops.yaml"), "production")
    assert [
        (problem.place.line, problem.place.column, problem.message.partition(" ")[0], problem.code)
        for problem in problems
    ] == [
        (4, 15, "timezone:", "policy"),
        (5, 19, "countries:", "policy"),
        (7, 14, "hours:", "policy"),
        (10, 11, "countries:", "policy"),
        (13, 11, "hours:", "policy"),
        (14, 42, "max-age:", "policy"),
        (17, 26, "within:", "policy"),
        (18, 22, "max-age:", "policy"),
        (24, 39, "max-age:", "policy"),
        (25, 7, "max-change:", "policy"),
    ]
    assert problems[-1].message == "max-change: is looser than at line 19, and has no effect"
    assert {problem.place.file for problem in problems} == {"flowops.yaml"}


def test_of_what_is_wrong_the_first_characters_are_told() -> None:
    long = "x" * 99
    assert [message for message, _ in told({"max-calls": {"timezone": long}, "consent": {"max-age": long}})] == [
        f"timezone: '{long[:40]}' is not a time zone",
        f"max-age: '{long[:40]}' is not a span of time: write a number with s, m, h, d or w, such as 30d",
    ]
    assert told({"countries": [long]})[0][0] == f"countries: '{long[:10]}' is not a country with phone numbers"


@pytest.mark.parametrize(
    ("project", "environment", "looser"),
    [
        ({"max-calls": 5}, {"max-calls": 6}, "max-calls.per-run"),
        ({"max-calls": 5}, {"max-calls": 5}, None),
        ({"max-calls": {"per-day": 5}}, {"max-calls": {"per-day": 6}}, "max-calls.per-day"),
        ({"max-calls": {"per-document": 5}}, {"max-calls": {"per-document": 6}}, "max-calls.per-document"),
        ({"max-calls": 5}, {"max-calls": {"per-day": 6}}, None),
        ({"max-change": "10%"}, {"max-change": "11%"}, "max-change"),
        ({"max-change": "10%"}, {"max-change": "10%"}, None),
        ({"countries": ["GB"]}, {"countries": ["GB", "FR"]}, "countries"),
        ({"countries": ["GB", "FR"]}, {"countries": ["GB"]}, None),
        ({"countries": ["GB"]}, {"countries": ["GB"]}, None),
        ({}, {"countries": ["FR"]}, None),
        ({"number-types": ["mobile"]}, {"number-types": ["mobile", "voip"]}, "number-types"),
        ({"number-types": ["mobile"]}, {"number-types": ["mobile"]}, None),
        ({"callers": ["+442079460000"]}, {"callers": ["+442079460001"]}, "callers"),
        ({"callers": ["+442079460000"]}, {"callers": ["+442079460000"]}, None),
        ({"per-callee": {"calls": 1, "within": "1d"}}, {"per-callee": {"calls": 2, "within": "1d"}}, None),
    ],
)
def test_an_environment_that_looks_looser_is_told(project, environment, looser) -> None:
    expected = [] if looser is None else [
        (f"{looser}: is looser than at line 7, and has no effect",
         "an environment's policy can only be stricter than the project's")
    ]  # fmt: skip
    assert told(project, environment) == expected
