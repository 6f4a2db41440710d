"""Why a value does not fit its schema, said the way a person would say it.

A schema may carry its own words, which editors show too: ``patternErrorMessage`` completes "'…' is …"
where a pattern does not match, ``errorMessage`` replaces the message about a wrong kind of value.
``x-secret`` and ``x-sensitive`` keep the value, and everything inside it, out of the message.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from flowops.common.masking import mask_path, mask_quoted, mask_written
from flowops.common.names import did_you_mean, encoding_meant
from flowops.common.numbers import E164_PATTERN, WITHOUT_EMPTY, other_shape
from flowops.common.patterns import regex
from flowops.common.text import count, escaped
from flowops.common.tuples import NamedTuple
from flowops.schema.engine import TEMPLATE_PATTERN, TooMuchWork, matcher, paid_by
from flowops.schema.wording import choice, describe, expected, kind, limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from flowops.common.budget import Budget
    from flowops.model.document import Path, Value
    from flowops.schema.engine import Schema


class SchemaError(NamedTuple):
    """One thing that is wrong in a value.

    `path` leads to it; a field that is missing ends the path all the same. `text` says what is wrong
    without naming the field. `at_key` is true where the key itself is the mistake, not its value.
    `code` is ``schema``, ``variable``, ``number`` or ``secret``; after ``secret`` the line must not be
    shown either, because a secret may stand in it. `names` are those that the schema itself has; no more
    than `most` steps of the path are told, where the rest lies in a value that is sensitive.
    """

    path: Path
    text: str
    hint: str | None = None
    at_key: bool = False
    code: str = "schema"
    names: frozenset[str] = frozenset()
    most: int | None = None

    @property
    def label(self) -> str:
        """Return how messages call the value, in a document."""
        return mask_path(self.path) if self.most is None else f"{mask_path(self.path[: self.most])}.…"

    @property
    def message(self) -> str:
        """Return the text behind the field's name: ``callee: '+…' is not an E.164 number``."""
        return f"{self.label}: {self.text}" if self.path else self.text

    def under(self, *path: str | int) -> SchemaError:
        """Return the same error of a value that stands deeper: `path` leads from there to the value."""
        most = None if self.most is None else self.most + len(path)
        return self._replace(path=(*path, *self.path), most=most)


def branch(failure: ValidationError) -> list[ValidationError] | None:
    """Return the failures of the branch that the value was meant for, None when no branch is nearer than others."""
    branches: Any = failure.validator_value
    groups: dict[int, list[ValidationError]] = {}
    for inner in failure.context or ():
        if not inner.schema_path:
            continue  # The branch is `false`: nothing is meant for it.
        groups.setdefault(int(inner.schema_path[0]), []).append(inner)
    meant = [group for number, group in groups.items() if not _is_template(branches[number])]
    if len(meant) == 1:
        return meant[0]
    if singles(branches) is not None:
        return None
    fitting = [group for group in meant if not any(_of_another_kind(inner) for inner in group)]
    if not fitting:
        return None
    return min(fitting, key=lambda group: (len(group), -max(len(inner.path) for inner in group)))


def singles(branches: Any) -> list[str] | None:
    """Return the names, where every branch only asks for one property: one of them has to be there."""
    names = [part["required"][0] for part in branches if isinstance(part, dict) and len(part.get("required", ())) == 1]
    return names if len(names) == len(branches) else None


def _is_template(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("pattern") == TEMPLATE_PATTERN


def _of_another_kind(inner: ValidationError) -> bool:
    return not inner.path and inner.validator in ("type", "const", "enum")


#: More mistakes than this in one value are not named: it is something else altogether.
MOST = 1000

_NUMERAL = regex(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_YES, _NO = ("yes", "on", "true", "y"), ("no", "off", "false", "n")


def explain(
    validator: Validator, value: Value, *, data: bool = False, budget: Budget | None = None
) -> list[SchemaError]:
    """Return everything that is wrong with a value, one message a mistake; no more than a budget is enough for.

    `validator` is the slow one of its schema.

    Of `data`, which may be somebody's, no value is repeated whole; of a document it is what the user wrote.
    """
    found: dict[tuple[Path, str], tuple[int, SchemaError]] = {}
    with paid_by(budget), suppress(TooMuchWork):
        for failure in islice(validator.iter_errors(value), MOST):
            for rank, error in _errors(failure, validator.schema, data=data):
                found.setdefault((error.path, error.text), (rank, error))
    best: dict[Path, int] = {}
    for rank, error in found.values():
        best[error.path] = min(rank, best.get(error.path, rank))
    return [error for rank, error in found.values() if rank == best[error.path]]


#: Of several mistakes at one place only the most basic is named: a wrong type has no wrong length, too.
_RANKS = {"type": 0, "const": 1, "enum": 1, "not": 2}
_LATER = 3


def _errors(failure: ValidationError, root: Any, *, data: bool) -> list[tuple[int, SchemaError]]:
    keyword = str(failure.validator)
    if keyword in ("anyOf", "oneOf"):
        chosen = branch(failure)
        if chosen is not None:
            return [ranked for inner in chosen for ranked in _errors(inner, root, data=data)]
    rank = _RANKS.get(keyword, _LATER)
    if keyword == "minLength" and failure.instance == "":
        rank = 2
    return [(rank, error) for error in [_error(failure, keyword, root, data=data)]]


def _error(failure: ValidationError, keyword: str, root: Any, *, data: bool) -> SchemaError:
    path: Path = tuple(failure.absolute_path)
    steps = tuple(failure.absolute_schema_path)
    code = _code(steps, root)
    explain_keyword = _KEYWORDS.get(keyword, _other)
    error = explain_keyword(_Mistake(failure, path, hidden=code is not None, data=data))
    names = frozenset(str(name) for above, name in pairwise(steps) if above == "properties") | error.names
    if code is None:
        return error._replace(names=names)
    # A sensitive variable is one of the properties of what a flow takes: the names inside of it are as sensitive.
    most = 1 if code == "schema" and len(error.path) > 1 else None
    return error._replace(code=code, names=names, most=most)


def _code(steps: Path, root: Any) -> str | None:
    """Return the code of what must not be repeated, when a failure at the end of these steps lies in it."""
    node, code = root, None
    for step in (None, *steps):
        if step is not None:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                break
        if isinstance(node, dict):
            if node.get("x-secret") is True:
                return "secret"
            if node.get("x-sensitive") is True:
                code = "schema"
    return code


_ROWS = frozenset({"row", "rows", "matrix"})


class _Mistake:
    """A failure with what the words about it need."""

    __slots__ = ("data", "fits_several", "hidden", "instance", "is_number", "is_row", "path", "schema", "value")

    def __init__(self, failure: ValidationError, path: Path, *, hidden: bool, data: bool) -> None:
        self.path = path
        self.hidden = hidden
        self.data = data
        self.instance: Value = failure.instance
        self.schema: Schema = failure.schema if isinstance(failure.schema, dict) else {}
        #: Whether this is the place of a phone number, or of some: of those no message repeats more than the ends.
        is_list = path[-1:] == ("callees",)
        self.is_number = is_list or self.schema.get("pattern") == f"^{E164_PATTERN}$"
        #: Whether this is a row that a document holds, whose values are somebody's.
        self.is_row = not _ROWS.isdisjoint(path)
        # Where flowops' own keywords report a property, the message is its name (see `engine`).
        own = failure.validator in ("required", "dependentRequired", "additionalProperties")
        self.value: Any = failure.message if own else failure.validator_value
        self.fits_several = failure.validator == "oneOf" and not failure.context

    @property
    def _masked(self) -> str | None:
        """Return the value as it may be shown where it may be somebody's; None where it may be shown as it is."""
        is_text = isinstance(self.instance, str)
        plain = isinstance(self.instance, str | int | float) and not isinstance(self.instance, bool)
        is_somebodys = self.is_number or (self.is_row and is_text) or (self.data and not self.hidden)
        return mask_written(self.instance) if plain and is_somebodys else None

    @property
    def shown(self) -> str:
        masked = self._masked
        if masked is not None:
            return f"{'the text' if isinstance(self.instance, str) else 'the number'} {masked}"
        return kind(self.instance) if self.hidden or self.data else describe(self.instance)

    @property
    def short(self) -> str:
        masked = self._masked
        return masked if masked is not None else "what is written here" if self.hidden else mask_quoted(self.instance)

    def error(self, text: str, hint: str | None = None, *, at_key: bool = False) -> SchemaError:
        return SchemaError(self.path, text, hint, at_key)

    def own(self, *, at_key: bool = False) -> SchemaError | None:
        """Return the schema's own words, ``what is wrong: what to do about it``, if it has any."""
        words: str | None = self.schema.get("errorMessage")
        if words is None:
            return None
        text, _, hint = words.partition(": ")
        return self.error(text, hint or None, at_key=at_key)


def _type(mistake: _Mistake) -> SchemaError:
    own = mistake.own()
    if own is not None:
        return own
    wanted = expected(mistake.schema)
    if mistake.instance is None:
        return mistake.error(f"is empty, and must be {wanted}")
    return mistake.error(f"must be {wanted}, not {mistake.shown}", _type_hint(mistake))


def _type_hint(mistake: _Mistake) -> str | None:
    types, instance = mistake.schema.get("type"), mistake.instance
    types = [types] if isinstance(types, str) else types or []
    if isinstance(instance, str):
        if ("integer" in types or "number" in types) and _NUMERAL.fullmatch(instance):
            return "write it without quotes; a template ends in `| int`"
        if "boolean" in types and instance.lower() in _YES + _NO and mistake.data:
            return f"a text is compared: {{{{ … == '{instance}' }}}}"
        if "boolean" in types and instance.lower() in _YES + _NO:
            return f"write {'true' if instance.lower() in _YES else 'false'}, without quotes"
        return None
    if "string" in types and isinstance(instance, int | float):
        return _quoting_hint(mask_quoted(instance), mistake.schema)
    return None


def _quoting_hint(text: str, schema: Schema) -> str | None:
    """Return what to do about a number where text is wanted: quotes help only where the text would do."""
    if text not in schema.get("enum", [text]):
        return None
    if matcher(schema.get("pattern", ""))(text):
        return "put it in quotes"
    advice = schema.get("patternErrorMessage", "").partition(": ")[2]
    return advice or None


def _enum(mistake: _Mistake) -> SchemaError:
    wanted = expected({"enum": mistake.value})
    return mistake.error(f"must be {wanted}, not {mistake.shown}", _option_hint(mistake, mistake.value))


def _option_hint(mistake: _Mistake, options: list[Value]) -> str | None:
    if not isinstance(mistake.instance, str) or mistake.hidden:
        return None
    words = [option for option in options if isinstance(option, str)]
    if "windows-1252" in words:
        return encoding_meant(mistake.instance, words)
    return did_you_mean(mistake.instance, words)


def _const(mistake: _Mistake) -> SchemaError:
    return mistake.own() or mistake.error(f"must be {expected({'const': mistake.value})}, not {mistake.shown}")


def _pattern(mistake: _Mistake) -> SchemaError:
    own = mistake.schema.get("patternErrorMessage")
    if mistake.is_number and mistake.data and not str(mistake.instance).strip():
        return mistake.error("is empty, not a phone number", WITHOUT_EMPTY)
    shape = other_shape(mistake.instance) if mistake.is_number and isinstance(mistake.instance, str) else None
    if shape is not None:
        return mistake.error(f"{mistake.short} {shape.message}", shape.hint)
    if own is not None:
        text, _, hint = own.partition(": ")
        return mistake.error(f"{mistake.short} is {text}", hint or None)
    return mistake.error(f"{mistake.short} does not match the pattern {escaped(mistake.value)}")


def _range(mistake: _Mistake) -> SchemaError:
    return mistake.error(f"must be {limits(mistake.schema)}, not {mistake.short}")


def _multiple(mistake: _Mistake) -> SchemaError:
    return mistake.error(f"must be a multiple of {mask_quoted(mistake.value)}, not {mistake.short}")


def _too_short(mistake: _Mistake) -> SchemaError:
    if mistake.instance == "":
        return mistake.error("is empty")
    return mistake.error(f"must have at least {count(mistake.value, 'character')}, not {len(mistake.instance):,}")


def _too_long(mistake: _Mistake) -> SchemaError:
    return mistake.error(f"must have at most {count(mistake.value, 'character')}, not {len(mistake.instance):,}")


def _size(mistake: _Mistake) -> SchemaError:
    """Return what is wrong with how much there is in a list or a mapping."""
    what, part, parts = (
        ("list", "item", "items") if isinstance(mistake.instance, list) else ("mapping", "entry", "entries")
    )
    if not mistake.instance:
        return mistake.error(f"is an empty {what}")
    word = "at least" if len(mistake.instance) < mistake.value else "at most"
    return mistake.error(f"must have {word} {count(mistake.value, part, parts)}, not {len(mistake.instance):,}")


def _unique(mistake: _Mistake) -> SchemaError:
    # The items are named by their places: they may be phone numbers.
    seen: dict[object, int] = {}
    for second, item in enumerate(mistake.instance):
        first = seen.setdefault(_identity(item), second)
        if first != second:
            return SchemaError((*mistake.path, second), f"is the same as item [{first}]")
    return mistake.error("holds something twice")


def _identity(item: Value) -> object:
    """Return what is equal for values that JSON Schema takes for equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(item, dict | list):
        return json.dumps(item, sort_keys=True)
    return (isinstance(item, bool), item)


def _required(mistake: _Mistake) -> SchemaError:
    own = mistake.own()
    text, hint = ("is missing", None) if own is None else (own.text, own.hint)
    return SchemaError((*mistake.path, mistake.value), text, hint, names=frozenset((mistake.value,)))


def _needed(mistake: _Mistake) -> SchemaError:
    needs = mistake.schema["dependentRequired"]
    by = next(name for name in needs if name in mistake.instance and mistake.value in needs[name])
    text = f"is missing: {escaped(by)} needs it"
    return SchemaError((*mistake.path, mistake.value), text, names=frozenset((mistake.value,)))


#: Of how many fields all are named where none is near.
_FEW = 4
#: Fields of call sets, which somebody may give to a single call.
_OF_SETS = frozenset({"for-each", "matrix", "where"})


def _unknown(mistake: _Mistake) -> SchemaError:
    known = list(mistake.schema.get("properties", {}))
    hint = did_you_mean(mistake.value, [name for name in known if name not in mistake.instance])
    if hint is None and 0 < len(known) <= _FEW:
        hint = f"it takes {choice(known)}"
    if mistake.value in _OF_SETS and not mistake.path:
        hint = "a call for each row is of kind: CallSet, and its own fields are below call:"
    return SchemaError((*mistake.path, mistake.value), "is not a known field", hint, at_key=True)


def _one_of(mistake: _Mistake) -> SchemaError:
    names = singles(mistake.value)
    if names is None and mistake.fits_several:
        return mistake.own() or mistake.error("fits more than one of the schemas of oneOf, and has to fit one alone")
    if names is None or not isinstance(mistake.instance, dict):
        return mistake.own() or mistake.error(f"must be {expected({'anyOf': mistake.value})}")
    given = [name for name, item in mistake.instance.items() if name in names and item is not None]
    if len(given) > 1:
        return SchemaError((*mistake.path, given[1]), f"does not go with {given[0]}: give one of them", at_key=True)
    return SchemaError((*mistake.path, names[0]), f"is missing: give {choice(names)}", names=frozenset(names))


def _any_of(mistake: _Mistake) -> SchemaError:
    own = mistake.own()
    if own is not None:
        return own
    names = singles(mistake.value)
    if names is not None:
        return SchemaError((*mistake.path, names[0]), f"is missing: give {choice(names)}", names=frozenset(names))
    wanted = expected({"anyOf": mistake.value})
    if mistake.instance is None:
        return mistake.error(f"is empty, and must be {wanted}")
    options = [word for part in mistake.value if isinstance(part, dict) for word in part.get("enum", ())]
    return mistake.error(f"must be {wanted}, not {mistake.shown}", _option_hint(mistake, options))


def _not(mistake: _Mistake) -> SchemaError:
    forbidden = mistake.value if isinstance(mistake.value, dict) else {}
    pair = forbidden.get("required", [])
    if len(pair) == 2 and isinstance(mistake.instance, dict):
        first, second = (name for name in mistake.instance if name in pair)
        return SchemaError((*mistake.path, second), f"does not go with {first}: give one of them", at_key=True)
    return mistake.own(at_key=not forbidden) or mistake.error("is a value that its schema forbids")


def _never(mistake: _Mistake) -> SchemaError:
    return mistake.error("must not be given", at_key=True)


def _format(mistake: _Mistake) -> SchemaError:
    return mistake.error(f"{mistake.short} is not a valid {mistake.value}")


def _other(mistake: _Mistake) -> SchemaError:
    return mistake.own() or mistake.error("does not fit its schema")


_KEYWORDS: dict[str, Callable[[_Mistake], SchemaError]] = {
    "None": _never,
    "additionalProperties": _unknown,
    "anyOf": _any_of,
    "const": _const,
    "dependentRequired": _needed,
    "enum": _enum,
    "exclusiveMaximum": _range,
    "exclusiveMinimum": _range,
    "format": _format,
    "maxItems": _size,
    "maxLength": _too_long,
    "maxProperties": _size,
    "maximum": _range,
    "minItems": _size,
    "minLength": _too_short,
    "minProperties": _size,
    "minimum": _range,
    "multipleOf": _multiple,
    "not": _not,
    "oneOf": _one_of,
    "pattern": _pattern,
    "required": _required,
    "type": _type,
    "uniqueItems": _unique,
}
