"""Small schemas that the outputs of flowops are put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.schema.engine import Schema

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}


def noted(schema: Schema, description: str) -> Schema:
    """The same schema with a description of its own, in front."""
    return {"description": description, **{key: item for key, item in schema.items() if key != "description"}}


def nullable(schema: Schema) -> Schema:
    """The same value, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def record(properties: dict[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    """A mapping with exactly these keys, all of them there but the optional ones."""
    spare = set(optional)
    return {
        "type": "object",
        "required": [name for name in properties if name not in spare],
        "properties": properties,
        "additionalProperties": False,
    }


def listing(items: Schema, description: str | None = None) -> Schema:
    """A list."""
    schema: Schema = {"type": "array", "items": items}
    return schema if description is None else noted(schema, description)


def counts(names: Iterable[str], description: str) -> Schema:
    """A mapping of exactly these names to numbers; Python's ``in-doubt`` is JSON's ``in_doubt``."""
    return noted(record({name.replace("-", "_"): COUNT for name in names}), description)


def choice_of(values: Iterable[str], description: str) -> Schema:
    """One of some words."""
    return noted({"enum": [str(value) for value in values]}, description)


FORMAT_VERSION = noted({"const": 1}, "The version of this format. It changes when a key goes or means something else.")
ENVIRONMENT = noted(TEXT, "The environment's name.")
REVISION = noted(nullable(TEXT), "The Git commit of the files, null outside of a repository.")
REFERENCE_ID = noted(TEXT, "The call's reference-id.")
DIGEST = noted(
    {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    "A hash over everything that decides what apply does.",
)
FINGERPRINT = noted(
    {"type": "string", "pattern": "^v[0-9]+:sha256:[0-9a-f]{64}$"},
    "The version of the fingerprint, and the hash of the rendered body.",
)
#: Where a call was written: `row` counts the rows of its data from 1.
SOURCE = noted(
    record(
        {
            "file": noted(TEXT, "The file of the document."),
            "line": noted({"type": "integer", "minimum": 1}, "Counted from 1."),
            "column": noted({"type": "integer", "minimum": 1}, "Counted from 1."),
            "row": noted({"type": ["integer", "null"], "minimum": 1}, "The row of the data, counted from 1."),
        }
    ),
    "Where the call is written.",
)
CHANGES = listing(
    record(
        {
            "path": noted(TEXT, "A JSON Pointer into the body."),
            "before": noted(
                ANYTHING, "The value that was placed, masked where it is sensitive; absent if there was none."
            ),
            "after": noted(ANYTHING, "The value of the files, masked where it is sensitive; absent if there is none."),
        },
        optional=("before", "after"),
    ),
    "The fields that differ.",
)
CALLEES = listing(TEXT, "The numbers that would ring, masked.")
