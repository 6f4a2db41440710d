"""Whether a number exists in its country's number plan, by Google's libphonenumber."""

from __future__ import annotations

import re
from functools import lru_cache

from flowops.schema.words import quoted

#: E.164 in ASCII, the whole text. libphonenumber alone would also take Arabic digits, letters and ``;ext=9``.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
#: Non-geographic codes (toll-free, satellite, …) have no country.
_NO_COUNTRY = "001"


@lru_cache(maxsize=16_384)
def check_number(text: str) -> str | None:
    """What is wrong with a phone number, None when nothing is: ``'+3161234' is not a valid number in NL``."""
    if _E164.fullmatch(text) is None:
        return f"{quoted(text)} is not an E.164 number: write + and 7 to 15 digits, the country code first"
    return None if _exists(text) else _why(text)


def _exists(text: str) -> bool:
    """Exactly these digits ring somewhere; parsing, which would forgive a trunk prefix, is not asked."""
    # 20 ms to import: only for those who place or validate calls.
    from phonenumbers import PhoneNumber, is_valid_number

    split = _split(text)
    if split is None:
        return False
    code, rest = split
    significant = rest.lstrip("0")
    zeros = len(rest) - len(significant)
    if not significant:
        return False
    number = PhoneNumber(
        country_code=code,
        national_number=int(significant),
        italian_leading_zero=True if zeros else None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
    return is_valid_number(number)


def _split(text: str) -> tuple[int, str] | None:
    """The country code and the rest; no code is the beginning of another one."""
    from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

    for length in (1, 2, 3):
        code = int(text[1 : 1 + length])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return code, text[1 + length :]
    return None


def _why(text: str) -> str:
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_valid_number, parse
    from phonenumbers.phonenumberutil import region_code_for_country_code

    split = _split(text)
    if split is None:
        return f"{quoted(text)} does not begin with a country code"
    region = region_code_for_country_code(split[0])
    message = f"{quoted(text)} is not a valid number" + ("" if region == _NO_COUNTRY else f" in {region}")
    try:
        meant = parse(text)
    except NumberParseException:
        return message
    written = format_number(meant, PhoneNumberFormat.E164)
    return f"{message}; {written} is" if written != text and is_valid_number(meant) else message
