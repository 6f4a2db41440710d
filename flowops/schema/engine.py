r"""The two validators: jsonschema-rs says yes or no within a microsecond, jsonschema says why not.

Both give the same verdict on every schema flowops makes (a property test holds them to it). Where their
languages differ, the one here is ECMA 262's, as JSON Schema wants it: ``$`` is the very end, ``\d`` is 0 to 9.
Patterns run in an engine without backtracking, so that no pattern of a user's file can hang a command.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from flowops.common.budget import CALL_STEPS, Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jsonschema.protocols import Validator

    from flowops.model.document import Path, Value


Schema = dict[str, Any]
#: What tells a template from any other text. Editors and flowops use the same sign.
TEMPLATE_PATTERN = r"\{\{|\{%"

#: What one pattern may take once it is compiled, in bytes.
LARGEST_PATTERN = 1 << 22


def fast_validator(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    """Return the schema compiled by jsonschema-rs."""
    return jsonschema_rs.Draft202012Validator(
        schema,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=LARGEST_PATTERN),
        validate_formats=True,
        retriever=_refuse_to_fetch,
    )


def _refuse_to_fetch(address: str) -> Any:
    raise LookupError(f"{address} is not part of the schema")


def first_error(schema: Schema, value: Value) -> tuple[Path, str] | None:
    """Return the path and the keyword of the first thing that jsonschema-rs objects to: all may fill the memory."""
    try:
        fast_validator(schema).validate(value)
    except jsonschema_rs.ValidationError as error:
        return tuple(error.instance_path), str(error.schema_path[-1])
    return None


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that finds a pattern in a text, by the engine that gives the verdict.

    Raises ValueError when that engine does not know the pattern.
    """
    return fast_validator({"pattern": pattern}).is_valid


def compiles(pattern: str, size: int) -> bool:
    """Return whether jsonschema-rs takes a pattern that may need so many bytes."""
    try:
        jsonschema_rs.Draft202012Validator(
            {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=size)
        )
    except ValueError:
        return False
    return True


def no_schema_at(schema: Schema) -> Path | None:
    """Return where something is no JSON Schema, going by the specification; None when it is one."""
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        return tuple(error.instance_path)
    except ValueError:
        return ()
    return None


def slow_validator(schema: Schema) -> Validator:
    """Return the schema for jsonschema, with the same idea of patterns and formats."""
    explainer: Validator = _explainer()(schema)
    return explainer


class TooMuchWork(Exception):
    """What is left to say why a value does not fit takes more work than may be done."""


#: Who pays for what the explainer does; None where the schema and the value are known to be small.
_pays: ContextVar[Budget | None] = ContextVar("pays", default=None)
#: Steps of a keyword that the explainer looks at, and how many parts of a schema or a value are one more keyword.
_KEYWORD_STEPS, _PARTS = 16, 4
#: Steps of one explanation, whatever is left to all of them: its mistakes are kept until it ends.
_MOST_STEPS = 8 * CALL_STEPS


@contextmanager
def paid_by(budget: Budget | None) -> Iterator[None]:
    """Let the explainer draw on a budget, for the block. It raises TooMuchWork once that is not enough."""
    given = 0 if budget is None else min(budget.left, _MOST_STEPS)
    own = None if budget is None else Budget(given)
    token = _pays.set(own)
    try:
        yield
    finally:
        _pays.reset(token)
        if budget is not None and own is not None:
            budget.spend(given - own.left)


def _counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
    """Return a keyword of the explainer that is paid for: without that a small schema and value take minutes."""

    @wraps(keyword)
    def counted(validator: Validator, value: Any, instance: Value, schema: Schema) -> Any:
        budget = _pays.get()
        if budget is not None:
            parts = sum(len(each) for each in (value, instance) if isinstance(each, list | dict))
            budget.spend(_KEYWORD_STEPS * (1 + parts // _PARTS))
            if budget.exhausted:
                raise TooMuchWork
        return keyword(validator, value, instance, schema)

    return counted


@lru_cache(maxsize=1)
def _explainer() -> Any:
    # 50 ms to import: only somebody who made a mistake waits for it.
    from jsonschema import Draft202012Validator, validators

    extend: Any = validators.extend
    keywords: dict[str, Callable[..., Any]] = {
        **Draft202012Validator.VALIDATORS,
        "pattern": _pattern,
        "format": _format,
        "multipleOf": _multiple_of,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "required": _required,
        "dependentRequired": _dependent_required,
        "uniqueItems": _unique_items,
        "items": _items,
    }
    return extend(Draft202012Validator, {name: _counted(keyword) for name, keyword in keywords.items()})


def _failure(message: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError(message)


def _pattern(_: Validator, pattern: str, instance: Value, __: Schema) -> Iterator[Any]:
    if isinstance(instance, str) and not matcher(pattern)(instance):
        yield _failure(pattern)


def _format(_: Validator, name: str, instance: Value, __: Schema) -> Iterator[Any]:
    if isinstance(instance, str) and not fast_validator({"format": name}).is_valid(instance):
        yield _failure(name)


def _unique_items(_: Validator, wanted: bool, instance: Value, __: Schema) -> Iterator[Any]:
    # jsonschema compares each mapping with all others.
    if isinstance(instance, list) and not fast_validator({"uniqueItems": wanted}).is_valid(instance):
        yield _failure("the items are not unique")


def _items(validator: Any, items: Any, instance: Value, schema: Schema) -> Iterator[Any]:
    # Of a list that is too long that is said, and not what is wrong with each of its items as well.
    if isinstance(instance, list) and len(instance) <= schema.get("maxItems", len(instance)):
        from jsonschema import Draft202012Validator

        yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _multiple_of(_: Validator, step: float, instance: Value, __: Schema) -> Iterator[Any]:
    # In decimals, as they are written: 19.99 is a multiple of 0.01, whatever binary fractions say.
    if not fast_validator({"multipleOf": step}).is_valid(instance):
        yield _failure(f"{instance} is not a multiple of {step}")


def _pattern_properties(validator: Any, patterns: Schema, instance: Value, _: Schema) -> Iterator[Any]:
    if isinstance(instance, dict):
        for pattern, schema in patterns.items():
            for key in filter(matcher(pattern), instance):
                yield from validator.descend(instance[key], schema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, rest: Any, instance: Value, schema: Schema) -> Iterator[Any]:
    """Yield an error for each property too many; the message is its name."""
    if not isinstance(instance, dict):
        return
    for key in _extra(instance, schema):
        if rest is False:
            yield _failure(key)
        else:
            yield from validator.descend(instance[key], rest, path=key)


def _extra(instance: dict[str, Value], schema: Schema) -> Iterable[str]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return [key for key in instance if key not in known and not any(matcher(pattern)(key) for pattern in patterns)]


def _required(_: Validator, names: list[str], instance: Value, __: Schema) -> Iterator[Any]:
    """Yield an error for each property that is not there; the message is its name."""
    if isinstance(instance, dict):
        for name in names:
            if name not in instance:
                yield _failure(name)


def _dependent_required(_: Validator, needs: dict[str, list[str]], instance: Value, __: Schema) -> Iterator[Any]:
    """Yield an error for each property that another one needs; the message is its name."""
    if isinstance(instance, dict):
        missing = {need: None for name, others in needs.items() if name in instance for need in others}
        yield from (_failure(name) for name in missing if name not in instance)
