"""The policy at work: facts from the ledger and from lists, decisions for the plan, and again before each claim."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowops.ledger.blocks import decision_on
from flowops.model.call import callees_of, phones_of, split_reference
from flowops.model.claims import Condition
from flowops.model.plan import Action, Decision, Guard
from flowops.model.result import CallResult, Outcome
from flowops.plan.canonical import hash_of_terms
from flowops.plan.chains import not_due, references_before
from flowops.policy.evaluate import (
    PolicyEvaluator,
    claim_condition,
    is_held_by,
    needed_counts,
    tripped,
    without_counted,
    without_tripped,
)
from flowops.policy.policy import Policy
from flowops.policy.review import CapacityCheck, RepeatedCallees, WindowSummary
from flowops.policy.rule import NumberList, PolicyContext, format_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flowops.app.load import Workspace
    from flowops.apply.control import Halt
    from flowops.ledger.pseudonyms import Pseudonymizer
    from flowops.ledger.store import Store
    from flowops.model.call import Call, CallBatch
    from flowops.model.claims import Used
    from flowops.model.document import Place
    from flowops.model.plan import Override, Plan, PlannedCall


#: Said of a call that waits in a campaign, and that was edited since.
EDITED = "edited since it was handed over: it is called as it was then, unless that campaign is cancelled"


def said_of(batch: CallBatch, index: int, pseudonymizer: Pseudonymizer) -> int:
    """Return a short keyed hash of what the files say of a call, and of when it may be placed."""
    terms = hash_of_terms(batch.call(index).terms) if batch.has_terms else None
    return pseudonymizer.said(batch.hashes[index] + (terms or b""))


def facts_of(workspace: Workspace, ledger: Store, at: datetime, override: Override | None) -> PolicyContext:
    """Return what the rules have to know before the first call; only what a rule asks for is looked up."""
    policy = workspace.policy or Policy()
    return PolicyContext(
        claimed={day: ledger.claimed_since(day) for day in needed_counts(policy, at).days},
        lists=_lists_of(workspace, policy),
        overrides=override.rules if override else frozenset(),
    )


def _lists_of(workspace: Workspace, policy: Policy) -> Mapping[tuple[str, str | None], NumberList]:
    """Return what the lists of a policy say. What reads them is imported only where there is a policy."""
    if not policy.rules:
        return {}
    from flowops.app.number_lists import lists_of

    return lists_of(workspace, policy)


class PolicyRun:
    """A policy that is asked about the calls of one plan, in order, and what it makes of the plan as a whole.

    `unseen` counts the calls that may be placed and whose outcome goes to somebody else.
    """

    def __init__(
        self,
        policy: Policy,
        facts: PolicyContext,
        ledger: Store,
        at: datetime,
        rate: float | None,
        *,
        of_campaign: bool = False,
    ) -> None:
        """Take a policy and what it knows; the calls `of_campaign` are not left to the campaign that they wait in."""
        self.unseen = 0
        self._has_campaigns = not of_campaign and ledger.campaigns.exist()
        self._by_document: Counter[Place] = Counter()
        self._whole = policy
        self._facts = facts
        self._policy = without_tripped(policy, facts, at)
        self._within = needed_counts(policy, at).within
        self._rung: dict[str, tuple[datetime, ...]] = {}
        self._evaluator = PolicyEvaluator(self._policy, facts._replace(rung=self._rung))
        self._ledger = ledger
        self._has_blocks = ledger.has_blocks()
        self._at = at
        self._windows = WindowSummary(policy, at)
        self._fit = CapacityCheck(policy, at, rate)
        self._callees = RepeatedCallees()
        self._before = 0

    def hold_back(self, batch: CallBatch, indices: Sequence[int]) -> dict[int, Decision]:
        """Say which of the calls that would be sent may not be, and why."""
        phones = sum(map(phones_of, map(batch.bodies.__getitem__, indices)))
        self._by_document[batch.place] += phones
        held = self._blocked(batch, indices) if self._has_blocks else {}
        if self._has_campaigns:
            held |= self._waiting(batch, indices)
        others = [index for index in indices if index not in held] if held else indices
        if self._policy.rules or batch.has_terms:
            held |= self._held(batch, others)
        else:
            self._fit.add_endless(sum(map(phones_of, map(batch.bodies.__getitem__, others))) if held else phones)
        passed = [index for index in indices if index not in held] if held else indices
        bodies = list(map(batch.bodies.__getitem__, passed))
        self._callees.add([self._before + index for index in passed], bodies)
        self.unseen += sum(["callback-url" in body for body in bodies])
        self._before += len(batch.references)
        return held

    def foresee(self, batch: CallBatch, due: Mapping[int, datetime]) -> dict[int, Decision]:
        """Say which of the calls that wait for a time will not be placed at that time, but later or never, and why."""
        indices = list(due)
        held = self._blocked(batch, indices) if self._has_blocks else {}
        if self._has_campaigns:
            held |= self._waiting(batch, indices)
        others = [index for index in indices if index not in held]
        if self._policy.rules or batch.has_terms:
            self._look_up_rung(batch, others)
            foreseen = ((at, self._evaluator.foresee(batch.call(at), self._at, due[at])) for at in others)
            held |= {index: decision for index, decision in foreseen if decision is not None}
        return held

    def guards(self) -> tuple[Guard, ...]:
        """Return the guards that have tripped, now that it is known how many calls there are."""
        # A guard of the run needs all of the ledger to be counted; no claim, and no turn of a batch, asks for that.
        known = self._ledger.phones() if self._whole.guards else 0
        by_document = dict(self._by_document)
        facts = self._facts._replace(phones=self._by_document.total(), by_document=by_document, known=known)
        return tripped(self._whole, facts, self._at)

    def warnings(self, plan: Plan) -> tuple[str, ...]:
        """Return what a reviewer should think about."""

        def reference(at: int) -> str:
            for batch in plan.batches:
                if at < batch.size:
                    return batch.references[at]
                at -= batch.size
            raise IndexError(at)

        return (*self._fit.warnings(), *self._callees.warnings(reference))

    def notes(self) -> tuple[str, ...]:
        """Return what the windows make of the plan."""
        return tuple(self._windows.lines())

    def _blocked(self, batch: CallBatch, indices: Sequence[int]) -> dict[int, Decision]:
        """Say which of the calls are to a number that somebody has blocked. No rule is asked about these."""
        callees = {index: callees_of(batch.bodies[index]) for index in indices}
        blocks = self._ledger.blocked({number for some in callees.values() for number in some})
        decisions = ((index, decision_on(some, blocks)) for index, some in callees.items())
        return {index: decision for index, decision in decisions if decision is not None}

    def _waiting(self, batch: CallBatch, indices: Sequence[int]) -> dict[int, Decision]:
        """Say which of the calls wait in a campaign, which is to place them as they were handed over."""
        roots = {index: split_reference(batch.references[index])[0] for index in indices}
        waiting = self._ledger.campaigns.of(set(roots.values()))
        held = {}
        for index, root in roots.items():
            found = waiting.get(root)
            if found is not None:
                # What a later attempt says is another text than that of the first one, which is compared.
                is_first = batch.references[index] == root
                edited = is_first and said_of(batch, index, self._ledger.pseudonymizer) != found.said
                held[index] = Decision(Action.DEFERRED, reasons=(found.why, *(EDITED,) * edited))
        return held

    def _look_up_rung(self, batch: CallBatch, indices: Sequence[int]) -> None:
        """Look up when the numbers of some calls have rung, where a rule asks for that."""
        if self._within is not None:
            numbers = {number for index in indices for number in callees_of(batch.bodies[index])}
            self._rung.clear()
            self._rung.update(self._ledger.rung_since(sorted(numbers), self._at - self._within))

    def _held(self, batch: CallBatch, indices: Sequence[int]) -> dict[int, Decision]:
        self._look_up_rung(batch, indices)
        held, contexts = self._evaluator.hold_back(batch, indices, self._at)
        found = list(zip(indices, contexts, strict=True))
        # A call that another rule holds back is not placed when its window opens.
        self._windows.add(
            context for index, context in found if index not in held or is_held_by(held[index], "windows")
        )
        self._fit.add(context for index, context in found if index not in held)
        return held


class ClaimCheck:
    """The policy right before each claim: the same rules, the time as it is, and a count of the results.

    What has to be counted over all runs is left to the claim itself, as its condition. Guards were asked before.
    """

    def __init__(self, policy: Policy, facts: PolicyContext, halt: Halt, now: Callable[[], datetime]) -> None:
        self._policy = policy._replace(rules=tuple(rule.at_claims() for rule in policy.rules))
        self._facts = facts
        self._evaluator = PolicyEvaluator(without_counted(self._policy), facts)
        self._halt = halt
        self._now = now
        self._answered = self._refused = 0

    async def __call__(self, planned: PlannedCall) -> Decision | Condition | None:
        """Return why the call may not be placed now, or what its claim depends on; None when nothing is in its way."""
        call, at = planned.call, self._now()
        held = self._evaluator.evaluate(call, at)
        return held or _with_attempts(call, claim_condition(self._policy, self._facts, call, at), at)

    def count(self, result: CallResult) -> None:
        """Count the phones of a call: too many refusals end the run."""
        if not result.attempts:
            return
        self._answered += result.phones
        self._refused += result.phones if result.outcome is Outcome.REJECTED else result.refused_callees
        for each in self._policy.stop_on:
            why = each.reached(self._refused, self._answered)
            if why is not None:
                self._halt.set(Guard(each.name, format_reason(each, why), each.place))


def _with_attempts(call: Call, condition: Condition | None, at: datetime) -> Condition | None:
    """Return what the claim of a call hangs on: of a later attempt also on those before it."""
    if call.attempt == 1:
        return condition

    def decide(used: Used) -> Decision | None:
        return not_due(call, used.tried, at) or (condition.decide(used) if condition is not None else None)

    before = references_before(call)
    if condition is None:
        return Condition(frozenset(), (), None, decide, before)
    return condition._replace(decide=decide, before=before)
