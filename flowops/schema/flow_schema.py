"""The schema of ``kind: Flow``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.schema.authoring import opening
from flowops.schema.keywords import KEYWORDS
from flowops.schema.request import PRINTABLE, PRINTABLE_ERROR, head

if TYPE_CHECKING:
    from flowops.schema.engine import Schema


def flow_schema() -> Schema:
    """``kind: Flow``: what a FlowBuilder flow is called here, and which variables it takes."""
    callflow_id: Schema = {"type": "string", "minLength": 1}
    return {
        **head("flow", "A FlowBuilder flow", "A flow's name in this repository, its id, and the variables it takes."),
        "type": "object",
        "required": ["apiVersion", "kind", "name", "callflow-id"],
        "properties": {
            **opening("Flow"),
            "name": {
                "type": "string",
                "pattern": PRINTABLE,
                "patternErrorMessage": PRINTABLE_ERROR,
                "maxLength": 100,
                "description": "The name that calls use in their field flow.",
                "examples": ["appointment-reminder"],
            },
            "callflow-id": {
                "description": "The id of the flow in FlowBuilder: one for all environments, or one for each.",
                "examples": ["7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"],
                "anyOf": [
                    callflow_id,
                    {"type": "object", "minProperties": 1, "additionalProperties": callflow_id},
                ],
            },
            "variables": {
                "type": "object",
                "description": (
                    "The variables that the flow consumes, each with a JSON Schema. One without a default is required."
                ),
                "propertyNames": {"minLength": 1},
                "additionalProperties": {
                    "type": "object",
                    "properties": KEYWORDS,
                    "additionalProperties": False,
                },
                "examples": [{"patient": {"type": "string", "minLength": 1}, "minutes": {"type": "integer"}}],
            },
            "produces": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "uniqueItems": True,
                "description": (
                    "Variables that the flow creates itself, such as a key that was pressed. Whatever a call passes "
                    "for them is overwritten, so passing one is an error."
                ),
                "examples": [["dtmf_input"]],
            },
        },
        "additionalProperties": False,
    }
