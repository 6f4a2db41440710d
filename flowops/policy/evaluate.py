"""From rules and facts to a decision on each call, one call after the other.

What only the ledger can count is looked up before a plan, and decided for good in each claim: in between another run
may claim, so a claim carries these rules into its own transaction (`flowops.model.ledger.Condition`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from flowops.model.ledger import Condition, Used
from flowops.model.plan import Action, Decision, Guard
from flowops.policy.rule import Block, CallContext, Defer, Rule, RunCounts, RunGuard, findings, format_reason
from flowops.policy.times import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from flowops.model.call import Call
    from flowops.policy.config import Policy
    from flowops.policy.rule import PolicyContext

    Found = list[tuple[Rule, Block | Defer]]

#: How often the rules may move an opening further before it counts as never.
_ROUNDS = 50


class PolicyEvaluator:
    """Decides on the calls of one plan or run in their order; what it lets pass counts for the calls behind it."""

    def __init__(self, policy: Policy, facts: PolicyContext) -> None:
        self.policy = policy
        self.facts = facts
        self._counts = RunCounts()
        self._counts_callees = any(rule.span() is not None for rule in policy.rules)

    def evaluate(self, call: Call, at: datetime) -> Decision | None:
        """Return what keeps a call from being placed at a time; None when nothing does: from now on it counts."""
        return self.decide(self.context(call, at))

    def context(self, call: Call, at: datetime) -> CallContext:
        """Return what the rules look at."""
        return CallContext(call, at, self.facts, self._counts)

    def decide(self, context: CallContext) -> Decision | None:
        """Return what keeps the call of a context from being placed, as `evaluate` does."""
        call, at = context.call, context.at
        rules = self.policy.of_call(call)
        found = findings(rules, context)
        if not found:
            self._count(call, at)
            return None
        blocks = [format_reason(rule, finding.why) for rule, finding in found if isinstance(finding, Block)]
        if blocks:
            return Decision(Action.BLOCKED, reasons=tuple(blocks))
        until = _opening(rules, context, found)
        if not isinstance(until, tuple):
            return Decision(Action.BLOCKED, reasons=(*_deferred(found), until))
        zone = next((callee.zones[0] for callee in context.callees if len(callee.zones) == 1), None)
        own = call.terms.timezone
        opening = f"may be placed from {moment_text(until[0], own if isinstance(own, str) else zone)}"
        return Decision(Action.DEFERRED, reasons=(*_deferred(found), opening), until=until[0])

    def _count(self, call: Call, at: datetime) -> None:
        self._counts.passed += len(call.callees)
        if self._counts_callees:
            for number in call.callees:
                self._counts.rung.setdefault(number, []).append(at)


def _opening(rules: Iterable[Rule], context: CallContext, found: Found) -> tuple[datetime] | str:
    """Return the first time that no rule which can be foreseen holds the call back, or why there is none."""
    foreseen = [rule for rule in rules if rule.foreseeable]
    for _ in range(_ROUNDS):
        until = max(finding.until for _, finding in found if isinstance(finding, Defer))
        found = findings(foreseen, context.later(until))
        if not found:
            return (until,)
        for rule, finding in found:
            if isinstance(finding, Block):
                return format_reason(rule, f"{finding.why}, and before {moment_text(until)} it may not be placed")
    return "no time was found at which all rules let it pass"


def _deferred(found: Found) -> list[str]:
    return [format_reason(rule, finding.why) for rule, finding in found if isinstance(finding, Defer)]


class NeededCounts(NamedTuple):
    """What has to be counted for the rules: the starts of days, and how long ago calls to a number still count."""

    days: frozenset[datetime]
    within: timedelta | None


def needed_counts(policy: Policy, at: datetime) -> NeededCounts:
    """Return what there is to count at a time."""
    days = {day for rule in policy.rules if (day := rule.day(at)) is not None}
    spans = [span for rule in policy.rules if (span := rule.span()) is not None]
    return NeededCounts(frozenset(days), max(spans, default=None))


def without_counted(policy: Policy) -> Policy:
    """Return the rules that a claim does not decide."""
    return replace(policy, rules=tuple(rule for rule in policy.rules if not rule.counted))


def claim_condition(policy: Policy, facts: PolicyContext, call: Call, at: datetime) -> Condition | None:
    """Return what a claim at a time hangs on; None without a rule that counts."""
    if not any(rule.counted for rule in policy.rules):
        return None
    needed = needed_counts(policy, at)

    def decide(used: Used) -> Decision | None:
        known = replace(facts, claimed=used.claimed, rung=used.rung)
        return PolicyEvaluator(policy, known).evaluate(call, at)

    if needed.within is None:
        return Condition(needed.days, (), None, decide)
    return Condition(needed.days, tuple(dict.fromkeys(call.callees)), at - needed.within, decide)


def tripped(policy: Policy, facts: PolicyContext, at: datetime) -> tuple[Guard, ...]:
    """Return the guards that let a run place nothing at a time."""
    asked = [guard for guard in policy.guards if not guard.is_lifted(facts)]
    found = ((guard, guard.check(facts, at)) for guard in asked)
    return tuple(Guard(guard.name, format_reason(guard, why), guard.place) for guard, why in found if why is not None)


def without_tripped(policy: Policy, facts: PolicyContext, at: datetime) -> Policy:
    """Return the rules that can say something of a call: one that has tripped as a guard speaks of all."""
    rules = (rule for rule in policy.rules if not isinstance(rule, RunGuard) or rule.check(facts, at) is None)
    return replace(policy, rules=tuple(rules))
