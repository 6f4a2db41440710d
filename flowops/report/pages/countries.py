"""Country codes by the names of their countries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How many countries of a shared code are named.
_NAMED = 2


def by_country(codes: Mapping[str, int]) -> dict[str, int]:
    """``{"+44": 3}`` as ``{"GB, GG, … +44": 3}``: the countries that share a code, the largest first (ISO 3166-1)."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS

    named: Counter[str] = Counter()
    for code, number in codes.items():
        digits = code.removeprefix("+")
        known = REGIONS.get(int(digits), ()) if digits.isascii() and digits.isdigit() else ()
        regions = ", ".join(region for region in known[:_NAMED] if region != "001")
        more = ", …" if len(known) > _NAMED else ""
        named[f"{regions}{more} {code}".strip()] += number
    return dict(named)
