"""Public holidays, by the `holidays` package: whether a day is one, and whether anybody knows."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


class Holidays(StrEnum):
    """Which holidays close a window: none, those of the whole country, or also those of any of its regions."""

    OPEN = "open"
    NATIONAL = "national"
    ANY_REGION = "any-region"


@lru_cache(maxsize=256)
def knows(country: str) -> bool:
    """Whether there is a calendar for a country."""
    from holidays import list_supported_countries

    return country in list_supported_countries()


def is_holiday(country: str, day: date, which: Holidays) -> bool:
    """Whether a day closes a window in a country that `knows`."""
    return which is not Holidays.OPEN and day in _of_year(country, day.year, which)


@lru_cache(maxsize=1_024)
def _of_year(country: str, year: int, which: Holidays) -> frozenset[date]:
    from holidays import country_holidays

    calendar = country_holidays(country, years=year)
    found = set(calendar)
    if which is Holidays.ANY_REGION:
        for region in calendar.subdivisions:
            found.update(country_holidays(country, subdiv=region, years=year))
    return frozenset(found)
