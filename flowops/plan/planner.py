"""Calls and the ledger's answers to a plan: one action a call (contract, section 5)."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from flowops.errors import Invalid
from flowops.model import Action, Plan, PlannedCall, Problem, State
from flowops.plan.canonical import identify
from flowops.plan.diff import diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model import Call, Change, Entry, Ledger, LedgerMark, Ruling

#: References asked for at once: a whole plan of a million rows in a thousand statements.
BATCH = 1_000


def make_plan(calls: Sequence[Call], *, environment: str, revision: str | None, ledger: Ledger | None) -> Plan:
    """What apply would do with these calls. With no ledger (a sandbox never used) everything is to be placed.

    Raises `Invalid` for calls that have no fingerprint and for a reference-id used twice, and passes on the
    ledger's `LedgerError`.
    """
    fingerprints = _fingerprints(calls)
    # The mark is read before the rows: what moves in between is then newer than the mark, and noticed.
    mark = ledger.mark() if ledger is not None else None
    if mark is not None and not mark.id:
        mark = None  # a sandbox's ledger that its first run will make
    planned: list[PlannedCall] = []
    found = 0
    for start in range(0, len(calls), BATCH):
        batch = calls[start : start + BATCH]
        entries = ledger.look_up([call.reference_id for call in batch]) if ledger is not None else {}
        found += len(entries)
        for call, fingerprint in zip(batch, fingerprints[start : start + BATCH], strict=True):
            decided = _decide(call, fingerprint, entries.get(call.reference_id), ledger)
            planned.append(PlannedCall(call, fingerprint, decided.action, decided.changes, decided.reasons))
    unnamed = sum(ledger.count().values()) - found if ledger is not None else 0
    decisions = ((item.call.reference_id, item.fingerprint, item.action) for item in planned)
    return Plan(
        environment=environment,
        revision=revision,
        ledger=mark,
        calls=tuple(planned),
        unnamed=max(unnamed, 0),  # another run may have added calls since the look-ups, never removed any
        digest=digest(environment, told_by(mark), decisions),
    )


def restrict(plan: Plan, rulings: Mapping[str, Ruling], *, warnings: Iterable[str], notes: Iterable[str]) -> Plan:
    """The plan with what the policy makes of it: calls that would be sent, by reference-id, are not sent now."""
    calls = tuple(
        item
        if (ruling := rulings.get(item.call.reference_id)) is None or not item.action.sends
        else replace(item, action=ruling.action, reasons=(*item.reasons, *ruling.reasons), until=ruling.until)
        for item in plan.calls
    )
    decisions = ((item.call.reference_id, item.fingerprint, item.action) for item in calls)
    return replace(
        plan,
        calls=calls,
        digest=digest(plan.environment, told_by(plan.ledger), decisions),
        warnings=(*plan.warnings, *warnings),
        notes=(*plan.notes, *notes),
    )


def digest(environment: str, ledger_id: str | None, decisions: Iterable[tuple[str, str, Action]]) -> str:
    """``sha256:<hex>`` over what decides what apply does: environment, ledger, and each call's reference,
    fingerprint and action, whatever file they stand in and in whatever order."""
    state = hashlib.sha256()
    for line in ([environment, ledger_id], *sorted(decisions)):
        state.update(json.dumps(line).encode() + b"\n")
    return f"sha256:{state.hexdigest()}"


def told_by(mark: LedgerMark | None) -> str | None:
    """The id of the ledger whose answers a digest covers: one without an event has said no more than none at all.

    So the digest of a sandbox's first plan is still that of the plan once `apply` has made its ledger.
    """
    return mark.id if mark is not None and mark.serial else None


def exit_code(plan: Plan, *, detailed: bool = False) -> int:
    """What `flowops plan` exits with; `detailed` asks for 2 when there is something to place."""
    counts = plan.counts()
    if counts[Action.IN_DOUBT]:
        return 7
    if counts[Action.BLOCKED]:
        return 4
    if counts[Action.CONFLICT]:
        return 3
    return 2 if detailed and plan.sends else 0


def _fingerprints(calls: Sequence[Call]) -> list[str]:
    fingerprints: list[str] = []
    problems = list(_duplicates(calls))
    for call in calls:
        identity = identify(call)
        if isinstance(identity, Problem):
            problems.append(identity)
        else:
            fingerprints.append(identity)
    if problems:
        raise Invalid(problems)
    return fingerprints


def _duplicates(calls: Sequence[Call]) -> Iterator[Problem]:
    """A reference-id names one call: the second of a name would never be placed, or be taken for an edit."""
    first: dict[str, Call] = {}
    for call in calls:
        other = first.setdefault(call.reference_id, call)
        if other is not call:
            where = f"{other.origin.place(('reference-id',))}{f' ({other.row})' if other.row else ''}"
            yield call.problem(
                ("reference-id",),
                f"reference-id: '{call.reference_id}' is already the reference-id of the call at {where}",
                code="duplicate",
                hint="give each call a reference-id of its own",
            )


class _Decision(NamedTuple):
    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()


def _decide(call: Call, fingerprint: str, entry: Entry | None, ledger: Ledger | None) -> _Decision:
    if entry is None or ledger is None:
        return _Decision(Action.PLACE)
    # An imported entry and a purged one have no fingerprint: nobody knows what was sent, only that it was.
    edited = entry.fingerprint not in ("", fingerprint)
    changes = diff(entry.body, ledger.seal(call)) if edited and entry.body else ()
    if entry.state in (State.IN_DOUBT, State.IN_FLIGHT):
        return _Decision(Action.IN_DOUBT, changes, tuple(_doubts(entry, edited)))
    if entry.state is State.REJECTED:
        return _Decision(Action.RETRY, changes, (f"refused earlier: {entry.error or 'no reason was recorded'}",))
    if edited:
        return _Decision(Action.CONFLICT, changes, tuple(_conflict(entry, changes)))
    if not entry.fingerprint:
        why = "what it said was purged from the ledger" if entry.purged else "imported into the ledger"
        return _Decision(Action.UNCHANGED, (), (f"{why}; it is {entry.state.value}",))
    return _Decision(Action.UNCHANGED)


def _conflict(entry: Entry, changes: tuple[Change, ...]) -> Iterator[str]:
    yield f"edited after it was {entry.state.value}: give it a new reference-id"
    if not entry.body:
        yield "imported without its body, so the fields that differ cannot be shown"
    elif not changes:
        yield "only the fingerprint differs, no field does"


def _doubts(entry: Entry, edited: bool) -> Iterator[str]:
    settle = True
    if entry.state is State.IN_DOUBT:
        yield entry.error or "the outcome of an earlier attempt is unknown"
    elif entry.live:
        settle = False
        yield "in flight in another run"
    else:
        yield "the run that sent it ended before the answer"
    if edited:
        yield "the files now say something else than what was sent"
    if settle:
        name = f"{shlex.quote(entry.reference_id)} --env {shlex.quote(entry.environment)}"
        yield f"settle it: flowops ledger resolve {name} --placed, or --not-placed --reason …"
