"""What a number says of whoever answers it."""

from __future__ import annotations

import pytest
from phonenumbers import PhoneNumberType

from flowops.policy.numbers import KINDS, about, countries


@pytest.mark.parametrize(
    ("number", "country", "kind", "zones"),
    [
        ("+442079460023", "GB", "fixed-line", ("Europe/London",)),
        ("+12125550118", "US", "fixed-line-or-mobile", ("America/New_York",)),
        # Of no country, and nobody knows where.
        ("+88213000000", None, "voip", ()),
        ("+80012345678", None, "toll-free", ()),
        # Of a country, as it seems, but nobody has it.
        ("+447700900123", None, "unknown", ()),
        ("+999123456789", None, "unknown", ()),
        # No number at all.
        ("", None, "unknown", ()),
        ("+", None, "unknown", ()),
        ("not a number", None, "unknown", ()),
    ],
)
def test_what_nobody_knows_of_a_number_is_not_made_up(number, country, kind, zones) -> None:
    assert about(number) == (number, country, kind, zones)


def test_a_mobile_may_ring_in_any_zone_of_its_country() -> None:
    found = about("+61491570156")
    assert (found.country, found.kind) == ("AU", "mobile")
    assert {"Australia/Perth", "Australia/Sydney"} < set(found.zones)


def test_there_are_no_other_kinds_of_numbers() -> None:
    assert {PhoneNumberType.to_string(kind).lower().replace("_", "-") for kind in PhoneNumberType.values()} == set(
        KINDS
    )


def test_a_country_is_one_by_its_two_letters() -> None:
    assert {"GB", "FR", "AC"} < countries()
    assert countries().isdisjoint({"UK", "gb", "001", ""})
