"""The totals of a ledger, or the report of a day, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model.ledger import State
from flowops.report.json.plan import guard_json
from flowops.report.json.text import FORMAT_VERSION, Json, snake
from flowops.report.views.masked import guards_of, optional

if TYPE_CHECKING:
    from flowops.model.status import LedgerStatus, Totals


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
                "error": None if call.error is None else mask_text(call.error),
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
        "held_back": None
        if status.held is None
        else [
            {
                "action": each.action.value,
                "reason": mask_text(each.reason),
                "calls": each.calls,
                "phones": each.phones,
            }
            for each in status.held
        ],
        "chains": None
        if status.chains is None
        else {
            "waiting": status.chains.waiting.calls,
            "waiting_since": status.chains.waiting.since,
            "due": status.chains.due,
            "later": status.chains.later,
            "next_due": status.chains.next_due,
        },
        "callbacks": status.hears,
    }


def _totals(totals: Totals) -> Json:
    return {
        "counts": {snake(state): totals.counts.get(state, 0) for state in State},
        "outcomes": {str(code): number for code, number in sorted(totals.outcomes.items())},
    }
