"""What is wrong, what a field means, and what was found in an environment, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.called import called
from flowops.common.masking import mask_text
from flowops.errors import Invalid
from flowops.model.diagnosis import Diagnosis, Status
from flowops.model.plan import ABSENT
from flowops.model.problems import with_rows
from flowops.report.json.text import FORMAT_VERSION, Json, source
from flowops.report.masking import optional, without_numbers
from flowops.report.views.problems import CasesView, ProblemsView, in_order

if TYPE_CHECKING:
    from flowops.errors import FlowopsError
    from flowops.model.document import Place, Problem
    from flowops.model.field import Field


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
