"""Numbers of very many countries as people write them: the right one or a refusal, never another."""

from __future__ import annotations

import random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from flowops.templates.filters import FILTERS
from flowops.templates.problems import TemplateError

NUMBERS = 5_000
KINDS = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP)
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
]


def numbers() -> list[tuple[str, phonenumbers.PhoneNumber]]:
    """Valid numbers, made of the example of each country and kind by other digits at its end."""
    make = random.Random(22)
    found: dict[str, tuple[str, phonenumbers.PhoneNumber]] = {}
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    while len(found) < NUMBERS:
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


def test_a_number_is_read_as_the_right_one_or_refused() -> None:
    e164 = FILTERS["e164"].call
    given = numbers()
    assert len({region for region, _ in given}) >= 60
    read = wrong = 0
    for count, (region, number) in enumerate(given):
        right = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for form in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL):
            shape = SHAPES[(count + form) % len(SHAPES)]
            for written in (phonenumbers.format_number(number, form), shape(phonenumbers.format_number(number, form))):
                try:
                    wrong += e164(written, region) != right
                    read += 1
                except TemplateError:
                    continue
    assert wrong == 0
    assert read > NUMBERS * 2
