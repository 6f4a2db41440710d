"""Numbers that exist, and what is said about those that do not."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.schema import check_number

FICTION = ["+442079460018", "+12125550143", "+33199001234", "+61491570156", "+4930901820123"]


@pytest.mark.parametrize("number", FICTION)
def test_numbers_from_fiction_are_taken(number: str) -> None:
    assert check_number(number) is None


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("+3161234", "'+3161234' is not a valid number in NL"),
        ("+447700900123", "'+447700900123' is not a valid number in GB"),
        ("+4402079460018", "'+4402079460018' is not a valid number in GB; +442079460018 is"),
        ("+9991234567", "'+9991234567' does not begin with a country code"),
        ("+8000000000", "'+8000000000' is not a valid number"),
        ("+4400000000", "'+4400000000' is not a valid number in GB"),
    ],
)
def test_a_number_that_does_not_exist_is_told_with_its_country(number: str, message: str) -> None:
    assert check_number(number) == message


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "0612345678", "+1 212 555 0143", "+1-212-555-0143", "tel:+12125550143", "+12125550143;ext=9"),
        *(
            "+1800FLOWERS",
            "+１２１２５５５０１４３",
            "+١٢١٢٥٥٥٠١٤٣",
            "+1212555\u200b0143",
            "+12125550143\n",
            "\n+12125550143",
        ),
    ],
)
def test_what_libphonenumber_would_forgive_is_not_e164(text: str) -> None:
    assert "is not an E.164 number" in str(check_number(text))


def test_the_message_is_one_line_of_visible_characters() -> None:
    message = str(check_number("+1\x1b[2J\r\n" + "1" * 500))
    assert message.isprintable()
    assert len(message) < 200


def test_every_example_of_every_country_is_taken() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            if len(number) >= 8:  # the shortest that flowops takes; one pager of one country is shorter
                assert check_number(number) is None, (region, kind, number)


def _exactly(number: str) -> phonenumbers.PhoneNumber:
    """The number of these very digits; `phonenumbers.parse` would forgive a trunk prefix."""
    for end in (2, 3, 4):
        if int(number[1:end]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            code, rest = int(number[1:end]), number[end:]
            zeros = len(rest) - len(rest.lstrip("0"))
            return phonenumbers.PhoneNumber(
                country_code=code,
                national_number=int(rest or "0"),
                italian_leading_zero=True if zeros else None,
                number_of_leading_zeros=zeros if zeros > 1 else None,
            )
    return phonenumbers.PhoneNumber(country_code=0, national_number=0)


EXAMPLES = sorted(
    {
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for region in phonenumbers.SUPPORTED_REGIONS
        for kind in phonenumbers.PhoneNumberType.values()
        if (example := phonenumbers.example_number_for_type(region, kind)) is not None
    }
)


@settings(deadline=None, max_examples=1500)
@given(st.sampled_from(EXAMPLES), st.integers(0, 14), st.text("0123456789", max_size=3), st.integers(0, 3))
def test_the_verdict_is_libphonenumbers(example: str, at: int, digits: str, dropped: int) -> None:
    at = min(at, len(example) - 2) + 1
    number = example[:at] + digits + example[at + dropped :]
    if re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        assert (check_number(number) is None) is phonenumbers.is_valid_number(_exactly(number)), number


def test_the_verdict_is_libphonenumbers_around_every_example() -> None:
    for example in EXAMPLES:
        for number in (example, example[:-1], example + "0", example[:4] + "0" + example[4:], example[:-2] + "99"):
            if re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
                assert (check_number(number) is None) is phonenumbers.is_valid_number(_exactly(number)), number
