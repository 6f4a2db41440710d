"""Numbers of very many countries as people write them: the right one or a refusal, never another."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from flowops.templates.filters import FILTERS
from flowops.templates.problems import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NUMBERS = 5_000
KINDS = (
    *(PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP, PhoneNumberType.TOLL_FREE),
    *(PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN),
)
FULL_WIDTH, ARABIC = (str.maketrans("0123456789", digits) for digits in ("０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩"))
#: What people write between two numbers in one cell.
BETWEEN = (",", ";", "/", "|", "&", "\n", " / ", " - ", "-", "\u2013", "..", "+", "\u00b7", ", ", " or ", " ", "\t")
SHAPES = [
    lambda text: text,
    lambda text: text.replace(" ", "\u00a0"),
    lambda text: text.replace(" ", "-"),
    lambda text: text.replace(" ", "."),
    lambda text: text.replace(" ", ""),
    lambda text: f"\u202a{text}\u202c",
    lambda text: f" {text} ",
    lambda text: text.replace("-", "\u2011"),
    lambda text: text.replace("+", "00", 1),
    lambda text: f"{text}.0",
    lambda text: f"{text}/5",
    lambda text: f"{text}..5",
    lambda text: f"{text} . 5",
    lambda text: f"{text}--5",
    lambda text: f"{text}) 5",
    lambda text: f"{text}e1",
    lambda text: f"{text};5",
    lambda text: f"{text}x5",
    lambda text: text[:2] + " " + text[2:],
    lambda text: text.removeprefix("+"),
    lambda text: text.translate(FULL_WIDTH),
    lambda text: text.translate(ARABIC),
    lambda text: text.replace(" ", "/"),
    lambda text: text.replace(" ", "/", 1),
    lambda text: text.replace(" ", " (0)(0) ", 1),
    lambda text: f"{text},0",
    lambda text: f"{text[:-1]},{text[-1]}",
    lambda text: f"{int(''.join(filter(str.isdigit, text))):.5E}",
    lambda text: f"{int(''.join(filter(str.isdigit, text))):,}",
    lambda text: f"Tel. {text}",
    lambda text: text.replace("0", "O"),
    lambda text: text.replace("1", "l"),
    *(lambda text, sign=sign: f"{text}{sign}{text}" for sign in BETWEEN),
]


def numbers(count: int) -> list[tuple[str, phonenumbers.PhoneNumber]]:
    """Valid numbers, made of the example of each country and kind by other digits at its end."""
    make = random.Random(22)
    found: dict[str, tuple[str, phonenumbers.PhoneNumber]] = {}
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    while len(found) < count:
        region = make.choice(regions)
        example = phonenumbers.example_number_for_type(region, make.choice(KINDS))
        if example is None:
            continue
        digits = phonenumbers.national_significant_number(example)
        changed = digits[:-4] + "".join(make.choices("0123456789", k=4))
        text = f"+{example.country_code}{changed}"
        number = phonenumbers.parse(text)
        if phonenumbers.is_valid_number_for_region(number, region):
            found[text] = region, number
    return list(found.values())


def readings(given: Iterable[tuple[str, str, str]]) -> tuple[int, list[tuple[str, str, str]]]:
    """Return how many of some writings are read, in their regions, and those that are read as another number."""
    e164, read, wrong = FILTERS["e164"].call, 0, []
    for written, region, right in given:
        with suppress(TemplateError):
            found = e164(written, region)
            read += 1
            wrong += [(written, region, str(found))] if found != right else []
    return read, wrong


@pytest.mark.parametrize("most", [NUMBERS, pytest.param(10 * NUMBERS, marks=pytest.mark.long)])
def test_a_number_is_read_as_the_right_one_or_refused(most: int) -> None:
    def written() -> Iterator[tuple[str, str, str]]:
        for count, (region, number) in enumerate(given):
            right = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            for form in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL):
                text = phonenumbers.format_number(number, form)
                yield text, region, right
                yield SHAPES[(count + form) % len(SHAPES)](text), region, right

    given = numbers(most)
    assert len({region for region, _ in given}) >= 60
    read, wrong = readings(written())
    assert wrong == []
    assert read > most * 2


def test_a_number_of_one_country_is_read_as_the_right_one_in_any_other() -> None:
    def written() -> Iterator[tuple[str, str, str]]:
        for _, number in numbers(2_000):
            right = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            abroad = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
            for region in make.sample(regions, 4):
                dialled = phonenumbers.format_out_of_country_calling_number(number, region)
                for text in (abroad, dialled, abroad.replace("+", "00"), abroad.replace("+", "00 ")):
                    yield text, region, right

    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    make = random.Random(23)
    read, wrong = readings(written())
    assert wrong == []
    assert read > 16_000


#: What is one number beyond doubt, however it is written.
READ = {
    "+442079460018": [
        *("tel:+442079460018", "TEL: +44 20 7946 0018", "tel:+44-20-7946-0018", "'+442079460018", "020  7946   0018"),
        *(
            "+44\u201120\u20117946\u20110018",
            "\u200f+442079460018\u200f",
            "\u2067+442079460018\u2069",
            "\ufeff020 7946 0018",
        ),
        *(
            "+44 (0)20 7946 0018",
            "+44(0)2079460018",
            "0044 (0)20 7946 0018",
            "(+44) 020 7946 0018",
            "00 44 20 7946 0018",
        ),
    ],
}
#: What is not one number, or not beyond doubt.
REFUSED = [
    # Extensions, and what is dialled behind the number.
    *("020 7946 0018 ext. 5", "020 7946 0018 Ext5", "020 7946 0018#5", "020 7946 0018,5", "020 7946 0018;5"),
    *("020 7946 0018 x 5", "020 7946 0018 p5", "020 7946 0018 w5", "tel:+442079460018;ext=5"),
    # Addresses of other kinds, codes of telephones, letters.
    *("sip:+442079460018@example.org", "callto:+442079460018", "tel:020-7946-0018;phone-context=+44"),
    *("*31#02079460018", "141 020 7946 0018", "1-800-FLOWERS", "020 RAIL 0018", "O20 7946 0018", "020 7946 00l8"),
    # Several in one field, and ranges.
    *("020 7946 0018/0019", "020 7946 0018 / 020 7946 0019", "020 7946 0018 or 020 7946 0019", "020 7946 0018\n0019"),
    *("020 7946 0018;020 7946 0019", "+442079460018+442079460019", "020 7946 0018-0019", "020 7946 0018\u20130019"),
    *("020 7946 0018-9", "020 7946 0018 - 9", "020 7946 0018..9", "020 7946 0018 to 0019", "020 7946 0018 & 9"),
    # What spreadsheets and programs make of numbers.
    *("4.42079E+11", "4,42079E+11", "442079460018E0", "442079460018.0", "442079460018,0", "442,079,460,018"),
    *('="+442079460018"', "=442079460018", "########", "#N/A", "0x66F", "4_42079460018"),
    # Digits and signs of other scripts, and what turns them round.
    *(
        "\u0660\u0662\u0660\u0667\u0669\u0664\u0666\u0660\u0660\u0661\u0668",
        "\uff10\uff12\uff10 7946 0018",
        "020 7946 001\u2078",
    ),
    *("\uff0b442079460018", "\ufe62442079460018", "\u202e8100649702 44+", "+44\u202e8100649702"),
    # Words around it.
    *("mobile: 020 7946 0018", "020 7946 0018 (home)", "Ann 020 7946 0018", "<020 7946 0018>", "\u260e 020 7946 0018"),
    *("N/A", "none", "-", "0", "999", "112", "ex-directory", "09:00-17:30", "51.5074, -0.1278"),
]
#: The same with the region in which it may be taken for a number.
REFUSED_IN = [
    *(("030 901820 24-25", "DE"), ("030 901820-024 DW 5", "DE"), ("030/901820024/5", "DE"), ("4930901820024.0", "DE")),
    *(("2026-12-01", "DE"), ("01.12.2026", "DE"), ("20261201", "DE"), ("12/2026", "DE"), ("09.00-17.30", "DE")),
    *(("0199001234,0", "FR"), ("0491570156.0", "AU"), ("2125550143.0", "US"), ("2.125550143E9", "US")),
    *(("(212) 555-0143 / 0144", "US"), ("212-555-0143-0144", "US"), ("*67 212 555 0143", "US"), ("10.0.0.1", "US")),
]


@pytest.mark.parametrize(("number", "text"), [(number, text) for number, texts in READ.items() for text in texts])
def test_what_is_one_number_beyond_doubt_is_read(number: str, text: str) -> None:
    assert FILTERS["e164"].call(text, "GB") == number


@pytest.mark.parametrize(("text", "region"), [*((text, "GB") for text in REFUSED), *REFUSED_IN])
def test_what_is_not_one_number_beyond_doubt_is_refused(text: str, region: str) -> None:
    with pytest.raises(TemplateError) as refused:
        FILTERS["e164"].call(text, region)
    assert text not in str(refused.value) or len(text) < 5


def test_a_number_that_is_null_is_told_with_the_way_to_leave_its_row_out() -> None:
    with pytest.raises(TemplateError) as refused:
        FILTERS["e164"].call(None, "GB")
    assert (str(refused.value), refused.value.hint) == (
        "there is no number: the value is null",
        'give a number, or leave such rows out: where: "{{ row.phone is not none }}"',
    )
