"""What docs/configuration.md and editors say of a field: all of it is there, and its examples are right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flowops.schema.check import KINDS, check
from flowops.schema.fields import all_paths, field_at
from flowops.schema.store import schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_every_field_has_its_text_and_an_example() -> None:
    fields = [field_at(path) for path in all_paths() if "." in path]
    assert len(fields) > 200
    bare = [each.name for each in fields if not (each.description.endswith((".", ")")) and each.examples)]
    assert bare == []


def with_examples(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if "examples" in schema and not isinstance(schema["examples"], dict):
            yield at, schema
        for key, item in schema.items():
            yield from with_examples(item, f"{at}.{key}") if key not in ("examples", "default", "const") else ()
    elif isinstance(schema, list):
        for position, item in enumerate(schema):
            yield from with_examples(item, f"{at}[{position}]")


@pytest.mark.parametrize("kind", KINDS.values())
def test_an_example_and_a_default_fit_their_field(kind: str) -> None:
    seen = 0
    for at, schema in with_examples(json.loads(schema_text(kind)), kind):
        for example in (*schema["examples"], *([schema["default"]] if "default" in schema else [])):
            seen += 1
            assert check(schema, example) == [], f"{at}: {example!r}"
    assert seen > 5
