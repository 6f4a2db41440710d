"""Windows on days with 23 and 25 hours, and against a search minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowops.model import Place
from flowops.policy.calendar import Holidays
from flowops.policy.opening import Clock, Window, all_open, next_change

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
        # half an hour, at 2 in the morning of the other hemisphere
        ("Australia/Lord_Howe", (105, 130), "2026-04-05T01:59+11:00", None),
        # midnight itself is put forward
        ("America/Havana", (0, 90), "2026-03-07T23:00-05:00", "2026-03-08T01:00-04:00"),
    ],
)
def test_a_day_of_another_length_opens_by_the_wall_clock(zone, span, asked, opens) -> None:
    clocks = (clock(zone, span),)
    if opens is None:
        assert all_open(clocks, at(asked))
    else:
        assert next_change(clocks, at(asked), to=True) == at(opens)


def test_a_window_of_some_countries_that_are_never_awake_together_does_not_open() -> None:
    clocks = (clock("Europe/London", (540, 600)), clock("Australia/Sydney", (540, 600)))
    assert next_change(clocks, at("2026-06-01T00:00Z"), to=True) is None


ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kolkata",
)
SPAN = (
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(sorted).filter(lambda span: span[0] < span[1]).map(tuple)
)


@settings(max_examples=60, deadline=None)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True),
    spans=st.lists(SPAN, min_size=1, max_size=2),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    day=st.sampled_from(
        ("2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-12-31")
    ),
    minute=st.integers(0, 1439),
    to=st.booleans(),
)
def test_the_next_change_is_the_one_found_minute_by_minute(zones, spans, days, day, minute, to) -> None:
    clocks = tuple(clock(zone, *spans, days=days) for zone in zones)
    start = at(f"{day}T00:00Z") + timedelta(minutes=minute)
    assume(all_open(clocks, start) is not to)
    found = next_change(clocks, start, to=to)
    for step in range(1, 3 * 1440):
        here = start + timedelta(minutes=step)
        if all_open(clocks, here) is to:
            assert found == here
            return
    assert found is None or found > start + timedelta(days=3) - timedelta(minutes=1)
