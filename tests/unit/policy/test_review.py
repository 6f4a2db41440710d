"""What a plan says as a whole."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import phonenumbers
import pytest

from flowops.model.call import Terms
from flowops.model.plan import Action
from flowops.policy.config import read_policy
from flowops.policy.evaluate import PolicyEvaluator
from flowops.policy.review import CapacityCheck, RepeatedCallees, WindowSummary
from flowops.policy.rule import CallContext, PolicyContext

if TYPE_CHECKING:
    from flowops.model.call import Call

#: Forty countries, from UTC-8 to UTC+13.
REGIONS = (
    *(
        "GB",
        "US",
        "FR",
        "DE",
        "IT",
        "ES",
        "NL",
        "BE",
        "CH",
        "AT",
        "SE",
        "NO",
        "DK",
        "FI",
        "IE",
        "PT",
        "PL",
        "CZ",
        "HU",
        "RO",
    ),
    *(
        "GR",
        "NZ",
        "JP",
        "KR",
        "SG",
        "MY",
        "TH",
        "IN",
        "ZA",
        "BR",
        "MX",
        "AR",
        "CL",
        "CO",
        "CA",
        "TR",
        "IL",
        "EG",
        "NG",
        "KE",
    ),
)
EVENING = datetime(2026, 11, 23, 18, 22, tzinfo=UTC)
LONDON, PARIS, SATELLITE = "+442079460023", "+33199001018", "+881612345678"


def noted(notes, calls):
    """What is told of these calls."""
    notes.add([CallContext(each, EVENING) for each in calls])
    return notes


def test_a_large_set_in_forty_countries_says_how_many_may_be_placed_now_and_when_the_rest(policy, call) -> None:
    numbers = [
        phonenumbers.format_number(phonenumbers.example_number(region), phonenumbers.PhoneNumberFormat.E164)
        for region in REGIONS
    ]
    calls = [call(f"c{number}", callee=numbers[number % len(numbers)]) for number in range(10_000)]
    rules = policy(
        f"{{countries: [{', '.join(REGIONS)}], windows: [{{days: mon-fri, hours: '08:00-20:00'}},"
        " {days: mon-fri, hours: '10:00-13:00', countries: [FR]}]}"
    )
    evaluator = PolicyEvaluator(rules, PolicyContext())
    decisions = [evaluator.evaluate(each, EVENING) for each in calls]
    now = sum(decision is None for decision in decisions)
    deferred = [decision for decision in decisions if decision is not None]
    assert {decision.action for decision in deferred} == {Action.DEFERRED}
    (note,) = noted(WindowSummary(rules, EVENING), calls).lines()
    assert note.startswith(f"windows (flowops.yaml:7): {now:,} of 10,000 calls are within their hours now, ")
    assert now + len(deferred) == 10_000
    last = max(decision.until for decision in deferred)
    assert note.endswith(f"later, the last from {last:%a %Y-%m-%d %H:%M} UTC")
    # The first five openings by their times, the rest together; nobody is left out.
    openings = sorted(Counter(decision.until for decision in deferred).items())
    assert len(openings) > 6
    assert [f"{count:,} from {until:%a %Y-%m-%d %H:%M} UTC" for until, count in openings[:5]] == note.split(", ")[1:6]
    assert f", {sum(count for _, count in openings[5:]):,} later, the last" in note


def test_each_window_tells_of_the_calls_that_it_is_for(policy, call) -> None:
    rules = policy(
        "{countries: [GB, FR], windows: [{hours: '08:00-20:00', countries: [FR]}, {hours: '09:00-17:00'}],"
        " max-calls: 9}"
    )
    calls = [call("a"), call("b"), call("c", callee=PARIS), call("d", callee=SATELLITE)]
    (note,) = noted(WindowSummary(rules, EVENING), calls).lines()
    assert note == (
        "windows (flowops.yaml:7): 1 of 4 calls are within their hours now, 2 from Tue 2026-11-24 09:00 UTC, "
        "1 at no time"
    )


WINDOWS = """\
policy:
  countries: [GB, FR]
  windows:
    - hours: 09:00-17:00
    - {hours: 08:00-20:00, countries: [FR]}
"""


def test_a_window_is_named_by_its_own_line(document, call) -> None:
    rules, _ = read_policy(document(WINDOWS, "Project", "flowops.yaml"), "production")
    callees = (LONDON, PARIS, SATELLITE, LONDON, SATELLITE)
    calls = [call(f"c{number}", callee=callee) for number, callee in enumerate(callees)]
    assert noted(WindowSummary(rules, EVENING), calls).lines() == [
        # What no window is for is told at the rule itself.
        "windows (flowops.yaml:3): 0 of 2 calls are within their hours now, 2 at no time",
        "windows (flowops.yaml:4): 0 of 2 calls are within their hours now, 2 from Tue 2026-11-24 09:00 UTC",
        "windows (flowops.yaml:5): 1 of 1 call is within their hours now",
    ]


def repeated_callees(calls: list[Call]) -> list[str]:
    """What is told of the numbers that calls ring."""
    found = RepeatedCallees()
    found.add(range(len(calls)), [call.body for call in calls])
    return found.warnings(lambda position: calls[position].reference_id)


def test_numbers_that_are_called_more_than_once_are_told_masked_the_first_of_many(call) -> None:
    calls = [call(f"c{number}", callee=f"+4420794600{number % 7:02}") for number in range(14)]
    told = repeated_callees([*calls, call("once", callee=PARIS)])
    assert told[0] == "+44 20 79•• ••00 is called by 2 calls of this plan: c0, c7"
    assert len(told) == 6
    assert told[5] == "2 more numbers are called more than once"
    (many,) = repeated_callees([call(f"c{number}") for number in range(1_200)])
    assert many.endswith("is called by 1,200 calls of this plan: c0, c1, c2, c3, c4 and 1,195 more")
    assert repeated_callees([call(callees=[LONDON, LONDON])]) == []


def test_as_many_as_are_named_are_all(call) -> None:
    five = [call(f"c{number}") for number in range(5)]
    assert repeated_callees(five) == ["+44 20 79•• ••23 is called by 5 calls of this plan: c0, c1, c2, c3, c4"]
    numbers = repeated_callees([call(f"c{number}", callee=f"+4420794600{number % 5:02}") for number in range(10)])
    assert [text.partition(" is called by ")[2] for text in numbers] == [
        f"2 calls of this plan: c{number}, c{number + 5}" for number in range(5)
    ]


@pytest.mark.parametrize(("rate", "told"), [(2.0, "2/s"), (0.5, "30/m"), (1 / 120, "30/h"), (1 / 7_200, "12 a day")])
def test_a_rate_is_told_in_the_unit_people_write_it_in(rate, told, policy, call) -> None:
    rules = policy("windows: [{hours: '08:00-20:00'}]")
    calls = [call(f"c{number}") for number in range(4_000)]
    (warning,) = noted(CapacityCheck(rules, datetime(2026, 11, 23, 19, 50, tzinfo=UTC), rate), calls).warnings()
    assert f" phones at {told} do not fit " in warning


def test_what_expires_before_its_turn_is_told_with_its_place(policy, call) -> None:
    at = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    soon = Terms(expires="2026-11-23T19:00:02Z")
    calls = [call(f"c{number}", terms=soon) for number in range(4)]
    (warning,) = noted(CapacityCheck(policy("{}"), at, 1.0), calls).warnings()
    assert warning.startswith(
        "expires (calls/a.yaml:1): the time is too short: 2 of 4 phones at 1/s do not fit before "
    )


def test_what_ends_first_is_told_and_the_first_end_before_the_others(policy, call) -> None:
    at = datetime(2026, 11, 23, 18, 59, 58, tzinfo=UTC)
    rules = policy("{countries: [GB, FR], windows: [{hours: '08:00-20:00'}]}")
    paris, paris_until, london_until = (
        {"callee": PARIS},
        {"callee": PARIS, "terms": Terms(expires="2026-11-23T19:00:05Z")},
        {"terms": Terms(expires="2026-11-23T19:00:01Z")},
    )
    turns = (paris, paris_until, london_until, london_until, paris_until, paris)
    calls = [call(f"c{number}", **each) for number, each in enumerate(turns)]
    late = "of 6 phones at 1/s do not fit before Mon 2026-11-23 19:00 UTC"
    assert noted(CapacityCheck(rules, at, 1.0), calls).warnings() == [
        f"windows (flowops.yaml:7): the hours are too few: 2 {late}",
        f"expires (calls/a.yaml:1): the time is too short: 1 {late}",
    ]


def test_what_never_ends_always_fits(policy, call) -> None:
    calls = [call(f"c{number}", callee=SATELLITE) for number in range(9)]
    assert noted(CapacityCheck(policy("{}"), EVENING, 1e-9), calls).warnings() == []
    # Nobody knows where this phone is, so no hours of it end.
    assert noted(CapacityCheck(policy("windows: [{hours: '08:00-20:00'}]"), EVENING, 1e-9), calls).warnings() == []
    # What expires at no time that can be read is told by its own rule.
    never = call(terms=Terms(expires="never"))
    assert noted(CapacityCheck(policy("{}"), EVENING, 1e-9), [never, never]).warnings() == []


def test_calls_that_come_too_late_at_the_rate_are_counted(policy, call) -> None:
    rules = policy("windows: [{hours: '08:00-20:00'}]")
    calls = [call(f"c{number}") for number in range(4_000)]
    at = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)

    def warnings(count: int, rate: float | None) -> list[str]:
        return noted(CapacityCheck(rules, at, rate), calls[:count]).warnings()

    (warning,) = warnings(4_000, 1.0)
    assert warning.endswith("400 of 4,000 phones at 1/s do not fit before Mon 2026-11-23 20:00 UTC")
    assert warnings(3_600, 1.0) == []
    assert warnings(4_000, None) == []
