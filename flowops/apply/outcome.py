"""From a verdict to a record and a result, and from all results to the exit code. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.exit_codes import ExitCode, worst
from flowops.model.claims import Record
from flowops.model.ledger import IN_FLIGHT_ELSEWHERE, EventType, State
from flowops.model.plan import Action
from flowops.model.result import CallResult, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowops.model.claims import Written
    from flowops.model.ledger import Entry
    from flowops.model.plan import Decision, Guard, Plan, Planned
    from flowops.model.result import Verdict

#: What a call that was sent has become, by the state that the ledger gave it.
_BY_STATE: dict[State | None, Outcome] = {
    **{state: Outcome.PLACED for state in State if state.is_placed},
    State.REJECTED: Outcome.REJECTED,
    State.IN_DOUBT: Outcome.IN_DOUBT,
}
_BY_EVENT_TYPE = {
    EventType.ACCEPTED: Outcome.PLACED,
    EventType.REFUSED: Outcome.REJECTED,
    EventType.UNAUTHORIZED: Outcome.NOT_ATTEMPTED,
    EventType.FORBIDDEN: Outcome.NOT_ATTEMPTED,
    EventType.UNSENT: Outcome.NOT_ATTEMPTED,
    EventType.THROTTLED: Outcome.NOT_ATTEMPTED,
}
#: What the plan has decided against a call, for calls that are not sent.
_BY_ACTION = {
    Action.DEFERRED: Outcome.DEFERRED,
    Action.BLOCKED: Outcome.BLOCKED,
    Action.GIVEN_UP: Outcome.GIVEN_UP,
    Action.CONFLICT: Outcome.CONFLICT,
    Action.IN_FLIGHT: Outcome.IN_FLIGHT,
    Action.IN_DOUBT: Outcome.IN_DOUBT,
    Action.CANCELLED: Outcome.CANCELLED,
}

INTERRUPTED = 128
#: Why a call is not placed whose row is not what was planned.
CHANGED = "the files changed while they were applied, and say something else of it now"


def record_of(reference_id: str, verdict: Verdict) -> Record:
    """Return what the ledger records of a verdict."""
    return Record(reference_id, verdict.event_type, verdict.legs, verdict.detail)


def may_follow(verdict: Verdict, written: Written) -> bool:
    """Return whether another attempt may follow: nothing was sent, and the ledger has undone the claim."""
    return verdict.again and _is_undone(verdict, written)


def _is_undone(verdict: Verdict, written: Written) -> bool:
    """Return whether the call is as it was before its claim."""
    return verdict.leaves_it and written.state in (None, State.REJECTED)


def sent(reference_id: str, verdict: Verdict, attempts: int, written: Written | None) -> CallResult:
    """Return the result of a call that this run has sent; `written` is None if the ledger could not record it.

    The ledger has the last word: a callback may have come before the answer, another run may have given the
    call up. What it does not know is in doubt, whatever the API said.
    """
    if written is None:
        outcome = Outcome.IN_DOUBT
        detail: str | None = f"the ledger could not record the answer ({verdict.detail or verdict.event_type})"
    else:
        outcome = _BY_EVENT_TYPE.get(verdict.event_type, Outcome.IN_DOUBT)
        settled = _BY_STATE.get(written.state)
        if settled is not None and not _is_undone(verdict, written):
            outcome = settled
        detail = None if outcome is Outcome.PLACED and verdict.event_type is EventType.UNCLEAR else verdict.detail
    refused = sum([leg.error is not None for leg in verdict.legs]) if outcome is Outcome.PLACED else 0
    ids = tuple([leg.call_id for leg in verdict.legs if leg.call_id is not None])
    return CallResult(reference_id, outcome, ids, attempts, detail, refused)


def unsent(planned: Planned, why: str, attempts: int = 0) -> CallResult:
    """Return the result of a call that was to be placed and was not."""
    return CallResult(planned.reference_id, Outcome.NOT_ATTEMPTED, attempts=attempts, error=why)


def held_back(planned: Planned, decision: Decision, attempts: int = 0) -> CallResult:
    """Return the result of a call that the policy, or what it was before, does not let pass right before its claim."""
    outcome = _BY_ACTION.get(decision.action, Outcome.NOT_ATTEMPTED)
    error = "; ".join(decision.reasons)
    return CallResult(planned.reference_id, outcome, attempts=attempts, error=error, until=decision.until)


def moved(planned: Planned, written: Written) -> CallResult:
    """Return the result of a call that was to go on under a new reference."""
    if written.done:
        return CallResult(planned.reference_id, Outcome.MOVED, error="; ".join(planned.reasons) or None)
    return unsent(planned, "what it was moved from is not what it was: plan again")


def planned_only(planned: Planned) -> CallResult:
    """Return the result of a call that the plan does not send and no other run has in flight."""
    reasons = "; ".join(planned.reasons) or None
    if planned.action is Action.UNCHANGED:
        told = reasons if planned.refused else None
        return CallResult(planned.reference_id, Outcome.UNCHANGED, error=told, refused_callees=planned.refused)
    return CallResult(planned.reference_id, _BY_ACTION[planned.action], error=reasons, until=planned.until)


def elsewhere(planned: Planned, entry: Entry | None) -> CallResult:
    """Return the result of a call that another run had in flight, once it has settled there."""
    if entry is None and not (planned.action.sends or IN_FLIGHT_ELSEWHERE in planned.reasons):
        return planned_only(planned)  # it stands in the ledger under the reference that it had before
    if entry is None:
        return unsent(planned, "another run had it and did not place it; run apply again")
    ids = tuple(leg.call_id for leg in entry.legs if leg.call_id is not None)
    reference_id = planned.reference_id
    if entry.state is State.REJECTED:
        return unsent(planned, f"another run had it refused: {entry.error or 'no reason given'}")
    if entry.state is State.CANCELLED:
        return CallResult(reference_id, Outcome.CANCELLED, error="an operator has cancelled it")
    if entry.state.is_placed:
        if entry.fingerprint in ("", planned.fingerprint):  # of what was imported or proved nobody knows what it said
            return CallResult(reference_id, Outcome.UNCHANGED, ids)
        why = "another run placed this reference-id with other content; give it a new reference-id, or accept the edit"
        return CallResult(reference_id, Outcome.CONFLICT, ids, error=why)
    if entry.live:
        return still_in_flight(planned)
    return CallResult(reference_id, Outcome.IN_DOUBT, ids, error=entry.error or "; ".join(planned.reasons) or None)


def still_in_flight(planned: Planned) -> CallResult:
    """Return the result of a call that another run has not settled while this one went on."""
    return CallResult(planned.reference_id, Outcome.IN_FLIGHT, error=f"still {IN_FLIGHT_ELSEWHERE}")


def in_plan_order(
    plan: Plan,
    found: Mapping[str, CallResult],
    why: str,
    changed: Collection[str] = (),
) -> tuple[CallResult, ...]:
    """Return every call of the plan once: its result, the plan's own decision, or not attempted and why."""
    results = (
        (planned, found.get(planned.reference_id) or _not_found(planned, why, changed=changed))
        for planned in plan.references()
    )
    return tuple(
        result
        if (result.phones, result.labels, result.max_attempts) == (planned.phones, planned.labels, planned.max_attempts)
        else result._replace(
            phones=planned.phones,
            labels=planned.labels,
            root=planned.root,
            attempt=planned.attempt,
            max_attempts=planned.max_attempts,
        )
        for planned, result in results
    )


def _not_found(planned: Planned, why: str, *, changed: Collection[str]) -> CallResult:
    if not (planned.action.sends or planned.action is Action.MOVED):
        return planned_only(planned)
    return unsent(planned, CHANGED if planned.reference_id in changed else why)


def nothing_sent(plan: Plan, guards: tuple[Guard, ...]) -> Result:
    """Return the result of a plan of which nothing is placed, because guards of the run have tripped."""
    why = "; ".join(guard.reason for guard in guards)
    calls = in_plan_order(plan, {}, why)
    return Result(plan.environment, plan.revision, plan.digest, calls, guards=guards, invalid=plan.invalid)


def exit_codes(result: Result) -> set[ExitCode]:
    """Return what a run has come to, as the codes of the contract (section 4): see `flowops.common.exit_codes.worst`.

    A call that was not placed counts for 6 if the API refused it or was tried; if the run ended before its turn, what
    ended the run decides. What a rule of the policy holds back is no failure, and neither is what another run has in
    flight.
    """
    counts = result.counts()
    unplaced = [
        call
        for call in result.calls
        if call.outcome is Outcome.NOT_ATTEMPTED and call.reference_id not in result.changed | result.beyond
    ]
    refused = counts[Outcome.REJECTED] > 0 or any(call.refused_callees for call in result.calls)
    tried = any(call.attempts for call in unplaced)
    explained = result.failure is not None or result.interrupted is not None or bool(result.guards)
    found = {
        ExitCode.IN_DOUBT: counts[Outcome.IN_DOUBT] > 0,
        ExitCode.API: refused or tried or (bool(unplaced) and not explained),
        ExitCode.LEDGER: result.failure is not None and not (refused or tried),
        ExitCode.GUARD: bool(result.guards),
        ExitCode.CONFLICT: counts[Outcome.CONFLICT] > 0,
        ExitCode.STALE: bool(result.changed),
    }
    return {code for code, counts_for_it in found.items() if counts_for_it}


def exit_code(result: Result, asked: Collection[ExitCode] = ()) -> int:
    """Return what a run ends with; `asked` are further codes that somebody has asked for.

    An interruption counts unless a call is in doubt or the run failed.
    """
    code = worst({*exit_codes(result), *asked})
    if result.interrupted is None or result.failure is not None or code is ExitCode.IN_DOUBT:
        return code
    return INTERRUPTED + result.interrupted
