"""Country codes by the names of their countries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Codes that independent countries share (ITU-T E.164); of all others the first country is the main one.
_SHARED = {"+1": "US, CA, …", "+7": "RU, KZ"}


def by_country(codes: Mapping[str, int]) -> dict[str, int]:
    """``{"+44": 3}`` as ``{"GB +44": 3}``: the country, or those that share the code (ISO 3166-1)."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS

    named: Counter[str] = Counter()
    for code, number in codes.items():
        digits = code.removeprefix("+")
        main = REGIONS.get(int(digits), ("",))[0] if digits.isascii() and digits.isdigit() else ""
        region = _SHARED.get(code, "" if main == "001" else main)
        named[f"{region} {code}".strip()] += number
    return dict(named)
