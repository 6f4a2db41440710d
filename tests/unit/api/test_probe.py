"""Asking an address once: for the last records, and for the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowops.api.cdr import clock_ahead, records_url
from flowops.api.classify import Answer
from flowops.errors import ApiError

NOW = datetime(2026, 11, 30, 18, 0, 30, tzinfo=UTC)


def test_one_of_the_last_records_is_asked_for() -> None:
    assert records_url("https://api.cm.com/voiceapi/v2", "a-1", NOW) == (
        "https://api.cm.com/cdrapi/v1/a-1/conversations"
        "?from=2026-11-30T17%3A59%3A30Z&to=2026-11-30T18%3A00%3A30Z&skip=0&take=1"
    )
    assert records_url("https://api.cm.com/voiceapi/v2", None, NOW) == "https://api.cm.com/cdrapi/v1"


def test_an_account_stands_in_an_address_as_it_is() -> None:
    with pytest.raises(ApiError, match="letters, digits and hyphens"):
        records_url("https://api.cm.com/voiceapi/v2", "a/../b?", NOW)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Mon, 30 Nov 2026 18:00:00 GMT", timedelta(seconds=30)),
        ("Mon, 30 Nov 2026 19:00:30 +0000", timedelta(hours=-1)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_how_far_clocks_are_apart_is_told_by_the_date(date: str, ahead: timedelta | None) -> None:
    assert clock_ahead(Answer(200, {"date": date}, b""), NOW) == ahead
    assert clock_ahead(Answer(200, {}, b""), NOW) is None
