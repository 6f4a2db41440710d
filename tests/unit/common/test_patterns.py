"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from flowops.common.patterns import regex


def test_a_pattern_finds_what_a_compiled_one_finds() -> None:
    words = regex(r"[a-z]+", re.IGNORECASE)
    assert words.sub("x", "Ann, 12") == "x, 12"
    assert [found[0] for found in words.finditer("Ann 12 bob")] == ["Ann", "bob"]
    assert regex(rb"\d").fullmatch(b"7")


def test_a_pattern_is_compiled_at_its_first_use_and_then_asked_directly() -> None:
    wrong = regex("(")
    assert wrong.pattern == "("
    with pytest.raises(re.error):
        wrong.search("a")
    right = regex("a")
    assert right.search("cat")
    assert right.search is right.search
    assert right.search == re.compile("a").search
