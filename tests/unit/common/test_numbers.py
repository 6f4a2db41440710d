"""One form of phone numbers, everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flowops.common.numbers import E164_PATTERN, is_e164

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.mark.parametrize("number", ["+1234567", "+442079460018", "+123456789012345"])
def test_a_number_is_a_plus_and_seven_to_fifteen_digits(number: str) -> None:
    assert is_e164(number)


@pytest.mark.parametrize(
    "text",
    ["", "+", "+123456", "+1234567890123456", "+0123456789", "442079460018", " +442079460018", "+442079460018\n"],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_e164(text)


def test_digits_of_other_scripts_are_none() -> None:
    assert not is_e164("+٤٤٢٠٧٩٤٦٠٠١٨")


@pytest.mark.parametrize("name", ["request", "call", "callset", "project", "render"])
def test_the_schemas_have_the_same_form(name: str) -> None:
    text = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    written = set(re.findall(r'"pattern": ("[^"]*6,14[^"]*")', text))
    assert [json.loads(pattern) for pattern in written] == [f"^{E164_PATTERN}$"]
