"""The policy at work: facts from the ledger and from lists, rulings for the plan, and again before each claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.cli.secrets import value_of
from flowops.errors import FlowopsError
from flowops.model import SENDING, CallResult, Decision, Outcome, Reference
from flowops.model.twice import Twice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowops.apply import Held
    from flowops.cli.workspace import Workspace
    from flowops.ledger import Store
    from flowops.model import Condition, Place, Plan, PlannedCall, Ruling
    from flowops.policy import DoNotCall, Facts, Listing, Policy


class Override(NamedTuple):
    """Rules that an operator lifts for one run, and why; kept with every event of the run."""

    rules: frozenset[str]
    reason: str

    def __str__(self) -> str:
        return f"{', '.join(sorted(self.rules))}: {self.reason}"


def clock() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Ruled(NamedTuple):
    """A plan as the policy leaves it. `unseen` counts the calls whose outcome goes to somebody else."""

    plan: Plan
    unseen: int


def rule(plan: Plan, workspace: Workspace, ledger: Store, at: datetime, override: Override | None) -> Ruled:
    """The plan as the policy leaves it at a time, with what a reviewer should know of it."""
    from flowops.plan import restrict
    from flowops.policy import Fit, Judge, Policy, WindowNotes, repeated_callees

    policy = workspace.policy or Policy()
    judge = Judge(policy, gather(policy, plan, workspace, ledger, at, override))
    windows, fit = WindowNotes(policy, at), Fit(policy, at, workspace.environment.rate)
    callees = Twice()
    unseen = 0

    def decide(planned: PlannedCall) -> Decision | None:
        nonlocal unseen
        call = planned.call
        windows.add(call)
        ruling = judge.judge(call, at)
        if ruling is not None:
            return Decision(ruling.action, planned.changes, (*planned.reasons, *ruling.reasons), ruling.until)
        fit.add(call)
        callees.add(set(call.callees))
        unseen += "callback-url" in call.body
        return None

    decided = plan.calls.decided(decide)
    warnings = fit.warnings()
    suspects = callees.suspects()
    if suspects:
        rung = (planned.call for planned in decided.having(*SENDING))
        warnings += repeated_callees(call for call in rung if not suspects.isdisjoint(map(hash, call.callees)))
    ruled = restrict(plan, decided, warnings=warnings, notes=windows.notes())
    # The key of a sandbox ledger that is not made yet lasts no longer than this command.
    if plan.ledger and plan.ledger.id:
        ruled = replace(ruled, pseudonym=ledger.sealer.pseudonym)
    return Ruled(ruled, unseen)


def gather(
    policy: Policy, plan: Plan, workspace: Workspace, ledger: Store, at: datetime, override: Override | None
) -> Facts:
    """What the rules have to be told, and nothing that no rule asks for."""
    from collections import Counter

    from flowops.policy import DoNotCall, Facts, question

    lists = [each for each in policy.rules if isinstance(each, DoNotCall)]
    asked = question(policy, at)
    numbers: set[str] = set()
    if lists or asked.within is not None:
        numbers.update(number for planned in plan.sends() for number in planned.call.callees)
    by_document: Counter[Place] = Counter()
    for batch in plan.calls.batches:
        if sends := len(batch.having(SENDING)):
            by_document[batch.calls.place] += sends
    facts = Facts(
        size=plan.size,
        by_document=by_document,
        known=sum(ledger.count().values()),
        lists={each.source: _listing(each, numbers, workspace) for each in lists},
        overrides=override.rules if override else frozenset(),
    )
    return replace(
        facts,
        claimed={day: ledger.claimed_since(day) for day in asked.days},
        rung={} if asked.within is None else ledger.rung_since(sorted(numbers), at - asked.within),
    )


def _listing(rule: DoNotCall, numbers: Iterable[str], workspace: Workspace) -> Listing:
    """What a do-not-call list says of some numbers, or why it cannot be relied on."""
    from flowops.documents import Unreadable
    from flowops.policy import Listing, find

    try:
        key = value_of(Reference(rule.key), "key", FlowopsError).encode() if rule.key else None
        path = workspace.reader.absolute(Path(workspace.project.root) / rule.file)
        with workspace.reader.files.open(path) as file:
            return find(iter(lambda: file.readline(LONGEST_LINE), b""), set(numbers), key)
    except Unreadable as error:
        return Listing(trouble=str(error))
    except OSError as error:
        return Listing(trouble=f"cannot be read: {error.strerror}")
    except FlowopsError as error:
        return Listing(trouble=f"cannot be used: {error.message}")


#: More of one line is never read at once, whatever the file is.
LONGEST_LINE = 4_096


class Guard:
    """Asked right before each claim, told of each result: the same rules, the time as it is.

    What has to be counted over all runs is left to the claim itself, as its condition.
    """

    def __init__(self, policy: Policy, facts: Facts, held: Held, now: Callable[[], datetime]) -> None:
        from flowops.policy import Judge, without_counted

        self._policy = policy
        self._facts = facts
        self._judge = Judge(without_counted(policy), facts)
        self._held = held
        self._now = now
        self._answered = self._refused = 0

    async def __call__(self, planned: PlannedCall) -> Ruling | Condition | None:
        """Why the call may not be placed now, or what its claim hangs on; None when nothing is in its way."""
        from flowops.policy import condition

        call, at = planned.call, self._now()
        return self._judge.judge(call, at) or condition(self._policy, self._facts, call, at)

    def tell(self, result: CallResult) -> None:
        """Take in the result of a call: too many refusals end the run."""
        from flowops.policy import told

        if not result.attempts:
            return
        self._answered += 1
        self._refused += result.outcome is Outcome.REJECTED or bool(result.refused_callees)
        for each in self._policy.stop_on:
            why = each.reached(self._refused, self._answered)
            if why is not None:
                self._held.hold(told(each, why))
