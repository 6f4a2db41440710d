"""The filter that makes a phone number of what people write."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.numbers import is_e164
from flowops.templates.errors import TemplateError
from flowops.templates.filters.table import Table, require_text

if TYPE_CHECKING:
    from flowops.model import Value


PHONES = Table()

# phonenumbers would also read full-width digits, letters on the keypad and extensions.
_WRITTEN = re.compile(r"\+?[0-9 ()./-]{3,40}")


@PHONES.register("{{ '020 7946 0123' | e164('GB') }}", "+442079460123")
def e164(value: Value, region: Value = None) -> str:
    """A phone number in international form; `region` (GB, NL, …) says where a number without country code is from."""
    country = None if region is None else _region(region)
    return _international(require_text(value).strip(), country)


#: A list is gone through more than once, and offices have few numbers.
@lru_cache(maxsize=8_192)
def _international(written: str, country: str | None) -> str:
    import phonenumbers

    if not _WRITTEN.fullmatch(written):
        raise TemplateError("the text is not a phone number" if written else "the text is empty, not a phone number")
    where = "" if country is None else f" in {country}"
    try:
        parsed = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and country is None:
            hint = "write it with + and the country code, or name the region: e164('GB')"
            raise TemplateError("the number has no country code", hint=hint) from None
        raise TemplateError(f"{_masked(written)} is not a valid number{where}") from None
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if not (phonenumbers.is_valid_number(parsed) and is_e164(number)):
        raise TemplateError(f"{_masked(written)} is not a valid number{where}")
    return number


def _region(value: Value) -> str:
    return _known_region(require_text(value, "region"))


@lru_cache(maxsize=256)
def _known_region(written: str) -> str:
    import phonenumbers

    region = written.upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        hint = "the United Kingdom is GB" if region == "UK" else "write two letters: GB, NL, DE"
        raise TemplateError("region is not a region that is known", hint=hint)
    return region


def _masked(written: str) -> str:
    """Return ``'0207•••••23'``: enough to find it in a row, too little to ring it."""
    return f"'{written[:4]}{'•' * (len(written) - 6)}{written[-2:]}'" if len(written) > 6 else f"'{written[:2]}…'"
