"""What a run asks of the ledger, and what it answers: claims under conditions, records, moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flowops.model.call import Call
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint, Entry, EventType, GivenUp, Leg, State, Tried
    from flowops.model.plan import Decision


class Labelled(NamedTuple):
    """The calls that were claimed with a label since a time."""

    name: str
    value: str
    since: datetime


class Used(NamedTuple):
    """What has been used up of limits, by all runs.

    `claimed` maps the start of a day to the number of calls that were claimed since and may have rung, `rung` maps a
    number to the times of such calls to it. `tried` are the attempts before, by their references. `labelled` is how
    many phones the calls rang, or were to ring, that have the label in question.
    """

    claimed: Mapping[datetime, int]
    rung: Mapping[str, tuple[datetime, ...]]
    tried: Mapping[str, Tried] = {}
    labelled: int = 0


class Condition(NamedTuple):
    """A condition of a claim that can only be known in the claim's own transaction.

    `days` are the starts of the days to count, `numbers` those whose calls since `since` are to be given, if any are.
    `decide` is pure: what then keeps the call from being placed, None when nothing does. `before` are the references of
    the attempts before, whose rows are to be given. `labelled` are calls whose phones are to be counted.
    """

    days: frozenset[datetime]
    numbers: tuple[str, ...]
    since: datetime | None
    decide: Callable[[Used], Decision | None]
    before: tuple[str, ...] = ()
    labelled: Labelled | None = None

    @classmethod
    def never(cls, why: Decision) -> Condition:
        """Return the condition that does not hold, because of a decision."""
        return cls(frozenset(), (), None, lambda _used: why)


class Claim(NamedTuple):
    """Take a call for this run, before the first byte is sent. Lost when another run has it.

    With a condition it is taken only if that holds at this very moment, whatever other runs claim meanwhile. One of a
    `campaign` is taken while that is placed, and any other while the call waits in no campaign.
    """

    call: Call
    fingerprint: str
    condition: Condition | None = None
    campaign: str | None = None


class Move(NamedTuple):
    """Record a call that was placed under another reference under its own; nothing is posted.

    `fingerprint_as` gives the fingerprint that the call would have under the reference that was posted: nothing moves
    where that is not what was sent.
    """

    reference_id: str
    moved_from: str
    fingerprint_as: Callable[[str], str]


class Record(NamedTuple):
    """The result of a call that this run had claimed."""

    reference_id: str
    event_type: EventType
    legs: tuple[Leg, ...] = ()
    detail: str | None = None


class Later(NamedTuple):
    """A claim comes too early: it may come again after so many seconds. `is_pause`: the API has asked all to wait."""

    seconds: float
    is_pause: bool = False


class Written(NamedTuple):
    """The answer to a claim or a record: `done`, or not, and the state the call is in now.

    `stopped` says why no claim is taken at all: somebody has stopped the environment. `lost` says why this run cannot
    claim any more. `decision` is what a claim's condition has come to, when that is why it was not taken. `later` says
    when to come again with it, `slot` when what was claimed may be sent, by `flowops.common.times`; None for at once.
    """

    done: bool
    state: State | None
    stopped: str | None = None
    lost: str | None = None
    decision: Decision | None = None
    later: Later | None = None
    slot: float | None = None


class RunLedger(Protocol):
    """The interface of a ledger for a run; `flowops.ledger` implements it. Errors are `LedgerError`."""

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the rows of these references that exist, a few statements for any number of them.

        For one that became another the answer is the row of that one, where it has a state.
        """
        ...

    def write(self, writes: Sequence[Claim | Record], *, rate: float | None = None) -> list[Written]:
        """Write claims and records in one durable transaction: all are on disk when this returns.

        With a rate, in phones a second, each claim takes the next slots of all runs, or is told to come later.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Let no run claim a call for so many seconds from now; a longer pause that is already on stays."""
        ...

    def move(self, moves: Sequence[Move]) -> list[Written]:
        """Record calls under the references that they have now, in one durable transaction; one by one, or not."""
        ...

    def sweep(self) -> list[str]:
        """Turn in-flight calls whose lease is dead into in-doubt ones; their references."""
        ...


class Ledger(RunLedger, Protocol):
    """The interface of a ledger for a plan."""

    def checkpoint(self) -> Checkpoint:
        """Return which ledger this is and how many events it has."""
        ...

    def pseudonymize(self, call: Call) -> dict[str, Value]:
        """Return the body with every sensitive value replaced by ``{"$pseudonym": hmac, "shown": masked}``."""
        ...

    def fingerprints(self, reference_ids: Sequence[str]) -> dict[str, str]:
        """Return what was placed under these references, where that is known whole and nothing else is to be told."""
        ...

    def placed_with_the_words_of(self, bodies: Sequence[Mapping[str, Value]], template: str) -> dict[int, str]:
        """Return which of some bodies may have been placed under another reference, that another template made."""
        ...

    def given_up(self, calls: Mapping[str, str]) -> dict[str, GivenUp]:
        """Return which of these calls, given with their fingerprints, the API has refused too often."""
        ...

    def count(self) -> dict[State, int]:
        """Return how many calls of this environment are in each state."""
        ...

    def roots_of(self, reference_ids: Sequence[str]) -> dict[str, str]:
        """Return the calls' own names of those references that are further attempts of a call, by those."""
        ...

    def open_attempts(self) -> dict[str, Entry]:
        """Return the further attempts that are in flight or in doubt, by their calls' own names."""
        ...

    def further_attempts(self) -> int:
        """Return how many rows are further attempts of calls that are in the ledger."""
        ...

    def tried(self, reference_ids: Sequence[str]) -> dict[str, Tried]:
        """Return what decides whether another attempt follows these calls, of those that are in the ledger."""
        ...
