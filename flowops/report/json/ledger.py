"""Calls of a ledger, its totals, runs, and what was done, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model.ledger import State
from flowops.report.json.plan import guard_json
from flowops.report.json.text import FORMAT_VERSION, Json, snake
from flowops.report.masking import guards_of, masked, optional
from flowops.report.views.ledger import (
    BlockedView,
    CampaignsView,
    Done,
    Entries,
    EntryView,
    OperationView,
    Runs,
    of_entry,
)

if TYPE_CHECKING:
    from flowops.model.ledger import Entry
    from flowops.model.status import Chains, HeldBack, LedgerStatus, Totals
    from flowops.report.views.ledger import LedgerEvent


def ledger_list_json(view: Entries) -> Json:
    """Return rows of a ledger; see `schemas/ledger-list.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": view.environment,
        "calls": map(_entry, map(of_entry, view.entries)),
    }


def entry_json(view: EntryView) -> Json:
    """Return one row of a ledger with its body, masked, and its events, oldest first."""
    entry = of_entry(view.entry)
    return {
        "format_version": FORMAT_VERSION,
        **_entry(entry),
        "chain": [
            {
                "reference_id": each.reference_id,
                "state": each.state.value,
                "codes": [leg.code for leg in each.legs if leg.code is not None],
                "claimed_at": each.claimed_at,
            }
            for each in view.chain
        ],
        "body": entry.body,
        "events": [_event(event) for event in view.history],
    }


def runs_json(view: Runs) -> Json:
    """Return the runs of a ledger, the newest first; see `schemas/ledger-runs.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": view.environment,
        "runs": [
            {
                "run": run.run,
                "state": run.state,
                "who": run.who,
                "host": run.host,
                "job": run.job,
                "commit": run.commit,
                "started_at": run.started_at,
                "ended_at": run.ended_at,
                "posts": run.posts,
                **run.done,
            }
            for run in view.runs
        ],
    }


def campaigns_json(view: CampaignsView) -> Json:
    """Return campaigns, the newest first, and how far each is; see `schemas/campaigns.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": view.environment,
        "campaigns": [
            {
                "id": campaign.id,
                "name": campaign.name,
                "state": campaign.state,
                "why": optional(campaign.why),
                "who": campaign.who,
                "host": campaign.host,
                "commit": campaign.commit,
                "digest": campaign.digest,
                "created_at": campaign.created_at,
                "starts_at": campaign.starts_at,
                "ended_at": campaign.ended_at,
                "calls": campaign.calls,
                "phones": campaign.phones,
                "waiting": progress.counts.get(None, 0),
                **{state.value.replace("-", "_"): progress.counts.get(state, 0) for state in State},
                "waits_for": {wait.value: number for wait, number in progress.waiting.items()},
                "next_at": progress.next_at,
            }
            for campaign, progress in view.campaigns
        ],
    }


def operation_json(view: OperationView) -> Json:
    """Return what an operator has done to calls; see `schemas/ledger-operation.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": view.environment,
        "operation": view.name,
        "reason": optional(view.reason),
        "summary": dict(view.counts),
        "calls": [
            {
                "reference_id": step.reference_id,
                "before": step.before and step.before.value,
                "after": step.after and step.after.value,
                "changed": step.changed,
                "refused": optional(step.refused),
                "note": optional(step.note),
            }
            for step in view.steps
        ],
    }


def done_json(done: Done) -> Json:
    """Return what a command has done, or found; see `schemas/done.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": done.environment,
        "command": done.command,
        **{name: optional(fact) if isinstance(fact, str) else fact for name, fact in done.facts.items()},
    }


def blocked_json(view: BlockedView) -> Json:
    """Return the numbers that were ever blocked; see `schemas/blocked.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": view.environment,
        "summary": {"blocked": len(view.blocked), "lifted": len(view.lifted)},
        "numbers": [
            {
                "shown": block.shown,
                "pseudonym": block.pseudonym,
                "blocked": block.lifted_at is None,
                "at": block.at,
                "who": block.who,
                "host": block.host,
                "reason": optional(block.reason),
                "lifted_at": block.lifted_at,
                "lifted_by": block.lifted_by,
                "lifted_reason": optional(block.lifted_reason),
            }
            for block in (*view.blocked, *view.lifted)
        ],
    }


def _entry(entry: Entry) -> Json:
    return {
        "environment": entry.environment,
        "reference_id": entry.reference_id,
        "state": entry.state.value,
        "fingerprint": entry.fingerprint or None,
        "callees": [
            {
                "shown": leg.shown,
                "call_id": leg.call_id,
                "code": leg.code,
                "later": leg.later,
                "description": leg.description,
                "error": leg.error,
            }
            for leg in entry.legs
        ],
        "cancelled_from": entry.cancelled_from and entry.cancelled_from.value,
        "refused": entry.refused,
        "labels": dict(entry.labels),
        "attempts": entry.attempts,
        "root": entry.root,
        "attempt": entry.attempt,
        "max_attempts": entry.max_attempts,
        "error": entry.error,
        "claimed_at": entry.claimed_at,
        "updated_at": entry.updated_at,
        "live": entry.live,
        "purged": entry.purged,
        "posted_as": None if entry.state is State.RENAMED else entry.posted_as,
        "became": entry.became,
    }


def _event(event: LedgerEvent) -> Json:
    actor = event.actor
    return {
        "serial": event.serial,
        "happening": event.event_type.value,
        "state": event.state.value if event.state is not None else None,
        "at": event.at,
        "actor": {
            "who": actor.who,
            "host": actor.host,
            "job": actor.job,
            "commit": actor.commit,
            "override": optional(actor.override),
        }
        if actor
        else None,
        "data": masked(dict(event.data)) if event.data is not None else None,
    }


def status_json(status: LedgerStatus) -> Json:
    """Return the totals of a ledger."""
    checkpoint = status.ledger
    return {
        "format_version": FORMAT_VERSION,
        "environment": status.environment,
        "ledger": {"id": checkpoint.id, "serial": checkpoint.serial} if checkpoint else None,
        "summary": {
            **{snake(name): number for name, number in status.totals.came_to.items()},
            "held_back": None if status.held is None else sum(each.calls for each in status.held),
        },
        **_totals(status.totals),
        "in_doubt": [
            {"reference_id": entry.reference_id, "since": entry.updated_at, "error": optional(entry.error)}
            for entry in status.in_doubt
        ],
        "given_up": [
            {
                "reference_id": call.reference_id,
                "since": call.since,
                "refusals": call.refusals,
                "error": optional(call.error),
            }
            for call in status.given_up
        ],
        "partly_refused": list(status.partly_refused),
        "guards": [guard_json(guard) for guard in guards_of(status.guards)],
        "since": status.since,
        "hours": dict(status.hours),
        "documents": [
            {"place": each.place, "labels": dict(each.labels), **_totals(each.totals)} for each in status.documents
        ],
        "labels": [{"label": each.name, **_totals(each.totals)} for each in status.labels],
        "attempts": [{"attempt": int(each.name), **_totals(each.totals)} for each in status.attempts],
        "held_back": None if status.held is None else [_held_back(each) for each in status.held],
        "chains": None if status.chains is None else _chains(status.chains),
        "callbacks": status.hears,
    }


def _held_back(held: HeldBack) -> Json:
    return {"action": held.action.value, "reason": mask_text(held.reason), "calls": held.calls, "phones": held.phones}


def _chains(chains: Chains) -> Json:
    return {
        "waiting": chains.waiting.calls,
        "waiting_since": chains.waiting.since,
        "due": chains.due,
        "later": chains.later,
        "next_due": chains.next_due,
    }


def _totals(totals: Totals) -> Json:
    return {
        "counts": {snake(state): totals.counts.get(state, 0) for state in State},
        "outcomes": {str(code): number for code, number in sorted(totals.outcomes.items())},
    }
