"""What is to be done with many calls, in little memory: decisions are kept, calls are made anew when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flowops.model.call import Call
    from flowops.model.calls import Calls
    from flowops.model.document import Value

#: What every fingerprint begins with: its version and its hash function; 64 hex digits follow.
FINGERPRINT = "v1:sha256:"
_BYTES = 32


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
        return self in SENDING


SIGNS = {
    Action.PLACE: "+",
    Action.UNCHANGED: "=",
    Action.CONFLICT: "!",
    Action.RETRY: "↻",
    Action.IN_DOUBT: "?",
    Action.DEFERRED: "~",
    Action.BLOCKED: "x",
}
SENDING = frozenset({Action.PLACE, Action.RETRY})
_ACTIONS = tuple(Action)
_WORDS = tuple(action.value for action in Action)
_NUMBERS = {action: number for number, action in enumerate(_ACTIONS)}


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


class Decision(NamedTuple):
    """What is to be done with a call; `reasons` say why, for people.

    `until` is when a deferred call may be placed, as far as that is known.
    """

    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call and what is to be done with it, see `Decision`."""

    call: Call
    fingerprint: str
    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Calls of one document with their decisions, packed: of call i the action is ``actions[i]``.

    `details` are the decisions that say more than an action. `lines` are what the plan's digest is made of.
    """

    calls: Calls
    fingerprints: bytes
    lines: bytes
    actions: bytes
    details: Mapping[int, Decision]

    def action(self, index: int) -> Action:
        """What is to be done with one of the calls."""
        return _ACTIONS[self.actions[index]]

    def counts(self) -> dict[Action, int]:
        """How many calls have each action that there is."""
        return {_ACTIONS[number]: count for number, count in Counter(self.actions).items()}

    def having(self, actions: Iterable[Action]) -> list[int]:
        """The calls that have one of these actions, in order."""
        wanted = bytes(action in actions for action in _ACTIONS)
        return list(compress(range(len(self.actions)), self.actions.translate(wanted.ljust(256, b"\0"))))

    def pick(self, indices: Sequence[int]) -> Iterator[PlannedCall]:
        """Some of the calls, in their order."""
        return map(self._planned, indices, self.calls.pick(indices))

    def __iter__(self) -> Iterator[PlannedCall]:
        return map(self._planned, range(len(self.actions)), self.calls)

    def _planned(self, index: int, call: Call) -> PlannedCall:
        fingerprint = f"{FINGERPRINT}{self.fingerprints[index * _BYTES : (index + 1) * _BYTES].hex()}"
        return PlannedCall(call, fingerprint, *self.details.get(index, (self.action(index),)))


def planned_batch(
    calls: Calls, references: Sequence[str], fingerprints: Sequence[str], decisions: Mapping[int, Decision]
) -> PlannedBatch:
    """Calls with what is to be done with them; those that have no decision are unchanged."""
    actions = bytearray([_NUMBERS[Action.UNCHANGED]]) * len(references)
    for index, decision in decisions.items():
        actions[index] = _NUMBERS[decision.action]
    lines = [
        _line(_WORDS[action], reference, fingerprint)
        for reference, fingerprint, action in zip(references, fingerprints, actions, strict=True)
    ]
    digits = "".join([fingerprint.removeprefix(FINGERPRINT) for fingerprint in fingerprints])
    details = {index: decision for index, decision in decisions.items() if decision[1:] != ((), (), None)}
    return PlannedBatch(calls, bytes.fromhex(digits), b"".join(lines), bytes(actions), details)


def decision_line(reference: str, fingerprint: str, action: Action) -> bytes:
    """What a plan's digest takes of one call: SHA-256 of its action, fingerprint and reference."""
    return _line(action.value, reference, fingerprint)


def _line(action: str, reference: str, fingerprint: str) -> bytes:
    return sha256(f"{action} {fingerprint} {reference}".encode("utf-8", "surrogatepass")).digest()


class PlannedCalls(Sequence[PlannedCall]):
    """The calls of a plan, in the order of the files. To go through all of them makes each anew: ask for few."""

    __slots__ = ("_counts", "batches")

    def __init__(self, batches: Iterable[PlannedBatch]) -> None:
        self.batches = tuple(batches)
        self._counts: Counter[Action] = Counter()
        for batch in self.batches:
            self._counts.update(batch.counts())

    def __len__(self) -> int:
        return self._counts.total()

    def __iter__(self) -> Iterator[PlannedCall]:
        for batch in self.batches:
            yield from batch

    def __getitem__(self, index: int) -> PlannedCall:  # type: ignore[override]  # a slice would be a list of calls
        for batch in self.batches:
            if index < len(batch.actions):
                return next(batch.pick([index]))
            index -= len(batch.actions)
        raise IndexError(index)

    def counts(self) -> dict[Action, int]:
        """How many calls have each action; every action is there."""
        return {action: self._counts[action] for action in Action}

    def having(self, *actions: Action) -> Iterator[PlannedCall]:
        """The calls that have one of these actions, in order."""
        for batch in self.batches:
            indices = batch.having(actions)
            if len(indices) == len(batch.actions):
                yield from batch
            elif indices:
                yield from batch.pick(indices)

    def decided(self, decide: Callable[[PlannedCall], Decision | None]) -> PlannedCalls:
        """The calls with other decisions for some of those that would be sent; `decide` is asked for each, in order.

        These very calls, where nothing is decided otherwise.
        """
        batches = [self._decided(batch, decide) for batch in self.batches]
        same = all(after is before for after, before in zip(batches, self.batches, strict=True))
        return self if same else PlannedCalls(batches)

    def _decided(self, batch: PlannedBatch, decide: Callable[[PlannedCall], Decision | None]) -> PlannedBatch:
        indices = batch.having(SENDING)
        if not indices:
            return batch
        decided = [
            (index, planned, decision)
            for index, planned in zip(indices, batch.pick(indices), strict=True)
            if (decision := decide(planned)) is not None
        ]
        if not decided:
            return batch
        lines, actions, details = bytearray(batch.lines), bytearray(batch.actions), dict(batch.details)
        for index, planned, decision in decided:
            line = decision_line(planned.call.reference_id, planned.fingerprint, decision.action)
            lines[index * _BYTES : (index + 1) * _BYTES] = line
            actions[index] = _NUMBERS[decision.action]
            details[index] = decision
        return replace(batch, lines=bytes(lines), actions=bytes(actions), details=details)

    def lines(self) -> Iterator[bytes]:
        """What the plan's digest takes of each call."""
        for batch in self.batches:
            yield from (batch.lines[at : at + _BYTES] for at in range(0, len(batch.lines), _BYTES))
