"""Calls and the ledger's answers to a plan: one action a call (contract, section 5)."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from flowops.model import Action, Decision, Plan, PlannedCalls, State, planned_batch
from flowops.plan.diff import diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.model import Call, Change, Entry, Identified, Ledger, LedgerMark, PlannedBatch


def make_plan(
    batches: Iterable[Identified],
    *,
    environment: str,
    revision: str | None,
    ledger: Ledger | None,
    shard: str | None = None,
) -> Plan:
    """What apply would do with these calls. With no ledger (a sandbox never used) everything is to be placed.

    `shard` says which part of the files' calls these are: then calls that no file names are not counted.
    The batches are taken one after the other, and only packed calls and decisions are kept. No two calls may have the
    same reference-id (see `flowops.templates.duplicates`). Passes on the ledger's `LedgerError`.
    """
    # The mark is read before the rows: what moves in between is then newer than the mark, and noticed.
    mark = ledger.mark() if ledger is not None else None
    if mark is not None and not mark.id:
        mark = None  # a sandbox's ledger that its first run will make
    planned: list[PlannedBatch] = []
    found = 0
    for batch in batches:
        known, decisions = _decided(batch, ledger)
        found += known
        planned.append(planned_batch(*batch, decisions))
    unnamed = sum(ledger.count().values()) - found if ledger is not None and shard is None else 0
    calls = PlannedCalls(planned)
    return Plan(
        environment=environment,
        revision=revision,
        ledger=mark,
        calls=calls,
        unnamed=max(unnamed, 0),  # another run may have added calls since the look-ups, never removed any
        digest=digest(environment, told_by(mark), calls.lines()),
        notes=(f"shard {shard} of the calls: those in the ledger that no file names are not counted",) if shard else (),
    )


def restrict(plan: Plan, calls: PlannedCalls, *, warnings: Iterable[str], notes: Iterable[str]) -> Plan:
    """The plan with what the policy has made of its calls."""
    return replace(
        plan,
        calls=calls,
        digest=plan.digest if calls is plan.calls else digest(plan.environment, told_by(plan.ledger), calls.lines()),
        warnings=(*plan.warnings, *warnings),
        notes=(*plan.notes, *notes),
    )


def digest(environment: str, ledger_id: str | None, lines: Iterable[bytes]) -> str:
    """``sha256:<hex>`` over what decides what apply does: environment, ledger, and each call's reference,
    fingerprint and action (see `decision_line`), whatever file they stand in and in whatever order."""
    state = hashlib.sha256(json.dumps([environment, ledger_id]).encode() + b"\n")
    # Sorted in parts: a list of a million lines would take more memory than all that is kept of their calls.
    parts = [bytearray() for _ in range(256)]
    for line in lines:
        parts[line[0]] += line
    for part in parts:
        state.update(b"".join(sorted(bytes(part[at : at + 32]) for at in range(0, len(part), 32))))
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
    return 2 if detailed and plan.size else 0


def _decided(batch: Identified, ledger: Ledger | None) -> tuple[int, dict[int, Decision]]:
    """How many of the calls the ledger knows, and by index what is to be done with those that are not unchanged."""
    calls, references, fingerprints = batch
    if ledger is None:
        return 0, dict.fromkeys(range(len(references)), _PLACE)
    placed = ledger.fingerprints(references)
    others = [
        index
        for index, (reference, fingerprint) in enumerate(zip(references, fingerprints, strict=True))
        if placed.get(reference) != fingerprint
    ]
    if not others:
        return len(references), {}
    entries = ledger.look_up([references[index] for index in others])
    decisions = dict.fromkeys(others, _PLACE)
    known = [index for index in others if references[index] in entries]
    for index, call in zip(known, calls.pick(known), strict=True):
        decisions[index] = _decide(call, fingerprints[index], entries[references[index]], ledger)
    return len(references) - len(others) + len(known), decisions


_PLACE = Decision(Action.PLACE)


def _decide(call: Call, fingerprint: str, entry: Entry, ledger: Ledger) -> Decision:
    # An imported entry and a purged one have no fingerprint: nobody knows what was sent, only that it was.
    edited = entry.fingerprint not in ("", fingerprint)
    changes = diff(entry.body, ledger.seal(call)) if edited and entry.body else ()
    if entry.state in (State.IN_DOUBT, State.IN_FLIGHT):
        return Decision(Action.IN_DOUBT, changes, tuple(_doubts(entry, edited)))
    if entry.state is State.REJECTED:
        return Decision(Action.RETRY, changes, (f"refused earlier: {entry.error or 'no reason was recorded'}",))
    if edited:
        return Decision(Action.CONFLICT, changes, tuple(_conflict(entry, changes)))
    if not entry.fingerprint:
        why = "what it said was purged from the ledger" if entry.purged else "imported into the ledger"
        return Decision(Action.UNCHANGED, (), (f"{why}; it is {entry.state.value}",))
    return Decision(Action.UNCHANGED)


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
