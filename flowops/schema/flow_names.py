"""What the schemas of calls know of a project's flows: their names, and the variables each of them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.schema.conversion import NUMERAL, declared_types
from flowops.schema.references import ReferenceTrouble, inline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Flow, Value
    from flowops.schema.engine import Schema


def flow_field(flows: Sequence[Flow], template: Schema) -> Schema:
    """The field ``flow``: any name, or one of the project's."""
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
    """One rule a flow: a call that names it, or gets it from the project, passes its variables."""
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
    """A variable's own schema, a template, or what flowops turns into such a value: 15 for "15" and back."""
    try:
        inlined = inline(dict(schema), dict(schema))
    except ReferenceTrouble:
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
