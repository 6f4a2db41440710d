"""What a field means, and what was found in an environment, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.diagnosis import Diagnosis, Status
from flowops.model.plan import ABSENT
from flowops.report.json.text import FORMAT_VERSION, Json
from flowops.report.views.masked import optional

if TYPE_CHECKING:
    from flowops.model.field import Field


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
