"""Whether the variables that a flow declares are schemas that can be used, and safely.

A flow's file may come from anybody. So its schemas stand alone (no reference to files or the network), use
known keywords only, stay small once their references are followed, and their patterns are bounded (see
`flowops.schema.patterns`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flowops.schema.check import Checker, checker
from flowops.schema.engine import fast_validator, is_schema
from flowops.schema.error import SchemaError
from flowops.schema.patterns import Patterns
from flowops.schema.references import DEEPEST, ReferenceTrouble, inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model import Flow, Path, Value
    from flowops.schema.engine import Schema

#: Marks a variable whose values are personal: masked wherever they are printed, a keyed hash in the ledger.
SENSITIVE = "x-sensitive"
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
    errors = list(_keyword_errors(plain, (), 0))
    if errors:
        return errors
    try:
        inlined = inline(plain, plain)
    except ReferenceTrouble as trouble:
        return [SchemaError(trouble.path, str(trouble))]
    errors = list(_pattern_errors(plain, (), patterns))
    if errors:
        return errors
    if is_schema(inlined) is False:
        return [SchemaError((), "is not a valid JSON Schema")]
    if "default" not in plain:
        return []
    rest = {key: item for key, item in inlined.items() if key != "default"}
    return [error.under("default") for error in Checker(rest).check(plain["default"])]


@lru_cache(maxsize=1)
def _keywords() -> Checker:
    """Return the checker of one variable's schema: the part of JSON Schema that a flow may use.

    Anything else is a spelling mistake, or depends on where a schema is kept (`$id`, `$dynamicRef`).
    """
    return Checker(checker("flow").schema["properties"]["variables"]["additionalProperties"])


def _keyword_errors(schema: Any, path: Path, depth: int) -> Iterator[SchemaError]:
    """Unknown keywords, and values that a keyword does not take, at every level."""
    if not isinstance(schema, dict):
        return
    if depth > DEEPEST:
        yield SchemaError(path, f"is nested deeper than {DEEPEST} levels")
        return
    errors = _keywords().check(schema)
    yield from (error.under(*path) for error in errors)
    if SENSITIVE in schema and path:
        yield SchemaError((*path, SENSITIVE), "has to stand at the variable itself, not inside it", at_key=True)
    wrong = {error.path[0] for error in errors if error.path}
    for inner, deeper in _inside(schema, path):
        if deeper[len(path)] not in wrong:
            yield from _keyword_errors(inner, deeper, depth + 1)


def _inside(schema: Schema, path: Path) -> Iterator[tuple[Any, Path]]:
    """The schemas directly inside a schema, with their paths."""
    for key in _MAPS:
        if isinstance(schema.get(key), dict):
            yield from ((inner, (*path, key, name)) for name, inner in schema[key].items())
    for key in _LISTS:
        if isinstance(schema.get(key), list):
            yield from ((inner, (*path, key, index)) for index, inner in enumerate(schema[key]))
    yield from ((schema[key], (*path, key)) for key in _SINGLE if key in schema)


def _pattern_errors(schema: Any, path: Path, patterns: Patterns) -> Iterator[SchemaError]:
    if not isinstance(schema, dict):
        return
    found = [(schema["pattern"], (*path, "pattern"))] if "pattern" in schema else []
    found += [(name, (*path, "patternProperties", name)) for name in schema.get("patternProperties", {})]
    for pattern, place in found:
        trouble = patterns.trouble(pattern)
        if trouble is not None:
            yield SchemaError(place, trouble)
    if "format" in schema and fast_validator({}) is None:
        yield SchemaError((*path, "format"), "cannot be checked here: jsonschema-rs is not installed")
    for inner, deeper in _inside(schema, path):
        yield from _pattern_errors(inner, deeper, patterns)
