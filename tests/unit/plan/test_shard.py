"""Parts of the calls: every call is in one of them, on every machine in the same one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plans import identified

from flowops.plan import Shard, make_plan, read_shard


@given(st.text(), st.integers(1, 50))
def test_a_call_is_in_one_part(reference: str, parts: int) -> None:
    assert sum(Shard(number, parts).has(reference) for number in range(1, parts + 1)) == 1


def test_the_parts_are_the_same_everywhere_and_about_equal() -> None:
    assert [number for number in range(20) if Shard(1, 4).has(f"reminder-{number}")] == [
        1,
        5,
        6,
        7,
        12,
        13,
        16,
        17,
        18,
        19,
    ]
    counts = Counter(number for number in range(1, 5) for n in range(4_000) if Shard(number, 4).has(f"r-{n}"))
    assert all(900 < count < 1_100 for count in counts.values())


def test_a_part_is_planned_as_the_whole_would_be_and_says_that_it_is_one(call: Any, ledger: Any) -> None:
    calls = [call(f"a-{number}", line=1 + number % 2) for number in range(40)]
    plans = []
    for number in (1, 2, 3):
        shard = Shard(number, 3)
        batches = list(shard.pick(identified(calls)))
        plans.append(make_plan(batches, environment="e", revision=None, ledger=ledger(), shard=str(shard)))
        assert plans[-1].notes[0].startswith(f"shard {number}/3 of the calls")
    found = {item.call.reference_id: item.call for plan in plans for item in plan.calls}
    assert found == {each.reference_id: each for each in calls}
    one = plans[0].calls
    assert one[len(one) - 1].call == list(one)[-1].call


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/4/2", "１/4", "1/99999", "1 /4"])
def test_what_is_no_part_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a part"):
        read_shard(text)


def test_a_part_reads_as_it_is_written() -> None:
    assert str(read_shard("2/4")) == "2/4"
    assert read_shard("2/4") == Shard(2, 4)
