"""The totals of a ledger, or the report of a day, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model.ledger import State
from flowops.report.json.plan import guard_json
from flowops.report.json.text import FORMAT_VERSION, Json, snake
from flowops.report.views.masked import guards_of, optional

if TYPE_CHECKING:
    from flowops.model.status import LedgerStatus


def status_json(status: LedgerStatus) -> Json:
    """Return the totals of a ledger."""
    checkpoint = status.ledger
    return {
        "format_version": FORMAT_VERSION,
        "environment": status.environment,
        "ledger": {"id": checkpoint.id, "serial": checkpoint.serial} if checkpoint else None,
        "counts": {snake(state): status.counts.get(state, 0) for state in State},
        "outcomes": {str(code): number for code, number in sorted(status.outcomes.items())},
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
        "guards": [guard_json(guard) for guard in guards_of(status.guards)],
        "since": status.since,
        "hours": dict(status.hours),
        "documents": [
            {
                "place": document.place,
                "labels": dict(document.labels),
                "counts": {snake(state): document.counts.get(state, 0) for state in State},
                "outcomes": {str(code): number for code, number in sorted(document.outcomes.items())},
            }
            for document in status.documents
        ],
        "callbacks": status.hears,
    }
