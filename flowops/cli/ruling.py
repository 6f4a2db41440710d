"""The policy at work: facts from the ledger and from lists, rulings for the plan, and again before each claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.cli.secrets import value_of
from flowops.errors import FlowopsError
from flowops.model import CallResult, Outcome, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowops.apply import Held
    from flowops.cli.workspace import Workspace
    from flowops.ledger import Store
    from flowops.model import Condition, Plan, PlannedCall, Ruling
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


def rule(plan: Plan, workspace: Workspace, ledger: Store, at: datetime, override: Override | None) -> Plan:
    """The plan as the policy leaves it at a time, with what a reviewer should know of it."""
    from flowops.plan import restrict
    from flowops.policy import Judge, Policy, does_not_fit, repeated_callees, window_notes

    policy = workspace.policy or Policy()
    calls = [planned.call for planned in plan.sends]
    judge = Judge(policy, gather(policy, plan, workspace, ledger, at, override))
    rulings = {call.reference_id: ruling for call in calls if (ruling := judge.judge(call, at)) is not None}
    placed = [call for call in calls if call.reference_id not in rulings]
    warnings = [*does_not_fit(policy, placed, at, workspace.environment.rate), *repeated_callees(placed)]
    ruled = restrict(plan, rulings, warnings=warnings, notes=window_notes(policy, calls, at))
    # The key of a sandbox ledger that is not made yet lasts no longer than this command.
    return replace(ruled, pseudonym=ledger.sealer.pseudonym) if plan.ledger and plan.ledger.id else ruled


def gather(
    policy: Policy, plan: Plan, workspace: Workspace, ledger: Store, at: datetime, override: Override | None
) -> Facts:
    """What the rules have to be told, and nothing that no rule asks for."""
    from collections import Counter

    from flowops.policy import DoNotCall, Facts, question

    calls = [planned.call for planned in plan.sends]
    numbers = {number for call in calls for number in call.callees}
    lists = [each for each in policy.rules if isinstance(each, DoNotCall)]
    facts = Facts(
        size=len(calls),
        by_document=Counter(call.origin.place() for call in calls),
        known=sum(ledger.count().values()),
        lists={each.source: _listing(each, numbers, workspace) for each in lists},
        overrides=override.rules if override else frozenset(),
    )
    asked = question(policy, at)
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
