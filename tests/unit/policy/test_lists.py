"""Do-not-call lists, plain and hashed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flowops.policy import find, hash_lines
from flowops.policy.calendar import Holidays, is_holiday, knows
from flowops.policy.numbers import KINDS, ORDINARY
from flowops.schema.policy_schema import NUMBER_TYPES

LONDON, PARIS = "+442079460023", "+33199001018"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_only_what_is_asked_for_is_found() -> None:
    listing = find(
        [b"# as-of: 2026-11-20\n", b"\n", b"+44 20 (7946) 00-23\n", b"+12125550118\n"], {LONDON, PARIS}, None
    )
    assert listing == ({LONDON}, datetime(2026, 11, 20, tzinfo=UTC), None)


def test_a_hashed_list_finds_the_same_with_its_key_and_nobody_without() -> None:
    lines = [f"{line}\n".encode() for line in hash_lines([b"+442079460023\n", b"+12125550118"], b"key", NOW)]
    assert lines[0] == b"# as-of: 2026-11-23T10:00:00Z\n"
    assert lines[1:] == sorted(lines[1:])
    assert find(lines, {LONDON, PARIS}, b"key").numbers == {LONDON}
    assert find(lines, {LONDON, PARIS}, b"another").numbers == frozenset()
    assert "which key" in str(find(lines, {LONDON}, None).trouble)


@pytest.mark.parametrize(
    "line",
    [b"0123456\n", b"+44\n", b"x" * 300, b"\xff\n", b"hmac-sha256:abc\n", b"+44207946002\x00\n", b"root:x:0:0\n"],
)
def test_a_line_that_is_neither_makes_the_whole_list_useless(line: bytes) -> None:
    listing = find([b"+442079460023\n", line], {LONDON}, b"key")
    assert listing.numbers == frozenset()
    assert "line 2" in str(listing.trouble)
    assert "root" not in str(listing.trouble)


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "", "2026-11-20T25:00Z"])
def test_a_date_that_is_none_is_no_date(date: str) -> None:
    assert find([f"# as-of: {date}\n".encode()], set(), None).as_of is None


def test_a_number_that_cannot_be_hashed_is_told_by_its_line() -> None:
    with pytest.raises(ValueError, match=r"^line 2 is not a number"):
        list(hash_lines([b"+442079460023\n", b"020 7946 0023\n"], b"key", NOW))


def test_a_regional_holiday_closes_what_any_region_does() -> None:
    day = datetime(2026, 1, 6, tzinfo=UTC).date()  # Epiphany: in Bavaria, not in all of Germany
    assert is_holiday("DE", day, Holidays.ANY_REGION)
    assert not is_holiday("DE", day, Holidays.NATIONAL)
    assert not is_holiday("DE", day, Holidays.OPEN)
    assert not knows("QQ")


def test_the_schema_knows_the_kinds_of_numbers_and_its_default() -> None:
    from flowops.schema.check import checker

    assert NUMBER_TYPES == KINDS
    default = checker("project").schema["properties"]["policy"]["properties"]["number-types"]["default"]
    assert set(default) == ORDINARY
