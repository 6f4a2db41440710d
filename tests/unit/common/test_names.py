"""What a name is, when two are the same, and which was probably meant."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.names import (
    INVISIBLE,
    NAME_PATTERN,
    did_you_mean,
    encoding_meant,
    nearest,
    same_name,
    why_unusable,
    within,
)


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("prodction", ["sandbox", "production"]) == "production"
    assert nearest("PRODUCTION", ["sandbox", "Production"]) == "Production"
    assert nearest("x", ["sandbox"]) is None
    assert nearest(15, ["15"]) is None
    assert nearest("a" * 10_000, ["a" * 10_001]) is None
    assert did_you_mean("prodction", ["production"]) == "did you mean 'production'?"
    assert did_you_mean("x", ["production"]) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(
            (name, "write windows-1252")
            for name in ("cp1252", "CP1252", "Windows-1252", "windows_1252", "1252", "ANSI")
        ),
        *((name, "write iso-8859-1") for name in ("latin1", "latin-1", "Latin1", "ISO_8859-1", "iso8859-1", "l1")),
        *((name, "write utf-8") for name in ("utf8", "UTF-8", "utf-8-sig", "utf_8_sig", "UTF8", "us-ascii", "uft-8")),
        *((name, "write utf-16") for name in ("utf16", "UTF-16", "utf_16", "Unicode")),
        *(("utf-16le", "write utf-16-le"), ("UTF-16BE", "write utf-16-be"), ("latin9", "write iso-8859-15")),
        # Another encoding that is spelled nearly the same is not what was meant.
        *((name, "save the file as UTF-8") for name in ("iso-8859-3", "windows-1255", "utf-32", "shift_jis", "x")),
        *((name, "save the file as UTF-8") for name in ("", "\0", "../x", "a" * 10_000)),
    ],
)
def test_an_encoding_is_known_by_its_other_names(name: str, said: str) -> None:
    known = ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1250", "windows-1252", "iso-8859-1", "iso-8859-15"]
    assert encoding_meant(name, known) == said


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


@pytest.mark.parametrize(
    ("globs", "pattern"),
    [(["call-1"], "call-1*"), (["call-?-*"], "call-?-**"), (["call-1~2"], "call-1*"), ([], "*"), (["a-*", "b-*"], "*")],
)
def test_what_patterns_name_is_read_with_one(globs: list[str], pattern: str) -> None:
    assert within(globs) == pattern
