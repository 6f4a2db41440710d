"""The rules that a claim decides: what they ask of the ledger, and what they make of its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowops.model.claims import Used
from flowops.model.plan import Action
from flowops.policy.evaluate import claim_condition, needed_counts, without_counted
from flowops.policy.rule import PolicyContext

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TODAY = datetime(2026, 11, 23, tzinfo=UTC)
LONDON, PARIS = "+442079460023", "+33199001018"
BOTH = "{max-calls: {per-day: 2}, per-callee: {calls: 1, within: 30d}, countries: [GB, FR]}"


@pytest.mark.parametrize("written", ["{}", "{max-calls: 5, callers: ['+442079460000']}"])
def test_without_a_rule_that_counts_nothing_is_asked(written, policy, call) -> None:
    rules = policy(written)
    assert claim_condition(rules, PolicyContext(phones=1), call(), NOW) is None
    assert without_counted(rules) == rules


def test_days_and_callees_are_asked_for(policy, call) -> None:
    rules = policy(BOTH)
    asked = claim_condition(rules, PolicyContext(), call(callees=[LONDON, PARIS, LONDON]), NOW)
    assert (asked.days, asked.numbers, asked.since) == ({TODAY}, (LONDON, PARIS), NOW - timedelta(days=30))
    days_only = claim_condition(policy("{max-calls: {per-day: 2}}"), PolicyContext(), call(), NOW)
    assert (days_only.days, days_only.numbers, days_only.since) == ({TODAY}, (), None)


def test_of_several_spans_the_longest_is_asked_for(policy) -> None:
    rules = policy("per-callee: [{calls: 1, within: 1d}, {calls: 3, within: 30d}]")
    assert needed_counts(rules, NOW).within == timedelta(days=30)


def test_other_rules_are_left_to_the_check_before_the_claim(policy) -> None:
    assert {rule.name for rule in without_counted(policy(BOTH)).rules} == {"countries", "number-types"}


@pytest.mark.parametrize(
    ("claimed", "rung", "words"),
    [
        (1, (), None),
        (2, (), "max-calls.per-day (flowops.yaml:7): 2 phones today, the limit is 2"),
        (0, (NOW - timedelta(days=31),), None),
        (0, (NOW - timedelta(days=29),), "per-callee (flowops.yaml:7): 1 in the last 30d to the callee"),
    ],
)
def test_the_answer_decides(claimed, rung, words, policy, call) -> None:
    decision = claim_condition(policy(BOTH), PolicyContext(), call(), NOW).decide(
        Used({TODAY: claimed}, {LONDON: rung})
    )
    if words is None:
        assert decision is None
    else:
        assert decision.action is Action.DEFERRED
        assert decision.reasons[0].startswith(words)


def test_what_was_decided_once_does_not_count_the_second_time(policy, call) -> None:
    """A transaction that could not be finished is done again from the start."""
    found = claim_condition(policy("{max-calls: {per-day: 1}}"), PolicyContext(), call(), NOW)
    assert [found.decide(Used({TODAY: 0}, {})) for _ in range(2)] == [None, None]


def test_an_operator_who_lifted_the_limit_has_lifted_it_in_the_claim_too(policy, call) -> None:
    lifted = PolicyContext(overrides=frozenset({"max-calls"}))
    assert (
        claim_condition(policy("{max-calls: {per-day: 0}}"), lifted, call(), NOW).decide(Used({TODAY: 9}, {})) is None
    )
