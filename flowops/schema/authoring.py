"""The fields of a call as people write them: those of the API with templates in them, and what flowops adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.common.names import NAME_PATTERN
from flowops.common.times import SPAN_PATTERN
from flowops.model.call import MOST_ATTEMPTS, REPEATABLE
from flowops.model.document import API_VERSION
from flowops.schema.engine import TEMPLATE_PATTERN
from flowops.schema.flow_check import NUMERAL, BadReference, declared_types, inline
from flowops.schema.request import WHO, exactly_one, field_schema, head, required_fields, without_null

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.document import Value
    from flowops.model.project import Flow
    from flowops.schema.engine import Schema


#: What a call says about its flow: one of these.
FLOW = ("flow", "callflow-id")
_ANNOTATIONS = ("description", "default", "examples")
_ONE_CALLS_OWN: Schema = {
    "not": {},
    "errorMessage": "belongs to one call, and cannot be a default",
    "doNotSuggest": True,
}
_OF_THE_SET: Schema = {
    "not": {},
    "errorMessage": "belongs to the call set: write it next to for-each, not inside call",
    "doNotSuggest": True,
}
_TEMPLATE: Schema = {"type": "string", "pattern": TEMPLATE_PATTERN}


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What the schemas of calls may know of a project: its flows, and the values it gives to every call."""

    flows: Sequence[Flow] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)


def call_schema(api: Schema, project: ProjectFacts | None = None) -> Schema:
    """Return the schema of ``kind: Call``."""
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
    """Return the schema of the field `call` of ``kind: CallSet``, whose attempts stand beside it."""
    schema = _call(api, project)
    fields = {**schema["properties"], "attempts": _OF_THE_SET}
    return {
        "description": "The call that is made of each row.",
        "examples": [{"reference-id": "reminder-{{ row.id }}-{{ row.date }}", "callee": "{{ row.phone }}"}],
        **schema,
        "properties": fields,
    }


def defaults_schema(api: Schema) -> Schema:
    """Return the schema of a project's ``defaults``: all fields of a call but those that tell one call from another."""
    fields = {
        name: _ONE_CALLS_OWN if name in ("reference-id", "labels", "moved-from", *WHO) else schema
        for name, schema in _fields(api, None).items()
    }
    return {
        "type": "object",
        "description": "Values for every call of the project. A call's own value comes first.",
        "examples": [{"caller": "+442079460000", "voicemail-response": "Stop"}],
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
        asked = [name for name in required_fields(api) if name not in ("instruction-id", "callflow-id")]
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
            fields[name] = with_template(field_schema(api, name))
    return {**fields, **_terms(), "attempts": attempts_schema(), "labels": labels_schema()}


def labels_schema() -> Schema:
    """Return the schema of what calls are selected by: plain texts, the same for all rows. They are not sent."""
    return {
        "type": ["object", "null"],
        "description": "What the calls can be selected by (-l campaign=reminders), and reports grouped by. Not sent.",
        "examples": [{"campaign": "reminders"}],
        "propertyNames": {
            "maxLength": 63,
            "pattern": "^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$",
            "patternErrorMessage": "not the name of a label: write letters, digits and . _ / - between them",
        },
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": NAME_PATTERN.replace("[^", "[^,="),
            "patternErrorMessage": "not the value of a label: write visible characters without , and =",
        },
    }


def attempts_schema() -> Schema:
    """Return the schema of ``attempts``: how often one call may be tried. It is not rendered, and not sent."""
    span = {
        "type": "string",
        "pattern": f"^{SPAN_PATTERN}$",
        "patternErrorMessage": "not a span of time: write a number with s, m, h, d or w, such as 2h",
    }
    return {
        "type": ["object", "null"],
        "description": (
            "How often this call may be tried. Another attempt follows only after one that finished with an outcome "
            "in `on`. Without this a call is tried once. Not sent."
        ),
        "examples": [{"max": 3, "on": ["no-answer", "failed"], "after": ["30m", "2h"], "within": "3d"}],
        "properties": {
            "max": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_ATTEMPTS,
                "default": 1,
                "description": "The most attempts, the first one included.",
                "examples": [3],
            },
            "on": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"enum": list(REPEATABLE)},
                "default": ["no-answer"],
                "description": "The outcomes after which another attempt follows. A completed call is never repeated.",
                "examples": [["no-answer", "failed"]],
            },
            "after": {
                "anyOf": [span, {"type": "array", "minItems": 1, "items": span}],
                "default": "2h",
                "description": (
                    "When the next attempt is due, counted from the end of the one before: a span of time, or a list "
                    "with one for each further attempt."
                ),
                "examples": ["2h", ["30m", "2h"]],
            },
            "within": {
                **span,
                "default": "3d",
                "description": "No attempt is due later than this after the first claim of the call.",
                "examples": ["1d"],
            },
        },
        "additionalProperties": False,
    }


def _terms() -> dict[str, Schema]:
    """Return the fields that say when and why a call may be placed. flowops reads them; they are not sent."""
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
        "moved-from": with_template(
            {
                "type": ["string", "null"],
                "minLength": 1,
                "description": (
                    "The reference-id that this call had before. What was placed under it counts as this call, and it "
                    "is never placed again. Not sent."
                ),
                "examples": ["rem-{{ row.id }}"],
            }
        ),
    }


def _reference_id(api: Schema) -> Schema:
    return with_template(
        {
            **without_null(field_schema(api, "instruction-id")),
            "description": (
                "The name of this call, sent as instruction-id and kept in the ledger. One name is one call: once it "
                "is placed it is never placed again, and a changed call needs a new name."
            ),
            "examples": ["reminder-1042", "reminder-{{ row.id }}"],
        }
    )


def with_template(schema: Schema) -> Schema:
    """Return the schema of a field where a template may stand for its value; what describes it moves to the front."""
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


def flow_field(flows: Sequence[Flow], template: Schema) -> Schema:
    """Return the schema of the field ``flow``: any name, or one of the project's."""
    notes: Schema = {
        "description": "The flow that runs when the call is answered, by its name in a kind: Flow document.",
        "examples": ["appointment-reminder"],
    }
    if not flows:
        return {**notes, "type": "string", "minLength": 1}
    ordered = sorted(flows, key=lambda flow: flow.name)
    names = {
        "type": "string",
        "enum": [flow.name for flow in ordered],
        "enumDescriptions": [_summary(flow) for flow in ordered],
    }
    return {**notes, "examples": [ordered[0].name], "anyOf": [names, template]}


def _summary(flow: Flow) -> str:
    if not flow.variables:
        return "Takes no variables."
    takes = [name if "default" not in schema else f"{name} (optional)" for name, schema in flow.variables.items()]
    return f"Takes {', '.join(takes)}."


def variables_by_flow(flows: Sequence[Flow], defaults: Mapping[str, Value], template: Schema) -> list[Schema]:
    """Return a rule for each flow: a call that names it, or gets it from the project, passes its variables."""
    given = defaults.get("flow-variables")
    given = given if isinstance(given, dict) else {}
    rules: list[Schema] = []
    for flow in sorted(flows, key=lambda flow: flow.name):
        named: Schema = {"required": ["flow"], "properties": {"flow": {"const": flow.name}}}
        if defaults.get("flow") == flow.name:
            unnamed: Schema = {"not": {"anyOf": [{"required": ["flow"]}, {"required": ["callflow-id"]}]}}
            named = {"anyOf": [named, unnamed]}
        needed = [name for name, schema in flow.variables.items() if "default" not in schema and name not in given]
        rules.append({"if": named, "then": _then(flow, needed, template)})
    return rules


def _then(flow: Flow, needed: list[str], template: Schema) -> Schema:
    produced = {
        "not": {},
        "errorMessage": f"is created inside the flow {flow.name}: do not pass it",
        "doNotSuggest": True,
    }
    variables: Schema = {
        "properties": {
            **{name: _variable(schema, template) for name, schema in flow.variables.items()},
            **dict.fromkeys(sorted(flow.produces), produced),
        },
        "additionalProperties": False,
    }
    then: Schema = {"properties": {"flow-variables": variables}}
    if needed:
        variables |= {"type": "object", "required": needed}
        then["required"] = ["flow-variables"]
    return then


def _variable(schema: Mapping[str, Value], template: Schema) -> Schema:
    """Return a schema for a variable's value, a template, or what flowops converts to it: "15" to 15 and back."""
    try:
        inlined = inline(dict(schema), dict(schema))
    except BadReference:
        return {}
    notes = {key: inlined[key] for key in ("description", "default", "examples") if key in inlined}
    real = {key: item for key, item in inlined.items() if key not in notes and not key.startswith("x-")}
    types = declared_types(real)
    branches = [real, template]
    if types & {"integer", "number"} and "string" not in types:
        branches.append({"type": "string", "pattern": NUMERAL})
    if "boolean" in types and "string" not in types:
        branches.append({"enum": ["true", "false"]})
    if "string" in types and not types & {"integer", "number"}:
        branches.append({"type": "number"})
    return {**notes, "anyOf": branches}
