from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from flowops.queries.values import NoJson, json_value, type_without_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (10**40, 10**40),
        (date(2026, 12, 1), "2026-12-01"),
        (datetime(2026, 12, 1, 9), "2026-12-01T09:00:00"),  # noqa: DTZ001
        (datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=1))), "2026-12-01T09:00:00+01:00"),
        (time(9, 30), "09:30:00"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        ((1, [date(2026, 12, 1)]), [1, ["2026-12-01"]]),
        ({1: Decimal("1.0"), "a": None, date(2026, 12, 1): 2}, {"1": "1.0", "a": None, "2026-12-01": 2}),
    ],
)
def test_a_value_becomes_one_of_jsons(value: Any, expected: Any) -> None:
    assert json_value(value) == expected


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, Decimal("NaN"), Decimal("Infinity"), b"x", timedelta(1), {True: 1}, {None: 1}, [{1.5: 1}], 1j],
)
def test_a_value_that_json_has_nothing_for_is_refused(value: Any) -> None:
    with pytest.raises(NoJson):
        json_value(value)


@pytest.mark.parametrize(
    ("type_", "part"),
    [
        ("BLOB", "BLOB"),
        ("STRUCT(a INTEGER, b BLOB[])", "BLOB"),
        ("MAP(VARCHAR, INTERVAL)", "INTERVAL"),
        ("JSON", None),
        ("JSON[]", "JSON"),
        ('STRUCT("BLOB" INTEGER)', None),
        ("ENUM('BLOB', 'x')", None),
        ("DECIMAL(18,3)", None),
    ],
)
def test_the_types_of_columns_that_json_has_nothing_for(type_: str, part: str | None) -> None:
    assert type_without_json(type_) == part
