"""What a phone number says of whoever answers it: the country, the kind of line, the time zones.

The source is Google's libphonenumber; what it does not know is None, ``unknown`` or empty, and rules that need
it then hold the call back.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

#: The kinds of numbers, as libphonenumber tells them apart.
KINDS = (
    "fixed-line",
    "mobile",
    "fixed-line-or-mobile",
    "toll-free",
    "premium-rate",
    "shared-cost",
    "voip",
    "personal-number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
)
#: What people have at home and in their pockets. The others cost somebody more, or nobody knows whose they are.
ORDINARY = frozenset({"fixed-line", "mobile", "fixed-line-or-mobile", "voip"})
#: Codes that belong to no country, such as satellite phones.
_NO_COUNTRY = "001"
_NO_ZONE = "Etc/Unknown"


class Callee(NamedTuple):
    """A number and what it says; `zones` are the IANA zones it may ring in, empty when nobody knows."""

    number: str
    country: str | None
    kind: str
    zones: tuple[str, ...]


@lru_cache(maxsize=65_536)
def about(number: str) -> Callee:
    """What is known of an E.164 number; nothing for a text that is none."""
    # 20 ms to import, and the zones another 10: only for those who have rules about numbers.
    from phonenumbers import NumberParseException, PhoneNumberType, number_type, parse, region_code_for_number
    from phonenumbers.timezone import time_zones_for_number

    try:
        parsed = parse(number)
    except NumberParseException:
        return Callee(number, None, "unknown", ())
    region = region_code_for_number(parsed)
    name = PhoneNumberType.to_string(number_type(parsed)).lower().replace("_", "-")
    kind = name if name in KINDS else "unknown"
    zones = tuple(zone for zone in time_zones_for_number(parsed) if zone != _NO_ZONE)
    return Callee(number, None if region == _NO_COUNTRY else region, kind, zones)


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """The two letters (ISO 3166-1) of every country that has phone numbers."""
    from phonenumbers import SUPPORTED_REGIONS

    return frozenset(SUPPORTED_REGIONS)
