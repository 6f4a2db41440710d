"""The result of a run: one verdict per request, one result per call, and what counts as a failure."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.exit_codes import ExitCode
from flowops.common.tuples import NamedTuple
from flowops.model.ledger import EventType, Leg

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from flowops.model.call import LeftOut
    from flowops.model.document import Place, Problem
    from flowops.model.plan import Guard, Plan


class Verdict(NamedTuple):
    """The meaning of an answer, or of the lack of one (contract, section 6).

    `event_type` is what the ledger records. `stop` ends the run's claiming (401, 407).
    `retry_after` is in seconds, from a 429's header. `detail` is for people: no secret, no number.
    """

    event_type: EventType
    legs: tuple[Leg, ...] = ()
    detail: str | None = None
    stop: bool = False
    retry_after: float | None = None

    @property
    def leaves_it(self) -> bool:
        """Return whether the call is as before its claim: nothing was sent, or the answer says nothing of it."""
        return self.again or self.event_type in (EventType.UNAUTHORIZED, EventType.FORBIDDEN)

    @property
    def is_no(self) -> bool:
        """Return whether the call was not placed, as far as the answer says."""
        return self.leaves_it or self.event_type is EventType.REFUSED

    @property
    def again(self) -> bool:
        """Return whether the same call may be tried again in this run: nothing was sent, or it was turned away."""
        return self.event_type in (EventType.UNSENT, EventType.THROTTLED)


class Outcome(StrEnum):
    """The outcome of a call in a run."""

    PLACED = "placed"
    REJECTED = "rejected"
    IN_DOUBT = "in-doubt"
    CONFLICT = "conflict"
    IN_FLIGHT = "in-flight"
    UNCHANGED = "unchanged"
    NOT_ATTEMPTED = "not-attempted"
    DEFERRED = "deferred"
    BLOCKED = "blocked"
    GIVEN_UP = "given-up"
    MOVED = "moved"
    CANCELLED = "cancelled"


class CallResult(NamedTuple):
    """One call of a run, which rings `phones`; `error` is why it was not placed, or which callees were refused.

    `root` is the reference-id of the first of its `max_attempts` attempts, of which it is one. `until` is when a
    deferred call may be placed, as far as that is known.
    """

    reference_id: str
    outcome: Outcome
    call_ids: tuple[str, ...] = ()
    attempts: int = 0
    error: str | None = None
    refused_callees: int = 0
    phones: int = 1
    labels: Mapping[str, str] = {}
    root: str = ""
    attempt: int = 1
    max_attempts: int = 1
    until: datetime | None = None


class Result(NamedTuple):
    """A whole run. `interrupted` is the signal's number; `failure` is what ended it early, for people.

    `guards` are those that tripped: nothing was placed after that. `changed` are calls that the files no longer held
    as they were planned when their turn came. `beyond` are calls behind as many as the run was to place. `invalid` are
    rows that were left out of the plan.
    """

    environment: str
    revision: str | None
    digest: str
    calls: tuple[CallResult, ...]
    interrupted: int | None = None
    failure: str | None = None
    changed: frozenset[str] = frozenset()
    beyond: frozenset[str] = frozenset()
    guards: tuple[Guard, ...] = ()
    invalid: tuple[LeftOut, ...] = ()

    @property
    def next_run(self) -> datetime | None:
        """Return when the next run is needed: the first time at which a call that is deferred may be placed."""
        times = (call.until for call in self.calls if call.outcome is Outcome.DEFERRED)
        return min((time for time in times if time is not None), default=None)

    def phones(self) -> dict[Outcome, int]:
        """Return how many phones the calls of each outcome ring; every outcome is there.

        A callee that was refused in a call that was placed is not one of them.
        """
        found = dict.fromkeys(Outcome, 0)
        for call in self.calls:
            found[call.outcome] += call.phones - (call.refused_callees if call.outcome is Outcome.PLACED else 0)
        return found

    def counts(self) -> dict[Outcome, int]:
        """Return how many calls had each outcome; every outcome is there."""
        found = Counter(call.outcome for call in self.calls)
        return {outcome: found[outcome] for outcome in Outcome}


class CaseResult(NamedTuple):
    """One test of a project's calls, and what differs in it, each at its place: nothing when it passed."""

    name: str
    place: Place
    failures: tuple[Problem, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether everything is as expected."""
        return not self.failures


#: The words of ``--fail-on``, and what each of them ends with.
FAIL_ON: Mapping[str, ExitCode] = {
    "blocked": ExitCode.GUARD,
    "deferred": ExitCode.GUARD,
    "guard": ExitCode.GUARD,
    "invalid": ExitCode.INVALID,
    "given-up": ExitCode.API,
    "in-doubt": ExitCode.IN_DOUBT,
    "conflict": ExitCode.CONFLICT,
    "none": ExitCode.FAILED,
}


def failures(fail_on: Collection[str], found: Mapping[str, int]) -> set[ExitCode]:
    """Return the codes of what is to be a failure; `found` counts by the words of FAIL_ON what there is."""
    return {FAIL_ON[word] for word in fail_on if found.get(word)}


def words_of_plan(plan: Plan) -> dict[str, int]:
    """Count by the words of FAIL_ON what a plan holds."""
    counts = {action.value: count for action, count in plan.counts().items()}
    return {
        **counts,
        "guard": len(plan.guards),
        "none": int(not plan.size or bool(plan.guards)),
    }


def words_of_result(plan: Plan, result: Result) -> dict[str, int]:
    """Count by the words of FAIL_ON the results of a run of a plan."""
    counts = {outcome.value: count for outcome, count in result.counts().items()}
    return {
        **counts,
        "guard": len(result.guards),
        "invalid": len(plan.invalid),
        "none": int(not counts[Outcome.PLACED]),
    }
