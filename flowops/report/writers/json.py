"""Write results for machines. The keys and their meaning are fixed by the schemas of the same names.

Keys that flowops makes up are snake_case; keys of the API stay as they are. Phone numbers are masked, except in
rendered bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from flowops import __version__
from flowops.common.masking import mask_text
from flowops.errors import Invalid
from flowops.model.diagnosis import Diagnosis, Status
from flowops.model.difference import Shift
from flowops.model.field import Field
from flowops.model.ledger import State
from flowops.model.plan import ABSENT, Action
from flowops.model.problems import with_rows
from flowops.model.result import Outcome
from flowops.model.status import LedgerStatus
from flowops.report.difference import DifferenceOutput, changes_of, masked_changes
from flowops.report.escape import COMMAND, UNSAFE
from flowops.report.formats import ALL, DONE, Format
from flowops.report.masking import masked
from flowops.report.views import (
    BlockedView,
    Bodies,
    CasesView,
    Done,
    Entries,
    EntryView,
    OperationView,
    PlanOutput,
    ProblemsView,
    ResultView,
    Runs,
    guards_of,
    in_order,
    of_call,
    of_entry,
    of_left_out,
    optional,
    pseudonyms_of,
    without_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flowops.errors import FlowopsError
    from flowops.model.difference import Difference, DifferentCall
    from flowops.model.document import Place, Problem, RowPlace, Value
    from flowops.model.ledger import Entry
    from flowops.model.plan import Change, Guard, Plan
    from flowops.model.result import CallResult
    from flowops.report.formats import Target
    from flowops.report.layout import Output
    from flowops.report.views import CallView, LedgerEvent

FORMAT = Format("for programs: one document, whose schema `flowops schema show` prints", (*ALL, DONE), order=20)

FORMAT_VERSION = 1
_UNSAFE = re.compile(f"[{UNSAFE}]")

Json = dict[str, "Value"]


def write(output: Output, target: Target) -> None:
    """Write a result as a JSON document, as it is made."""
    target.stream.writelines(dumps(document_of(output)))


def document_of(output: Output) -> Json:
    """Return the document of a result."""
    make = _DOCUMENTS.get(type(output))
    if make is None:
        raise TypeError(type(output))
    return make(output)


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
        "summary": {
            **{snake(action): counts[action] for action in Action},
            "unnamed": plan.unnamed,
            "phones": sum(phones for action, phones in plan.phones().items() if action.sends),
        },
        "guards": [guard_json(guard) for guard in guards_of(plan.guards)],
        "warnings": list(without_numbers(plan.warnings)),
        "notes": list(without_numbers(plan.notes)),
        "calls": map(
            _planned, chain((of_call(planned, pseudonym) for planned in plan.calls), map(of_left_out, plan.invalid))
        ),
    }


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
            "phones": result.phones()[Outcome.PLACED],
        },
        "guards": [guard_json(guard) for guard in view.guards],
        "interrupted": view.interrupted,
        "failure": view.failure,
        "causes": [cause._asdict() for cause in view.causes()],
        "calls": map(_attempted, view.calls()),
    }


def difference_json(found: Difference) -> Json:
    """Return what two revisions render differently; see `schemas/diff.schema.json`."""
    counts = found.counts()
    people = {number for each in found.calls if each.shift is not Shift.REMOVED for number in each.call.callees}
    return {
        "format_version": FORMAT_VERSION,
        "base": found.base,
        "head": found.head,
        "summary": {**{shift.value: counts[shift] for shift in Shift}, "unchanged": found.unchanged},
        "people": len(people),
        "base_problems": found.base_problems,
        "environment": [_change(change) for change in masked_changes(found.environment)],
        "calls": [_different(each) for each in found.calls],
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
                "hint": optional(error.hint),
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
        "summary": {
            "tests": len(view.results),
            "passed": len(view.results) - view.failed,
            "failed": view.failed,
        },
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
    }


def dumps(value: Json | list[Json]) -> Iterator[str]:
    """Yield the text of a document, piece by piece: a line for each key, and for each item of a list of objects.

    A list in an object may be an iterator, whose items are made while they are written; so there may be any number of
    them. One call a line is quick to write, to compare and to search; characters that a terminal obeys are escaped.
    """
    if isinstance(value, list):
        yield from _array(value, "")
        yield "\n"
        return
    separator = "{\n"
    for key, item in value.items():
        yield f"{separator}  {json.dumps(key)}: "
        if isinstance(item, list | Iterator):
            yield from _array(item, "  ")
        else:
            yield _dumps(item)
        separator = ",\n"
    yield "\n}\n"


def source(place: Place, row: RowPlace | None) -> Json:
    """Return where a call or a problem stands; `row` counts the data rows of a call set from 1."""
    return {"file": place.file, "line": place.line, "column": place.column, "row": row.number if row else None}


def _array(items: Iterable[Value], indent: str) -> Iterator[str]:
    separator = "[\n"
    for item in items:
        yield f"{separator}{indent}  {_dumps(item)}"
        separator = ",\n"
    yield "[]" if separator == "[\n" else f"\n{indent}]"


def _dumps(value: Value) -> str:
    """Return one line, in which nothing is obeyed by a terminal or a CI runner; it is the same to a reader."""
    text = json.dumps(value, ensure_ascii=False).replace(COMMAND, "#\\u0023[")
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)


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


def _different(each: DifferentCall) -> Json:
    call = each.call
    return {
        "reference_id": call.reference_id,
        "change": each.shift.value,
        "source": None if each.shift is Shift.REMOVED else source(call.origin.place(), call.row),
        "changes": [_change(change) for change in changes_of(each)],
    }


def guard_json(guard: Guard) -> Json:
    """Return a guard of the run that has tripped."""
    return {"name": guard.name, "reason": guard.reason, "source": source(guard.place, None) if guard.place else None}


def _attempted(call: CallResult) -> Json:
    return {
        "reference_id": call.reference_id,
        "root": call.root or call.reference_id,
        "attempt": call.attempt,
        "max_attempts": call.max_attempts,
        "outcome": call.outcome.value,
        "call_ids": list(call.call_ids),
        "phones": call.phones,
        "labels": dict(call.labels),
        "tries": call.attempts,
        "error": call.error,
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
        "attempts": entry.attempts,
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


def snake(name: str) -> str:
    """Return a name as a key or output of ours."""
    return name.replace("-", "_")


#: What makes the document of each kind of result.
_DOCUMENTS: Mapping[type, Callable[[Any], Json]] = {
    PlanOutput: lambda output: output.json(),
    ResultView: lambda output: output.json or result_json(output),
    ProblemsView: validate_json,
    CasesView: cases_json,
    Field: field_json,
    Diagnosis: diagnosis_json,
    DifferenceOutput: lambda output: difference_json(output.found),
    LedgerStatus: status_json,
    Entries: ledger_list_json,
    EntryView: entry_json,
    Runs: runs_json,
    Bodies: render_json,
    Done: done_json,
    OperationView: operation_json,
    BlockedView: blocked_json,
}
