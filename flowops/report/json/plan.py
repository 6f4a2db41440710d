"""Plans, runs, differences, what is wrong, and what was found in an environment, as JSON."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from flowops.common.called import called
from flowops.common.masking import mask_text
from flowops.common.version import __version__
from flowops.errors import Invalid
from flowops.model.document import ABSENT, with_rows
from flowops.model.plan import Action, Shift
from flowops.model.result import Outcome
from flowops.model.status import Diagnosis, Status
from flowops.report.difference import masked_changes
from flowops.report.json.text import FORMAT_VERSION, Json, Line, line_of, snake, source
from flowops.report.masking import guards_of, optional, without_numbers
from flowops.report.views.plan import Bodies, hooks_of, iso, of_call, of_left_out, pseudonyms_of
from flowops.report.views.problems import CasesView, ProblemsView, in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.errors import FlowopsError
    from flowops.model.call import LeftOut
    from flowops.model.document import Field, Place, Problem, Value
    from flowops.model.plan import Change, DifferentCall, Guard, Plan
    from flowops.model.result import CallResult
    from flowops.report.difference import DifferenceOutput
    from flowops.report.views.plan import CallView, HookView
    from flowops.report.views.result import ResultView


def diagnostics_json(error: FlowopsError) -> Json:
    """Return why a command has failed that has no result; see `schemas/diagnostics.schema.json`."""
    if isinstance(error, Invalid):
        found = list(map(diagnostic, in_order(error.problems)))
    else:
        found = [
            {
                **dict.fromkeys(("file", "line", "column", "row", "row_file", "row_line")),
                "code": error.code,
                "severity": "error",
                "message": mask_text(error.message),
                "details": list(map(mask_text, error.details)),
                "hint": optional(called().completed(error.hint)) if error.hint else None,
                "count": 1,
                "first_rows": [],
            }
        ]
    return {"format_version": FORMAT_VERSION, "exit_code": int(error.exit_code), "diagnostics": found}


def diagnostic(problem: Problem) -> Json:
    """Return what is wrong at a place of a file."""
    return {
        **source(problem.place, problem.row),
        "row_file": problem.row.file if problem.row else None,
        "row_line": problem.row.line if problem.row else None,
        "code": problem.code,
        "severity": "error",
        "message": with_rows(problem),
        "details": [],
        "hint": problem.hint,
        "count": max(1, problem.count),
        "first_rows": [row.number for row in problem.rows],
    }


def validate_json(view: ProblemsView) -> Json:
    """Return what was checked, what is wrong with it, and which call sets' rows are in a source that was not asked."""
    found = in_order(view.problems)
    checked = {"files": view.files, "documents": view.documents, "calls": view.calls}
    return {
        "format_version": FORMAT_VERSION,
        "summary": {**checked, "problems": len(found)},
        "diagnostics": list(map(diagnostic, found)),
        "warnings": list(without_numbers(view.warnings)),
        "not_read": [
            {**source(document.place(("for-each", "source")), None), "source": name} for document, name in view.not_read
        ],
    }


def cases_json(view: CasesView) -> Json:
    """Return which tests passed, and what differs in the others; see `schemas/test-result.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "summary": {"tests": len(view.results), "passed": len(view.results) - view.failed, "failed": view.failed},
        "tests": [
            {
                "name": result.name,
                "passed": result.passed,
                **_at(result.place),
                "failures": [
                    {**_at(each.place), "message": with_rows(each), "hint": each.hint} for each in result.failures
                ],
            }
            for result in view.results
        ],
    }


def _at(place: Place) -> Json:
    return {"file": place.file, "line": place.line, "column": place.column}


def diagnosis_json(diagnosis: Diagnosis) -> Json:
    """Return what was looked at; see `schemas/doctor.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": diagnosis.environment,
        "exit_code": int(diagnosis.code),
        "summary": {status.value: diagnosis.count(status) for status in Status},
        "checks": [
            {
                "name": check.name,
                "status": check.status.value,
                "message": optional(check.message),
                "remedy": check.remedy,
            }
            for check in diagnosis.checks
        ],
    }


def field_json(field: Field) -> Json:
    """Return what a field means, and the fields inside it; see `schemas/field.schema.json`."""
    return {"format_version": FORMAT_VERSION, **_field(field), "fields": [_field(each) for each in field.fields]}


def _field(field: Field) -> Json:
    return {
        "field": field.name,
        "type": field.type,
        "description": field.description,
        "required": field.required,
        **({} if field.default is ABSENT else {"default": field.default}),
        "examples": list(field.examples),
        "values": list(field.options),
        "since": field.since,
    }


def plan_json(plan: Plan) -> Json:
    """Return a plan; see `schemas/plan.schema.json`."""
    checkpoint = plan.ledger
    counts = plan.counts()
    pseudonym = pseudonyms_of(plan)
    return {
        "format_version": FORMAT_VERSION,
        "flowops": __version__,
        "environment": plan.environment,
        "revision": plan.revision,
        "ledger": {"id": checkpoint.id, "serial": checkpoint.serial, "head": checkpoint.head} if checkpoint else None,
        "digest": plan.digest,
        "settings": dict(plan.settings),
        "callbacks": "callbacks" in plan.settings,
        "summary": {
            **{snake(action): counts[action] for action in Action},
            "to_apply": plan.to_apply,
            "unnamed": plan.unnamed,
            "phones": sum(phones for action, phones in plan.phones().items() if action.sends),
        },
        "next_run": iso(plan.next_run) if plan.next_run else None,
        "guards": [guard_json(guard) for guard in guards_of(plan.guards)],
        "warnings": list(without_numbers(plan.warnings)),
        "notes": list(without_numbers(plan.notes)),
        "hooks": [_hook(hook) for hook in hooks_of(plan, pseudonym)],
        "calls": map(
            _planned, chain((of_call(planned, pseudonym) for planned in plan.calls), map(of_left_out, plan.invalid))
        ),
    }


def _hook(hook: HookView) -> Json:
    return {
        "name": hook.name,
        "limit": hook.limit,
        "variables": list(hook.variables),
        "calls": [
            {
                "reference_id": call.reference_id,
                "flow": call.flow,
                "callees": list(call.callees),
                "pseudonyms": list(call.pseudonyms),
                "max_attempts": call.max_attempts,
                "source": source(call.place, None) if call.place else None,
                "labels": dict(call.labels),
                "texts": [each._asdict() for each in call.texts],
            }
            for call in hook.calls
        ],
    }


def difference_json(output: DifferenceOutput) -> Json:
    """Return what two revisions render differently; see `schemas/diff.schema.json`."""
    found = output.found
    return {
        "format_version": FORMAT_VERSION,
        "base": found.base,
        "head": found.head,
        "summary": {**{shift.value: found.counts[shift] for shift in Shift}, "unchanged": found.unchanged},
        "people": output.people,
        "base_problems": found.base_problems,
        "environment": [_change(change) for change in masked_changes(found.environment)],
        "attempts": [
            {
                "source": source(each.place, None),
                "before": None if each.before is None else str(each.before),
                "after": str(each.after),
                "calls": each.calls,
            }
            for each in found.attempts
        ],
        "calls": map(Line, output.lines()),
    }


def render_json(bodies: Bodies) -> Json:
    """Return the exact request bodies, nothing masked; see `schemas/render.schema.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": bodies.environment,
        "calls": (
            {"reference_id": call.reference_id, "source": source(call.origin.place(), call.row), "body": call.body}
            for call in bodies.calls
        ),
    }


def _planned(call: CallView) -> Json:
    return {
        "reference_id": call.reference_id or None,
        "root": call.root or call.reference_id or None,
        "attempt": call.attempt,
        "max_attempts": call.max_attempts,
        "fingerprint": call.fingerprint or None,
        "action": call.action.value,
        "flow": call.flow,
        "callees": list(call.callees),
        "pseudonyms": list(call.pseudonyms),
        "source": source(call.place, call.row) if call.place else None,
        "labels": dict(call.labels),
        "changes": [_change(change) for change in call.changes],
        "reasons": list(call.reasons),
        "deferred_until": call.until,
    }


def _change(change: Change) -> Json:
    sides: Mapping[str, Value] = {"before": change.before, "after": change.after}
    return {"path": change.path, **{side: value for side, value in sides.items() if value is not ABSENT}}


def difference_line(each: DifferentCall) -> str:
    """Return one call of a difference, as a line."""
    call = each.call
    return line_of(
        {
            "reference_id": call.reference_id,
            "change": each.shift.value,
            "source": None if each.shift is Shift.REMOVED else source(call.origin.place(), call.row),
            "changes": [_change(change) for change in masked_changes(each.changes)],
        }
    )


def guard_json(guard: Guard) -> Json:
    """Return a guard of the run that has tripped."""
    return {"name": guard.name, "reason": guard.reason, "source": source(guard.place, None) if guard.place else None}


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
