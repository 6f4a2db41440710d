"""From a description of the API to the schemas that depend on it.

Two are derived altogether: `request`, a rendered body (strict), and `call`, the same fields with templates. `flowops`
takes a document of any kind, and has the schemas of all kinds in it. Of three others a part is derived: what a project
gives to every call, the call of a call set, and the body in what `render` prints. The rules of a policy bring their own
parts, names have the one rule of names, and the states and events of a call are named from the one list of them. All
else in them, and all other schemas, depend on no API: those JSON files are kept by hand, and are only laid out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from flowops.common.names import NAME_ERROR, NAME_PATTERN
from flowops.common.spans import SPAN_PATTERN
from flowops.errors import FlowopsError
from flowops.model.attempts import MOST_ATTEMPTS, REPEATABLE
from flowops.model.ledger import EventType, State
from flowops.model.plan import Action
from flowops.policy.config import SETTINGS
from flowops.schema.engine import TEMPLATE_PATTERN
from flowops.schema.flow_check import NUMERAL, BadReference, declared_types, inline
from flowops.schema.store import NAMES, schema_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.document import Value
    from flowops.model.project import Flow
    from flowops.schema.engine import Schema

PATH = "/FlowBuilder"
#: Without these there is no call: the ledger knows it by the first, the second is what it does.
ESSENTIAL = ("instruction-id", "callflow-id")
#: At least one of these says who is called.
WHO = ("callee", "callees")


def load_description(text: str, file: str) -> dict[str, Value]:
    """Return an OpenAPI description from YAML or JSON. Raises FlowopsError naming the file."""
    try:
        description = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except (ValueError, RecursionError) as error:
        raise FlowopsError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error
    version = description.get("openapi") if isinstance(description, dict) else None
    if not isinstance(description, dict) or not str(version).startswith("3.1"):
        raise FlowopsError(f"{file}: is no OpenAPI 3.1 description", hint="its first line says: openapi: 3.1.0")
    return description


def _yaml(text: str) -> Any:
    try:
        # The pure Python loader: the C one dies of deep nesting instead of raising RecursionError.
        return yaml.load(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def instruction(description: dict[str, Value]) -> Schema:
    """Return the schema of the body of POST /FlowBuilder, with every reference replaced by what it names.

    Raises FlowopsError when the description has no such operation, or its body lacks what flowops needs.
    """
    node: Any = description
    for step in ("paths", PATH, "post", "requestBody", "content", "application/json", "schema"):
        node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            raise FlowopsError(f"the description of the API has no POST {PATH} with a JSON body ('{step}' is missing)")
    try:
        schema = inline(node, description)
    except BadReference as error:
        raise FlowopsError(f"the description of the API: {error}") from error
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(properties, dict):
        raise FlowopsError(f"the body of POST {PATH} has no properties")
    missing = [name for name in ESSENTIAL if not isinstance(properties.get(name), dict)]
    if not any(name in properties for name in WHO):
        missing.append(WHO[0])
    if missing:
        raise FlowopsError(f"the body of POST {PATH} has no property '{missing[0]}', which flowops cannot do without")
    return schema


DRAFT = "https://json-schema.org/draft/2020-12/schema"

#: What every name has to be: of a call, a flow, an environment, a project.
NAME: Schema = {"pattern": NAME_PATTERN, "patternErrorMessage": NAME_ERROR}
#: So many phones one request rings at most: it is placed, refused or in doubt as a whole.
MOST_CALLEES = 100
#: What flowops itself asks of a body, beyond the API: the ledger's key, and no silent defaults.
_ALWAYS = ("instruction-id", "voicemail-response")


def schema_id(name: str) -> str:
    """Return a name that stays the same and cannot be fetched: nothing will ever ask the network for it."""
    return f"urn:flowops:schema:v1:{name}"


def head(name: str, title: str, description: str) -> Schema:
    """Return the first lines of a schema."""
    return {"$schema": DRAFT, "$id": schema_id(name), "title": title, "description": description}


def field_schema(api: Schema, name: str) -> Schema:
    """Return a field of the API in plain JSON Schema; it keeps its null if it has one.

    Formats go: validators disagree about what they mean and whether they count. The pattern beside says it.
    """
    schema: Schema = _plain(api["properties"][name])
    if name == "instruction-id":
        limit = min(64, schema.get("maxLength", 64))
        schema |= {"minLength": 1, "maxLength": limit}
        schema |= NAME
    if name == "callees":
        schema["maxItems"] = min(MOST_CALLEES, schema.get("maxItems", MOST_CALLEES))
    return schema


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(item) for key, item in schema.items() if key != "format" and not key.startswith("x-")}
    if "x-pattern-error" in schema:
        plain["patternErrorMessage"] = schema["x-pattern-error"]
    return plain


def without_null(schema: Schema) -> Schema:
    """Return the schema of the same field where it has to have a value."""
    types = schema.get("type")
    if not isinstance(types, list):
        return schema
    left = [name for name in types if name != "null"]
    return {**schema, "type": left[0] if len(left) == 1 else left}


def required_fields(api: Schema) -> list[str]:
    """Return the fields that every body has, in the order of the description."""
    wanted = {*api.get("required", ()), *_ALWAYS}
    return [name for name in api["properties"] if name in wanted and name not in WHO]


def exactly_one(names: list[str]) -> Schema:
    """Return a schema that asks for exactly one of some fields; one that is null does not count."""
    branches = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
    return {"oneOf": branches}


def request_schema(api: Schema) -> Schema:
    """Return the schema of a rendered body: what is absent is not sent, so nothing is null and nothing is unknown."""
    properties = {name: without_null(field_schema(api, name)) for name in api["properties"]}
    return {
        **head("request", "A call as it is sent", "The body of POST /FlowBuilder, as flowops sends it."),
        "type": "object",
        "required": required_fields(api),
        "oneOf": [{"required": [name]} for name in WHO if name in properties],
        "properties": properties,
        "additionalProperties": False,
    }


def body_schema(api: Schema) -> Schema:
    """Return the schema of a rendered body as a part of another schema."""
    return {key: item for key, item in request_schema(api).items() if key not in ("$schema", "$id", "title")}


API_VERSION = "flowops/v1"
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
    "errorMessage": "belongs to the call set: write it beside for-each, not inside call",
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
            "How often this call may be tried. Another attempt follows only behind one that finished with an outcome "
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
                "description": "The outcomes behind which another attempt follows. A completed call is never repeated.",
                "examples": [["no-answer", "failed"]],
            },
            "after": {
                "anyOf": [span, {"type": "array", "minItems": 1, "items": span}],
                "default": "2h",
                "description": (
                    "When the next attempt is due, behind the finish of the one before: a span of time, or a list with "
                    "one for each further attempt."
                ),
                "examples": ["2h", ["30m", "2h"]],
            },
            "within": {
                **span,
                "default": "3d",
                "description": "No attempt is due later than this behind the first claim of the call.",
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


__all__ = ["ProjectFacts", "build", "load_description"]


def build(description: dict[str, Value], project: ProjectFacts | None = None) -> dict[str, Schema]:
    """Return all schemas by name, in the order of `NAMES`; with a project, those of calls know its flows.

    Raises FlowopsError when the description lacks what flowops cannot do without.
    """
    api = instruction(description)
    derived: dict[str, Schema] = {"request": request_schema(api), "call": call_schema(api, project), "flowops": {}}
    schemas: dict[str, Any] = {
        name: derived[name] if name in derived else json.loads(schema_text(name)) for name in NAMES
    }
    schemas["callset"]["properties"]["attempts"] = attempts_schema()
    schemas["callset"]["properties"]["call"] = row_call_schema(api, project)
    schemas["callset"]["properties"]["labels"] = labels_schema()
    schemas["render"]["properties"]["calls"]["items"]["properties"]["body"] = body_schema(api)
    _name_states(*(schemas[name] for name in ("ledger-list", "ledger-show", "ledger-operation", "status")))
    _name_expected(schemas["test"]["properties"])
    fields = schemas["project"]["properties"]
    fields["defaults"] = defaults_schema(api)
    for name in (fields["name"], fields["environments"]["propertyNames"], schemas["flow"]["properties"]["name"]):
        name.update(NAME)
    fields["policy"]["properties"] = {setting.key: setting.schema for setting in SETTINGS}
    # An environment has the same rules as the project; only the words about them differ.
    environment = fields["environments"]["additionalProperties"]["properties"]
    words = environment["policy"]["description"]
    environment["policy"] = fields["policy"] | {"description": words}
    schemas["flowops"] = document_schema([schemas[name] for name in ("project", "flow", "call", "callset", "test")])
    return schemas


def _name_states(ledger_list: Schema, ledger_show: Schema, operation: Schema, status: Schema) -> None:
    """Fill in the states and the events of a call."""
    listed = ledger_list["properties"]["calls"]["items"]["properties"]
    shown = ledger_show["properties"]
    event, counts = shown["events"]["items"]["properties"], status["properties"]["counts"]
    states = [str(state) for state in State]
    listed["state"]["enum"] = shown["state"]["enum"] = states
    step = operation["properties"]["calls"]["items"]["properties"]
    listed["cancelled_from"]["enum"] = shown["cancelled_from"]["enum"] = [*states, None]
    event["state"]["enum"] = step["before"]["enum"] = step["after"]["enum"] = [*states, None]
    event["happening"]["enum"] = [str(event_type) for event_type in EventType]
    counts["required"] = [state.replace("-", "_") for state in states]
    counts["properties"] = {
        name: {"description": f"Calls that are {state.replace('-', ' ')}.", "type": "integer", "minimum": 0}
        for name, state in zip(counts["required"], states, strict=True)
    }


def _name_expected(fields: Schema) -> None:
    """Fill in what a test may expect of a call, and in which states it may give calls."""
    fields["given"]["properties"]["ledger"]["items"]["properties"]["state"]["enum"] = [
        str(state) for state in State if state is not State.RENAMED
    ]
    fields["expect"]["properties"]["action"]["enum"] = [str(action) for action in Action]


def document_schema(schemas: Sequence[Schema]) -> Schema:
    """Return the schema of a document of any kind: by its `kind` one of these."""
    kinds = [schema["properties"]["kind"] for schema in schemas]
    names = [kind["const"] for kind in kinds]
    opening = {
        "apiVersion": schemas[0]["properties"]["apiVersion"],
        "kind": {"enum": names, "description": kinds[0]["description"]},
    }
    rules = [
        {
            "if": {"required": ["kind"], "properties": {"kind": {"const": name}}},
            "then": {key: item for key, item in schema.items() if key not in ("$schema", "$id")},
        }
        for name, schema in zip(names, schemas, strict=True)
    ]
    return {
        **head("flowops", "A document of flowops", "A project, a flow, a call, a call set or a test, by its kind."),
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": opening,
        "allOf": rules,
    }
