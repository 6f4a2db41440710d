"""What the fields of documents mean: found in the schemas by dotted paths, such as ``project.environments.rate``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowops.common.names import nearest
from flowops.errors import UsageError
from flowops.model.document import ABSENT, FIRST, Field
from flowops.schema.check import KINDS
from flowops.schema.engine import TEMPLATE_PATTERN
from flowops.schema.store import schema_text
from flowops.schema.wording import choice, expected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.schema.engine import Schema

#: So many paths are named where several may be meant.
FEW = 6
#: How deep a path leads, at most: the schema of a variable is a JSON Schema, which may hold others.
DEEPEST = 8


def field_at(name: str) -> Field:
    """Return the field of a dotted path; a name alone is enough where only one field has it.

    An index and the name of an environment or a variable may be left out. Raises UsageError for a path that leads
    nowhere, with what was probably meant.
    """
    kind, *steps = name.split(".")
    if kind not in KINDS.values():
        return field_at(_only(name))
    schema = root = _schema(kind)
    path, required = [kind], True
    for step in steps:
        inside = dict(_properties(schema))
        if step in inside:
            required = step in _required(schema)
            schema = inside[step]
            path.append(step)
        elif _named(schema) is not None:
            # The name of an entry, which somebody makes up.
            above = ".".join(path)
            schema = {"description": f"An entry of {above}, under a name of your own.", **(_named(schema) or {})}
            required = False
            path.append(step)
        else:
            raise _unknown(name, path, inside)
    return _field(tuple(path), schema, required=required, inside=True) if schema is not root else _document(kind, root)


def _schema(kind: str) -> Schema:
    schema: Schema = json.loads(schema_text(kind))
    return schema


def _document(kind: str, schema: Schema) -> Field:
    """Return the document of a kind as if it were a field."""
    return Field((kind,), "a document", schema["description"], False, ABSENT, fields=tuple(_inside((kind,), schema)))


def _field(path: tuple[str, ...], schema: Schema, *, required: bool, inside: bool = False) -> Field:
    """Return a field of a schema, with the fields `inside` it where these are asked for."""
    return Field(
        path,
        _type(schema),
        schema.get("description", ""),
        required,
        schema.get("default", ABSENT),
        tuple(schema.get("examples", [schema["const"]] if "const" in schema else ())),
        tuple(_options(schema)),
        tuple(_inside(path, schema)) if inside else (),
        schema.get("x-since", FIRST),
    )


def _inside(path: tuple[str, ...], schema: Schema) -> Iterator[Field]:
    """Yield the fields of a mapping, those that have to be given first."""
    needed = _required(schema)
    fields = _properties(schema)
    for name in sorted(fields, key=lambda name: name not in needed):
        yield _field((*path, name), fields[name], required=name in needed)


def _branches(schema: Schema) -> Iterator[Schema]:
    """Yield a schema, what it may be instead, and the items of what may be a list."""
    yield schema
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if isinstance(branch, dict):
            yield from _branches(branch)
    if isinstance(schema.get("items"), dict):
        yield from _branches(schema["items"])


def _properties(schema: Schema) -> dict[str, Schema]:
    """Return the fields of what a schema describes, those of its items and of the entries that somebody names too."""
    found: dict[str, Schema] = {}
    for branch in _branches(schema):
        for name, field in branch.get("properties", {}).items():
            # What may not be given is no field.
            if isinstance(field, dict) and field.get("not") != {}:
                found.setdefault(name, field)
        entry = branch.get("additionalProperties")
        if isinstance(entry, dict):
            for name, field in _properties(entry).items():
                found.setdefault(name, field)
    return found


def _named(schema: Schema) -> Schema | None:
    """Return the schema of entries whose names somebody makes up, if there are such."""
    entries = (branch.get("additionalProperties") for branch in _branches(schema))
    return next((entry for entry in entries if isinstance(entry, dict)), None)


def _required(schema: Schema) -> set[str]:
    """Return the fields that a mapping has to have; one of several is none of them."""
    return {
        name for branch in _branches(schema) if branch.get("type") == "object" for name in branch.get("required", ())
    }


def _type(schema: Schema) -> str:
    """Return what a field takes, in a few words; that a template may stand there too comes last."""
    branches = [branch for branch in schema.get("anyOf", ()) if isinstance(branch, dict)]
    real = [branch for branch in branches if branch.get("pattern") != TEMPLATE_PATTERN]
    words = choice(expected(branch) for branch in real) if real else expected(schema)
    return f"{words}, or a template" if len(real) < len(branches) else words


def _options(schema: Schema) -> Iterator[Any]:
    for branch in _branches(schema):
        yield from branch.get("enum", ())


def _only(name: str) -> str:
    """Return the path that ends in a name. Raises UsageError unless there is one."""
    known = [path for kind in KINDS.values() for path in _paths((kind,), _schema(kind))]
    found = [path for path in known if path.endswith(f".{name}")]
    # Defaults and the calls of a call set have the fields of a call, and an environment has rules of its own.
    shortest = [path for path in found if path.count(".") == min(each.count(".") for each in found)]
    if len(shortest) == 1:
        return shortest[0]
    if shortest:
        named = ", ".join(shortest[:FEW])
        raise UsageError(f"'{name}' is a field at several places", hint=f"say which: {named}")
    last = name.rpartition(".")[2]
    near = nearest(last, dict.fromkeys(path.rpartition(".")[2] for path in known))
    kind = nearest(name.partition(".")[0], KINDS.values())
    if kind is not None:
        raise UsageError(
            f"there is no field '{name}'", hint=f"did you mean '{'.'.join([kind, *name.split('.')[1:]])}'?"
        )
    where = next((path for path in known if near is not None and path.endswith(f".{near}")), None)
    raise UsageError(
        f"there is no field '{name}'",
        hint=f"did you mean '{where}'?" if where else f"a path begins with one of {', '.join(KINDS.values())}",
    )


def _paths(path: tuple[str, ...], schema: Schema) -> Iterator[str]:
    """Yield the dotted paths of all fields."""
    for name, field in _properties(schema).items() if len(path) < DEEPEST else ():
        yield ".".join((*path, name))
        yield from _paths((*path, name), field)


def _unknown(name: str, path: list[str], inside: Mapping[str, Schema]) -> UsageError:
    above = ".".join(path)
    step = name.split(".")[len(path)]
    near = nearest(step, inside)
    if near is not None:
        hint = f"did you mean '{above}.{near}'?"
    else:
        hint = f"{above} has {', '.join(inside)}" if inside else f"{above} has no fields"
    return UsageError(f"there is no field '{step}' in {above}", hint=hint)


def all_paths() -> list[str]:
    """Return the dotted paths of all fields of all kinds of documents, and the kinds themselves."""
    found = list(KINDS.values())
    for kind in KINDS.values():
        found += _paths((kind,), _schema(kind))
    return found
