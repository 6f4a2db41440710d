"""Spans of time and rates: one grammar, for the command line, for documents and for what editors read."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.times import RATE_PATTERN, SPAN_PATTERN, read_rate, read_span, span_text

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = json.loads((Path(__file__).parents[3] / "schemas/project.schema.json").read_text(encoding="utf-8"))
ENVIRONMENT = PROJECT["properties"]["environments"]["additionalProperties"]["properties"]
TIMEOUT = ENVIRONMENT["timeouts"]["properties"]["answer"]["anyOf"][1]["pattern"]


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("50ms", 0.05, "50ms"),
        ("1.5s", 1.5, "1500ms"),
        ("0.5s", 0.5, "500ms"),
        ("30s", 30, "30s"),
        ("90s", 90, "90s"),
        ("120s", 120, "2m"),
        ("90m", 5_400, "90m"),
        ("1.5h", 5_400, "90m"),
        ("12h", 43_200, "12h"),
        ("24h", 86_400, "1d"),
        ("30d", 2_592_000, "30d"),
        ("2w", 1_209_600, "14d"),
        ("99999d", 8_639_913_600, "99999d"),
    ],
)
def test_a_span_is_shown_in_the_largest_unit_that_fits(text: str, seconds: float, shown: str) -> None:
    assert read_span(text) == timedelta(seconds=seconds)
    assert span_text(read_span(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["", "d", "0d", "0.0s", "07d", "-1d", ".5h", "1.h", "30", "30 d", "30D", "30d ", "100000d", "1y", "٣d", "1e3s"],
)
def test_what_is_no_span_is_told(text: str) -> None:
    told = "^is not a span of time: write a number with s, m, h, d or w, such as 30d$"
    with pytest.raises(ValueError, match=told):
        read_span(text)


def test_no_time_at_all_is_a_span_where_that_makes_sense() -> None:
    assert read_span("0s", zero=True) == read_span("0h", zero=True) == timedelta()
    for text in ("0", "00s", "0y", "0.0s", "-0s"):
        with pytest.raises(ValueError, match="is not a span"):
            read_span(text, zero=True)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10/s", 10.0), ("100/m", 100 / 60), ("1/h", 1 / 3600), ("0.5/s", 0.5), ("none", None)],
)
def test_a_rate_is_so_many_a_second(text: str, rate: float | None) -> None:
    assert read_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "10/d", "-1/s", "0/s", "0.0/h", "1e3/s", "10 /s", "1" * 400 + "/s", "None", "١/s", "10/ms"),
        *("0.0000000001/s", "12345678901/s"),
    ],
)
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        read_rate(text)


def _patterns(node: Any) -> Iterator[tuple[str, str]]:
    """Every pattern in a schema, with what is said where it does not fit."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"], node.get("patternErrorMessage", "")
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _patterns(item)


def test_the_schema_has_the_same_grammar() -> None:
    spans = {pattern for pattern, told in _patterns(PROJECT) if told.startswith("not a span of time:")}
    assert spans == {f"^{SPAN_PATTERN}$"}
    assert ENVIRONMENT["rate"]["pattern"] == f"^{RATE_PATTERN}$"


@given(st.from_regex(re.compile(TIMEOUT, re.ASCII), fullmatch=True))
def test_a_timeout_is_a_span_of_an_hour_at_most(text: str) -> None:
    assert timedelta() < read_span(text.removesuffix("\n")) <= timedelta(hours=1)


@given(st.from_regex(re.compile(SPAN_PATTERN, re.ASCII), fullmatch=True))
def test_what_fits_the_pattern_is_read(text: str) -> None:
    assert read_span(text) > timedelta()
    assert re.fullmatch(r"[1-9][0-9]*(ms|[smhd])", span_text(read_span(text)))


@given(st.from_regex(re.compile(RATE_PATTERN, re.ASCII), fullmatch=True))
def test_what_fits_the_pattern_of_a_rate_is_one(text: str) -> None:
    rate = read_rate(text)
    assert (rate is None) == (text == "none")
    assert rate is None or rate > 0
