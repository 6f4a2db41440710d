"""One turn of a batch of a campaign: what of it is due is placed, and it is said when it is looked at again.

A turn keeps nothing: what is to be done follows from the calls, the ledger, the policy and the time, so that it may be
taken twice, late, or on two machines at once. The claims decide.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from flowops.app.policy_run import PolicyRun, clock
from flowops.campaigns.batch import open_batch
from flowops.errors import LedgerError
from flowops.model.attempts import attempt_reference
from flowops.model.campaign import BatchTurn, Campaign, CampaignState
from flowops.model.plan import SENDING, Action
from flowops.plan.chains import at_attempts, standing_of
from flowops.plan.planner import plan_batch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from flowops.campaigns.batch import KeptBatch
    from flowops.campaigns.engine import Job
    from flowops.campaigns.sealing import Seal
    from flowops.ledger.store import Store
    from flowops.model.plan import Guard, PlannedBatch, PlannedCall, Settings
    from flowops.model.result import CallResult
    from flowops.policy.config import Policy
    from flowops.policy.rule import PolicyContext

    Place = Callable[[Sequence[PlannedCall]], Awaitable[list[CallResult | None]]]

#: When a batch is looked at again in which calls were not placed for want of the API, or that another run has in hand.
AGAIN = timedelta(minutes=1)
#: The same for calls that something holds back that is no clock.
HELD_BACK = timedelta(minutes=10)
#: The same for calls that the API has refused: after three times, an hour apart, they are given up.
REFUSED = timedelta(hours=1)
#: The same for calls whose outcome is waited for, once the next attempt may be due.
OUTCOME = timedelta(seconds=30)


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
        self, ledger: Store, seal: Seal, rulings: Callable[[], Rulings], place: Place, tell: Callable[[str], None]
    ) -> None:
        self._ledger = ledger
        self._tell = tell
        self._seal = seal
        self._rulings = rulings
        self._place = place

    async def take(self, job: Job) -> BatchTurn | None:
        """Take a turn; return the next one, None where there is none, or somebody else says when it is.

        Raises LedgerError.
        """
        found = await asyncio.to_thread(self._find, job)
        if found is None:
            return None
        turn, batch = found
        due = clock() + HELD_BACK if batch is None else await self._go_through(turn, batch)
        after = await asyncio.to_thread(self._ledger.campaigns.advance, turn, due)
        return None if due is None else after

    def _find(self, job: Job) -> tuple[BatchTurn, list[KeptBatch] | None] | None:
        """Return what a job is about, if its campaign is placed and it is still that turn.

        There are no calls where these do not open.
        """
        campaigns = self._ledger.campaigns
        campaign = campaigns.find(job.campaign)
        kept = campaigns.sealed(job.campaign, job.batch)
        if campaign is None or kept is None or campaign.state is not CampaignState.RUNNING or kept[0] != job.turn:
            return None
        differs = _difference(campaign, self._rulings().settings)
        if differs is not None:
            campaigns.set(campaign.id, CampaignState.PAUSED, differs)
            self._tell(f"campaign {campaign.name} is paused: {differs}")
            return None
        turn = BatchTurn(campaign.id, job.batch, job.turn, campaign.starts_at)
        try:
            return turn, list(map(open_batch, self._seal.open(campaign.id, job.batch, kept[1])))
        except LedgerError as error:
            self._tell(f"{error.message}: nothing of it is placed; {error.hint}")
            return turn, None

    async def _go_through(self, turn: BatchTurn, parts: Sequence[KeptBatch]) -> datetime | None:
        """Place what is due of a batch; return when it is to be looked at again, None when nothing of it is left."""
        if self._rulings().guards:
            return clock() + AGAIN
        calls = [call for part in parts for call in await asyncio.to_thread(self._due, part, turn.campaign)]
        if calls:
            await self._place(calls)
        looks = await asyncio.gather(*(asyncio.to_thread(self._next_look, part) for part in parts))
        return min((look for look in looks if look is not None), default=None)

    def _planned(self, part: KeptBatch, at: datetime) -> PlannedBatch:
        rulings, ledger = self._rulings(), self._ledger
        rules = PolicyRun(rulings.policy, rulings.facts, ledger, at, None, of_campaign=True)
        return plan_batch(part, ledger=ledger, environment=ledger.environment, rules=rules, at=at)

    def _due(self, part: KeptBatch, campaign: str) -> list[PlannedCall]:
        """Return the calls that may be placed now."""
        planned = self._planned(part, clock())
        calls = at_attempts(part, planned.later)
        return [
            replace(planned.planned(index, calls.call(index)), campaign=campaign) for index in planned.having(SENDING)
        ]

    def _next_look(self, part: KeptBatch) -> datetime | None:
        """Return when a batch that was gone through has something to place again, None when it never has."""
        at = clock()
        planned = self._planned(part, at)
        looks = [*self._looks(planned, at), *self._outcomes(part, planned, at)]
        return min(looks, default=None)

    def _looks(self, planned: PlannedBatch, at: datetime) -> Iterator[datetime]:
        """Yield when calls are to be looked at that are not placed yet."""
        counts = planned.counts()
        if counts.get(Action.PLACE) or counts.get(Action.IN_FLIGHT):
            yield at + AGAIN
        if counts.get(Action.RETRY):
            yield at + REFUSED
        for index in planned.having({Action.DEFERRED}):
            yield planned.reference(index).until or at + HELD_BACK

    def _outcomes(self, part: KeptBatch, planned: PlannedBatch, at: datetime) -> Iterator[datetime]:
        """Yield when calls are to be looked at whose outcome is waited for, while a next attempt may be due."""
        most = part.attempts.most
        if most == 1:
            return
        roots = [part.references[index] for index in planned.having({Action.UNCHANGED})]
        names = [attempt_reference(root, attempt) for root in roots for attempt in range(1, most + 1)]
        known = self._ledger.tried(names)
        for root in roots:
            tried = []
            for attempt in range(1, most + 1):
                found = known.get(attempt_reference(root, attempt))
                if found is None:
                    break
                tried.append(found)
            if not tried or not standing_of(part.attempts, tried).waits or len(tried) == most:
                continue
            last = datetime.fromisoformat(tried[-1].claimed_at) + part.attempts.pause(len(tried))
            if at <= tried[0].within:
                yield max(at + OUTCOME, last)


def _difference(campaign: Campaign, settings: Settings) -> str | None:
    """Return what of where calls go, and of the policy, is not what was approved."""
    names = sorted(campaign.settings.keys() | settings.keys())
    differ = [name for name in names if campaign.settings.get(name) != settings.get(name)]
    if not differ:
        return None
    return f"{', '.join(differ)}: not what was approved; cancel it, and hand it over again, or restore that"
