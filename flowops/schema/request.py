"""What the API takes: from its description to the schemas of a request and of its fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from flowops.common.names import NAME_ERROR, NAME_PATTERN
from flowops.errors import FlowopsError
from flowops.schema.flow_check import BadReference, inline

if TYPE_CHECKING:
    from flowops.model.document import Value
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


#: What the description calls in its own way, since OpenAPI does not know it, and editors do.
_FOR_EDITORS = {"x-pattern-error": "patternErrorMessage", "x-enum-descriptions": "enumDescriptions"}


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(item) for key, item in schema.items() if key != "format" and not key.startswith("x-")}
    return plain | {known: schema[name] for name, known in _FOR_EDITORS.items() if name in schema}


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
