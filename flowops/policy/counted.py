"""The rules about what only the ledger can count: told of a plan beforehand, and decided for good in each claim.

Between a look at the ledger and a claim another run may claim, so a claim carries these rules into its own
transaction (`flowops.model.Condition`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from flowops.model import Condition, Used
from flowops.policy.judge import Judge
from flowops.policy.limits import PerCallee, PerDay

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from flowops.model import Call, Ruling
    from flowops.policy.policy import Policy
    from flowops.policy.rule import Facts

_COUNTED = (PerDay, PerCallee)


class Question(NamedTuple):
    """What the rules have to be told: the starts of days, and how long ago calls to a number still count."""

    days: frozenset[datetime]
    within: timedelta | None


def question(policy: Policy, at: datetime) -> Question:
    """What there is to count at a time."""
    days = {day for rule in policy.rules if isinstance(rule, PerDay) and (day := rule.day(at)) is not None}
    spans = [rule.within for rule in policy.rules if isinstance(rule, PerCallee)]
    return Question(frozenset(days), max(spans, default=None))


def without_counted(policy: Policy) -> Policy:
    """The rules that a claim does not decide."""
    return replace(policy, rules=tuple(rule for rule in policy.rules if not isinstance(rule, _COUNTED)))


def counts(policy: Policy) -> bool:
    """Whether a claim hangs on what only the ledger can count."""
    return any(isinstance(rule, _COUNTED) for rule in policy.rules)


def condition(policy: Policy, facts: Facts, call: Call, at: datetime) -> Condition | None:
    """What a claim at a time hangs on; None without a rule that counts."""
    if not counts(policy):
        return None
    asked = question(policy, at)

    def decide(used: Used) -> Ruling | None:
        known = replace(facts, claimed=used.claimed, rung=used.rung)
        return Judge(policy, known).judge(call, at)

    if asked.within is None:
        return Condition(asked.days, (), None, decide)
    return Condition(asked.days, tuple(dict.fromkeys(call.callees)), at - asked.within, decide)
