"""Make the schemas from a description of the API.

Two are derived altogether, `request` and `call`. Of three a part is: what a project gives to every call, the call of a
call set, and the body in what `render` prints. The rules of a policy bring their own parts with them. All else, and all
other schemas, depend on no API: those JSON files are kept by hand, and are only laid out anew here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowops.policy.config import SETTINGS
from flowops.schema.authoring import ProjectFacts, call_schema, defaults_schema, row_call_schema
from flowops.schema.openapi import instruction, load_description
from flowops.schema.request import body_schema, request_schema
from flowops.schema.store import NAMES, schema_text

if TYPE_CHECKING:
    from flowops.model import Value
    from flowops.schema.engine import Schema

__all__ = ["ProjectFacts", "build", "load_description"]


def build(description: dict[str, Value], project: ProjectFacts | None = None) -> dict[str, Schema]:
    """Return all schemas by name, in the order of `NAMES`; with a project, those of calls know its flows.

    Raises FlowopsError when the description lacks what flowops cannot do without.
    """
    api = instruction(description)
    derived = {"request": request_schema(api), "call": call_schema(api, project)}
    schemas: dict[str, Any] = {name: derived.get(name) or json.loads(schema_text(name)) for name in NAMES}
    schemas["callset"]["properties"]["call"] = row_call_schema(api, project)
    schemas["render"]["items"]["properties"]["body"] = body_schema(api)
    fields = schemas["project"]["properties"]
    fields["defaults"] = defaults_schema(api)
    fields["policy"]["properties"] = {setting.key: setting.schema for setting in SETTINGS}
    # An environment has the same rules as the project; only the words about them differ.
    environment = fields["environments"]["additionalProperties"]["properties"]
    words = environment["policy"]["description"]
    environment["policy"] = fields["policy"] | {"description": words}
    return schemas
