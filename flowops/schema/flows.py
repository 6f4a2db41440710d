"""Whether the variables that a flow declares are schemas that can be used, and safely.

A flow's file may come from anybody. So its schemas stand alone (no reference to files or the network), use
known keywords only, stay small once their references are followed, and their patterns are bounded (see
`flowops.schema.patterns`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.schema.check import Checker
from flowops.schema.engine import is_schema
from flowops.schema.error import SchemaError
from flowops.schema.explain import explain
from flowops.schema.keywords import FORMATS, KEYWORDS, SENSITIVE
from flowops.schema.patterns import Patterns
from flowops.schema.references import ReferenceTrouble, inline
from flowops.schema.words import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model import Flow, Path, Value
    from flowops.schema.engine import Schema

_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")


def check_flow(flow: Flow, patterns: Patterns | None = None) -> list[SchemaError]:
    """What is wrong with a flow's declarations, with paths from the root of its document.

    `patterns` is shared by the flows of a project, which have one budget.
    """
    patterns = Patterns() if patterns is None else patterns
    errors = [
        SchemaError(("variables", name), "is also in produces: a flow does not consume what it creates", at_key=True)
        for name in flow.variables
        if name in flow.produces
    ]
    for name, schema in flow.variables.items():
        errors += [error.under("variables", name) for error in variable_errors(schema, patterns)]
    return errors


def variable_errors(schema: Mapping[str, Value], patterns: Patterns) -> list[SchemaError]:
    """What is wrong with the schema of one variable, with paths from its root."""
    plain = dict(schema)
    errors = list(_keyword_errors(plain, ()))
    if errors:
        return errors
    errors = _metaschema_errors(plain)
    if errors:
        return errors
    try:
        inlined = inline(plain, plain)
    except ReferenceTrouble as trouble:
        return [SchemaError(trouble.path, str(trouble))]
    errors = list(_pattern_errors(plain, (), patterns))
    if errors or "default" not in plain:
        return errors
    default = {key: item for key, item in inlined.items() if key != "default"}
    return [error.under("default") for error in Checker(default).check(plain["default"])]


def _keyword_errors(schema: Any, path: Path) -> Iterator[SchemaError]:
    if not isinstance(schema, dict):
        return
    for key in schema:
        if key == SENSITIVE and path:
            yield SchemaError((*path, key), "has to stand at the variable itself, not inside it", at_key=True)
        elif key not in KEYWORDS:
            hint = did_you_mean(key, list(KEYWORDS)) or "only keywords that do not depend on other schemas are known"
            yield SchemaError((*path, key), "is not a known keyword", hint, at_key=True)
    for inner, deeper in _inside(schema, path):
        yield from _keyword_errors(inner, deeper)


def _inside(schema: Schema, path: Path) -> Iterator[tuple[Any, Path]]:
    """The schemas directly inside a schema, with their paths."""
    for key in _MAPS:
        if isinstance(schema.get(key), dict):
            yield from ((inner, (*path, key, name)) for name, inner in schema[key].items())
    for key in _LISTS:
        if isinstance(schema.get(key), list):
            yield from ((inner, (*path, key, index)) for index, inner in enumerate(schema[key]))
    yield from ((schema[key], (*path, key)) for key in _SINGLE if key in schema)


def _metaschema_errors(schema: Schema) -> list[SchemaError]:
    """What the specification of JSON Schema says against a schema; patterns are looked at elsewhere."""
    if is_schema(schema):
        return []
    from jsonschema import Draft202012Validator

    return explain(dict(Draft202012Validator.META_SCHEMA), schema)


def _pattern_errors(schema: Any, path: Path, patterns: Patterns) -> Iterator[SchemaError]:
    if not isinstance(schema, dict):
        return
    found = [(schema["pattern"], (*path, "pattern"))] if "pattern" in schema else []
    found += [(name, (*path, "patternProperties", name)) for name in schema.get("patternProperties", {})]
    for pattern, place in found:
        trouble = patterns.trouble(pattern)
        if trouble is not None:
            yield SchemaError(place, trouble)
    if "format" in schema and schema["format"] not in FORMATS:
        hint = did_you_mean(schema["format"], FORMATS) or f"there are {', '.join(FORMATS)}"
        yield SchemaError((*path, "format"), f"{quoted(schema['format'])} is not a format that can be checked", hint)
    for inner, deeper in _inside(schema, path):
        yield from _pattern_errors(inner, deeper, patterns)
