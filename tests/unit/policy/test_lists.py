"""Do-not-call lists, plain and hashed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from flowops.common.numbers import KINDS
from flowops.policy.lists import LONGEST, hash_lines, read_list
from flowops.policy.people import ORDINARY
from flowops.policy.windows import Holidays, is_holiday, knows

if TYPE_CHECKING:
    from flowops.policy.rule import Listing

LONDON, PARIS = "+442079460023", "+33199001018"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
#: Of the two numbers, with the key ``key``; by `openssl dgst -sha256 -hmac key`.
LONDON_HASHED = "hmac-sha256:a06fbb67c6eb0571715d045a7ff1c0d335ee681a10e44722953224769117628c"
PARIS_HASHED = "hmac-sha256:3619ca7ab5f096cd52e45dec742be37e2cbc3f9fa0da461447ba65266ea34353"


def find(lines: list[bytes], numbers: set[str], key: bytes | None) -> Listing:
    """What a list says, with those of some numbers that it has."""
    listing = read_list(lines, key)
    return listing._replace(numbers=frozenset(number for number in numbers if number in listing.numbers))


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
    assert find(lines, {LONDON}, None) == (
        frozenset(),
        None,
        "holds hashes: say which key they are made with, key: {env: NAME}",
    )


def test_numbers_and_hashes_may_stand_in_one_list() -> None:
    assert find([LONDON.encode(), PARIS_HASHED.encode()], {LONDON, PARIS}, b"key").numbers == {LONDON, PARIS}


@pytest.mark.parametrize(
    ("dated", "as_of"),
    [
        ((), "2026-11-23T10:00:00Z"),
        ((b"# from the shop\n",), "2026-11-23T10:00:00Z"),
        ((b"# as-of: 2026-11-20\n",), "2026-11-20T00:00:00Z"),
        ((b"#as-of:2026-11-20T08:30+02:00\n",), "2026-11-20T06:30:00Z"),
        ((b"# as-of: 2026-11-20\n", b"# as-of: 2026-11-22\n", b"# as-of: soon\n"), "2026-11-20T00:00:00Z"),
    ],
)
def test_a_hashed_list_is_as_old_as_the_plain_one_and_has_nothing_else_of_it(dated, as_of) -> None:
    numbers = [b"\n", b"+44 20 (7946) 00-23\n", b"# in Paris\n", b" \n", b"+33.199.001.018\n", b"+442079460023"]
    now = NOW.astimezone(timezone(timedelta(hours=9)))
    lines = list(hash_lines([b"\xef\xbb\xbf# ours\n", *dated, *numbers], b"key", now))
    assert lines == [f"# as-of: {as_of}", PARIS_HASHED, LONDON_HASHED]


@pytest.mark.parametrize("date", ["23.11.2026", "23 November 2026", "2026-13-01", ""])
def test_a_list_with_a_date_that_is_none_is_not_hashed_as_if_it_were_new(date: str) -> None:
    with pytest.raises(ValueError, match=r"^line 2 does not say how old the list is: write '# as-of: 2026-11-23'$"):
        list(hash_lines([b"# ours\n", f"# as-of: {date}\n".encode(), LONDON.encode()], b"key", NOW))


def test_a_line_may_be_as_long_as_is_read() -> None:
    assert find([b"#" * LONGEST, LONDON.encode()], {LONDON}, None).numbers == {LONDON}
    assert find([b"#" * (LONGEST + 1), LONDON.encode()], {LONDON}, None) == (
        frozenset(),
        None,
        "cannot be used: line 1 is not text of a list",
    )


@pytest.mark.parametrize("number", ["+1234567", "+123456789012345"])
def test_a_number_may_be_as_short_and_as_long_as_any(number: str) -> None:
    assert find([number.encode()], {number}, None).numbers == {number}
    assert len(list(hash_lines([number.encode()], b"key", NOW))) == 2


@pytest.mark.parametrize(
    "line",
    [
        *(b"0123456\n", b"+44\n", b"x" * 300, b"\xff\n", b"+44207946002\x00\n", b"root:x:0:0\n"),
        *(b"+123456\n", b"+1234567890123456\n", b"+0442079460023\n", b"+44a2079460023\n"),
        *(b"hmac-sha256:abc\n", LONDON_HASHED[:-1].encode(), f"{LONDON_HASHED}0".encode()),
        LONDON_HASHED.replace("a06f", "A06F").encode(),
    ],
)
def test_a_line_that_is_neither_makes_the_whole_list_useless(line: bytes) -> None:
    listing = find([b"+442079460023\n", line], {LONDON}, b"key")
    assert listing.numbers == frozenset()
    assert "line 2" in str(listing.trouble)
    assert "root" not in str(listing.trouble)


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "", "2026-11-20T25:00Z"])
def test_a_date_that_is_none_is_no_date(date: str) -> None:
    assert find([f"# as-of: {date}\n".encode()], set(), None).as_of is None


@pytest.mark.parametrize("line", [b"020 7946 0023\n", b"\xff\n", b"+" + b"4" * LONGEST, LONDON_HASHED.encode()])
def test_a_number_that_cannot_be_hashed_is_told_by_its_line(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"^line 2 is not a number in E.164$"):
        list(hash_lines([b"+442079460023\n", line], b"key", NOW))


def test_a_regional_holiday_closes_what_any_region_does() -> None:
    day = datetime(2026, 1, 6, tzinfo=UTC).date()  # Epiphany: in Bavaria, not in all of Germany
    assert is_holiday("DE", day, Holidays.ANY_REGION)
    assert not is_holiday("DE", day, Holidays.NATIONAL)
    assert not is_holiday("DE", day, Holidays.OPEN)
    assert not knows("QQ")


def test_the_schema_knows_the_kinds_of_numbers_and_its_default() -> None:
    from flowops.schema.check import checker

    types = checker("project").schema["properties"]["policy"]["properties"]["number-types"]
    assert tuple(types["items"]["enum"]) == KINDS
    assert set(types["default"]) == ORDINARY
