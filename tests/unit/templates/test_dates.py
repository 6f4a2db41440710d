"""Dates as data has them: all of ISO 8601 that Python reads, and what people write where `from` says how."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from flowops.templates.filters import FILTERS

WRITE = "%Y-%m-%d %H:%M:%S"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-12-01T09:00:00.1234567Z", "2026-12-01 09:00:00"),
        ("20261201T0900", "2026-12-01 09:00:00"),
        ("2026-12-01T09", "2026-12-01 09:00:00"),
        ("2026-12-01t09:00z", "2026-12-01 09:00:00"),
        ("2026-12-01 09:00+01", "2026-12-01 09:00:00"),
        ("2026-12-01T09:00:00,5+0100", "2026-12-01 09:00:00"),
        ("2026-W49-2T09:00", "2026-12-01 09:00:00"),
        ("2026W492T090000", "2026-12-01 09:00:00"),
        ("2026-w49-2T09:00", "2026-12-01 09:00:00"),
    ],
)
def test_iso_8601_is_read_as_python_reads_it(value_of, text, written):
    assert value_of(f"{{{{ row.t | datetime('{WRITE}') }}}}", t=text) == written
    assert datetime.fromisoformat(text.upper().replace(",", ".")).strftime(WRITE) == written


@pytest.mark.parametrize("text", ["20261201", "2026-W49-2", "2026W492", "2026-12-01"])
def test_a_date_alone_has_no_time(value_of, error_of, text):
    assert value_of("{{ row.t | datetime('%-d %B') }}", t=text) == "1 December"
    assert "a date without a time" in error_of("{{ row.t | datetime('%H') }}", t=text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-01T09:00+10:60", "2026-12-01T09:00+24:00", "2026-12-01T09:00 +01:00", "2026-12-01x09:00"),
        *("2026-12-1", "26-12-01", "2026-12", "09:00", "1/12/2026", "2026-12-01T9:00", "2026-12-01T", "202612"),
        *("2026-12-01T09:00:00.", "2026-12-01T09:00Z+01", "٢٠٢٦-١٢-٠١", "2026-12-01\u00a009:00", "2026-12-0109:00"),
    ],
)
def test_what_is_not_iso_8601_is_refused(error_of, text):
    assert error_of("{{ row.t | datetime }}", t=text).startswith("datetime: the text is not an ISO 8601 date or time")


@pytest.mark.parametrize("text", ["2026-02-30", "2026-W54-1", "2026-12-01T25:00", "2026-12-01T09:61", "2026-13-01"])
def test_what_is_no_day_is_refused(error_of, text):
    assert error_of("{{ row.t | datetime }}", t=text) == "datetime: there is no such date or time"


def test_every_way_that_python_writes_a_moment_is_read():
    make = random.Random(7)
    for _ in range(500):
        zone = timezone(timedelta(minutes=make.randrange(-14 * 60, 14 * 60)))
        when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=make.randrange(10**9))
        text = when.astimezone(zone).isoformat()
        for written in (text, text.replace("-", "").replace(":", "") if text[-6] == "+" else text):
            assert FILTERS["datetime"].call(written, WRITE, "UTC") == when.strftime(WRITE)


@pytest.mark.parametrize(
    ("text", "source", "written"),
    [
        ("1/12/2026", "%d/%m/%Y", "2026-12-01 none"),
        ("01/12/26", "%d/%m/%y", "2026-12-01 none"),
        ("12/01/1969", "%m/%d/%Y", "1969-12-01 none"),
        ("1.12.69", "%d.%m.%y", "1969-12-01 none"),
        ("1.12.68", "%d.%m.%y", "2068-12-01 none"),
        ("4/19/26 9:00 PM", "%m/%d/%y %I:%M %p", "2026-04-19 21:00"),
        ("4/19/26  12:05 am", "%m/%d/%y %I:%M %p", "2026-04-19 00:05"),
        ("1 December 2026", "%d %B %Y", "2026-12-01 none"),
        ("Tue, 1 dec 2026 09:05:07 +0100", "%a, %d %b %Y %H:%M:%S %z", "2026-12-01 09:05"),
        ("2026-12-01 100%", "%Y-%m-%d 100%%", "2026-12-01 none"),
        (" 1/2/2026 ", "%-d/%-m/%Y", "2026-02-01 none"),
    ],
)
def test_what_people_write_is_read_as_from_says(value_of, text, source, written):
    day, _, time = written.partition(" ")
    assert value_of(f"{{{{ row.t | datetime('%Y-%m-%d', from='{source}') }}}}", t=text) == day
    if time != "none":
        assert value_of(f"{{{{ row.t | datetime('%H:%M', from='{source}') }}}}", t=text) == time


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        ("2026-12-01", "%d/%m/%Y", "the text is not written as from says"),
        ("1/12/2026 ", "%d/%m/%Y ", "the text is not written as from says"),
        ("31/02/2026", "%d/%m/%Y", "there is no such date or time"),
        ("00:30 AM", "%I:%M %p", "there is no such date or time"),
        ("Mon 1/12/2026", "%a %d/%m/%Y", "the text names another day of the week than the date has"),
        ("1/12", "%d/%m", "from says no year"),
        ("1/1/12/2026", "%d/%d/%m/%Y", "from has '%d' twice"),
        ("1 12 December 2026", "%d %m %B %Y", "from says the month twice"),
        ("x", "%Q", "from has '%Q', which cannot be read"),
        ("x", "", "from reads neither a date nor a time"),
        ("9:00", "%I:%M", "from needs %I and %p together"),
        ("x", "%d" * 200, "from may have at most 256 characters"),
        ("x" * 200, "%d/%m/%Y", "the text is too long for a date or time"),
    ],
)
def test_what_from_cannot_read_is_told(error_of, text, source, said):
    assert error_of(f"{{{{ row.t | datetime(from='{source}') }}}}", t=text).startswith(f"datetime: {said}")


def test_a_time_alone_has_no_date(value_of, error_of):
    assert value_of("{{ '21:05' | datetime('%-I:%M %p', from='%H:%M') }}") == "9:05 PM"
    assert "a time without a date" in error_of("{{ '21:05' | datetime('%A', from='%H:%M') }}")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1/12/2026", "say how to read it: datetime(from='%d/%m/%Y'), or '%m/%d/%Y' where the month comes first"),
        ("4/19/26 9:00 PM", "%d/%m/%y %I:%M %p'), or '%m/%d/%y %I:%M %p' where the month comes first"),
        ("4/19/2026 9:00:12am", "%d/%m/%Y %I:%M:%S%p'), or '%m/%d/%Y %I:%M:%S%p' where the month comes first"),
        ("2026/12/1", "say how to read it: datetime(from='%Y/%m/%d')"),
        ("46357", "a day as spreadsheets count them: format the column as 2026-03-02, and export it again"),
        ("46357.375", "a day as spreadsheets count them: format the column as 2026-03-02, and export it again"),
        ("1.12.26", "say how to read it: datetime(from='%d.%m.%y'), or '%m.%d.%y' where the month comes first"),
        ("1/12/2026 08:15", "datetime(from='%d/%m/%Y %H:%M'), or '%m/%d/%Y %H:%M' where the month comes first"),
        (
            "1/12/2026 08:15:30",
            "datetime(from='%d/%m/%Y %H:%M:%S'), or '%m/%d/%Y %H:%M:%S' where the month comes first",
        ),
        ("soon", "write it like 2026-03-02T09:05:00+01:00, or say how to read it: datetime(from='%d/%m/%Y')"),
    ],
)
def test_how_to_read_what_people_write_is_told(error_of, text, hint):
    assert error_of("{{ row.t | datetime }}", t=text).endswith(hint)
    assert error_of("{{ row.t | datetime(from='%d %B %Y') }}", t=text).endswith(hint)


def test_what_is_written_with_a_format_is_read_with_it():
    make = random.Random(3)
    call = FILTERS["datetime"].call
    for locale in (None, "de", "nl", "fr", "pl", "el", "ru"):
        for form in ("%d/%m/%Y", "%-d.%-m.%Y", "%d %B %Y", "%A %d %B %Y", "%Y%m%d", "%b %d, %Y"):
            for _ in range(20):
                day = (datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=make.randrange(30_000))).strftime("%Y-%m-%d")
                written = call(day, form, locale=locale)
                assert call(written, "%Y-%m-%d", from_=form, locale=locale) == day
