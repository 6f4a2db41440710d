"""Windows: the hours in which a call may ring, and when they open and close."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowops.common.numbers import NumberInfo
from flowops.model.call import Origin, Terms
from flowops.model.document import Place
from flowops.model.plan import Action
from flowops.policy.rule import CallContext
from flowops.policy.rules.windows import Clock, Holidays, Window, Windows, all_open, next_change
from flowops.policy.terms import moment, zones_of

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
        ([LONDON], Terms(), "outside calling hours: it is Mon 2026-11-23 20:00 Europe/London"),
        ([LONDON, "+442079460024"], Terms(), "outside calling hours: it is Mon 2026-11-23 20:00 Europe/London"),
        ([PARIS], Terms("Europe/Rome"), "outside calling hours: it is Mon 2026-11-23 21:00 Europe/Rome"),
        (
            [PARIS, NEW_YORK],
            Terms(),
            "outside calling hours in one of the callee's 2 time zones: it is Mon 2026-11-23 21:00 Europe/Paris",
        ),
        (
            [PARIS, NEW_YORK, LONDON],
            Terms(),
            "outside calling hours in one of the callee's 3 time zones: it is Mon 2026-11-23 21:00 Europe/Paris",
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
        ("", [LONDON, SATELLITE], None, "the time zone of +881 6 12• •••78 is not known: give the call a timezone"),
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
        (Terms(not_before="soon"), NOON, (Action.BLOCKED, f"not-before (calls/a.yaml:1): 's…' {NO_TIME}", None)),
        (Terms(expires="2026-11-23T10:00:01"), NOON, None),
        (
            Terms(expires="2026-11-23T10:00"),
            NOON,
            (Action.BLOCKED, "expires (calls/a.yaml:1): the call has expired at Mon 2026-11-23 10:00 UTC", None),
        ),
        (Terms(expires="never"), NOON, (Action.BLOCKED, f"expires (calls/a.yaml:1): 'n…' {NO_TIME}", None)),
        (
            Terms(expires="x" * 99),
            NOON,
            (Action.BLOCKED, f"expires (calls/a.yaml:1): 'x…' {NO_TIME}", None),
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


ALL_DAYS = frozenset(range(7))


def clock(zone: str, *spans: tuple[int, int], days: frozenset[int] = ALL_DAYS) -> Clock:
    return Clock(ZoneInfo(zone), None, (Window(days, spans, frozenset(), Holidays.OPEN, Place("p")),))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "span", "asked", "opens"),
    [
        # 2026-03-29 02:00 to 03:00 is not there in Paris: the first minute after the gap is open.
        ("Europe/Paris", (150, 240), "2026-03-29T00:00+01:00", "2026-03-29T03:00+02:00"),
        # a window that lies in the gap altogether does not open on that day
        ("Europe/Paris", (125, 175), "2026-03-29T00:00+01:00", "2026-03-30T02:05+02:00"),
        # 2026-10-25 02:00 to 03:00 is there twice: it opens twice
        ("Europe/Paris", (130, 140), "2026-10-25T00:00+02:00", "2026-10-25T02:10+02:00"),
        ("Europe/Paris", (130, 140), "2026-10-25T02:25+02:00", "2026-10-25T02:10+01:00"),
        # the clock is put back into a window that was over
        ("Europe/Paris", (60, 150), "2026-10-25T02:45+02:00", "2026-10-25T02:00+01:00"),
        # the last hour of a day is there twice
        ("America/Santiago", (1390, 1400), "2026-04-04T23:30-03:00", "2026-04-04T23:10-04:00"),
        # half an hour, at 2 in the morning of the other hemisphere
        ("Australia/Lord_Howe", (105, 130), "2026-04-05T01:59+11:00", None),
        # half an hour later, at nine
        ("Australia/Lord_Howe", (540, 600), "2026-04-05T00:00+11:00", "2026-04-05T09:00+10:30"),
        # midnight itself is put forward
        ("America/Havana", (0, 90), "2026-03-07T23:00-05:00", "2026-03-08T01:00-04:00"),
        # and the morning comes an hour sooner
        ("America/Havana", (480, 510), "2026-03-07T23:00-05:00", "2026-03-08T08:00-04:00"),
        ("Atlantic/Azores", (480, 1200), "2026-03-28T23:00-01:00", "2026-03-29T08:00+00:00"),
    ],
)
def test_a_day_of_another_length_opens_by_the_wall_clock(zone, span, asked, opens) -> None:
    clocks = (clock(zone, span),)
    if opens is None:
        assert all_open(clocks, at(asked))
    else:
        assert next_change(clocks, at(asked), to=True).isoformat() == at(opens).isoformat()


def test_a_day_without_a_midnight_closes_by_the_wall_clock() -> None:
    cairo = (clock("Africa/Cairo", (480, 1200)),)
    assert next_change(cairo, at("2026-04-24T10:00+03:00"), to=False) == at("2026-04-24T20:00+03:00")


@pytest.mark.parametrize(
    ("windows", "spans"),
    [
        ([((480, 720),), ((720, 900),)], ((480, 900),)),
        ([((480, 720), (960, 1020)), ((600, 900),)], ((480, 900), (960, 1020))),
        ([((480, 1200),), ((600, 900),)], ((480, 1200),)),
        ([((960, 1020),), ((480, 720),)], ((480, 720), (960, 1020))),
    ],
)
def test_windows_that_overlap_or_touch_are_one(windows, spans) -> None:
    several = tuple(Window(ALL_DAYS, each, frozenset(), Holidays.OPEN, Place("p")) for each in windows)
    assert Clock(ZoneInfo("Europe/London"), None, several).spans(date(2026, 11, 23)) == spans


def test_a_window_of_some_countries_that_are_never_awake_together_does_not_open() -> None:
    clocks = (clock("Europe/London", (540, 600)), clock("Australia/Sydney", (540, 600)))
    assert next_change(clocks, at("2026-06-01T00:00Z"), to=True) is None


@pytest.mark.parametrize(
    ("zone", "opens", "closes"),
    [
        ("Pacific/Kiritimati", "2026-11-23T18:00Z", "2026-11-24T06:00Z"),
        ("Asia/Kolkata", "2026-11-24T02:30Z", "2026-11-24T14:30Z"),
        ("Europe/London", "2026-11-24T08:00Z", "2026-11-24T20:00Z"),
        ("America/New_York", "2026-11-24T13:00Z", "2026-11-25T01:00Z"),
        ("Pacific/Pago_Pago", "2026-11-24T19:00Z", "2026-11-25T07:00Z"),
    ],
)
def test_a_window_opens_and_closes_on_the_day_there(zone, opens, closes) -> None:
    clocks = (clock(zone, (480, 1200)),)
    assert next_change(clocks, at(opens) - timedelta(hours=9), to=True) == at(opens)
    for hours in (0, 5, 11):
        assert next_change(clocks, at(opens) + timedelta(hours=hours), to=False) == at(closes)


def test_every_clock_has_its_own_windows() -> None:
    clocks = (clock("Europe/London", (540, 1020)), clock("Europe/Paris", (720, 780), days=frozenset({1})))
    assert next_change(clocks, at("2026-11-23T00:00Z"), to=True) == at("2026-11-24T11:00Z")
    assert next_change(clocks[::-1], at("2026-11-24T11:00Z"), to=False) == at("2026-11-24T12:00Z")


def test_an_opening_is_looked_for_a_month_ahead() -> None:
    """9 in London is 20 in Sydney from 2026-10-25 on, when London has put its clocks back too."""
    clocks = (clock("Europe/London", (540, 600)), clock("Australia/Sydney", (1200, 1260)))
    assert next_change(clocks, at("2026-09-24T00:00Z"), to=True) == at("2026-10-25T09:00Z")
    assert next_change(clocks, at("2026-09-23T23:59Z"), to=True) is None


ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kolkata",
    "America/Havana",
)
SPAN = (
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(sorted).filter(lambda span: span[0] < span[1]).map(tuple)
)


@settings(max_examples=60)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True),
    spans=st.lists(st.lists(SPAN, min_size=1, max_size=2), min_size=2, max_size=2),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    day=st.sampled_from(
        ("2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-12-31")
    ),
    minute=st.integers(0, 1439),
    to=st.booleans(),
)
def test_the_next_change_is_the_one_found_minute_by_minute(zones, spans, days, day, minute, to) -> None:
    clocks = tuple(clock(zone, *own, days=days) for zone, own in zip(zones, spans, strict=False))
    start = at(f"{day}T00:00Z") + timedelta(minutes=minute)
    assume(all_open(clocks, start) is not to)
    found = next_change(clocks, start, to=to)
    for step in range(1, 3 * 1440):
        here = start + timedelta(minutes=step)
        if all_open(clocks, here) is to:
            assert found == here
            return
    assert found is None or found > start + timedelta(days=3) - timedelta(minutes=1)
