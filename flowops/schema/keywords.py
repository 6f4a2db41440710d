"""The part of JSON Schema that the variables of a flow may use, and what editors say about it.

Anything else is a spelling mistake, or (`$id`, `$dynamicRef`, `unevaluatedItems`) depends on where a schema is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.schema.engine import Schema

TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
#: The formats that are checked; any other name would be an empty promise.
FORMATS = ("date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid")
#: Marks a variable whose values are personal: masked wherever they are printed, a keyed hash in the ledger.
SENSITIVE = "x-sensitive"

_COUNT: Schema = {"type": "integer", "minimum": 0}
_SCHEMA: Schema = {"type": ["object", "boolean"]}
_SCHEMAS: Schema = {"type": "array", "items": _SCHEMA, "minItems": 1}
_NAMED_SCHEMAS: Schema = {"type": "object", "additionalProperties": _SCHEMA}
_NAMES: Schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}


def _noted(schema: Schema, description: str) -> Schema:
    return {"description": description, **schema}


#: Every keyword, with the schema of its value.
KEYWORDS: dict[str, Schema] = {
    "type": _noted(
        {"anyOf": [{"enum": list(TYPES)}, {"type": "array", "items": {"enum": list(TYPES)}, "minItems": 1}]},
        'The type of the value. Text is turned into it where that is safe: "15" into 15.',
    ),
    "title": _noted({"type": "string"}, "A short name for people."),
    "description": _noted({"type": "string"}, "What the variable is for; editors show it."),
    "default": _noted({}, "The value that is sent when a call gives none. A variable without one is required."),
    "examples": _noted({"type": "array"}, "Values that would do; editors offer them."),
    SENSITIVE: _noted({"type": "boolean"}, "Personal data: masked in everything printed, a keyed hash in the ledger."),
    "enum": _noted({"type": "array", "minItems": 1}, "The only values allowed."),
    "const": _noted({}, "The only value allowed."),
    "minLength": _noted(_COUNT, "Text: the fewest characters."),
    "maxLength": _noted(_COUNT, "Text: the most characters."),
    "pattern": _noted(
        {"type": "string", "maxLength": 1000},
        "Text: a regular expression that matches somewhere in it. Look-around and back-references are not supported.",
    ),
    "format": _noted({"enum": list(FORMATS)}, "Text: a well-known form."),
    "minimum": _noted({"type": "number"}, "A number: the smallest."),
    "maximum": _noted({"type": "number"}, "A number: the largest."),
    "exclusiveMinimum": _noted({"type": "number"}, "A number: larger than this."),
    "exclusiveMaximum": _noted({"type": "number"}, "A number: smaller than this."),
    "multipleOf": _noted({"type": "number", "exclusiveMinimum": 0}, "A number: a multiple of this."),
    "items": _noted(_SCHEMA, "A list: the schema of every item."),
    "prefixItems": _noted(_SCHEMAS, "A list: the schemas of its first items."),
    "contains": _noted(_SCHEMA, "A list: at least one item fits this schema."),
    "minContains": _noted(_COUNT, "A list: at least so many items fit `contains`."),
    "maxContains": _noted(_COUNT, "A list: at most so many items fit `contains`."),
    "minItems": _noted(_COUNT, "A list: the fewest items."),
    "maxItems": _noted(_COUNT, "A list: the most items."),
    "uniqueItems": _noted({"type": "boolean"}, "A list: no item twice."),
    "properties": _noted(_NAMED_SCHEMAS, "A mapping: the schema of each entry."),
    "patternProperties": _noted(_NAMED_SCHEMAS, "A mapping: the schema of entries whose names match a pattern."),
    "additionalProperties": _noted(_SCHEMA, "A mapping: the schema of every other entry; false allows none."),
    "propertyNames": _noted(_SCHEMA, "A mapping: the schema of the names of its entries."),
    "required": _noted(_NAMES, "A mapping: the entries that have to be there."),
    "minProperties": _noted(_COUNT, "A mapping: the fewest entries."),
    "maxProperties": _noted(_COUNT, "A mapping: the most entries."),
    "dependentRequired": _noted(
        {"type": "object", "additionalProperties": _NAMES}, "A mapping: entries that ask for others."
    ),
    "dependentSchemas": _noted(_NAMED_SCHEMAS, "A mapping: entries that ask for more of the whole."),
    "allOf": _noted(_SCHEMAS, "All of these schemas fit."),
    "anyOf": _noted(_SCHEMAS, "At least one of these schemas fits."),
    "oneOf": _noted(_SCHEMAS, "Exactly one of these schemas fits."),
    "not": _noted(_SCHEMA, "This schema does not fit."),
    "if": _noted(_SCHEMA, "Where this schema fits, `then` does, else `else`."),
    "then": _noted(_SCHEMA, "What fits where `if` does."),
    "else": _noted(_SCHEMA, "What fits where `if` does not."),
    "$ref": _noted({"type": "string"}, "A schema of this variable's own $defs: #/$defs/NAME."),
    "$defs": _noted(_NAMED_SCHEMAS, "Schemas to refer to."),
    "$comment": _noted({"type": "string"}, "A remark; nothing reads it."),
    "deprecated": _noted({"type": "boolean"}, "Better not used any more."),
}
