"""One turn of a batch of a campaign: what of it is due is placed, and it is said when it is looked at again.

A turn keeps nothing: what is to be done follows from the calls, the ledger, the policy and the time, so that it may be
taken twice, late, or on two machines at once. The claims decide.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from flowops.app.policy_run import PolicyRun
from flowops.campaigns.batch import open_batch
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.model.call import attempt_reference
from flowops.model.campaign import BatchTurn, Campaign, CampaignState, Wait
from flowops.model.plan import SENDING, Action
from flowops.model.result import Outcome
from flowops.plan.chains import at_attempts, standing_of
from flowops.plan.planner import plan_batch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from flowops.campaigns.batch import KeptBatch, Seal
    from flowops.campaigns.engine import Job
    from flowops.ledger.store import Store
    from flowops.model.plan import Guard, PlannedBatch, PlannedCall, Settings
    from flowops.model.result import CallResult
    from flowops.policy.policy import Policy
    from flowops.policy.rule import PolicyContext

    Place = Callable[[Sequence[PlannedCall]], Awaitable[list[CallResult | None]]]
    _PlannedPart = tuple[KeptBatch, "_Planned"]

_log = logging.getLogger(__name__)
#: When a batch is looked at again in which calls were not placed for want of the API, or that another run has in hand.
AGAIN = timedelta(minutes=1)
#: The same for calls that something holds back that is no clock.
HELD_BACK = timedelta(minutes=10)
#: The same for calls that the API has refused: after three times, an hour apart, they are given up.
REFUSED = timedelta(hours=1)
#: The same for calls whose outcome is waited for, once the next attempt may be due; the longer it has not come, the
#: more seldom: after so many parts of the time that it is late.
OUTCOME, LATE = timedelta(seconds=30), 4
#: What a call that is tried once came to, when nothing more is to be done about it.
_SETTLED = frozenset({Outcome.PLACED, Outcome.IN_DOUBT})


class Rulings(NamedTuple):
    """What decides about the calls of a turn besides the ledger, as it was read a moment ago.

    `settings` say where calls go and under which policy, `guards` have tripped, so that nothing is placed.
    """

    settings: Settings
    policy: Policy
    facts: PolicyContext
    guards: tuple[Guard, ...]


class Turns:
    """Takes the turns of batches, with one run of the ledger."""

    def __init__(
        self,
        ledger: Store,
        seal: Seal,
        rulings: Callable[[], Rulings],
        place: Place,
        tell: Callable[[str], None],
        pause: Callable[[Campaign, str], None],
    ) -> None:
        self._ledger = ledger
        self._tell = tell
        self._pause = pause
        self._seal = seal
        self._rulings = rulings
        self._place = place
        #: Batches are opened one after the other: the first has its calls on the connections while the next is opened,
        #: and what computes keeps the connections from what they do for no longer than one takes.
        self._opening = asyncio.Lock()

    async def take(self, job: Job) -> BatchTurn | None:
        """Take a turn; return the next one, None where there is none, or somebody else says when it is.

        Raises LedgerError.
        """
        async with self._opening:
            found = await asyncio.to_thread(self._open, job)
        if found is None:
            return None
        turn, calls, planned = found
        if planned is None:
            after = _After([clock() + HELD_BACK], Counter({Wait.KEY: calls}))
        elif not planned:
            after = _After([clock() + AGAIN], Counter({Wait.STOPPED: calls}))
        else:
            after = await self._go_through(turn, planned)
        due = min(after.looks, default=None)
        _log_turn(job, calls, after, due)
        following = await asyncio.to_thread(self._ledger.campaigns.advance, turn, due, after.waiting)
        return None if due is None else following

    def _open(self, job: Job) -> tuple[BatchTurn, int, list[_PlannedPart] | None] | None:
        """Return what a job is about, as `_find` does, with a plan for each part: no part where a guard has tripped."""
        found = self._find(job)
        if found is None:
            return None
        turn, calls, parts = found
        if parts is None:
            return turn, calls, None
        return turn, calls, [] if self._rulings().guards else self._all_planned(parts)

    def _find(self, job: Job) -> tuple[BatchTurn, int, list[KeptBatch] | None] | None:
        """Return what a job is about, if its campaign is placed and it is still that turn: how many calls, and these.

        There are no calls where these do not open.
        """
        campaigns = self._ledger.campaigns
        campaign = campaigns.find(job.campaign)
        kept = campaigns.sealed(job.campaign, job.batch)
        if campaign is None or kept is None or campaign.state is not CampaignState.RUNNING or kept.turn != job.turn:
            return None
        differs = _difference(campaign, self._rulings().settings)
        if differs is not None:
            self._pause(campaign, differs)
            return None
        turn = BatchTurn(campaign.id, job.batch, job.turn, campaign.starts_at)
        try:
            parts = list(map(open_batch, self._seal.open(campaign.id, job.batch, kept.sealed)))
        except LedgerError as error:
            self._tell(f"{error.message}: nothing of it is placed; {error.hint}")
            return turn, kept.calls, None
        return turn, kept.calls, parts

    async def _go_through(self, turn: BatchTurn, planned: list[_PlannedPart]) -> _After:
        """Place what is due of a batch; say when it is to be looked at again, and what its calls wait for."""
        if any(found.batch.having({Action.IN_DOUBT}) for _, found in planned):
            # What a lost run left is in doubt in the ledger from here on: one that was only frozen could put a call
            # back behind the campaign's end, and nobody would place it.
            await asyncio.to_thread(self._ledger.sweep)
            planned = await asyncio.to_thread(self._all_planned, [part for part, _ in planned])
        due = [self._due(part, found, turn.campaign) for part, found in planned]
        results = iter(await self._place([call for calls in due for call in calls]))
        after = _After([], Counter())
        for (part, before), calls in zip(planned, due, strict=True):
            outcomes = {result and result.outcome for result in islice(results, len(calls))}
            is_settled = part.attempts.most == 1 and outcomes <= _SETTLED
            again = before if is_settled or not calls else await asyncio.to_thread(self._planned, part)
            after.add(again, frozenset() if not is_settled else SENDING)
        return after

    def _all_planned(self, parts: Sequence[KeptBatch]) -> list[_PlannedPart]:
        return [(part, self._planned(part)) for part in parts]

    def _planned(self, part: KeptBatch) -> _Planned:
        rulings, ledger, at = self._rulings(), self._ledger, clock()
        rules = PolicyRun(rulings.policy, rulings.facts, ledger, at, None, of_campaign=True)
        return _Planned(at, *plan_batch(part, ledger=ledger, environment=ledger.environment, rules=rules, at=at))

    def _due(self, part: KeptBatch, found: _Planned, campaign: str) -> list[PlannedCall]:
        """Return the calls that may be placed now."""
        calls, planned = at_attempts(part, found.batch.later), found.batch
        return [
            planned.planned(index, calls.call(index))._replace(campaign=campaign) for index in planned.having(SENDING)
        ]


def _log_turn(job: Job, calls: int, after: _After, due: datetime | None) -> None:
    """Log what a turn has come to: what its calls wait for, and when the batch is looked at again."""
    waits = {f"waits_for_{wait.value}".replace("-", "_"): number for wait, number in after.waiting.items() if number}
    some = ", ".join(f"{wait.value} {number}" for wait, number in after.waiting.items() if number) or "nothing"
    about = {"campaign": job.campaign, "batch": job.batch, "turn": job.turn, "calls": calls, "some": some}
    until = "never" if due is None else due.isoformat(timespec="seconds")
    _log.info(
        "campaign %(campaign)s, batch %(batch)d, turn %(turn)d: %(calls)d calls, of which wait for: %(some)s; "
        "the next look: %(until)s",
        {**about, **waits, "until": until},
    )


def bring_forward(ledger: Store) -> list[BatchTurn]:
    """Have batches looked at when what was told meanwhile makes calls due: an outcome, or an operator's word.

    Return their next turns. So are those, at once, that wait for no outcome any more: a campaign has ended when its
    last call has.
    """
    turns = []
    while (told := ledger.campaigns.told()) is not None:
        chains = {
            root: [root, *(attempt_reference(root, number) for number in range(2, attempt + 1))]
            for root, attempt in told.attempts.items()
        }
        tried = ledger.tried([name for names in chains.values() for name in names]) if chains else {}
        due, ended = dict.fromkeys(told.placeable, clock()), []
        for root, names in chains.items():
            known = [tried[name] for name in names if name in tried]
            standing = standing_of(known[0].attempts, known) if len(known) == len(names) else None
            if standing is not None and standing.due is not None:
                due[root] = standing.due
            elif standing is not None and not standing.waits:
                ended.append(root)
        turns += ledger.campaigns.hear(told.serial, due, ended)
    return turns


class _Planned(NamedTuple):
    """The plan for a part of a batch at a time; `outcomes` may make more of it due from then on."""

    at: datetime
    batch: PlannedBatch
    outcomes: Sequence[datetime]


class _After(NamedTuple):
    """The state that a turn leaves: when the batch is to be looked at again, and how many calls wait for what."""

    looks: list[datetime]
    waiting: Counter[Wait]

    def add(self, found: _Planned, done: Collection[Action]) -> None:
        """Add a part of a batch, but for the calls whose actions have been `done` since."""
        at, planned, outcomes = found
        for action, number in planned.counts().items():
            if action in (Action.PLACE, Action.IN_FLIGHT) and action not in done:
                self._wait(Wait.API, at + AGAIN, number)
            elif action is Action.RETRY and action not in done:
                self._wait(Wait.REFUSED, at + REFUSED, number)
        for index in planned.having({Action.DEFERRED}):
            until = planned.reference(index).until
            self._wait(Wait.POLICY if until is None else Wait.TIME, until or at + HELD_BACK)
        for due in outcomes:
            self._wait(Wait.OUTCOME, max(at + OUTCOME, due, at + (at - due) / LATE))

    def _wait(self, wait: Wait, look: datetime, number: int = 1) -> None:
        self.waiting[wait] += number
        self.looks.append(look)


def _difference(campaign: Campaign, settings: Settings) -> str | None:
    """Return what of where calls go, and of the policy, is not what was approved."""
    names = sorted(campaign.settings.keys() | settings.keys())
    differ = [name for name in names if campaign.settings.get(name) != settings.get(name)]
    if not differ:
        return None
    return f"{', '.join(differ)}: not what was approved; cancel it, and hand it over again, or restore that"
