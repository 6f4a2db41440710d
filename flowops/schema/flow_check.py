r"""The variables that a flow declares: whether their schemas can be used, and whether a call passes what they ask for.

A flow's file may come from anybody. So its schemas stand alone (no reference to files or the network), use known
keywords only, and stay small once their references are followed. Their patterns run in an engine without backtracking:
what would need more is refused, and ``^(a+)+$``, which would take Python's `re` hours, takes microseconds. What is left
to bound is the size of what they are compiled to: ``\p{L}{1,80}`` takes 3 MB and 30 ms, and a file may hold thousands.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flowops.common.budget import CHARACTERS_PER_STEP, MAX_INTEGER, Budget
from flowops.common.names import did_you_mean, nearest
from flowops.common.patterns import regex
from flowops.common.text import escaped, listed
from flowops.schema.check import FIELD, Checker, checker, problem_at
from flowops.schema.engine import LARGEST_PATTERN, compiles, fast_validator, no_schema_at
from flowops.schema.explain import SchemaError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Path, Problem, Value
    from flowops.model.project import Flow
    from flowops.schema.engine import Schema

#: More nodes than any sensible schema has, few enough to be checked at once.
BUDGET = 10_000
#: Levels of nesting, references followed.
DEEPEST = 40


class BadReference(Exception):
    """A reference that cannot be followed; `path` is where it stands."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def inline(schema: Any, root: Any) -> Any:
    """Return a copy of a schema in which every ``$ref`` has become what it names in `root`, and ``$defs`` are gone.

    Raises BadReference for a reference to anywhere else, to nothing, to itself, or for too many.
    """
    found = _Inliner(root).schema(schema, (), ())
    # `true` and `false` are schemas, too.
    return {True: {}, False: {"not": {}}}[found] if isinstance(found, bool) else found


class _Inliner:
    def __init__(self, root: Any) -> None:
        self.root = root
        self.nodes = 0

    def schema(self, node: Any, path: Path, followed: tuple[str, ...], depth: int = 0) -> Any:
        """Copy a schema: its keywords decide what is a schema again, what a mapping of names, and what a mere value."""
        self.nodes += 1
        if self.nodes > BUDGET or depth > DEEPEST:
            raise BadReference("is too large once its references are followed", path)
        if isinstance(node, list):
            return [self.schema(item, (*path, index), followed, depth + 1) for index, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        rest: dict[str, Any] = {}
        for key, item in node.items():
            if key in _NAMES and isinstance(item, dict):
                rest[key] = {
                    name: self.schema(part, (*path, key, name), followed, depth + 1) for name, part in item.items()
                }
            elif key in _VALUES or key.startswith("x-"):
                rest[key] = item
            elif key not in ("$ref", "$defs"):
                rest[key] = self.schema(item, (*path, key), followed, depth + 1)
        if "$ref" not in node:
            return rest
        target = self.target(node["$ref"], (*path, "$ref"), followed, depth + 1)
        # A reference with neighbours means both (JSON Schema, core, section 8.2.3.1).
        if not rest:
            return target
        others: Any = rest.get("allOf", [])
        return {**rest, "allOf": [target, *(others if isinstance(others, list) else [others])]}

    def target(self, reference: Any, path: Path, followed: tuple[str, ...], depth: int) -> Any:
        """Copy what a reference names."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise BadReference("a reference may only lead elsewhere in the same schema: write #/$defs/NAME", path)
        if reference in followed:
            raise BadReference(f"'{escaped(reference)}' refers to itself", path)
        node = self.root
        for step in reference.split("/")[1:]:
            key = _decoded(step)
            if isinstance(node, list) and key.isascii() and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict) and key in node:
                node = node[key]
            else:
                raise BadReference(f"'{escaped(reference)}' names nothing in this schema", path)
        return self.schema(node, path, (*followed, reference), depth)


def _decoded(step: str) -> str:
    return unquote(step).replace("~1", "/").replace("~0", "~")


#: Under these stand names of the user's choice, each with a schema.
_NAMES = ("properties", "patternProperties", "dependentSchemas")
#: Under these stand values: a ``$ref`` in them is just text.
_VALUES = ("default", "const", "enum", "enumDescriptions", "examples", "example", "required", "dependentRequired")


#: The longest regular expression that is compiled, in characters.
LONGEST_PATTERN = 1000
#: Compiled, a common pattern is smaller than this, in bytes.
SMALL_PATTERN = 1 << 17
MOST_PATTERNS = 1000
MOST_LARGE_PATTERNS = 50


class Patterns:
    """The different patterns of a project's flows: each is compiled once, and there are only so many.

    `budget` is what their defaults may take to be checked.
    """

    def __init__(self) -> None:
        self.budget = Budget()
        self._refusals: dict[str, str | None] = {}
        self._large = 0

    def refusal(self, pattern: str) -> str | None:
        """Return why a pattern cannot be used, None when it can."""
        if pattern not in self._refusals:
            if len(self._refusals) >= MOST_PATTERNS:
                return f"is one pattern too many: a project may have {MOST_PATTERNS} different ones"
            self._refusals[pattern] = self._compile(pattern)
        return self._refusals[pattern]

    def _compile(self, pattern: str) -> str | None:
        if len(pattern) > LONGEST_PATTERN:
            return f"is longer than {LONGEST_PATTERN} characters"
        if compiles(pattern, SMALL_PATTERN):
            return None
        # Counted whether it compiles or not: it takes as long.
        self._large += 1
        if self._large > MOST_LARGE_PATTERNS:
            return f"is too large, or wrong: a project may have {MOST_LARGE_PATTERNS} patterns of this size"
        if compiles(pattern, LARGEST_PATTERN):
            return None
        return "is not a regular expression that flowops knows (no look-around, no back-references, and not too large)"


#: A number as JSON writes it, without an exponent: no leading zeros, no signs but a minus.
NUMERAL = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
_NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_INTEGER = regex(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
_LONGEST_NUMBER = 40


def declared_types(schema: Mapping[str, Value]) -> frozenset[str]:
    """Return the types that a schema's own ``type`` names; empty when any will do."""
    types = schema.get("type", ())
    return frozenset([types] if isinstance(types, str) else types)


def unchanged_kinds(types: frozenset[str]) -> frozenset[type]:
    """Return the kinds of values that `convert` leaves as they are, whatever the value."""
    kinds: set[type] = {bool, type(None), list, dict}
    kinds |= {str} if not types or "string" in types else set()
    kinds |= {int} if not types or not types.isdisjoint(("integer", "number")) else set()
    return frozenset(kinds)


def convert(value: Value, types: frozenset[str]) -> Value:
    """Return the value as one of the declared types, or unchanged where that would need a guess."""
    if isinstance(value, str):
        return value if "string" in types else _from_text(value, types)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if types.isdisjoint(("integer", "number")):
        return str(value) if "string" in types and abs(value) <= MAX_INTEGER else value
    if isinstance(value, float) and value.is_integer() and "number" not in types and abs(value) <= MAX_INTEGER:
        return int(value)
    return value


def _from_text(text: str, types: frozenset[str]) -> Value:
    if not types.isdisjoint(("integer", "number")) and _INTEGER.fullmatch(text):
        number = int(text)
        if abs(number) <= MAX_INTEGER:
            return number
    if "number" in types and len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) and "." in text:
        return float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text


#: Marks a variable whose values are personal: masked wherever they are printed, a keyed hash in the ledger.
SENSITIVE = "x-sensitive"
_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")


def check_flow(flow: Flow, patterns: Patterns | None = None) -> list[SchemaError]:
    """Return what is wrong with a flow's declarations, with paths from the root of its document.

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
    """Return what is wrong with the schema of one variable, with paths from its root."""
    plain = dict(schema)
    errors = list(_keyword_errors(plain, (), 0))
    if errors:
        return errors
    try:
        inlined = inline(plain, plain)
    except BadReference as error:
        return [SchemaError(error.path, str(error))]
    errors = list(_pattern_errors(plain, (), patterns))
    if errors:
        return errors
    wrong = no_schema_at(inlined)
    if wrong is not None:
        return [SchemaError(wrong, "is not valid in JSON Schema")]
    if "default" not in plain:
        return []
    rest = {key: item for key, item in inlined.items() if key != "default"}
    patterns.budget.spend(_weight(rest) * _parts(plain["default"]) // VISITS_PER_STEP)
    if patterns.budget.exhausted:
        return [SchemaError(("default",), "takes too much work to check, with the defaults before it")]
    return [error.under("default") for error in Checker(rest).check(plain["default"], patterns.budget)]


@lru_cache(maxsize=1)
def _keywords() -> Checker:
    """Return the checker of one variable's schema: the part of JSON Schema that a flow may use.

    Anything else is a spelling mistake, or depends on where a schema is kept (`$id`, `$dynamicRef`).
    """
    return Checker(checker("flow").schema["properties"]["variables"]["additionalProperties"])


def _keyword_errors(schema: Any, path: Path, depth: int) -> Iterator[SchemaError]:
    """Yield an error for each unknown keyword, and each value that a keyword does not take, at every level."""
    if not isinstance(schema, dict):
        return
    if depth > DEEPEST:
        yield SchemaError(path, f"is nested deeper than {DEEPEST} levels")
        return
    errors = _keywords().check(schema)
    yield from (error.under(*path) for error in errors)
    if SENSITIVE in schema and path:
        yield SchemaError((*path, SENSITIVE), "has to be at the variable itself, not inside it", at_key=True)
    wrong = {error.path[0] for error in errors if error.path}
    for inner, deeper in _inside(schema, path):
        if deeper[len(path)] not in wrong:
            yield from _keyword_errors(inner, deeper, depth + 1)


def _inside(schema: Schema, path: Path) -> Iterator[tuple[Any, Path]]:
    """Yield the schemas directly inside a schema, with their paths."""
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
        refusal = patterns.refusal(pattern)
        if refusal is not None:
            yield SchemaError(place, refusal)
    for inner, deeper in _inside(schema, path):
        yield from _pattern_errors(inner, deeper, patterns)


#: So many parts of a schema that are held against a part of a value take a step of the budget.
VISITS_PER_STEP = 256
#: A schema of fewer parts is none that anybody counts. A pattern takes as long as many other parts.
_LIGHT, _PATTERN = 16, 50


def _weight(schema: Value) -> int:
    """Return how many parts a schema has that may each be held against each part of a value."""
    parts, ahead = 0, [schema]
    while ahead:
        found = ahead.pop()
        parts += 1
        if isinstance(found, dict):
            parts += _PATTERN * (("pattern" in found) + len(found.get("patternProperties", ())))
            ahead += found.values()
        elif isinstance(found, list):
            ahead += found
    return parts


def _visits(values: Mapping[str, Value], heavy: Mapping[str, int]) -> int:
    """Return how many parts of schemas may be held against parts of values."""
    return sum(weight * _parts(values[name]) for name, weight in heavy.items() if name in values)


def _parts(value: Value) -> int:
    """Return of how many parts a value is, a long text being several."""
    parts, ahead = 0, [value]
    while ahead:
        found = ahead.pop()
        parts += 1 + len(found) // CHARACTERS_PER_STEP if isinstance(found, str) else 1
        if isinstance(found, dict):
            ahead += found.values()
        elif isinstance(found, list):
            ahead += found
    return parts


#: How many flows are kept ready at once.
_KEPT = 256
_NO_ERRORS: tuple[SchemaError, ...] = ()


class FlowVariables:
    """What one flow takes, made ready for many calls. Paths of errors begin with ``flow-variables``.

    A variable whose schema is wrong takes anything: `check_flow` has named it.
    """

    def __init__(self, flow: Flow) -> None:

        self.flow = flow
        patterns = Patterns()
        schemas: dict[str, Schema] = {}
        for name, schema in flow.variables.items():
            usable = not variable_errors(schema, patterns)
            schemas[name] = inline(dict(schema), dict(schema)) if usable else {}
        self.types = {name: declared_types(schema) for name, schema in schemas.items()}
        self.defaults = {name: schema["default"] for name, schema in flow.variables.items() if "default" in schema}
        self.schema = {"type": "object", "properties": schemas}
        self._schemas = schemas
        self._stay = {name: unchanged_kinds(types) for name, types in self.types.items()}
        self._passed = frozenset(self._stay) - flow.produces
        self._required = [name for name in flow.variables if name not in self.defaults]
        self._checkers: dict[str, Checker] = {}
        #: What it takes to look at a part of a value, for the variables of which that is more than a moment.
        self._heavy = {name: weight for name, schema in schemas.items() if (weight := _weight(schema)) > _LIGHT}
        #: The names and types of values that were found to be as the flow wants them.
        self._right: set[Hashable] = set()
        self._fit = fast_validator({"type": "array", "items": self.schema}).is_valid

    def complete(self, values: dict[str, Value]) -> tuple[dict[str, Value], Sequence[SchemaError]]:
        """Return the values as the flow wants them, defaults filled in, and what is wrong with their names.

        The values are changed in place where their names are right, as nearly all are.
        """
        shape = (*values, *map(type, values.values()))
        if shape in self._right:
            return values, _NO_ERRORS
        stays = self._stay
        errors: Sequence[SchemaError] = _NO_ERRORS
        meant: set[str | None] = set()
        if not values.keys() <= self._passed:
            errors = [self._superfluous(name) for name in values if name not in self._passed]
            # One that is misspelt is not missing as well.
            meant = {nearest(name, self.flow.variables) for name in values if name not in self._passed}
            values = {name: value for name, value in values.items() if name in stays}
        for name, value in values.items():
            if type(value) not in stays[name]:
                values[name] = convert(value, self.types[name])
        if len(values) < len(stays):
            missing = (name for name in self._required if name not in values and name not in meant)
            errors = [*errors, *map(self._missing, missing)]
            for name, default in self.defaults.items():
                values.setdefault(name, default)
        elif not errors and (*values, *map(type, values.values())) == shape and len(self._right) < _KEPT:
            self._right.add(shape)
        return values, errors

    def fit(self, many: Sequence[Mapping[str, Value]], budget: Budget) -> bool:
        """Return whether the values of many calls fit the flow's schemas, each once it is `complete`.

        It is not looked at where that takes more work than a budget has left: it is exhausted then.
        """
        if self._heavy:
            budget.spend(sum(_visits(values, self._heavy) for values in many) // VISITS_PER_STEP)
            if budget.exhausted:
                return True
        try:
            return self._fit(many)
        except (ValueError, SystemError):
            return False  # what no JSON text can hold: see `Checker.check`

    def problems(self, values: Mapping[str, Value], budget: Budget) -> list[SchemaError]:
        """Return what is wrong with the values of one call, once they are `complete`; as far as a budget goes."""
        found: list[SchemaError] = []
        for name in self.types if not self.fit([values], budget) else ():
            if name in values and not budget.exhausted:
                found += self._checker(name).check({name: values[name]}, budget)
        return [error.under(FIELD)._replace(code="variable") for error in found]

    def _checker(self, name: str) -> Checker:
        """Return what checks one of the variables, of which there may be many that are right."""
        known = self._checkers.get(name)
        if known is None:
            schema = {"type": "object", "properties": {name: self._schemas[name]}}
            known = self._checkers[name] = Checker(schema, data=True)
        return known

    def _missing(self, name: str) -> SchemaError:
        text = f"is missing: the flow {escaped(self.flow.name)} needs it"
        return SchemaError((FIELD, name), text, self._described(name), code="variable", names=frozenset((name,)))

    def _superfluous(self, name: str) -> SchemaError:
        flow = escaped(self.flow.name)
        if name in self.flow.produces:
            text, hint = f"is created inside the flow {flow}", "do not pass it"
            return SchemaError((FIELD, name), text, hint, at_key=True, code="variable")
        names = list(self.flow.variables)
        takes = did_you_mean(name, names) or (f"it takes {listed(names)}" if names else None)
        text = f"is not a variable of the flow {flow}"
        return SchemaError((FIELD, name), text, takes, at_key=True, code="variable")

    def _described(self, name: str) -> str | None:
        description = self.flow.variables[name].get("description")
        return escaped(description) if isinstance(description, str) else None


_ready: dict[int, FlowVariables] = {}


def flow_variables(flow: Flow) -> FlowVariables:
    """Return what a flow takes, made ready once."""
    ready = _ready.get(id(flow))
    # The entry keeps its flow alive, so that no other one can get the same id while it is here.
    if ready is None or ready.flow is not flow:
        if len(_ready) >= _KEPT:
            _ready.clear()
        ready = _ready[id(flow)] = FlowVariables(flow)
    return ready


def check_flows(flows: Iterable[Flow]) -> list[Problem]:
    """Return what is wrong with the variables that a project's flows declare."""
    patterns = Patterns()
    return [problem_at(flow.document, error) for flow in flows for error in check_flow(flow, patterns)]
