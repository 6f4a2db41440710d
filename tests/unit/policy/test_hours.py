"""The rules about time: what they tell of whoever is asleep, and what they make of what nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowops.common.numbers import NumberInfo
from flowops.model.call import Origin, Terms
from flowops.model.plan import Action
from flowops.policy.rule import CallContext
from flowops.policy.terms import moment, zones_of
from flowops.policy.windows import Windows

NOON = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
LONDON, PARIS, NEW_YORK, SATELLITE = "+442079460023", "+33199001018", "+12125550118", "+881612345678"
ANY = "number-types: [fixed-line, mobile, fixed-line-or-mobile, voip, unknown]"
BUSINESS = f"{{countries: [GB, FR, US], {ANY}, windows: [{{hours: '08:00-20:00'}}]}}"
NO_TIME = "is not a time: write 2026-12-01T09:00, 2026-12-01T09:00Z or 2026-12-01"


def windows_of(rules) -> Windows:
    (found,) = (rule for rule in rules.rules if isinstance(rule, Windows))
    return found


@pytest.mark.parametrize(
    ("callees", "terms", "why"),
    [
        ([LONDON], Terms(), "it is Mon 2026-11-23 20:00 Europe/London, closed in Europe/London"),
        ([LONDON, "+442079460024"], Terms(), "it is Mon 2026-11-23 20:00 Europe/London, closed in Europe/London"),
        ([PARIS], Terms("Asia/Tokyo"), "it is Tue 2026-11-24 05:00 Asia/Tokyo, closed in Asia/Tokyo"),
        (
            [PARIS, NEW_YORK],
            Terms(),
            "it is Mon 2026-11-23 21:00 Europe/Paris, closed in one of the callee's 2 time zones",
        ),
        (
            [PARIS, NEW_YORK, LONDON],
            Terms(),
            "it is Mon 2026-11-23 21:00 Europe/Paris, closed in one of the callee's 3 time zones",
        ),
    ],
)
def test_a_closed_window_tells_the_time_where_the_callee_is(callees, terms, why, judged, call) -> None:
    decision = judged(BUSINESS, call(callees=callees, terms=terms), at=EVENING)
    assert decision.action is Action.DEFERRED
    assert decision.reasons[0] == f"windows (flowops.yaml:7): {why}"


@pytest.mark.parametrize(
    ("window", "callees", "zone", "why"),
    [
        ("", [SATELLITE], None, "the time zone of the callee is not known: give the call a timezone"),
        ("", [LONDON, SATELLITE], None, "the time zone of +881 6 12•• ••78 is not known: give the call a timezone"),
        ("", [LONDON], "Mars/Olympus", "the time zone Mars/Olympus is not known on this machine"),
        (", countries: [FR]", [LONDON], None, "there is no window for callees in GB"),
        (", countries: [FR]", [SATELLITE], "UTC", "there is no window for callees in an unknown country"),
        (", holidays: national", [SATELLITE], "UTC", "the public holidays of an unknown country are not known"),
        # Nobody has a calendar of Ascension.
        (", holidays: national", ["+24762889"], None, "the public holidays of AC are not known"),
    ],
)
def test_where_hours_cannot_be_known_a_call_is_blocked(window, callees, zone, why, policy, call) -> None:
    rule = windows_of(policy(f"windows: [{{hours: '08:00-20:00'{window}}}]"))
    finding = rule.evaluate(CallContext(call(callees=callees, terms=Terms(zone)), NOON))
    assert finding == (why,)


def test_where_no_holiday_closes_a_window_no_calendar_is_needed(policy, call) -> None:
    rule = windows_of(policy("windows: [{hours: '08:00-20:00'}]"))
    assert rule.evaluate(CallContext(call(callee="+24762889"), NOON)) is None


def test_a_clock_is_made_once_for_all_calls(policy, call) -> None:
    rule = windows_of(policy(BUSINESS))
    calls = (call("a"), call("b", callees=["+442079460024", LONDON]))
    first, second = (rule.clocks(CallContext(each, NOON)) for each in calls)
    assert len(first) == len(second) == 1
    assert first[0] is second[0]


@pytest.mark.parametrize(
    ("terms", "at", "expected"),
    [
        (Terms(not_before="2026-11-23T10:00"), NOON, None),
        (
            Terms(not_before="2026-11-23T10:01"),
            NOON,
            (Action.DEFERRED, "not-before (calls/a.yaml:1): the call says so", NOON + timedelta(minutes=1)),
        ),
        (Terms(not_before="soon"), NOON, (Action.BLOCKED, f"not-before (calls/a.yaml:1): 'soon' {NO_TIME}", None)),
        (Terms(expires="2026-11-23T10:00:01"), NOON, None),
        (
            Terms(expires="2026-11-23T10:00"),
            NOON,
            (Action.BLOCKED, "expires (calls/a.yaml:1): the call has expired at Mon 2026-11-23 10:00 UTC", None),
        ),
        (Terms(expires="never"), NOON, (Action.BLOCKED, f"expires (calls/a.yaml:1): 'never' {NO_TIME}", None)),
        (
            Terms(expires="x" * 99),
            NOON,
            (Action.BLOCKED, f"expires (calls/a.yaml:1): '{'x' * 40}' {NO_TIME}", None),
        ),
    ],
)
def test_a_call_is_placed_from_its_beginning_up_to_its_end(terms, at, expected, judged, call) -> None:
    decision = judged("{}", call(terms=terms), at=at)
    assert (decision and (decision.action, decision.reasons[0], decision.until)) == expected


@pytest.mark.parametrize(
    ("zones", "known"),
    [
        (("Europe/London", "America/New_York"), ["Europe/London", "America/New_York"]),
        (("Europe/London", "Mars/Olympus"), []),
        ((), []),
    ],
)
def test_a_zone_that_this_machine_does_not_know_leaves_a_moment_unknown(zones, known, call) -> None:
    own = call(callees=[LONDON, PARIS], terms=Terms(expires="2026-12-01T09:00"))
    # No number is in such a zone; a newer list of numbers than of zones could put one there.
    callees = (NumberInfo(LONDON, "GB", "mobile", zones), NumberInfo(PARIS, "FR", "mobile", ("Europe/Paris",)))
    assert [zone.key for zone in zones_of(own, callees)] == (known and [*known, "Europe/Paris"])
    assert isinstance(moment(own, callees, end=True), datetime) == bool(known)


def test_the_rule_of_a_term_stands_where_the_term_does(document, judged, call) -> None:
    written = document("kind: Call\nnot-before: soon\nconsent: {}\nexpires: never\n", "Call", "calls/b.yaml")
    own = call(terms=Terms(not_before="soon", expires="never"))._replace(origin=Origin(written, {}))
    assert [reason.partition(": ")[0] for reason in judged("{}", own).reasons] == [
        "not-before (calls/b.yaml:2)",
        "expires (calls/b.yaml:4)",
    ]
