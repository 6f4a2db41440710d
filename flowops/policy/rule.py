"""What every rule is: a value that looks at one call and the facts, and says nothing, not yet, or no.

A rule never says yes. Rules stand side by side, and a call is placed only when none of them speaks: so one more
rule can hold more calls back, and never fewer. For the same reason what blocks looks at the plan as it came from
the ledger, and not at what other rules have left of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flowops.common.masking import mask_number
from flowops.policy.numbers import Callee, about

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from datetime import datetime

    from flowops.model import Call, Place


class Block(NamedTuple):
    """The call may not be placed; `why` follows the rule's name in a sentence."""

    why: str


class Later(NamedTuple):
    """The call may not be placed before a time (with an offset)."""

    until: datetime
    why: str


Finding = Block | Later | None


class Subject:
    """A call with what its numbers say; looked up once, and only when a rule asks."""

    __slots__ = ("_callees", "call")

    def __init__(self, call: Call) -> None:
        self.call = call
        self._callees: tuple[Callee, ...] | None = None

    @property
    def callees(self) -> tuple[Callee, ...]:
        """What is known of each callee."""
        if self._callees is None:
            self._callees = tuple(about(number) for number in self.call.callees)
        return self._callees

    @property
    def caller(self) -> Callee | None:
        """What is known of the number that the callee sees."""
        number = self.call.body.get("caller")
        return about(number) if isinstance(number, str) else None

    @property
    def document(self) -> Place:
        """The document that the call is written in."""
        return self.call.origin.place()

    def named(self, callee: Callee) -> str:
        """A callee in a sentence: by its number only where there are several."""
        return "the callee" if len(self.callees) == 1 else mask_number(callee.number)


class Listing(NamedTuple):
    """What is known of a do-not-call file: which numbers are in it, and how old it is.

    `trouble` says why it cannot be relied on; `as_of` is the date that the file itself gives.
    """

    numbers: Container[str] = frozenset()
    as_of: datetime | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules are told, read at the edge.

    `size` counts the calls that the plan would send by the ledger alone, `by_document` those of each document.
    `known` counts the calls in the ledger. `claimed` maps the start of a day to the number of calls claimed
    since. `rung` maps a number to the times it was called at. `lists` maps the source of a do-not-call rule to
    what is known of it. `overrides` are the rules that an operator has lifted for this run.
    """

    size: int = 0
    by_document: Mapping[Place, int] = field(default_factory=dict)
    known: int = 0
    claimed: Mapping[datetime, int] = field(default_factory=dict)
    rung: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    lists: Mapping[tuple[str, str | None], Listing] = field(default_factory=dict)
    overrides: frozenset[str] = frozenset()


@dataclass(slots=True)
class Tally:
    """What this plan or run has let pass so far, in order: how many calls, and when each number was called."""

    passed: int = 0
    rung: dict[str, list[datetime]] = field(default_factory=dict)


class Rule(Protocol):
    """One line of a policy; `name` is its key in the file, `place` is where that stands."""

    @property
    def name(self) -> str:
        """The key in the file."""
        ...

    @property
    def place(self) -> Place:
        """Where it is written."""
        ...

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:
        """What the rule says of a call at a time. Pure: nothing is read and nothing changed."""
        ...
