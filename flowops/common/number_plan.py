"""The number plans of all countries: Google's libphonenumber, from its tables and without the code around them.

`phonenumbers` takes 10 to 20 µs for each question about a number, and imports its formatters and matchers with itself.
Its tables need nothing of that, and are imported without it. The questions are asked here in libphonenumber's own
order; the patterns of a country are one expression, compiled when a number first needs it. Tests hold every answer
against `phonenumbers`.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from flowops.common.libraries import module_of
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

#: The kinds of numbers in the order in which libphonenumber asks for them: the first that fits is the kind.
_KINDS = {
    "premium_rate": "premium-rate",
    "toll_free": "toll-free",
    "shared_cost": "shared-cost",
    "voip": "voip",
    "personal_number": "personal-number",
    "pager": "pager",
    "uan": "uan",
    "voicemail": "voicemail",
    "fixed_line": "fixed-line",
    "mobile": "mobile",
}
#: Stands in the tables for a code that belongs to no country: satellites, international freephone.
_NO_COUNTRY = "001"
# Country codes whose mobile numbers tell where they are from: China, Mexico, Argentina, Brazil, Indonesia.
_PLACED_MOBILES = frozenset({"86", "52", "54", "55", "62"})
_BEGINNING = regex(r"\+[1-9][0-9]{0,2}")
#: Matches nothing.
_NOTHING = r"(?!)"
#: How many answers of one kind are kept.
_KEPT = 4_096


class Tables(NamedTuple):
    """libphonenumber's tables: the regions of each country code, and what knows the patterns of a region."""

    regions: Mapping[int, Sequence[str]]
    metadata: type[PhoneMetadata]


class Nature(NamedTuple):
    """What a number says of whoever answers it, and what it has in common with very many others.

    `region` is the country's two letters, None where it belongs to none; `kind` is one of `flowops.common.numbers`;
    `zones` are the IANA zones that it may ring in, empty when nobody knows. Of a text that is no valid number nothing
    is known.
    """

    region: str | None = None
    kind: str = "unknown"
    zones: tuple[str, ...] = ()


class NumberPlan:
    """The numbers of one country, or of a code that belongs to none; digits are national ones, without that code."""

    def __init__(self, metadata: PhoneMetadata, *, alone: bool) -> None:
        self.region: str | None = None if metadata.id == _NO_COUNTRY else metadata.id
        self.code = str(metadata.country_code)
        #: How the country's numbers begin, where several countries share a code and this tells them apart.
        self.leading = None if alone or metadata.leading_digits is None else _compiled(metadata.leading_digits)
        self._metadata = metadata
        self._transform = metadata.national_prefix_transform_rule
        self._lengths = frozenset(() if metadata.general_desc is None else metadata.general_desc.possible_length)
        self._most = max(self._lengths)
        self._natures: dict[tuple[str, str], Nature] = {}

    @cached_property
    def numbers(self) -> re.Pattern[str]:
        """One expression for all numbers; the group that took part in a match has the name of the kind.

        The group stands behind its pattern: so an alternative is given up at its first digit.
        """
        kinds = ((name, _pattern(getattr(self._metadata, name))) for name in _KINDS)
        alternatives = "|".join(rf"(?:{pattern})\Z(?P<{name}>)" for name, pattern in kinds)
        return _compiled(rf"(?=(?:{_pattern(self._metadata.general_desc)})\Z)(?:{alternatives})")

    @cached_property
    def _mobile(self) -> re.Pattern[str]:
        return _compiled(_pattern(self._metadata.mobile))

    @cached_property
    def _general(self) -> re.Pattern[str]:
        return _compiled(_pattern(self._metadata.general_desc))

    @cached_property
    def _trunk(self) -> re.Pattern[str]:
        return _compiled(self._metadata.national_prefix_for_parsing or _NOTHING)

    @cached_property
    def _abroad(self) -> re.Pattern[str]:
        return _compiled(self._metadata.international_prefix or _NOTHING)

    def nature(self, found: re.Match[str]) -> Nature:
        """Return the nature of a number (E.164) that `numbers` has found; those that begin alike share one."""
        kind = _KINDS[found.lastgroup or ""]
        if kind == "fixed-line" and (self._same or self._mobile.fullmatch(found.string, found.pos) is not None):
            kind = "fixed-line-or-mobile"
        beginning = found.string[1 : 1 + self._longest_prefix] if self._is_placed(kind) else self.code
        known = self._natures.get((kind, beginning))
        if known is None:
            if len(self._natures) >= _KEPT:
                self._natures.clear()
            zones = _zones_of(self.code, beginning)
            known = self._natures[kind, beginning] = Nature(self.region, kind, zones)
        return known

    def _is_placed(self, kind: str) -> bool:
        """Return whether the digits of numbers of a kind tell where they are."""
        return kind[:10] == "fixed-line" or (kind == "mobile" and self.code in _PLACED_MOBILES)

    @cached_property
    def _same(self) -> bool:
        same: bool = self._metadata.same_mobile_and_fixed_line_pattern
        return same

    @property
    def has_trunk_prefix(self) -> bool:
        """Return whether something is dialled before numbers inside of the country, such as a 0."""
        return bool(self._metadata.national_prefix)

    def is_too_long(self, digits: str) -> bool:
        """Return whether digits are more than any number of this plan has."""
        return len(digits) > self._most

    def looks_right(self, digits: str) -> bool:
        """Return whether digits have the general form of the plan's numbers."""
        return self._general.fullmatch(digits) is not None

    def without_exit_code(self, digits: str) -> str | None:
        """Return what follows the digits that begin a call abroad (00, 011, …), None where there are none."""
        found = self._abroad.match(digits)
        if found is None:
            return None
        rest = digits[found.end() :]
        return rest if rest and rest[0] != "0" else None

    def without_trunk(self, digits: str) -> str:
        """Return digits without what is dialled before them inside of the country only, as libphonenumber sees it."""
        found = self._trunk.match(digits)
        if found is None:
            return digits
        rest = digits[found.end() :]
        if self._transform and (groups := found.groups()) and groups[-1] is not None:
            rest = found.expand(self._transform) + rest
        return digits if self.looks_right(digits) and not self.looks_right(rest) else rest

    def national(self, digits: str) -> str:
        """Return `without_trunk`, and the digits as they are where too few would be left."""
        rest = self.without_trunk(digits)
        return rest if len(rest) in self._lengths or len(rest) > self._most else digits

    def groups(self, digits: str) -> tuple[int, ...]:
        """Return how many digits stand together where a number is written for readers abroad; () where nobody knows."""
        for form in self._metadata.intl_number_format or self._metadata.number_format:
            leading = form.leading_digits_pattern
            if leading and _compiled(leading[-1]).match(digits) is None:
                continue
            found = _compiled(form.pattern or _NOTHING).fullmatch(digits)
            if found is not None:
                return tuple(len(group) for group in found.groups() if group)
        return ()

    @cached_property
    def _longest_prefix(self) -> int:
        return max(_prefix_lengths(self.code), default=0)


class CountryCode:
    """A country code, and the plans of all that share it."""

    def __init__(self, code: int) -> None:
        self.digits = str(code)
        self._regions = tables().regions[code]
        #: Where the national number begins in one that is written ``+44…``.
        self.start = len(self.digits) + 1

    @cached_property
    def main(self) -> NumberPlan:
        """The plan of the main country."""
        return self._plan(self._regions[0])

    @cached_property
    def _others(self) -> tuple[NumberPlan, ...]:
        return tuple(map(self._plan, self._regions[1:]))

    def plans(self) -> Iterator[NumberPlan]:
        """Yield all plans, the main country's first; the others, two dozen of +1, are read when that has no answer."""
        yield self.main
        yield from self._others

    def _plan(self, region: str) -> NumberPlan:
        metadata = tables().metadata.metadata_for_region_or_calling_code(int(self.digits), region)
        assert metadata is not None
        return NumberPlan(metadata, alone=len(self._regions) == 1)

    @cached_property
    def likely(self) -> Callable[[str, int], re.Match[str] | None]:
        """Return what finds, behind the code, the numbers of the main country: nearly all are of it."""
        return self.main.numbers.match if self.main.leading is None else _never

    def find(self, number: str) -> tuple[NumberPlan, re.Match[str]] | None:
        """Return the plan that a number with this code belongs to and what it matched there, None where it has none."""
        for plan in self.plans():
            if plan.leading is None:
                found = plan.numbers.match(number, self.start)
                if found is not None:
                    return plan, found
            elif plan.leading.match(number, self.start):
                found = plan.numbers.match(number, self.start)
                return None if found is None else (plan, found)
        return None


def _never(_text: str, _start: int) -> None:
    """Find nothing."""


@lru_cache(maxsize=_KEPT)
def country_code(beginning: str) -> CountryCode | None:
    """Return the country code with which a text (``+`` and up to three digits) begins; None where it has none."""
    if _BEGINNING.fullmatch(beginning) is None:
        return None
    found = (int(beginning[1:end]) for end in (2, 3, 4))
    return next((_country_code(code) for code in found if code in tables().regions), None)


@lru_cache(maxsize=512)
def _country_code(code: int) -> CountryCode:
    return CountryCode(code)


@lru_cache(maxsize=512)
def plan_of(region: str) -> NumberPlan | None:
    """Return the plan of a country, by its two letters; None where no country has them."""
    if region not in regions():
        return None
    code = next(code for code, names in tables().regions.items() if region in names)
    return next(plan for plan in _country_code(code).plans() if plan.region == region)


def main_plan(code: str) -> NumberPlan:
    """Return the plan of the main country of a country code that there is."""
    return _country_code(int(code)).main


@lru_cache(maxsize=1)
def regions() -> frozenset[str]:
    """Return the two letters (ISO 3166-1) of every country that has phone numbers."""
    return frozenset(name for names in tables().regions.values() for name in names) - {_NO_COUNTRY}


@lru_cache(maxsize=1)
def tables() -> Tables:
    """Return the tables, imported by the first who asks."""
    data = module_of("phonenumbers", "data")
    return Tables(data._COUNTRY_CODE_TO_REGION_CODE, module_of("phonenumbers", "phonemetadata").PhoneMetadata)


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, tuple[str, ...]]:
    """Return the time zones by the first digits of a number, the country code first."""
    found: Mapping[str, tuple[str, ...]] = module_of("phonenumbers", "tzdata").TIMEZONE_DATA
    return found


def _zones_of(code: str, beginning: str) -> tuple[str, ...]:
    """Return the time zones of the numbers of a code that begin so."""
    known = _zones()
    for length in _prefix_lengths(code):
        found = known.get(beginning[:length])
        if found is not None:
            return found
    return known.get(code, ())


@lru_cache(maxsize=512)
def _prefix_lengths(code: str) -> tuple[int, ...]:
    """Return how many digits of a number may tell its zones, the most first."""
    return tuple(sorted({len(prefix) for prefix in _zones() if prefix.startswith(code)}, reverse=True))


def _pattern(desc: PhoneNumberDesc | None) -> str:
    return _NOTHING if desc is None else desc.national_number_pattern or _NOTHING


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
