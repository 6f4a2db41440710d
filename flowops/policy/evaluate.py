"""From rules and facts to a ruling on each call, one call after the other.

The rules about what only the ledger can count are told of a plan beforehand, and decided for good in each claim.

Between a look at the ledger and a claim another run may claim, so a claim carries these rules into its own
transaction (`flowops.model.Condition`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from flowops.model import Action, Condition, Ruling, Used
from flowops.policy.config import told
from flowops.policy.limits import PerCallee, PerDay
from flowops.policy.rule import Block, Finding, Later, Subject, Tally
from flowops.policy.times import moment_text
from flowops.policy.windows import Expires, NotBefore, Windows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from flowops.model import Call
    from flowops.policy.config import Policy
    from flowops.policy.rule import Facts, Rule


#: What can be said today of a time to come. Lists and ledgers change until then.
_FORESEEN = (Windows, NotBefore, Expires, PerDay, PerCallee)
#: How often the rules may move an opening further before it counts as never.
_ROUNDS = 50


class Judge:
    """Rules on the calls of one plan or run in their order; what it lets pass counts for the calls behind it."""

    def __init__(self, policy: Policy, facts: Facts) -> None:
        self.policy = policy
        self.facts = facts
        self._tally = Tally()
        self._counts_callees = any(isinstance(rule, PerCallee) for rule in policy.rules)

    def judge(self, call: Call, at: datetime) -> Ruling | None:
        """What keeps a call from being placed at a time; None when nothing does, and then it counts from now on."""
        subject = Subject(call)
        rules = self.policy.of_call(call)
        found = self._look(rules, subject, at)
        if not found:
            self._count(call, at)
            return None
        blocks = [told(rule, finding.why) for rule, finding in found if isinstance(finding, Block)]
        if blocks:
            return Ruling(Action.BLOCKED, tuple(blocks))
        until = self._opening(rules, subject, found)
        if not isinstance(until, tuple):
            return Ruling(Action.BLOCKED, (*_laters(found), until))
        zone = next((callee.zones[0] for callee in subject.callees if len(callee.zones) == 1), None)
        own = call.terms.timezone
        opening = f"may be placed from {moment_text(until[0], own if isinstance(own, str) else zone)}"
        return Ruling(Action.DEFERRED, (*_laters(found), opening), until[0])

    def _look(self, rules: Iterable[Rule], subject: Subject, at: datetime) -> list[tuple[Rule, Finding]]:
        found = [(rule, rule.look(subject, self.facts, self._tally, at)) for rule in rules]
        return [(rule, finding) for rule, finding in found if finding is not None]

    def _opening(
        self, rules: Iterable[Rule], subject: Subject, found: list[tuple[Rule, Finding]]
    ) -> tuple[datetime] | str:
        """The first time that no rule which can be foreseen holds the call back, or why there is none."""
        foreseen = [rule for rule in rules if isinstance(rule, _FORESEEN)]
        for _ in range(_ROUNDS):
            until = max(finding.until for _, finding in found if isinstance(finding, Later))
            found = self._look(foreseen, subject, until)
            if not found:
                return (until,)
            for rule, finding in found:
                if isinstance(finding, Block):
                    return told(rule, f"{finding.why}, and before {moment_text(until)} it may not be placed")
        return "no time was found at which all rules let it pass"

    def _count(self, call: Call, at: datetime) -> None:
        self._tally.passed += 1
        if self._counts_callees:
            for number in call.callees:
                self._tally.rung.setdefault(number, []).append(at)


def _laters(found: Iterable[tuple[Rule, Finding]]) -> list[str]:
    return [told(rule, finding.why) for rule, finding in found if isinstance(finding, Later)]


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
