"""Moments and zones: what is read of a text, and what people are shown."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from flowops.policy.reading import moment_text, read_moment

NO_TIME = "is not a time: write 2026-12-01T09:00, 2026-12-01T09:00Z or 2026-12-01"
NO_ZONE = "has no offset, and the time zone of the callee is not known: add one, or a timezone"


@pytest.mark.parametrize(
    ("text", "zones", "begins", "ends"),
    [
        # With an offset no zone is asked.
        ("2026-12-01T09:00Z", [], "2026-12-01T09:00", "2026-12-01T09:00"),
        ("2026-12-01T09:00:30-05:00", ["Asia/Tokyo"], "2026-12-01T14:00:30", "2026-12-01T14:00:30"),
        # Without one the wall clock decides, and of several the strictest.
        ("2026-12-01T09:00", ["Asia/Tokyo"], "2026-12-01T00:00", "2026-12-01T00:00"),
        ("2026-12-01T09:00", ["Asia/Tokyo", "America/New_York"], "2026-12-01T14:00", "2026-12-01T00:00"),
        ("2026-12-01T09:00", ["America/New_York", "Asia/Tokyo"], "2026-12-01T14:00", "2026-12-01T00:00"),
        # A whole day begins with its first second and ends with its last.
        ("2026-12-01", ["Asia/Tokyo"], "2026-11-30T15:00", "2026-12-01T15:00"),
        ("2026-12-31", ["UTC"], "2026-12-31T00:00", "2027-01-01T00:00"),
        # 02:30 is there twice: the later reading to begin, the earlier one to end.
        ("2026-10-25T02:30", ["Europe/Paris"], "2026-10-25T01:30", "2026-10-25T00:30"),
        ("2026-10-31", ["America/Havana"], "2026-10-31T04:00", "2026-11-01T04:00"),
        # 02:30 is not there: as if the clock had not been put forward. So a day without a midnight begins at 1.
        ("2026-03-29T02:30", ["Europe/Paris"], "2026-03-29T01:30", "2026-03-29T01:30"),
        ("2026-04-24", ["Africa/Cairo"], "2026-04-23T22:00", "2026-04-24T21:00"),
        ("2026-04-23", ["Africa/Cairo"], "2026-04-22T22:00", "2026-04-23T22:00"),
    ],
)
def test_a_moment_is_read_the_strict_way_in_utc(text: str, zones: list[str], begins: str, ends: str) -> None:
    there = [ZoneInfo(name) for name in zones]
    assert read_moment(text, there, end=False).isoformat() == datetime.fromisoformat(f"{begins}+00:00").isoformat()
    assert read_moment(text, there, end=True).isoformat() == datetime.fromisoformat(f"{ends}+00:00").isoformat()


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        *(
            (text, NO_TIME)
            for text in (
                "",
                "soon",
                "20261201",
                "2026-W49-2",
                "2026-12-01 09:00",
                "2026-12-01T9:00",
                "2026-12-01T09",
                "2026-12-01T09:00z",
                "2026-12-01T09:00+0100",
                "2026-12-01T25:00Z",
                "2026-02-30",
                "2026-02-30T09:00",
                "0001-01-01T00:00+14:00",
            )
        ),
        ("2026-12-01", NO_ZONE),
        ("2026-12-01T09:00", NO_ZONE),
    ],
)
def test_what_is_no_moment_is_told(text: str, told: str, end: bool) -> None:
    with pytest.raises(ValueError) as raised:
        read_moment(text, [], end=end)
    assert str(raised.value) == told


def test_a_day_that_no_calendar_ends_is_no_moment() -> None:
    with pytest.raises(ValueError, match=r"^is not a time"):
        read_moment("9999-12-31", [ZoneInfo("UTC")], end=True)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, "Tue 2026-11-24 08:05 UTC"),
        ("Europe/Paris", "Tue 2026-11-24 09:05 Europe/Paris"),
        ("Mars/Olympus", "Tue 2026-11-24 08:05 UTC"),
    ],
)
def test_a_moment_is_shown_where_it_is_meant(name: str | None, shown: str) -> None:
    assert moment_text(datetime.fromisoformat("2026-11-24T17:05+09:00"), name) == shown
