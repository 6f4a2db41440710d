"""A run in two rounds: a canary first, then the rest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from flowops.common.text import count
from flowops.common.times import clock
from flowops.model.ledger import State
from flowops.model.plan import Action, Guard
from flowops.model.result import CallResult, Outcome, Result
from flowops.plan.recheck import recheck_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.app.observer import Observer
    from flowops.app.plan import Planned
    from flowops.apply.control import Halt, ShutdownRequest
    from flowops.model.ledger import Entry
    from flowops.model.plan import Pacing, Plan, PlannedCall

#: Seconds between two look-ups of outcomes in the ledger.
LOOK = 0.5
#: A result code that says something about the callee's phone, and not that something is wrong with the calls:
#: 9 was not answered in time, 10 finished successfully (vendor documentation).
_GOOD = (9, 10)
_NOTHING: Mapping[str, CallResult] = {}


@dataclass(slots=True)
class Allowance:
    """The number of phones that a run may still ring, None for any number; `taken` are the calls that it took."""

    left: int | None
    taken: set[str] = field(default_factory=set)

    @property
    def is_used_up(self) -> bool:
        """Return whether not even a call of one phone is left."""
        return self.left == 0

    def take(self, batches: Iterator[Sequence[PlannedCall]]) -> Iterator[Sequence[PlannedCall]]:
        """Yield the first calls, up to the first that would ring too many phones."""
        for batch in batches:
            if self.left is None:
                yield batch
                continue
            first: list[PlannedCall] = []
            for planned in batch:
                if planned.phones > self.left:
                    self.left = 0
                    yield first
                    return
                self.left -= planned.phones
                self.taken.add(planned.reference_id)
                first.append(planned)
            yield first


class Place(Protocol):
    """Places calls of a plan, as `flowops.apply.run.apply` does."""

    async def __call__(
        self, plan: Plan, calls: Iterable[Sequence[PlannedCall]], before: Mapping[str, CallResult] = _NOTHING
    ) -> Result:
        """Place these calls; `before` has the results of others of the plan."""
        ...


@dataclass(frozen=True)
class Rounds:
    """A run in as many rounds as its pacing asks for; `changed` takes calls that are not what was planned any more,
    `finished` those of the canary whose outcome is known."""

    found: Planned
    pacing: Pacing
    shutdown: ShutdownRequest
    halt: Halt
    observer: Observer
    changed: Callable[[str], None]
    finished: Callable[[Entry], None]

    @cached_property
    def allowance(self) -> Allowance:
        """Return how many phones the run may still ring."""
        return Allowance(self.pacing.limit)

    async def run(self, place: Place) -> Result:
        """Place the plan's calls; return one result for all rounds."""
        plan = self.found.plan
        calls = self.allowance.take(recheck_sent(self.found.walk, plan.batches, self.changed))
        phones = sum(number for action, number in plan.phones().items() if action.sends)
        phones = phones if self.pacing.limit is None else min(phones, self.pacing.limit)
        if self.pacing.canary is not None and phones > self.pacing.canary:
            result = await self._canary_first(place, calls, self.pacing.canary)
        else:
            result = await place(plan, calls)
        return self._limited(result)._replace(interrupted=self.shutdown.signal)

    def _limited(self, result: Result) -> Result:
        """Say of the calls that the run was not to place that this is why it did not."""
        if self.pacing.limit is None:
            return result
        sent = {planned.reference_id for planned in self.found.plan.references(*_SENDS)} - self.allowance.taken
        waiting = (call.reference_id for call in result.calls if call.outcome is Outcome.NOT_ATTEMPTED)
        beyond = sent.intersection(waiting) - result.changed
        why = f"this run places at most {count(self.pacing.limit, 'phone')} (--limit)"
        calls = (call._replace(error=why) if call.reference_id in beyond else call for call in result.calls)
        return result._replace(calls=tuple(calls), beyond=frozenset(beyond))

    async def _canary_first(self, place: Place, calls: Iterator[Sequence[PlannedCall]], phones: int) -> Result:
        """Place the first calls, and the others of the same walk when these went well."""
        plan = self.found.plan
        first, calls = _split(calls, phones)
        result = await place(plan, [first])
        why = await self._why_not_go_on(first)
        if why is not None:
            self.halt.set(Guard("canary", why))
        named = {planned.reference_id for planned in first}
        done = {call.reference_id: call for call in result.calls if call.reference_id in named}
        if why is None and self._goes_on(result):
            return await place(plan, calls, done)
        guard = self.halt.guard
        why = guard.reason if guard is not None else "the canary was not finished"
        waiting = {planned.reference_id for planned in plan.references(*_SENDS)} - done.keys()
        told = (call._replace(error=why) if call.reference_id in waiting else call for call in result.calls)
        return result._replace(calls=tuple(told), guards=result.guards or ((guard,) if guard is not None else ()))

    async def _why_not_go_on(self, first: Sequence[PlannedCall]) -> str | None:
        """Wait for the outcomes of the first calls; return why the others may not follow, None when they may."""
        ledger, pacing = self.found.ledger, self.pacing
        phones = sum(planned.phones for planned in first)
        self.observer.report(f"waiting for the outcomes of the first {count(phones, 'phone')}")
        references = [planned.reference_id for planned in first]
        until = clock() + pacing.patience
        while True:
            entries = await asyncio.to_thread(ledger.look_up, references)
            known = [(planned, entries.get(planned.reference_id)) for planned in first]
            open_ = sum(planned.phones for planned, entry in known if entry is not None and entry.state.is_open)
            if not open_ or clock() >= until or self.shutdown.signal is not None:
                break
            await asyncio.sleep(LOOK)
        for _, entry in known:
            if entry is not None and entry.state is State.FINISHED:
                self.finished(entry)
        return why_failed([(planned.phones, entry) for planned, entry in known], pacing.failures)

    def _goes_on(self, result: Result) -> bool:
        return self.shutdown.signal is None and self.halt.guard is None and result.failure is None


_SENDS = (Action.PLACE, Action.RETRY)


def _split(
    batches: Iterator[Sequence[PlannedCall]], phones: int
) -> tuple[list[PlannedCall], Iterator[Sequence[PlannedCall]]]:
    """Take calls from the batches until they ring so many phones, and one at least: these, and the rest."""
    first: list[PlannedCall] = []
    rest: Sequence[PlannedCall] = ()
    left = phones
    for batch in batches:
        taken = 0
        while taken < len(batch) and left > 0 and (batch[taken].phones <= left or not first):
            left -= batch[taken].phones
            taken += 1
            first.append(batch[taken - 1])
        rest = batch[taken:]
        if rest:
            break
    return first, chain([rest], batches)


def why_failed(first: Sequence[tuple[int, Entry | None]], failures: float) -> str | None:
    """Return why the calls of a canary are no good sign, given with their phones; None when not too many failed."""
    phones = sum(number for number, _ in first)
    failed = sum(_failed(number, entry) for number, entry in first)
    if failed <= failures * phones:
        return None
    open_ = sum(number for number, entry in first if entry is not None and entry.state.is_open)
    unknown = f", {open_:,} of them without an outcome" if open_ else ""
    return f"canary: {failed:,} of {count(phones, 'phone')} failed{unknown}, the limit is {failures:.0%}"


def _failed(phones: int, entry: Entry | None) -> int:
    """Return how many phones of a call have not come to a good end."""
    if entry is None or entry.state is not State.FINISHED:
        return phones
    return sum(leg.code not in _GOOD or leg.error is not None for leg in entry.legs)
