"""A description of the API (OpenAPI 3.1), and what it says about the body of a call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowops.errors import FlowopsError
from flowops.schema.references import ReferenceTrouble, inline

if TYPE_CHECKING:
    from flowops.model import Value
    from flowops.schema.engine import Schema

PATH = "/FlowBuilder"
#: Without these there is no call: the ledger knows it by the first, the second is what it does.
ESSENTIAL = ("instruction-id", "callflow-id")
#: At least one of these says who is called.
WHO = ("callee", "callees")


def load_description(text: str, file: str) -> dict[str, Value]:
    """An OpenAPI description from YAML or JSON. Raises FlowopsError naming the file."""
    try:
        description = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except (ValueError, RecursionError) as error:
        raise FlowopsError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error
    version = description.get("openapi") if isinstance(description, dict) else None
    if not isinstance(description, dict) or not str(version).startswith("3.1"):
        raise FlowopsError(f"{file}: is no OpenAPI 3.1 description", hint="its first line says: openapi: 3.1.0")
    return description


def _yaml(text: str) -> Any:
    import yaml

    try:
        # The pure Python loader: the C one dies of deep nesting instead of raising RecursionError.
        return yaml.load(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def instruction(description: dict[str, Value]) -> Schema:
    """The schema of the body of POST /FlowBuilder, with every reference replaced by what it names.

    Raises FlowopsError when the description has no such operation, or its body lacks what flowops needs.
    """
    node: Any = description
    for step in ("paths", PATH, "post", "requestBody", "content", "application/json", "schema"):
        node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            raise FlowopsError(f"the description of the API has no POST {PATH} with a JSON body ('{step}' is missing)")
    try:
        schema = inline(node, description)
    except ReferenceTrouble as error:
        raise FlowopsError(f"the description of the API: {error}") from error
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(properties, dict):
        raise FlowopsError(f"the body of POST {PATH} has no properties")
    missing = [name for name in ESSENTIAL if not isinstance(properties.get(name), dict)]
    if not any(name in properties for name in WHO):
        missing.append(WHO[0])
    if missing:
        raise FlowopsError(f"the body of POST {PATH} has no property '{missing[0]}', which flowops cannot do without")
    return schema
