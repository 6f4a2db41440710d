"""From the description of the API: its fields as flowops uses them, and the strict schema of a rendered body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.schema.openapi import WHO

if TYPE_CHECKING:
    from flowops.schema.engine import Schema

DRAFT = "https://json-schema.org/draft/2020-12/schema"

# One character that can be seen: no control or format characters, no half characters, no blanks. Two
# reference-ids that look the same have to be the same.
_SEEN = (
    r"[^\u0000-\u0020\u007F-\u00A0\u00AD\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F"
    r"\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB]"
)
#: Characters that can be seen, with single blanks between them.
PRINTABLE = rf"^{_SEEN}+(?: {_SEEN}+)*$"
PRINTABLE_ERROR = "not a usable name: write visible characters, with single spaces only between them"

#: What flowops itself asks of a body, beyond the API: the ledger's key, and no silent defaults.
_ALWAYS = ("instruction-id", "voicemail-response")


def schema_id(name: str) -> str:
    """A name for a schema that stays the same and cannot be fetched: nothing will ever ask the network for it."""
    return f"urn:flowops:schema:v1:{name}"


def head(name: str, title: str, description: str) -> Schema:
    """The first lines of every schema."""
    return {"$schema": DRAFT, "$id": schema_id(name), "title": title, "description": description}


def field(api: Schema, name: str) -> Schema:
    """A field of the API in plain JSON Schema; it keeps its null if it has one.

    Formats go: validators disagree about what they mean and whether they count. The pattern beside says it.
    """
    schema: Schema = _plain(api["properties"][name])
    if name == "instruction-id":
        limit = min(64, schema.get("maxLength", 64))
        schema |= {"minLength": 1, "maxLength": limit}
        schema |= {"pattern": PRINTABLE, "patternErrorMessage": PRINTABLE_ERROR}
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
    """The schema of the same field where it has to have a value."""
    types = schema.get("type")
    if not isinstance(types, list):
        return schema
    left = [name for name in types if name != "null"]
    return {**schema, "type": left[0] if len(left) == 1 else left}


def required(api: Schema) -> list[str]:
    """The fields that every body has, in the order of the description."""
    wanted = {*api.get("required", ()), *_ALWAYS}
    return [name for name in api["properties"] if name in wanted and name not in WHO]


def exactly_one(names: list[str]) -> Schema:
    """Exactly one of some fields; one that is null does not count."""
    branches = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
    return {"oneOf": branches}


def request_schema(api: Schema) -> Schema:
    """A rendered body, strict: what is absent is not sent, so nothing is null and nothing is unknown."""
    properties = {name: without_null(field(api, name)) for name in api["properties"]}
    return {
        **head("request", "A call as it is sent", "The body of POST /FlowBuilder, as flowops sends it."),
        "type": "object",
        "required": required(api),
        "oneOf": [{"required": [name]} for name in WHO if name in properties],
        "properties": properties,
        "additionalProperties": False,
    }


def body_schema(api: Schema) -> Schema:
    """Return the schema of a rendered body as a part of another schema."""
    return {key: item for key, item in request_schema(api).items() if key not in ("$schema", "$id", "title")}


def integer_fields(schema: Schema) -> tuple[str, ...]:
    """The fields of a body that are whole numbers."""
    return tuple(name for name, field in schema["properties"].items() if field.get("type") == "integer")
