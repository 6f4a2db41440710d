"""Documents read from YAML with the places of everything, by a reader of the tests' own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowops.model import Document, Flow, Marks
from flowops.schema import engine
from flowops.schema.build import load_description
from flowops.schema.store import description_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def _read(text: str, file: str = "case.yaml") -> Document:
    value, marks = _node(yaml.compose(text, Loader=yaml.SafeLoader))
    return Document(file, str(value.get("kind")), value, marks, text)


def _node(node: yaml.Node) -> tuple[Any, Marks]:
    def marks(children: Any = None, keys: Any = None) -> Marks:
        start, end = node.start_mark, node.end_mark
        return Marks(start.line + 1, start.column + 1, start.index, end.index, children, keys)

    if isinstance(node, yaml.MappingNode):
        pairs = {key.value: _node(item) for key, item in node.value}
        keys = {key.value: (key.start_mark.line + 1, key.start_mark.column + 1) for key, _ in node.value}
        return {k: v for k, (v, _) in pairs.items()}, marks({k: m for k, (_, m) in pairs.items()}, keys)
    if isinstance(node, yaml.SequenceNode):
        items = [_node(item) for item in node.value]
        return [v for v, _ in items], marks(dict(enumerate(m for _, m in items)))
    return _scalar(node), marks()


def _scalar(node: Any) -> Any:
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        number = float(text) if "." in text else int(text)
        return number if str(number) == text else text
    return text


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


@pytest.fixture
def without_jsonschema_rs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python in which jsonschema-rs is not installed."""
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    engine.matcher.cache_clear()
    yield
    engine.matcher.cache_clear()
