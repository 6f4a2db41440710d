"""The rules about how many: of a run, of a day, of a document, of what is known, and of one callee."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from flowops.common.spans import span_text
from flowops.policy.rule import Block, Finding, Later
from flowops.policy.times import zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from flowops.model import Place
    from flowops.policy.config import Policy
    from flowops.policy.rule import Facts, Subject, Tally

#: The rules that guard against accidents, which an operator may lift for a run, on record. No other rule can be.
LIFTABLE = ("max-calls", "max-change")


@dataclass(frozen=True, slots=True)
class PerRun:
    """No plan of more than so many calls. What other rules hold back counts too: it is the size of the change."""

    most: int
    place: Place
    name: str = "max-calls.per-run"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocks every call of a plan that is too large: whose mistake it is nobody knows yet."""
        return self.block(subject.document, facts)

    def block(self, document: Place, facts: Facts) -> Block | None:  # noqa: ARG002 (as the others)
        """Return what blocks the calls of a document."""
        if "max-calls" in facts.overrides or facts.size <= self.most:
            return None
        return Block(f"the plan has {facts.size:,} calls to place, the limit is {self.most:,}")


@dataclass(frozen=True, slots=True)
class PerDocument:
    """No document of more than so many calls to place."""

    most: int
    place: Place
    name: str = "max-calls.per-document"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocks every call of a document that is too large."""
        return self.block(subject.document, facts)

    def block(self, document: Place, facts: Facts) -> Block | None:
        """Return what blocks the calls of a document."""
        if "max-calls" in facts.overrides:
            return None
        count = facts.by_document.get(document)
        if count is None:
            return Block("the calls of its document were not counted")
        if count <= self.most:
            return None
        return Block(f"its document has {count:,} calls to place, the limit is {self.most:,}")


@dataclass(frozen=True, slots=True)
class PerDay:
    """Not more than so many calls a day, over all runs; the day is that of a zone."""

    most: int
    timezone: str
    place: Place
    name: str = "max-calls.per-day"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Defers to the next day what is too much for this one."""
        if "max-calls" in facts.overrides:
            return None
        if self.most == 0:
            return Block("the limit is 0")
        known = zone(self.timezone)
        if known is None:
            return Block(f"the time zone {self.timezone} is not known on this machine")
        begin = _begin(at, known)
        if begin not in facts.claimed:
            # Of a day to come nothing is used up; any other one has to be counted.
            return None if any(day < begin for day in facts.claimed) else Block("the calls of the day were not counted")
        used = facts.claimed[begin] + tally.passed
        if used < self.most:
            return None
        return Later(_begin(begin + timedelta(hours=36), known), f"{used:,} calls today, the limit is {self.most:,}")

    def day(self, at: datetime) -> datetime | None:
        """When the day of an instant began; None when the zone is not known."""
        known = zone(self.timezone)
        return None if known is None else _begin(at, known)


def _begin(at: datetime, where: ZoneInfo) -> datetime:
    """When the day of an instant began, in UTC."""
    return datetime.combine(at.astimezone(where).date(), time(), where).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class MaxChange:
    """No plan that adds more than a share of the calls that the ledger knows."""

    share: float
    place: Place
    name: str = "max-change"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocks every call of such a plan, and the first plan of all, of which there is no share."""
        return self.block(subject.document, facts)

    def block(self, document: Place, facts: Facts) -> Block | None:  # noqa: ARG002 (as the others)
        """Return what blocks the calls of a document."""
        if self.name in facts.overrides:
            return None
        if facts.known == 0:
            return Block("the ledger knows no call yet, so that every plan is a large one")
        if facts.size <= self.share * facts.known:
            return None
        share = facts.size / facts.known
        return Block(
            f"{facts.size:,} calls to place are {share:.0%} of the {facts.known:,} that the ledger knows, "
            f"the limit is {self.share:.0%}"
        )


@dataclass(frozen=True, slots=True)
class PerCallee:
    """Not more than so many calls to one number within a span, over all references and runs."""

    most: int
    within: timedelta
    place: Place
    name: str = "per-callee"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:
        """Defers until enough of the earlier calls are long enough ago."""
        later: list[Later] = []
        for callee, rings in Counter(subject.callees).items():
            if rings > self.most:
                return Block(f"the call rings {subject.named(callee)} {rings} times, the limit is {self.most}")
            earlier = (*facts.rung.get(callee.number, ()), *tally.rung.get(callee.number, ()))
            recent = sorted(time for time in earlier if time > at - self.within)
            room = self.most - rings
            if len(recent) > room:
                free = recent[len(recent) - room - 1] + self.within
                many = f"{len(recent)} in the last {span_text(self.within)} to {subject.named(callee)}"
                later.append(Later(free, f"{many}, the limit is {self.most}"))
        return max(later, default=None)


#: The rules that look at how many calls a plan or a document has, and at nothing of the call itself.
_TOTALS = (PerRun, PerDocument, MaxChange)


def without_totals(policy: Policy) -> Policy:
    """Return the rules that can be asked before it is known how many calls there are."""
    return replace(policy, rules=tuple(rule for rule in policy.rules if not isinstance(rule, _TOTALS)))


def totals_trip(policy: Policy, facts: Facts, document: Place) -> bool:
    """Return whether the calls of a document are blocked because there are too many, of it or in all."""
    totals = (rule for rule in policy.rules if isinstance(rule, _TOTALS))
    return any(rule.block(document, facts) is not None for rule in totals)
