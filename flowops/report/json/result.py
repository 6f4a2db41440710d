"""A run as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.result import Outcome
from flowops.report.json.plan import guard_json
from flowops.report.json.text import FORMAT_VERSION, Json, snake, source
from flowops.report.views.plan import iso

if TYPE_CHECKING:
    from flowops.model.call import LeftOut
    from flowops.model.result import CallResult
    from flowops.report.views.result import ResultView


def result_json(view: ResultView) -> Json:
    """Return a run; see `schemas/result.schema.json`."""
    result = view.result
    counts = result.counts()
    return {
        "format_version": FORMAT_VERSION,
        "environment": result.environment,
        "revision": result.revision,
        "digest": result.digest,
        "summary": {
            **{snake(outcome): counts[outcome] for outcome in Outcome},
            "invalid": len(result.invalid),
            "phones": result.phones()[Outcome.PLACED],
        },
        "next_run": iso(result.next_run) if result.next_run else None,
        "guards": [guard_json(guard) for guard in view.guards],
        "interrupted": view.interrupted,
        "failure": view.failure,
        "causes": [cause._asdict() for cause in view.causes()],
        "invalid": map(_left_out, view.invalid()),
        "calls": map(_attempted, view.calls()),
    }


def _left_out(row: LeftOut) -> Json:
    return {
        "reference_id": row.reference_id,
        "source": source(row.place, row.row),
        "row_file": row.row.file,
        "row_line": row.row.line,
        "reasons": list(row.reasons),
    }


def _attempted(call: CallResult) -> Json:
    return {
        "reference_id": call.reference_id,
        "root": call.root or call.reference_id,
        "attempt": call.attempt,
        "max_attempts": call.max_attempts,
        "outcome": call.outcome.value,
        "call_ids": list(call.call_ids),
        "phones": call.phones,
        "refused": call.refused_callees,
        "labels": dict(call.labels),
        "tries": call.attempts,
        "error": call.error,
        "deferred_until": iso(call.until) if call.until else None,
    }
