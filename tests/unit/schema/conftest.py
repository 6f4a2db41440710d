"""Documents read from YAML with the places of everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowops.documents.yaml import parse
from flowops.documents.yaml_builder import Budget
from flowops.model.document import Document
from flowops.model.project import Flow
from flowops.schema.request import load_description
from flowops.schema.store import description_text

if TYPE_CHECKING:
    from collections.abc import Callable


def _read(text: str, file: str = "case.yaml") -> Document:
    (parsed,) = parse(file, text, Budget(100_000, "more values than a test has"))
    assert parsed.problems == ()
    return Document(file, str(parsed.value.get("kind")), parsed.value, parsed.source_map, text)


@pytest.fixture
def api() -> dict[str, Any]:
    """The description of the API."""
    return load_description(description_text(), "flowbuilder.openapi.yaml")


@pytest.fixture
def make_flow() -> Callable[[str], Flow]:
    """A flow from the YAML of its ``variables`` and ``produces``."""

    def make(text: str, name: str = "reminder") -> Flow:
        document = _read(f"apiVersion: flowops/v1\nkind: Flow\nname: {name}\ncallflow-id: 7b1f0f5e\n{text}")
        value = document.value
        produces = frozenset(value.get("produces", ()))
        return Flow(name, {"*": value["callflow-id"]}, value.get("variables", {}), produces, document)

    return make


@pytest.fixture
def read() -> Callable[..., Document]:
    """One document, its scalars read as flowops reads them."""
    return _read


@pytest.fixture
def root() -> Path:
    """The folder of the repository."""
    return Path(__file__).resolve().parents[3]
