"""Time zones: the IANA's, whatever the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest

from flowops.common.zones import zone, zone_hint, zone_names


def test_every_name_of_the_list_is_a_zone_and_is_what_the_standard_library_has() -> None:
    assert len(zone_names()) > 500
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    for name in zone_names() & available_timezones():
        found = zone(name)
        assert found is not None
        assert found is zone(name)
        assert found.key == name
        assert found.utcoffset(at) == ZoneInfo(name).utcoffset(at)


@pytest.mark.parametrize(
    "name",
    [
        *("localtime", "posixrules", "posix/Europe/London", "right/Europe/London", "Factory", "local", "europe/london"),
        *("", "Mars/Olympus", "Europe", "/etc/localtime", "../UTC", "Europe/../UTC", "Europe/London\n", "a/b/c/d"),
        *("zone.tab", "tzdata.zi", "UTC\0", "Europe//London", "."),
    ],
)
def test_no_other_name_is(name: str) -> None:
    assert zone(name) is None
    hint = zone_hint(name)
    assert "localtime" not in hint
    assert "posix" not in hint


def test_the_nearest_zone_is_suggested() -> None:
    assert zone_hint("Europe/Amsterdm") == "did you mean 'Europe/Amsterdam'?"
    assert zone_hint("local") == "write a name of the IANA's list, such as Europe/London"


def test_what_the_machine_says_of_a_zone_is_not_asked(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "Europe").mkdir()
    other = zone("Asia/Tokyo")
    assert other is not None
    import tzdata

    tokyo = os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo", "Asia", "Tokyo")
    for name in ("localtime", "Europe/London"):
        with open(tokyo, "rb") as data:
            (tmp_path / name).write_bytes(data.read())
    program = (
        "from flowops.common.zones import zone; from datetime import *;"
        "print(zone('localtime'), datetime(2026, 1, 1, tzinfo=UTC).astimezone(zone('Europe/London')))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "None 2026-01-01 00:00:00+00:00\n"
