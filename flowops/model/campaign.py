"""A campaign: a plan that was handed over to workers, which place it over hours or days."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.ledger import State


class CampaignState(StrEnum):
    """The state of a campaign; `FINISHED` is one in which nothing is left that could be placed."""

    #: It is still being written: no worker looks at it, and no plan.
    NEW = "new"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Return whether nothing of it is placed any more."""
        return self in (CampaignState.FINISHED, CampaignState.CANCELLED)


class Wait(StrEnum):
    """The reason why a call of a campaign, which may still be placed, waits."""

    #: The next look of a worker: none has looked at them yet.
    WORKER = "worker"
    #: A time that is known: their window opens, or their next attempt is due.
    TIME = "time"
    #: The outcome of an attempt.
    OUTCOME = "outcome"
    #: What else the policy asks for, and no clock decides.
    POLICY = "policy"
    #: The API, which could not be reached, or another run that has them in hand.
    API = "api"
    #: The next try of what the API has refused.
    REFUSED = "refused"
    #: A batch that does not open with the worker's key.
    KEY = "key"
    #: Someone who resumes the environment, or the campaign.
    STOPPED = "stopped"
    PAUSED = "paused"
    #: How the first calls end.
    CANARY = "canary"


class CanarySettings(NamedTuple):
    """The calls of a campaign's first batch go before all others: they ring so many phones.

    `failures` is the share of these that may fail, `patience` the seconds that their outcomes are waited for.
    """

    phones: int
    failures: float
    patience: float


class CampaignProgress(NamedTuple):
    """The progress of a campaign: its calls by the state of their newest attempt, under None those never claimed.

    `next_at` is when the first of its batches is due that are not done, `waiting` what the calls of these waited for
    when a worker last looked.
    """

    counts: Mapping[State | None, int]
    next_at: str | None
    waiting: Mapping[Wait, int]


class Campaign(NamedTuple):
    """One campaign, as the ledger has it.

    `why` says why it is paused. `calls` and `phones` count what was handed over, `digest` and `settings` are those of
    the plan that was approved: a campaign goes where it was to go, under the policy that it was judged by, or not at
    all. Nothing of it is placed before `starts_at`. `canary` is there until it has been judged, `totals` when it is
    over. Times are ISO 8601 in UTC.
    """

    id: str
    name: str
    state: CampaignState
    why: str | None
    created_at: str
    starts_at: str
    ended_at: str | None
    who: str
    host: str
    commit: str | None
    digest: str
    settings: Mapping[str, str]
    calls: int
    phones: int
    batches: int
    canary: CanarySettings | None = None
    totals: CampaignProgress | None = None


class Left(NamedTuple):
    """The batches of a campaign that are not done: how many, and when the first is due."""

    batches: int
    due_at: str


class BatchTurn(NamedTuple):
    """A batch of a campaign that is not done: it is due for the next time, which `turn` counts, at `due_at`."""

    campaign: str
    number: int
    turn: int
    due_at: str
