"""The settings as they are written on a command line."""

from __future__ import annotations

import pytest

from flowops.errors import UsageError
from flowops.sandbox.settings import (
    CallbackFaults,
    Fault,
    FaultKind,
    Span,
    parse_callbacks,
    parse_fault,
    parse_numbers,
    parse_outcomes,
    parse_share,
    parse_span,
    parse_time,
)

ADA = "+442079460018"


def test_times():
    assert [parse_time(text) for text in ("50ms", "1.5s", "5m", "1h", "0s")] == [0.05, 1.5, 300, 3600, 0]


def test_spans():
    assert parse_span("50ms") == Span(0.05, 0.05)
    assert parse_span("1s..5s") == Span(1, 5)


def test_shares():
    assert [parse_share(text) for text in ("0", "0.05", "5%", "1", "100%")] == [0, 0.05, 0.05, 1, 1]


def test_outcomes():
    assert parse_outcomes("10=0.8, 9=10%,12=0.1") == {10: 0.8, 9: 0.1, 12: 0.1}
    assert parse_outcomes("9=1") == {9: 1}


def test_numbers():
    assert parse_numbers([f"{ADA}=12", "+12125550143=refused"]) == {ADA: (12,), "+12125550143": (None,)}
    assert parse_numbers([f"{ADA}=9,refused,10"]) == {ADA: (9, None, 10)}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop", Fault(FaultKind.DROP)),
        ("drop=0.05", Fault(FaultKind.DROP, 0.05)),
        ("reset:ref-*", Fault(FaultKind.RESET, references="ref-*")),
        ("throttle=2x:a:b", Fault(FaultKind.THROTTLE, first=2, references="a:b")),
        ("other-reference=50%:[ab]*", Fault(FaultKind.OTHER_REFERENCE, 0.5, references="[ab]*")),
    ],
)
def test_faults(text, fault):
    assert parse_fault(text) == fault


def test_habits_of_callbacks():
    assert parse_callbacks("duplicate=0.2,late=10%") == CallbackFaults(duplicate=0.2, late=0.1)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_time, "5"),
        (parse_time, "-5s"),
        (parse_time, "5 s"),
        (parse_time, "inf"),
        (parse_time, f"{'9' * 400}s"),
        (parse_span, "5s..1s"),
        (parse_span, "1s.."),
        (parse_share, "1.5"),
        (parse_share, "nan"),
        (parse_share, "101%"),
        (parse_outcomes, "10=0.5"),
        (parse_outcomes, "10=0.5,10=0.5"),
        (parse_outcomes, "13=1"),
        (parse_outcomes, "ten=1"),
        (parse_outcomes, ""),
        (parse_fault, "nonsense"),
        (parse_fault, "drop=0x"),
        (parse_fault, "drop=2"),
        (parse_fault, "drop="),
        (parse_fault, ""),
        (parse_callbacks, "sometimes=1"),
        (parse_callbacks, "late"),
        (parse_callbacks, "late=1,late=1"),
    ],
)
def test_nonsense_is_a_usage_error(parse, text):
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("text", [ADA, "0207=12", f"{ADA}=13", f"{ADA}=", "=12"])
def test_nonsense_about_numbers_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse_numbers([text])
