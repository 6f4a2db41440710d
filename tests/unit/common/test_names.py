"""What a name is, when two are the same, and which was probably meant."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.names import INVISIBLE, NAME_PATTERN, did_you_mean, nearest, same_name, why_unusable


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("prodction", ["sandbox", "production"]) == "production"
    assert nearest("PRODUCTION", ["sandbox", "Production"]) == "Production"
    assert nearest("x", ["sandbox"]) is None
    assert nearest(15, ["15"]) is None
    assert nearest("a" * 10_000, ["a" * 10_001]) is None
    assert did_you_mean("prodction", ["production"]) == "did you mean 'production'?"
    assert did_you_mean("x", ["production"]) is None


def test_what_is_invisible_is_what_unicode_says() -> None:
    # Format characters that Unicode does not ignore: marks that stand before numbers, and what interlinear notes have.
    seen = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, *range(0xFFF9, 0xFFFC), 0x110BD, 0x110CD}
    seen |= set(range(0x13430, 0x13440))
    listed = {code for first, last in INVISIBLE for code in range(first, last + 1)}
    known = {code for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
    assert known - listed == known & seen
    assert not listed & seen
    assert {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F, 0x115F, 0x3164, 0x2800} <= listed


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("a\u200bb", "has U+200B (ZERO WIDTH SPACE) at character 2, which nobody sees in a name"),
        ("x\U000e0100", "has U+E0100 (VARIATION SELECTOR-17) at character 2, which nobody sees in a name"),
        ("a\n", "has U+000A (a character without a name) at character 2, which nobody sees in a name"),
        ("a\u00a0b", "has U+00A0 (NO-BREAK SPACE) at character 2, which nobody sees in a name"),
        ("a\udc80", "has U+DC80 (a character without a name) at character 2, which nobody sees in a name"),
        (" a", "has a space at its beginning or end, or two in a row"),
        ("a  b", "has a space at its beginning or end, or two in a row"),
    ],
)
def test_what_is_no_name_says_why(name: str, why: str) -> None:
    assert why_unusable(name) == why


@given(st.text(max_size=6))
def test_one_rule_says_what_a_name_is(name: str) -> None:
    assert (why_unusable(name) is None) == (re.fullmatch(NAME_PATTERN, name) is not None)


def test_canonically_equivalent_names_are_one() -> None:
    assert same_name("Zoe\u0308") == same_name("Zo\u00eb") == "Zo\u00eb"
