"""What apply would do: one action a call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flowops.model.call import Call
    from flowops.model.document import Value
    from flowops.model.ledger import LedgerMark


class Action(StrEnum):
    """What a plan does with a call."""

    PLACE = "place"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    RETRY = "retry"
    IN_DOUBT = "in-doubt"
    DEFERRED = "deferred"
    BLOCKED = "blocked"

    @property
    def sign(self) -> str:
        """The sign in front of a call in the text."""
        return SIGNS[self]

    @property
    def sends(self) -> bool:
        """Whether apply posts such a call."""
        return self in (Action.PLACE, Action.RETRY)


SIGNS = {
    Action.PLACE: "+",
    Action.UNCHANGED: "=",
    Action.CONFLICT: "!",
    Action.RETRY: "↻",
    Action.IN_DOUBT: "?",
    Action.DEFERRED: "~",
    Action.BLOCKED: "x",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs: `path` is a JSON Pointer into the body; sealed values stay sealed.

    `before` or `after` is `ABSENT` where the field is not there at all.
    """

    path: str
    before: Value
    after: Value


class Absent:
    """Stands where there is no value; not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy makes of a call that would be sent: deferred, until a time if that is known, or blocked.

    `reasons` name every rule that holds the call back, and where it is written. `until` has an offset.
    """

    action: Action
    reasons: tuple[str, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call and what is to be done with it; `reasons` say why, for people.

    `until` is when a deferred call may be placed, as far as that is known.
    """

    call: Call
    fingerprint: str
    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
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
    calls: tuple[PlannedCall, ...]
    unnamed: int
    digest: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pseudonym: Callable[[str], str] | None = field(default=None, compare=False, repr=False)

    def counts(self) -> dict[Action, int]:
        """How many calls have each action; every action is there."""
        found = Counter(planned.action for planned in self.calls)
        return {action: found[action] for action in Action}

    @property
    def sends(self) -> tuple[PlannedCall, ...]:
        """The calls that apply would post, in order."""
        return tuple(planned for planned in self.calls if planned.action.sends)
