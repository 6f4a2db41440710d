"""From rules and facts to a decision on each call, one call after the other.

What only the ledger can count is looked up before a plan, and decided for good in each claim: in between another run
may claim, so a claim carries these rules into its own transaction (`flowops.model.claims.Condition`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.numbers import nature
from flowops.common.tuples import NamedTuple
from flowops.model.call import callees_of
from flowops.model.claims import Condition, Used
from flowops.model.plan import OPENING, Action, Decision, Guard
from flowops.policy.reading import moment_text
from flowops.policy.rule import (
    Block,
    CallContext,
    CallGroup,
    Defer,
    Rule,
    RunCounts,
    RunGuard,
    findings,
    format_reason,
    names_rule,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from datetime import datetime, timedelta

    from flowops.model.call import Call, CallBatch
    from flowops.policy.policy import Policy
    from flowops.policy.rule import PolicyContext

    Found = list[tuple[Rule, Block | Defer]]

#: How many kinds of calls that are alike are remembered.
_KEPT = 4_096
#: How often the rules may move an opening further before it counts as never.
_ROUNDS = 50


class HeldBack(NamedTuple):
    """What keeps calls from being placed, by their index; and the contexts of all, which calls that are alike share.

    A shared context is that of one of them: it tells their caller, and the nature of their callees' numbers.
    """

    decisions: dict[int, Decision]
    contexts: Sequence[CallContext]


class PolicyEvaluator:
    """Decides on the calls of one plan or run in their order; what it lets pass counts for the calls behind it."""

    def __init__(self, policy: Policy, facts: PolicyContext) -> None:
        self.policy = policy
        self.facts = facts
        self._counts = RunCounts()
        self._counts_callees = any(rule.span() is not None for rule in policy.rules)
        asked = [rule for rule in policy.rules if not rule.is_lifted(facts)]
        self._by_nature = [rule for rule in asked if rule.by_nature]
        self._by_call = [rule for rule in asked if not rule.by_nature]
        #: Of calls that are alike: the context of one of them, and whether a rule has something against them all.
        self._alike: dict[Hashable, tuple[CallContext, bool]] = {}

    def evaluate(self, call: Call, at: datetime) -> Decision | None:
        """Return what keeps a call from being placed at a time; None when nothing does: from now on it counts."""
        return self.decide(self.context(call, at))

    def hold_back(self, batch: CallBatch, indices: Sequence[int], at: datetime) -> HeldBack:
        """Return what keeps some calls of a batch, in their order, from being placed, as `evaluate` does of each.

        Each rule is asked about all of them first; only calls that one may speak of are looked at one by one.
        """
        if batch.has_terms:
            contexts = [self.context(batch.call(index), at) for index in indices]
            suspects = dict(zip(indices, contexts, strict=True))
        else:
            contexts, group, found = self._look_over(batch, indices, at)
            self._pass_others(group, found)
            suspects = {index: self.context(batch.call(index), at) for index in sorted(found)}
        decisions = ((index, self.decide(context)) for index, context in suspects.items())
        return HeldBack({index: held for index, held in decisions if held is not None}, contexts)

    def _look_over(
        self, batch: CallBatch, indices: Sequence[int], at: datetime
    ) -> tuple[list[CallContext], CallGroup, set[int]]:
        """Return contexts of some calls, see `HeldBack`, whom they ring, and which are held back with their like."""
        contexts, calls, numbers, suspects = [], [], [], set()
        bodies, alike = batch.bodies, self._alike
        for index in indices:
            body = bodies[index]
            callees = callees_of(body)
            key = (at, body.get("caller"), *map(nature, callees))
            known = alike.get(key)
            if known is None:
                context = self.context(batch.call(index), at)
                if len(alike) >= _KEPT:
                    alike.clear()
                known = alike[key] = context, bool(findings(self._by_nature, context))
            contexts.append(known[0])
            if known[1]:
                suspects.add(index)
            for number in callees:
                calls.append(index)
                numbers.append(number)
        return contexts, CallGroup(calls, numbers, list(map(int, numbers)), at, self.facts, self._counts), suspects

    def _pass_others(self, group: CallGroup, suspects: set[int]) -> None:
        """Add the calls that a rule may have something against to the suspects, and count all others: they pass."""
        for rule in self._by_call:
            suspects.update(rule.suspects(group))
        passed = group.digits
        if suspects:
            rings = zip(group.calls, group.digits, strict=True)
            passed = [digits for index, digits in rings if index not in suspects]
        self._counts.passed += len(passed)
        if self._counts_callees:
            self._counts.add(passed, group.at)

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
        blocks = _blocked(found)
        if blocks:
            return Decision(Action.BLOCKED, reasons=blocks)
        if _is_endless(found):
            return Decision(Action.DEFERRED, reasons=tuple(_deferred(found)))
        until = _opening(rules, context, found)
        if not isinstance(until, tuple):
            return Decision(Action.BLOCKED, reasons=(*_deferred(found), until))
        return Decision(Action.DEFERRED, reasons=(*_deferred(found), _from(context, until[0])), until=until[0])

    def foresee(self, call: Call, at: datetime, due: datetime) -> Decision | None:
        """Return what will hold back a call that is due later than now; None when nothing does. It does not count.

        What cannot be foreseen is asked now.
        """
        rules, context = self.policy.of_call(call), self.context(call, at)
        blocks = _blocked(findings([rule for rule in rules if not rule.foreseeable], context))
        if blocks:
            return Decision(Action.BLOCKED, reasons=blocks)
        found = findings([rule for rule in rules if rule.foreseeable], context.later(due))
        if not found:
            return None
        for rule, finding in found:
            if isinstance(finding, Block):
                return Decision(Action.BLOCKED, reasons=(_never(rule, finding, due),))
        why = [format_reason(rule, "holds it back when it is due") for rule, _ in found]
        if _is_endless(found):
            return Decision(Action.DEFERRED, reasons=tuple(_deferred(found)))
        until = _opening(rules, context, found)
        if not isinstance(until, tuple):
            return Decision(Action.BLOCKED, reasons=(*why, until))
        return Decision(Action.DEFERRED, reasons=(*why, _from(context, until[0])), until=until[0])

    def _count(self, call: Call, at: datetime) -> None:
        self._counts.passed += len(call.callees)
        if self._counts_callees:
            self._counts.add(map(int, call.callees), at)


def _is_endless(found: Found) -> bool:
    """Return whether one of the rules says of no time that the call may be placed from then on."""
    return any(isinstance(finding, Defer) and finding.until is None for _, finding in found)


def _opening(rules: Iterable[Rule], context: CallContext, found: Found) -> tuple[datetime] | str:
    """Return the first time that no rule which can be foreseen holds the call back, or why there is none."""
    foreseen = [rule for rule in rules if rule.foreseeable]
    for _ in range(_ROUNDS):
        if _is_endless(found):
            break
        until = max(finding.until for _, finding in found if isinstance(finding, Defer) and finding.until)
        found = findings(foreseen, context.later(until))
        if not found:
            return (until,)
        for rule, finding in found:
            if isinstance(finding, Block):
                return _never(rule, finding, until)
    return "no time was found at which all rules let it pass"


def _never(rule: Rule, finding: Block, until: datetime) -> str:
    """Return why a call will not be placed that waits for a time."""
    return format_reason(rule, f"{finding.why}, and before {moment_text(until)} it may not be placed")


def _from(context: CallContext, until: datetime) -> str:
    """Return from when on a call may be placed, in words."""
    zone = next((callee.zones[0] for callee in context.callees if len(callee.zones) == 1), None)
    own = context.call.terms.timezone
    return f"{OPENING} {moment_text(until, own if isinstance(own, str) else zone)}"


def _blocked(found: Found) -> tuple[str, ...]:
    return tuple(format_reason(rule, finding.why) for rule, finding in found if isinstance(finding, Block))


def _deferred(found: Found) -> list[str]:
    return [format_reason(rule, finding.why) for rule, finding in found if isinstance(finding, Defer)]


def is_held_by(decision: Decision, name: str) -> bool:
    """Return whether the rules of this name, and no others, hold a call back."""
    return all(names_rule(reason, name) for reason in decision.reasons if not reason.startswith(OPENING))


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
    return policy._replace(rules=tuple(rule for rule in policy.rules if not rule.counted))


def claim_condition(policy: Policy, facts: PolicyContext, call: Call, at: datetime) -> Condition | None:
    """Return what a claim at a time hangs on; None without a rule that counts."""
    if not any(rule.counted for rule in policy.rules):
        return None
    needed = needed_counts(policy, at)

    def decide(used: Used) -> Decision | None:
        known = facts._replace(claimed=used.claimed, rung=used.rung)
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
    return policy._replace(rules=tuple(rules))
