"""Do-not-call lists, plain and hashed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from flowops.common.numbers import KINDS
from flowops.policy.rule import NumberList
from flowops.policy.rules.lists import LONGEST, hash_lines, read_list
from flowops.policy.rules.people import ORDINARY
from flowops.policy.rules.windows import Holidays, is_holiday, knows

LONDON, PARIS = "+442079460023", "+33199001018"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
#: Of the two numbers, with the key ``key``; by `openssl dgst -sha256 -hmac key`.
LONDON_HASHED = "hmac-sha256:a06fbb67c6eb0571715d045a7ff1c0d335ee681a10e44722953224769117628c"
PARIS_HASHED = "hmac-sha256:3619ca7ab5f096cd52e45dec742be37e2cbc3f9fa0da461447ba65266ea34353"
#: What the key ``key`` makes of the fixed text that proves it.
PROOF = "# key-check: hmac-sha256:cb53e50d527ae18247874acb9fccbb80853ad7c56c738298f0f25044853184f1"


def find(lines: list[bytes], numbers: set[str], key: bytes | None) -> NumberList:
    """Return what a list says, with those of some numbers that it has."""
    listing = read_list(lines, key)
    return listing._replace(numbers=frozenset(number for number in numbers if number in listing.numbers))


def test_only_what_is_asked_for_is_found() -> None:
    listing = find([b"# as-of: 2026-11-20\n", b"\n", b"+44 20 (7946) 0023\n", b"+12125550118\n"], {LONDON, PARIS}, None)
    assert listing == ({LONDON}, datetime(2026, 11, 20, tzinfo=UTC), None, False)


@pytest.mark.parametrize(
    "written",
    [
        *("+44 (0)20 7946 0023", "+44 020 7946 0023", "+44 20 7946 0023", "+44-20-7946-0023", "+442079460023"),
        *("tel:+442079460023", "\u202a+442079460023\u202c", "'+442079460023", "+44\u00a020\u00a07946\u00a00023"),
    ],
)
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    assert find([written.encode()], {LONDON, PARIS}, None).numbers == {LONDON}
    assert list(hash_lines([written.encode()], b"key", NOW))[2:] == [LONDON_HASHED]


def test_a_hashed_list_finds_the_same_with_its_key_and_is_of_no_use_with_another_or_none() -> None:
    lines = [f"{line}\n".encode() for line in hash_lines([b"+442079460023\n", b"+12125550118"], b"key", NOW)]
    assert lines[:2] == [f"{PROOF}\n".encode(), b"# as-of: 2026-11-23T10:00:00Z\n"]
    assert lines[2:] == sorted(lines[2:])
    assert find(lines, {LONDON, PARIS}, b"key").numbers == {LONDON}
    for other in (b"another", b"key ", b"x", b""):
        assert find(lines, {LONDON, PARIS}, other) == NumberList(
            trouble="was made with another key than the one that is named"
        )
    assert find(lines, {LONDON}, None) == NumberList(
        trouble="holds hashes: say which key they are made with, key: {env: NAME}"
    )


@pytest.mark.parametrize("proof", [[], ["# ours"], ["# key-check: hmac-sha256:0"], [LONDON_HASHED, PROOF]])
def test_hashes_count_only_behind_a_line_that_proves_their_key(proof: list[str]) -> None:
    lines = [f"{line}\n".encode() for line in [*proof, LONDON_HASHED]]
    assert find(lines, {LONDON}, b"key") == NumberList(
        trouble="does not prove its key: make it again with flowops policy hash-numbers FILE --key-env NAME"
    )


def test_numbers_and_hashes_may_stand_in_one_list() -> None:
    lines = [PROOF.encode(), LONDON.encode(), PARIS_HASHED.encode()]
    assert find(lines, {LONDON, PARIS}, b"key").numbers == {LONDON, PARIS}


def test_a_key_may_be_named_for_a_list_without_hashes() -> None:
    assert find([LONDON.encode()], {LONDON, PARIS}, b"key").numbers == {LONDON}


@pytest.mark.parametrize("lines", [[], [b"\n", b"# as-of: 2026-11-20\n"], [PROOF.encode()]])
def test_a_list_that_names_nobody_is_empty(lines: list[bytes]) -> None:
    assert find(lines, {LONDON}, b"key").is_empty
    with pytest.raises(ValueError, match=r"^the list is empty$"):
        list(hash_lines(lines, b"key", NOW))
    assert len(list(hash_lines(lines, b"key", NOW, may_be_empty=True))) == 2


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
    numbers = [b"\n", b"+44 (20) 7946 0023\n", b"# in Paris\n", b" \n", b"+33.199.001.018\n", b"+442079460023"]
    now = NOW.astimezone(timezone(timedelta(hours=9)))
    lines = list(hash_lines([b"\xef\xbb\xbf# ours\n", *dated, *numbers], b"key", now))
    assert lines == [PROOF, f"# as-of: {as_of}", PARIS_HASHED, LONDON_HASHED]


@pytest.mark.parametrize("date", ["23.11.2026", "23 November 2026", "2026-13-01", ""])
def test_a_list_with_a_date_that_is_none_is_not_hashed_as_if_it_were_new(date: str) -> None:
    with pytest.raises(ValueError, match=r"^line 2 does not say how old the list is: write '# as-of: 2026-11-23'$"):
        list(hash_lines([b"# ours\n", f"# as-of: {date}\n".encode(), LONDON.encode()], b"key", NOW))


def test_a_line_may_be_as_long_as_is_read() -> None:
    assert find([b"#" * LONGEST, LONDON.encode()], {LONDON}, None).numbers == {LONDON}
    assert find([b"#" * (LONGEST + 1), LONDON.encode()], {LONDON}, None) == NumberList(
        trouble="cannot be used: line 1 is not text of a list"
    )


UNUSABLE = [
    (b"020 7946 0023\n", "has no country code: write it with + and the country code"),
    (b"0123456\n", "has no country code"),
    (b"+44\n", "is not a valid number in GB"),
    (b"+1234567\n", "is not a valid number in US"),
    (b"+447700900123\n", "is not a valid number in GB"),
    (b"+1234567890123456\n", "is not a valid number in US"),
    (b"+0442079460023\n", "does not begin with a country code"),
    (b"+4930901820024.0\n", "is a decimal number, as spreadsheets and programs make one of a phone number"),
    (b"4.42E+11\n", "is a number that a spreadsheet has rounded: its last digits are lost"),
    (b"+442079460023,opted out\n", "has more than one number, or a range of numbers"),
    (b"number\n", "has U+006E (LATIN SMALL LETTER N) at character 1, which no phone number has"),
    (b"root:x:0:0\n", "has U+0072 (LATIN SMALL LETTER R) at character 1, which no phone number has"),
    (b"+44a2079460023\n", "has U+0061 (LATIN SMALL LETTER A) at character 4, which no phone number has"),
    (b"+44207946002\x00\n", "has U+0000 (a character without a name) at character 13, which no phone number has"),
    (b"x" * 150, "is too long for a phone number"),
    (b"x" * 300, "is not text of a list"),
    (b"\xff\n", "is not text of a list"),
    (b"hmac-sha256:abc\n", "has U+0068 (LATIN SMALL LETTER H) at character 1, which no phone number has"),
    (LONDON_HASHED[:-1].encode(), "has U+0068 (LATIN SMALL LETTER H) at character 1, which no phone number has"),
    (f"{LONDON_HASHED}0".encode(), "has U+0068 (LATIN SMALL LETTER H) at character 1, which no phone number has"),
    (LONDON_HASHED.replace("a06f", "A06F").encode(), "has U+0068 (LATIN SMALL LETTER H) at character 1, which no"),
]


@pytest.mark.parametrize(("line", "why"), UNUSABLE)
def test_a_line_that_is_neither_makes_the_whole_list_useless_and_cannot_be_hashed(line: bytes, why: str) -> None:
    listing = find([PROOF.encode(), b"+442079460023\n", line], {LONDON}, b"key")
    assert listing.numbers == frozenset()
    assert str(listing.trouble).startswith(f"cannot be used: line 3 {why}")
    with pytest.raises(ValueError, match=f"^{re.escape(f'cannot be used: line 2 {why}')}"):
        list(hash_lines([b"+442079460023\n", line], b"key", NOW))


def test_a_list_is_not_hashed_twice() -> None:
    with pytest.raises(ValueError, match=r"^holds hashes"):
        list(hash_lines([LONDON.encode(), LONDON_HASHED.encode()], b"key", NOW))


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "", "2026-11-20T25:00Z"])
def test_a_date_that_is_none_is_no_date(date: str) -> None:
    assert find([f"# as-of: {date}\n".encode()], set(), None).as_of is None


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
