"""What the ledger keeps of a call, and what can happen to it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.model.call import ONE_ATTEMPT, Attempts, root_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value


#: The keys of what is kept in the place of a sensitive value, see `Ledger.pseudonymize`.
PSEUDONYM, SHOWN = "$pseudonym", "shown"


#: What is said of a call in flight whose run is gone.
RUN_LOST = "the run that sent it ended before the answer"
#: What is said of a call that a run which lives has in flight, under the reference that it has here.
IN_FLIGHT_ELSEWHERE = "in flight in another run"


class State(StrEnum):
    """The states of a call; a call that was never claimed, or was proven unsent, has no row."""

    IN_FLIGHT = "in-flight"
    PLACED = "placed"
    FINISHED = "finished"
    REJECTED = "rejected"
    IN_DOUBT = "in-doubt"
    #: The call has another reference-id now: this one is never placed again.
    RENAMED = "renamed"
    CANCELLED = "cancelled"

    @property
    def is_placed(self) -> bool:
        """Return whether the API has taken the call: it cannot be undone."""
        return STATES[self].is_placed

    @property
    def is_unsettled(self) -> bool:
        """Return whether it is not known yet if the call was placed."""
        return STATES[self].is_unsettled

    @property
    def may_have_rung(self) -> bool:
        """Return whether a phone may have rung: such calls count for the limits of a policy."""
        return self.is_placed or self.is_unsettled

    @property
    def is_open(self) -> bool:
        """Return whether it is still to come how the call ends."""
        return STATES[self].is_open


class EventType(StrEnum):
    """The events of a call, as the ledger's log names them."""

    CLAIMED = "claimed"
    UNSENT = "unsent"
    THROTTLED = "throttled"
    REFUSED = "refused"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    ABANDONED = "abandoned"
    CALLED_BACK = "called-back"
    RECORDED = "recorded"
    RESOLVED_PLACED = "resolved-placed"
    RESOLVED_NOT_PLACED = "resolved-not-placed"
    RESOLVED_OUTCOME = "resolved-outcome"
    EDIT_ACCEPTED = "edit-accepted"
    CANCELLED = "cancelled"
    CANCEL_UNDONE = "cancel-undone"
    IMPORTED = "imported"
    PURGED = "purged"
    #: A reference-id became another one, and the call under that one was moved there.
    RENAMED = "renamed"
    MOVED = "moved"
    REHEARSED = "rehearsed"


class StateFacts(NamedTuple):
    """The facts of a state, see the properties of `State`.

    `counted_as` is the word under which the report of a day counts its calls, None where it does not. `reached_by` are
    the events behind a claim that lead to it, None where a test of a project can give no such call.
    """

    is_placed: bool = False
    is_unsettled: bool = False
    is_open: bool = False
    counted_as: str | None = None
    reached_by: tuple[EventType, ...] | None = None


#: All states, in the order in which a report counts them. Where events lead from each, `flowops.ledger.states` says.
STATES: Mapping[State, StateFacts] = {
    State.PLACED: StateFacts(is_placed=True, is_open=True, counted_as="placed", reached_by=(EventType.ACCEPTED,)),
    State.FINISHED: StateFacts(
        is_placed=True, counted_as="placed", reached_by=(EventType.ACCEPTED, EventType.CALLED_BACK)
    ),
    State.REJECTED: StateFacts(counted_as="refused", reached_by=(EventType.REFUSED,)),
    State.IN_DOUBT: StateFacts(is_unsettled=True, counted_as="in-doubt", reached_by=(EventType.UNCLEAR,)),
    State.IN_FLIGHT: StateFacts(is_unsettled=True, is_open=True, counted_as="in-flight", reached_by=()),
    State.CANCELLED: StateFacts(counted_as="cancelled", reached_by=(EventType.REFUSED, EventType.CANCELLED)),
    State.RENAMED: StateFacts(),
}

#: What a run's claims come to, and the events that say so.
RUN_RESULTS = {
    "placed": (EventType.ACCEPTED,),
    "rejected": (EventType.REFUSED,),
    "in_doubt": (EventType.UNCLEAR,),
    "not_sent": (EventType.UNSENT, EventType.THROTTLED, EventType.UNAUTHORIZED, EventType.FORBIDDEN),
}
#: Events that say that the API has refused a call.
REFUSALS = frozenset({EventType.REFUSED, EventType.FORBIDDEN})


class Leg(NamedTuple):
    """One callee of a placed call: what the API called it, and how it ended.

    `callee` is the number while a run has it in hand; the ledger itself keeps a pseudonym and gives
    back None here and the masked form in `shown`. `code` is the API's result code (9 cancelled,
    10 finished successfully, 11 failed, 12 rejected); `error` is the API's refusal of this callee. `later` is another
    code that was told afterwards, which contradicts it.
    """

    callee: str | None
    call_id: str | None
    error: str | None = None
    code: int | None = None
    description: str | None = None
    shown: str | None = None
    later: int | None = None


class Entry(NamedTuple):
    """One row of the ledger.

    `body` is the body with pseudonyms (see `Ledger.pseudonymize`). `renamed` is the reference under which a call was
    posted where that is another one, and of one that is renamed the reference that it became. `live` says, of an
    in-flight call, whether the run that claimed it still holds its lease. `cancelled_from` is the state that a
    cancelled call had before. `refused` counts its callees that the API refused among others, and that nobody has
    acknowledged. `labels` are those that it was claimed with. `attempts` says how often it was claimed, `attempt` which
    attempt of a call it is, and `max_attempts` how often that may be tried: what is looked up has neither, as it has no
    labels. Times are ISO 8601 in UTC.
    """

    environment: str
    reference_id: str
    state: State
    fingerprint: str
    body: Mapping[str, Value]
    legs: tuple[Leg, ...]
    attempts: int
    live: bool
    error: str | None
    claimed_at: str
    updated_at: str
    purged: bool = False
    renamed: str | None = None
    cancelled_from: State | None = None
    refused: int = 0
    labels: Mapping[str, str] = {}
    attempt: int = 1
    max_attempts: int = 1

    @property
    def root(self) -> str:
        """Return the reference-id of the first attempt, which is the call's own."""
        return root_of(self.reference_id, self.attempt)

    @property
    def posted_as(self) -> str:
        """Return the reference under which the call was posted."""
        return self.renamed or self.reference_id

    @property
    def became(self) -> str | None:
        """Return the reference that stands for the call now, where this one is renamed."""
        return self.renamed if self.state is State.RENAMED else None

    @property
    def may_have_rung(self) -> bool:
        """Return whether a phone may have rung for it, of a cancelled call too."""
        return self.state.may_have_rung or self.cancelled_from is State.IN_DOUBT


class Checkpoint(NamedTuple):
    """A position in a ledger: `serial` counts its events, `head` is the hash of the last one.

    `epoch` counts how often an older copy of it was accepted: what was seen in an earlier epoch may be lost.
    """

    id: str
    serial: int
    head: str
    epoch: int = 0


class Owner(NamedTuple):
    """The owner of a ledger: that of a project's environment, for calls to the API at one host."""

    project: str
    environment: str
    api: str = ""

    def __str__(self) -> str:
        return f"environment '{self.environment}'" + (f" of project '{self.project}'" if self.project else "")


class GivenUp(NamedTuple):
    """A call that was refused so often, with one fingerprint, that it is not asked for again until it is edited.

    `since` is when that was reached: ISO 8601 in UTC. `error` is what the API has said last.
    """

    reference_id: str
    fingerprint: str
    refusals: int
    since: str
    error: str | None


class Tried(NamedTuple):
    """One attempt of a call as far as it decides whether another follows.

    `attempts` say how often the call may be tried, as its document said when it was claimed. `codes` are the API's
    result codes that were told. It was claimed last at `claimed_at`; `first_claimed_at` is another time, earlier, where
    the API had refused it. Times are ISO 8601 in UTC.
    """

    state: State
    claimed_at: str
    attempts: Attempts = ONE_ATTEMPT
    codes: tuple[int, ...] = ()
    finished_at: str | None = None
    first_claimed_at: str | None = None

    @property
    def within(self) -> datetime:
        """Return the time after which nothing of the call is due any more, where it is the first attempt."""
        return datetime.fromisoformat(self.first_claimed_at or self.claimed_at) + self.attempts.within


class LedgerRun(NamedTuple):
    """A run that has claimed something, and what it did.

    `live` says whether it still holds its lease; one that does not and has not ended was lost. `posts` is how many of
    its requests the API has answered, as far as it has said so. `events` counts its claims and results. Times are
    ISO 8601 in UTC. Of what was purged nothing counts.
    """

    run: str
    who: str | None
    host: str | None
    job: str | None
    commit: str | None
    started_at: str
    ended_at: str | None
    posts: int
    live: bool
    events: Mapping[EventType, int]

    @property
    def state(self) -> str:
        """Return whether it is running, has ended, or was lost."""
        return "ended" if self.ended_at is not None else "running" if self.live else "lost"

    @property
    def done(self) -> dict[str, int]:
        """Return how many of its claims came to what; those without a result are in flight, or in doubt if it is gone.

        A call that is claimed again in one run counts twice.
        """
        results = {name: sum(self.events.get(it, 0) for it in types) for name, types in RUN_RESULTS.items()}
        claimed = self.events.get(EventType.CLAIMED, 0)
        unanswered = max(0, claimed - sum(results.values()))
        return {"claimed": claimed, **results, "unanswered": unanswered, "moved": self.events.get(EventType.MOVED, 0)}


class NumberBlock(NamedTuple):
    """The block of a number, which is never called again, and who made it; once it is lifted, by whom and why, too.

    `shown` is the number masked, `pseudonym` five letters and digits that tell it from others that are shown alike.
    """

    shown: str
    pseudonym: str
    at: str
    who: str
    host: str
    reason: str
    lifted_at: str | None = None
    lifted_by: str | None = None
    lifted_reason: str | None = None

    @property
    def why(self) -> str:
        """Return by whom it is blocked, since when and why."""
        return f"blocked by {self.who} on {self.at[:10]}: {self.reason}"


class OperatorStep(NamedTuple):
    """The effect of an operator's word on one call, done or proposed; `refused` says why it does nothing.

    `note` says more than the states do. Without a change and a refusal the call is already as it was asked for.
    `serial` is the number of the call's last event before, 0 where there was none: what was shown of another moment is
    no word on this one, even in the same state.
    """

    reference_id: str
    before: State | None
    after: State | None
    changed: bool = False
    refused: str | None = None
    note: str | None = None
    serial: int = 0


class Actor(NamedTuple):
    """The user who acts: a person or CI job, on which host, at which commit. Kept with every event.

    `override` says which rules of the policy they have lifted for the run, and why.
    """

    who: str
    host: str
    job: str | None = None
    commit: str | None = None
    override: str | None = None


class Adopt(StrEnum):
    """The rule by which calls that only the records know become calls of this ledger."""

    NONE = "none"
    NAMED = "named"
    ALL = "all"
