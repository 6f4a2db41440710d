"""Number plans as libphonenumber has them: every answer is held against `phonenumbers`, in every region."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, format_number
from phonenumbers.timezone import time_zones_for_number

from flowops.common.number_plan import country_code, plan_of, regions
from flowops.common.numbers import Refusal, canonical, explain, info, is_canonical, is_e164, read

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Countries in whose number plans people live, of every size, with and without trunk prefixes.
SIXTY = [
    *("GB", "DE", "FR", "NL", "BE", "LU", "IT", "ES", "PT", "IE", "AT", "CH", "DK", "SE", "NO", "FI", "IS", "PL"),
    *("CZ", "SK", "HU", "SI", "HR", "RS", "RO", "BG", "GR", "CY", "MT", "EE", "LV", "LT", "UA", "RU", "KZ", "TR"),
    *("IL", "AE", "SA", "EG", "ZA", "NG", "KE", "MA", "IN", "PK", "BD", "LK", "CN", "HK", "TW", "JP", "KR", "SG"),
    *("MY", "TH", "VN", "ID", "PH", "AU", "NZ", "US", "CA", "MX", "BR", "AR", "CL", "CO", "PE"),
]


def examples() -> Iterator[tuple[str | None, PhoneNumber]]:
    """Give the example numbers of every region and kind, and of the codes that belong to no country."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                yield region, example
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        yield None, phonenumbers.example_number_for_non_geo_entity(code)


EXAMPLES = [
    (region, example)
    for region, example in examples()
    if is_e164(format_number(example, PhoneNumberFormat.E164))  # one pager of one country is shorter
]
NUMBERS = sorted({format_number(example, PhoneNumberFormat.E164) for _, example in EXAMPLES})


def exactly(number: str) -> PhoneNumber:
    """Return the number of these very digits; `phonenumbers.parse` would forgive a trunk prefix."""
    for end in (2, 3, 4):
        if int(number[1:end]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            code, rest = int(number[1:end]), number[end:]
            zeros = min(len(rest) - len(rest.lstrip("0")), len(rest) - 1)
            return PhoneNumber(
                country_code=code,
                national_number=int(rest or "0"),
                italian_leading_zero=True if zeros > 0 else None,
                number_of_leading_zeros=zeros if zeros > 1 else None,
            )
    return PhoneNumber(country_code=0, national_number=0)


def theirs(text: str, region: str | None) -> str | None:
    """Return the valid number that phonenumbers reads, None where it finds none."""
    try:
        found = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return format_number(found, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(found) else None


def changed(draw: random.Random, digits: str) -> str:
    """Return a number with some of its digits changed, put in or left out."""
    for _ in range(draw.randrange(4)):
        at = draw.randrange(1, len(digits))
        digits = (
            digits[:at] + draw.choice(("", "0", "5", str(draw.randrange(1_000)))) + digits[at + draw.randrange(3) :]
        )
        digits = digits if len(digits) > 2 else "+4420"
    return digits


def assert_same(number: str) -> None:
    """Hold everything that is known of a number against phonenumbers."""
    exact = exactly(number)
    if not phonenumbers.is_valid_number(exact):
        assert canonical(number) is None, number
        assert explain(number) is not None
        assert info(number) == (number, None, "unknown", ())
        return
    assert canonical(number) == number
    region = phonenumbers.region_code_for_number(exact)
    kind = PhoneNumberType.to_string(phonenumbers.number_type(exact)).lower().replace("_", "-")
    zones = tuple(zone for zone in time_zones_for_number(exact) if zone != "Etc/Unknown")
    assert info(number) == (number, None if region == "001" else region, kind, zones)


def test_every_example_is_valid_and_known_as_libphonenumber_knows_it() -> None:
    for number in NUMBERS:
        assert_same(number)
        assert canonical(number) == read(number) == number


def test_what_is_known_of_numbers_around_the_examples_is_libphonenumbers() -> None:
    draw = random.Random(20_261_123)
    tried = {
        number
        for example in NUMBERS
        for number in (
            *(example[:-1], example + "0", example[:4] + "0" + example[4:], example[:-2] + "99"),
            *(changed(draw, example) for _ in range(3)),
        )
        if is_e164(number)
    }
    for number in tried:
        assert_same(number)
    valid = sum(map(is_canonical, tried))
    assert valid > 1_000
    assert len(tried) - valid > 1_000


@settings(max_examples=500)
@given(st.sampled_from(NUMBERS), st.integers(0, 14), st.text("0123456789", max_size=3), st.integers(0, 3))
def test_what_is_known_of_any_number_is_libphonenumbers(example: str, at: int, digits: str, dropped: int) -> None:
    at = min(at, len(example) - 2) + 1
    number = example[:at] + digits + example[at + dropped :]
    if is_e164(number):
        assert_same(number)


def writings(number: PhoneNumber) -> list[str]:
    """Return a number as people and machines write it: international, national, behind 00, and bare."""
    national = phonenumbers.national_significant_number(number)
    return [
        format_number(number, PhoneNumberFormat.INTERNATIONAL),
        format_number(number, PhoneNumberFormat.NATIONAL),
        f"00{number.country_code} {national}",
        f"{number.country_code}{national}",
    ]


def test_what_is_read_is_libphonenumbers_number_or_nothing() -> None:
    draw = random.Random(442_079_460)
    signs = (" ", "-", ".", "/", " - ", "(", ")", "(0)", "\u00a0", "\u2011", "\u200b")
    seen: Counter[str] = Counter()
    for region, example in EXAMPLES:
        for text in writings(example):
            for damage in (0, draw.randrange(1, 4)):
                written = changed(draw, text) if damage else text
                at = draw.randrange(len(written))
                written = written[:at] + draw.choice(signs) + written[at:] if damage > 1 else written
                home = region if damage < 3 else draw.choice(("GB", "DE", "US", "IT", "FR", "RU", "AR", "JP", None))
                found, known = read(written, home), theirs(written.replace("(0)", "0"), home)
                if isinstance(found, Refusal):
                    seen["refused, and read by phonenumbers" if known else "refused by both"] += 1
                elif "(0)" in written:  # what phonenumbers takes for a digit that is dialled
                    seen["the 0 in brackets"] += known is None
                else:
                    seen["read"] += 1
                    assert found == known, (written, home)
    assert seen["read"] > 5_000
    assert seen["refused, and read by phonenumbers"] < seen["read"] / 10


def valid_numbers(draw: random.Random, region: str, count: int) -> list[str]:
    """Return valid numbers of a country, of all its kinds."""
    starts = [format_number(example, PhoneNumberFormat.E164) for home, example in EXAMPLES if home == region]
    code = len(str(phonenumbers.country_code_for_region(region))) + 1
    found: set[str] = set()
    for tried in range(count * 40):
        start = starts[tried % len(starts)]
        kept = draw.randrange(code, len(start))
        number = start[:kept] + "".join(str(draw.randrange(10)) for _ in start[kept:])
        if is_canonical(number):
            found.add(number)
        if len(found) == count:
            break
    return sorted(found)


def test_five_thousand_numbers_of_sixty_countries_are_read_right_or_refused() -> None:
    draw = random.Random(60)
    counted: Counter[str] = Counter()
    for region in SIXTY:
        for number in valid_numbers(draw, region, 85):
            exact = exactly(number)
            home = phonenumbers.region_code_for_number(exact)
            counted["numbers"] += 1
            for text in writings(exact)[:2]:
                found = read(text, home)
                counted["refused"] += isinstance(found, Refusal)
                assert found == number or isinstance(found, Refusal), (text, home, number)
    assert counted["numbers"] >= 5_000
    assert counted["refused"] < counted["numbers"] / 500


def test_a_region_is_a_country_by_its_two_letters() -> None:
    assert regions() == phonenumbers.SUPPORTED_REGIONS
    assert regions().isdisjoint({"UK", "gb", "001", ""})
    assert plan_of("GB") is plan_of("GB")
    assert [plan_of(name) for name in ("UK", "gb", "001", "")] == [None] * 4


@pytest.mark.parametrize("beginning", ["", "+", "+4", "+99", "4420", "+999", "+044", "+٤٤٢", " +44"])
def test_a_text_that_begins_with_no_country_code_has_none(beginning: str) -> None:
    assert country_code(beginning) is None


def test_of_countries_that_share_a_code_the_main_one_is_first() -> None:
    found = country_code("+120")
    assert found is not None
    assert found.digits == "1"
    assert found.main.region == "US"
    assert {"CA", "JM"} < {plan.region for plan in found.plans()}
