"""What is a failure, and for whom."""

from __future__ import annotations

import itertools

import pytest

from flowops.common.exit_codes import PRECEDENCE, ExitCode, worst
from flowops.model.result import FAIL_ON, failures


def test_nothing_is_a_failure_that_nobody_asked_for() -> None:
    assert failures((), dict.fromkeys(FAIL_ON, 1)) == set()
    assert worst(()) is ExitCode.DONE


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("blocked", 4),
        ("deferred", 4),
        ("guard", 4),
        ("invalid", 3),
        ("given-up", 6),
        ("in-doubt", 7),
        ("conflict", 9),
        ("none", 1),
    ],
)
def test_each_word_has_the_code_of_the_contract(word: str, code: int) -> None:
    assert failures({word}, {word: 1}) == {code}
    assert failures({word}, {word: 0, "place": 3}) == set()


def test_every_word_is_tested() -> None:
    assert len(FAIL_ON) == 8


def test_the_order_of_codes_is_the_contracts() -> None:
    named = [ExitCode(number) for number in (7, 6, 5, 4, 9, 8, 2)]
    assert [code for code in PRECEDENCE if code in named] == named
    for first, second in itertools.combinations(named, 2):
        assert worst({second, first}) is first
