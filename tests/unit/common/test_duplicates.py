"""Which of many texts come more than once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flowops.common.duplicates import DuplicateDetector


@given(st.lists(st.lists(st.text(max_size=3))))
def test_whatever_comes_twice_is_suspected_and_little_else(groups: list[list[str]]) -> None:
    found = DuplicateDetector()
    for group in groups:
        found.add(group)
    counts = Counter(text for group in groups for text in group)
    assert found.candidates() == {hash(text) for text, count in counts.items() if count > 1}


def test_nothing_of_a_million_different_texts_is_suspected() -> None:
    found = DuplicateDetector()
    found.add(map(str, range(1_000_000)))
    found.add(["77"])
    assert found.candidates() == {hash("77")}
