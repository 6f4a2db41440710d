"""What a plan says as a whole."""

from __future__ import annotations

from datetime import UTC, datetime

import phonenumbers

from flowops.model import Action
from flowops.policy import Facts, Fit, Judge, WindowNotes

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
    judge = Judge(rules, Facts())
    rulings = [judge.judge(each, EVENING) for each in calls]
    now = sum(ruling is None for ruling in rulings)
    deferred = [ruling for ruling in rulings if ruling is not None]
    assert {ruling.action for ruling in deferred} == {Action.DEFERRED}
    windows = WindowNotes(rules, EVENING)
    for each in calls:
        windows.add(each)
    (note,) = windows.notes()
    assert note.startswith(f"windows (flowops.yaml:7): {now:,} of 10,000 calls may be placed now, ")
    assert now + len(deferred) == 10_000
    last = max(ruling.until for ruling in deferred)
    assert note.endswith(f"later, the last from {last:%a %Y-%m-%d %H:%M} UTC")


def test_calls_that_come_too_late_at_the_rate_are_counted(policy, call) -> None:
    rules = policy("windows: [{hours: '08:00-20:00'}]")
    calls = [call(f"c{number}") for number in range(4_000)]
    at = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)

    def warnings(count: int, rate: float | None) -> list[str]:
        fit = Fit(rules, at, rate)
        for each in calls[:count]:
            fit.add(each)
        return fit.warnings()

    (warning,) = warnings(4_000, 1.0)
    assert warning.endswith("400 of 4,000 calls at 1/s do not fit before Mon 2026-11-23 20:00 UTC")
    assert warnings(3_600, 1.0) == []
    assert warnings(4_000, None) == []
