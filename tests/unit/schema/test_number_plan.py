"""Numbers that exist, and what is said about those that do not."""

from __future__ import annotations

import phonenumbers
import pytest

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
