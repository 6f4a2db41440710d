"""What an editor shows of a field, whatever the kind of the document. test_configuration.py checks the examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from flowops.app.schemas import write_for_editors
from flowops.schema.store import schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("flowops", "project", "flow", "call", "callset", "test")
#: What shows how a field is written.
SHOWS = ("examples", "default", "const", "enum", "properties", "items", "additionalProperties", "oneOf", "anyOf")
#: What asks about a field and does not describe it.
ASKS = ("if", "not", "oneOf", "dependentSchemas")


def fields(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema; those that are refused, or only asked about, have nothing to show."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from fields(each, (*path, str(number)))
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "properties" and isinstance(value, dict) and path[-1:] != ("properties",):
                for name, field in value.items():
                    described = isinstance(field, dict) and not {"const", "not"} & set(field)
                    if described and not set(field) <= {"enum", "errorMessage"}:
                        yield "/".join((*path, name)), field
            if key not in ASKS and not (key == "allOf" and path[-1:] == ("environments",)):
                yield from fields(value, (*path, key))


def resolved(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    """A field with what it refers to under it."""
    while (reference := field.get("$ref", "")).startswith("#/"):
        target: Any = schema
        for step in reference[2:].split("/"):
            target = target[step]
        field = target | {key: value for key, value in field.items() if key != "$ref"}
    return field


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described_with_an_example(name: str) -> None:
    schema = json.loads(schema_text(name))
    silent = [
        path
        for path, field in fields(schema)
        if not (found := resolved(schema, field)).get("description")
        or not (set(SHOWS) & set(found) or found.get("type") == "boolean")
    ]
    assert silent == []


#: What flowops takes without quotes, and a reader of YAML makes a number of.
UNQUOTED = {"reference-id": 15, "callee": 442079460018, "caller": 442079460000}


@pytest.mark.parametrize("name", ["call", "flowops"])
def test_a_number_without_quotes_is_right_where_flowops_takes_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "flowops.yaml").write_text("apiVersion: flowops/v1\nkind: Project\nname: any\n")
    write_for_editors(tmp_path)
    schema = json.loads((tmp_path / ".flowops/schemas" / f"{name}.schema.json").read_text())
    call = {"apiVersion": "flowops/v1", "kind": "Call", "reference-id": "a", "callee": "+442079460018"}
    call |= {"caller": "+442079460000", "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"}
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(call)) == []
    for field, value in UNQUOTED.items():
        assert list(validator.iter_errors(call | {field: value})) == [], field
        assert list(validator.iter_errors(call | {field: True})) != [], field
