"""What apply would do: one action a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.model.planned import SENDING, Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from flowops.model.ledger import LedgerMark
    from flowops.model.planned import PlannedCall, PlannedCalls


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy makes of a call that would be sent: deferred, until a time if that is known, or blocked.

    `reasons` name every rule that holds the call back, and where it is written. `until` has an offset.
    """

    action: Action
    reasons: tuple[str, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of the desired state in the order of the files, each with its action.

    `unnamed` counts calls in the ledger that the files no longer name. `digest` is
    ``sha256:<hex>`` over everything that decides what apply does. `warnings` and `notes` are about the plan
    as a whole, for people: what a reviewer should think about, and what the rules make of it. `pseudonym` gives a
    number its short name, where there is a ledger with a key to make it with.
    """

    environment: str
    revision: str | None
    ledger: LedgerMark | None
    calls: PlannedCalls
    unnamed: int
    digest: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pseudonym: Callable[[str], str] | None = field(default=None, compare=False, repr=False)

    def counts(self) -> dict[Action, int]:
        """How many calls have each action; every action is there."""
        return self.calls.counts()

    @property
    def size(self) -> int:
        """How many calls apply would post."""
        counts = self.counts()
        return sum(counts[action] for action in SENDING)

    def sends(self) -> Iterator[PlannedCall]:
        """The calls that apply would post, in order."""
        return self.calls.having(*SENDING)
