"""Whether a number exists in its country's number plan, by Google's libphonenumber.

Its own `is_valid_number` takes longer than everything else that is done to a call before it is sent. So its
patterns are asked here directly, in its own order; a test holds the two to the same verdict.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.numbers import is_e164
from flowops.common.text import quoted
from flowops.schema.number_tables import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

#: Non-geographic codes (toll-free, satellite, …) have no country.
_NO_COUNTRY = "001"
_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "voip",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "uan",
    "pager",
    "voicemail",
)


@lru_cache(maxsize=16_384)
def check_number(text: str) -> str | None:
    """What is wrong with a phone number, None when nothing is: ``'+3161234' is not a valid number in NL``."""
    # libphonenumber alone would also take Arabic digits, letters and `;ext=9`.
    if not is_e164(text):
        return f"{quoted(text)} is not an E.164 number: write + and 7 to 15 digits, the country code first"
    split = _split(text)
    if split is None:
        return f"{quoted(text)} does not begin with a country code"
    code, national = split
    return None if _exists(code, national) else _why(text, code)


def is_valid(text: str) -> bool:
    """Whether nothing is wrong with a phone number: one pattern says yes to nearly all that are right."""
    pattern = _pattern_of(text[:4])
    return pattern is not None and (pattern.fullmatch(text) is not None or check_number(text) is None)


@lru_cache(maxsize=4_096)
def _pattern_of(beginning: str) -> re.Pattern[str] | None:
    """The pattern for numbers that begin so; None where they begin with no country's code."""
    found = (_main_pattern(beginning[:end]) for end in (2, 3, 4))
    return next((pattern for pattern in found if pattern is not None), None)


@lru_cache(maxsize=512)
def _main_pattern(prefix: str) -> re.Pattern[str] | None:
    """A pattern for the numbers of the main country of a code (``+44``), None where no country has that code.

    It fits no number that `_exists` does not find: the main country comes first, before all that share its code.
    """
    if not (prefix[1:].isascii() and prefix[1:].isdigit()):
        return None
    code = int(prefix[1:])
    if prefix != f"+{code}" or code not in tables().regions:
        return None
    regions = _regions(code)
    if not regions or (regions[0].leading is not None and len(regions) > 1):
        return re.compile(r"(?!)")
    main = regions[0]
    kinds = "|".join(f"{kind.ahead()}(?:{kind.pattern})" for kind in main.kinds) or "(?!)"
    digits = len(str(code))
    length = rf"(?=[0-9]{{{7 - digits},{15 - digits}}}\Z)"
    return re.compile(rf"\+{code}{length}{main.general.ahead()}(?=(?:{main.general.pattern})\Z)(?:{kinds})")


def _split(text: str) -> tuple[int, str] | None:
    """The country code and the rest, to the digit; no code is the beginning of another one."""
    regions = tables().regions
    for end in (2, 3, 4):
        code = int(text[1:end])
        if code in regions:
            return code, text[end:]
    return None


class _Pattern:
    """Compiled when a number is held against it: a country has a dozen, and most numbers are of the first kinds."""

    __slots__ = ("_compiled", "lengths", "pattern")

    def __init__(self, lengths: Iterable[int], pattern: str) -> None:
        self.lengths = frozenset(lengths)
        self.pattern = pattern
        self._compiled: re.Pattern[str] | None = None

    def fits(self, national: str) -> bool:
        """Whether a number, without its country code, is one of these."""
        if self.lengths and len(national) not in self.lengths:
            return False
        if self._compiled is None:
            self._compiled = re.compile(self.pattern)
        return self._compiled.fullmatch(national) is not None

    def ahead(self) -> str:
        """The lengths as a pattern that looks ahead."""
        lengths = "|".join(f"[0-9]{{{length}}}" for length in sorted(self.lengths))
        return rf"(?=(?:{lengths})\Z)" if lengths else ""


class _Region(NamedTuple):
    """One of the countries that share a code; with `leading` digits of its own, or recognized by its numbers."""

    leading: re.Pattern[str] | None
    general: _Pattern
    kinds: tuple[_Pattern, ...]

    def has(self, national: str) -> bool:
        return self.general.fits(national) and any(kind.fits(national) for kind in self.kinds)


def _exists(code: int, national: str) -> bool:
    regions = _regions(code)
    for region in regions:
        if region.leading is None or len(regions) == 1:
            if region.has(national):
                return True
        elif region.leading.match(national):
            return region.has(national)
    return False


@lru_cache(maxsize=256)
def _regions(code: int) -> tuple[_Region, ...]:
    known = tables()
    found = (known.metadata.metadata_for_region_or_calling_code(code, name) for name in known.regions[code])
    return tuple(_region(metadata) for metadata in found if metadata is not None)


def _region(metadata: PhoneMetadata) -> _Region:
    leading = metadata.leading_digits
    general = _pattern(metadata.general_desc)
    kinds = [_pattern(getattr(metadata, kind)) for kind in _KINDS]
    return _Region(
        leading=None if leading is None else re.compile(leading),
        general=general or _Pattern((), r"(?!)"),
        kinds=tuple(kind for kind in kinds if kind is not None),
    )


def _pattern(desc: PhoneNumberDesc | None) -> _Pattern | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return _Pattern(desc.possible_length, desc.national_number_pattern)


def _why(text: str, code: int) -> str:
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_valid_number, parse
    from phonenumbers.phonenumberutil import region_code_for_country_code

    region = region_code_for_country_code(code)
    message = f"{quoted(text)} is not a valid number" + ("" if region == _NO_COUNTRY else f" in {region}")
    try:
        meant = parse(text)
    except NumberParseException:
        return message
    written = format_number(meant, PhoneNumberFormat.E164)
    return f"{message}; {written} is" if written != text and is_valid_number(meant) else message
