"""The schema of ``kind: Call`` and its parts in other schemas: the API's fields, with templates.

Editors read them for completion, hover texts and errors; `flowops validate` reads the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.schema.branches import TEMPLATE_PATTERN
from flowops.schema.flow_names import flow_field, variables_by_flow
from flowops.schema.openapi import WHO
from flowops.schema.request import exactly_one, head, without_null
from flowops.schema.request import field as api_field
from flowops.schema.request import required as api_required

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Flow, Value
    from flowops.schema.engine import Schema

API_VERSION = "flowops/v1"
#: What a call says about its flow: one of these.
FLOW = ("flow", "callflow-id")
_ANNOTATIONS = ("description", "default", "examples")
_ONE_CALLS_OWN: Schema = {
    "not": {},
    "errorMessage": "belongs to one call, and cannot be a default",
    "doNotSuggest": True,
}
_TEMPLATE: Schema = {"type": "string", "pattern": TEMPLATE_PATTERN}


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What the schemas of calls may know of a project: its flows, and the values it gives to every call."""

    flows: Sequence[Flow] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)


def call_schema(api: Schema, project: ProjectFacts | None = None) -> Schema:
    """``kind: Call``: one call."""
    title = "One outbound call"
    description = "A call that is placed once. Its fields are the API's own, and reference-id."
    inner = _call(api, project)
    opening: dict[str, Schema] = {
        "apiVersion": {"const": API_VERSION, "description": "The version of the format of this document."},
        "kind": {"const": "Call", "description": "What this document describes."},
    }
    return {
        **head("call", title, description),
        **inner,
        "required": ["apiVersion", "kind", *inner["required"]],
        "properties": {**opening, **inner["properties"]},
    }


def row_call_schema(api: Schema, project: ProjectFacts | None = None) -> Schema:
    """Return the schema of the field `call` of ``kind: CallSet``."""
    return {"description": "The call that is made of each row.", **_call(api, project)}


def defaults_schema(api: Schema) -> Schema:
    """A project's ``defaults``: every field of a call but those that tell one call from another."""
    fields = {
        name: _ONE_CALLS_OWN if name in ("reference-id", *WHO) else schema
        for name, schema in _fields(api, None).items()
    }
    return {
        "type": "object",
        "description": "Values for every call of the project. A call's own value comes first.",
        "properties": fields,
        "not": {"required": list(FLOW)},
        "additionalProperties": False,
    }


def _call(api: Schema, project: ProjectFacts | None) -> Schema:
    who = [name for name in WHO if name in api["properties"]]
    rules: list[Schema] = [exactly_one(who), {"not": {"required": list(FLOW)}}]
    needed = ["reference-id"]
    if project is not None:
        given = {name for name, value in project.defaults.items() if value is not None}
        asked = [name for name in api_required(api) if name not in ("instruction-id", "callflow-id")]
        needed += [name for name in asked if name not in given and "default" not in api["properties"][name]]
        if given.isdisjoint(FLOW):
            rules.append({"anyOf": [{"required": [name]} for name in FLOW]})
        rules += variables_by_flow(project.flows, project.defaults, _TEMPLATE)
    return {
        "type": "object",
        "required": needed,
        "properties": _fields(api, project),
        "allOf": rules,
        "additionalProperties": False,
    }


def _fields(api: Schema, project: ProjectFacts | None) -> dict[str, Schema]:
    fields = {"reference-id": _reference_id(api), "flow": flow_field(project.flows if project else (), _TEMPLATE)}
    for name in api["properties"]:
        if name != "instruction-id":
            fields[name] = with_template(api_field(api, name))
    return fields | _terms()


def _terms() -> dict[str, Schema]:
    """When and why a call may be placed. flowops reads these fields; they are not sent."""
    moment = "ISO 8601, such as 2026-12-01T09:00 in the callee's own time, 2026-12-01T09:00Z, or a whole day. Not sent."
    return {
        "timezone": with_template(
            {
                "type": ["string", "null"],
                "minLength": 1,
                "description": "Where the callee is, by its IANA name. Without it the number decides. Not sent.",
                "examples": ["Europe/London"],
            }
        ),
        "not-before": with_template(
            {
                "type": ["string", "null"],
                "minLength": 4,
                "description": f"The call is deferred until then: {moment}",
                "examples": ["2026-12-01T09:00", "2026-12-01"],
            }
        ),
        "expires": with_template(
            {
                "type": ["string", "null"],
                "minLength": 4,
                "description": f"The call is not placed from then on: {moment}",
                "examples": ["2026-12-01T18:00", "2026-12-01"],
            }
        ),
        "consent": {
            "type": ["object", "null"],
            "description": "Why this callee may be called, for a policy that asks for it. Not sent.",
            "examples": [{"basis": "contract", "date": "{{ row.consent_date }}"}],
            "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        },
    }


def _reference_id(api: Schema) -> Schema:
    return with_template(
        {
            **without_null(api_field(api, "instruction-id")),
            "description": (
                "The name of this call, sent as instruction-id and kept in the ledger. One name is one call: once it "
                "is placed it is never placed again, and a changed call needs a new name."
            ),
            "examples": ["reminder-1042", "reminder-{{ row.id }}"],
        }
    )


def with_template(schema: Schema) -> Schema:
    """The same field where a template may stand for its value; what describes it moves to the front."""
    notes = {key: schema[key] for key in _ANNOTATIONS if key in schema}
    real = {key: item for key, item in schema.items() if key not in _ANNOTATIONS}
    types = real.get("type")
    if types == "object" or (isinstance(types, list) and "object" in types):
        return {**notes, **real}
    if isinstance(real.get("items"), dict):
        real["items"] = with_template(real["items"])
    if real == {"type": "string"}:
        return {**notes, **real}
    return {**notes, "anyOf": [real, _TEMPLATE]}
