"""Where the attempts of a call stand: what is due, what waits and for what, what has ended and why.

A chain follows from what its document says, from its rows in the ledger, and from the time; nothing else is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from flowops.common.text import minute
from flowops.common.tuples import NamedTuple
from flowops.model.call import COMPLETED, OUTCOMES, BatchView, attempt_reference
from flowops.model.ledger import State
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.call import Attempts, Call, CallBatch, Script
    from flowops.model.ledger import Tried


class Standing(NamedTuple):
    """Where a chain stands: `attempt` (1, 2, …, of at most `most`) is the one that is meant, `why` is for people.

    `due` is when that attempt may be claimed, None where it has been claimed already: then the chain waits, or has
    ended. `waits` says of these whether an outcome would move it.
    """

    attempt: int
    most: int
    why: str
    due: datetime | None = None
    waits: bool = False


def outcome_of(tried: Tried) -> str | None:
    """Return how an attempt ended, None where that is not known (yet). Calls with attempts have one callee.

    A code that the API's documents do not name is taken for a completed call: that one is never repeated.
    """
    return OUTCOMES.get(tried.codes[0], COMPLETED) if tried.codes else None


def standing_of(attempts: Attempts, tried: Sequence[Tried]) -> Standing:
    """Return where a chain stands; `tried` are its attempts, from the first on.

    What counts is what its document said when the first one was claimed: one attempt, where it said nothing. By now it
    may say less often, and nothing else.
    """
    number = len(tried)
    most, attempts = min(attempts.most, tried[0].attempts.most), tried[0].attempts
    done = next((at for at, each in enumerate(tried, 1) if outcome_of(each) == COMPLETED), None)
    if done is not None:
        return Standing(number, most, f"completed at attempt {done}" if most > 1 else "completed")
    held = next((at for at, each in enumerate(tried, 1) if each.state is not State.FINISHED), None)
    if held is not None:
        return Standing(number, most, *_open(tried[held - 1], held))
    last = tried[-1]
    outcome, finished_at = outcome_of(last), last.finished_at
    if outcome is None or finished_at is None:
        return Standing(number, most, f"waits for the outcome of attempt {number}", waits=True)
    ended = f"{outcome.replace('-', ' ')} {minute(finished_at)}"
    if outcome not in attempts.on:
        why = "which is not in `on`" if attempts.on else "and was imported: no other attempt follows"
        return Standing(number, most, f"ended with {ended}, {why}")
    if number >= most:
        return Standing(number, most, f"{number} of {most} attempts used: {ended}" if most > 1 else ended)
    due = datetime.fromisoformat(finished_at) + attempts.pause(number)
    if due > tried[0].within:
        return Standing(number, most, f"ended with {ended}: the next attempt would be due later than `within`")
    return Standing(number + 1, most, ended, due)


def _open(tried: Tried, number: int) -> tuple[str, None, bool]:
    """Return what keeps a chain that is not at an end where it is, as the rest of a `Standing`."""
    if tried.state is State.PLACED:
        return f"waits for the outcome of attempt {number}", None, True
    return f"attempt {number} is {tried.state.value}", None, tried.state.is_unsettled


def next_outcome(attempts: Attempts, tried: Sequence[Tried], at: datetime) -> datetime | None:
    """Return from when on an outcome of the last attempt may make another one due, None where none would follow.

    It was not known `at` a time.
    """
    number, said = len(tried), tried[0].attempts
    claimed, pause = datetime.fromisoformat(tried[-1].claimed_at), said.pause(number)
    if number >= min(attempts.most, said.most) or max(claimed, at) + pause > tried[0].within:
        return None
    return claimed + pause


def not_due(call: Call, tried: Mapping[str, Tried], at: datetime) -> Decision | None:
    """Return why a later attempt may not be claimed at a time, None when it may: asked in the claim's transaction.

    `tried` are the attempts before, as the ledger has them at that very moment.
    """
    before = [tried.get(reference) for reference in references_before(call)]
    known = [each for each in before if each is not None]
    if len(known) < len(before):
        return Decision(Action.BLOCKED, reasons=("an attempt before this one is not in the ledger",))
    standing = standing_of(call.attempts, known)
    if standing.due is None:
        return Decision(Action.BLOCKED, reasons=(standing.why,))
    if standing.due > at:
        return Decision(Action.DEFERRED, reasons=(standing.why,), until=standing.due)
    return None


def references_before(call: Call) -> tuple[str, ...]:
    """Return the references of the attempts before a call's own."""
    return tuple(attempt_reference(call.root, attempt) for attempt in range(1, call.attempt))


class LaterAttempts(BatchView):
    """The calls of a batch, some of them as they are at a later attempt: a `flowops.model.call.CallBatch`."""

    def __init__(self, batch: CallBatch, attempts: Mapping[int, int]) -> None:
        """Take a batch of first attempts; `attempts` says which of them are at which later one."""
        super().__init__(batch)
        self._later: dict[int, tuple[CallBatch, int]] = {}
        self.references = list(batch.references)
        self.bodies = list(batch.bodies)
        self.hashes = list(batch.hashes)
        for attempt in sorted(set(attempts.values())):
            indices = [index for index, each in attempts.items() if each == attempt]
            later = batch.repeated(indices, attempt)
            for at, index in enumerate(indices):
                self._later[index] = (later, at)
                self.references[index] = later.references[at]
                self.bodies[index] = later.bodies[at]
                self.hashes[index] = later.hashes[at]

    @property
    def scripts(self) -> frozenset[Script]:
        """Return the distinct things that these calls may say."""
        return self._batch.scripts.union(*(later.scripts for later, _ in self._later.values()))

    def repeated(self, indices: Sequence[int], attempt: int) -> CallBatch:
        """Return some of them as they are at a later attempt."""
        return self._batch.repeated(indices, attempt)

    def call(self, index: int) -> Call:
        """Return one of them."""
        later, at = self._later.get(index, (self._batch, index))
        return later.call(at)


def at_attempts(batch: CallBatch, attempts: Mapping[int, int]) -> CallBatch:
    """Return the calls of a batch, some of them as they are at a later attempt."""
    return LaterAttempts(batch, attempts) if attempts else batch
