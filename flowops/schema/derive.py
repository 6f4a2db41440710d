"""From a description of the API to the schemas that depend on it.

Two are derived altogether: `request`, a rendered body (strict), and `call`, the same fields with templates. `flowops`
takes a document of any kind, and has the schemas of all kinds in it. Of three others a part is derived: what a project
gives to every call, the call of a call set, and the body in what `render` prints. The rules of a policy bring their own
parts, names have the one rule of names, and the states and events of a call are named from the one list of them. All
else in them, and all other schemas, depend on no API: those JSON files are kept by hand, and are only laid out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowops.model.ledger import STATES, EventType, State
from flowops.model.plan import Action
from flowops.model.status import COLUMNS
from flowops.policy.config import SETTINGS
from flowops.schema.authoring import (
    ProjectFacts,
    attempts_schema,
    call_schema,
    defaults_schema,
    labels_schema,
    row_call_schema,
)
from flowops.schema.request import NAME, body_schema, head, instruction, request_schema
from flowops.schema.store import NAMES, schema_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.model.document import Value
    from flowops.schema.engine import Schema


def build(description: dict[str, Value], project: ProjectFacts | None = None) -> dict[str, Schema]:
    """Return all schemas by name, in the order of `NAMES`; with a project, those of calls know its flows.

    Raises FlowopsError when the description lacks what flowops cannot do without.
    """
    api = instruction(description)
    derived: dict[str, Schema] = {"request": request_schema(api), "call": call_schema(api, project), "flowops": {}}
    schemas: dict[str, Any] = {
        name: derived[name] if name in derived else json.loads(schema_text(name)) for name in NAMES
    }
    schemas["callset"]["properties"]["attempts"] = attempts_schema()
    schemas["callset"]["properties"]["call"] = row_call_schema(api, project)
    schemas["callset"]["properties"]["labels"] = labels_schema()
    schemas["render"]["properties"]["calls"]["items"]["properties"]["body"] = body_schema(api)
    _name_states(*(schemas[name] for name in ("ledger-list", "ledger-show", "ledger-operation", "status")))
    _name_totals(schemas["status"]["properties"]["summary"])
    _name_expected(schemas["test"]["properties"])
    fields = schemas["project"]["properties"]
    fields["defaults"] = defaults_schema(api)
    for name in (fields["name"], fields["environments"]["propertyNames"], schemas["flow"]["properties"]["name"]):
        name.update(NAME)
    fields["policy"]["properties"] = {key: setting.schema for key, setting in SETTINGS.items()}
    # An environment has the same rules as the project; only the words about them differ.
    environment = fields["environments"]["additionalProperties"]["properties"]
    words = environment["policy"]["description"]
    environment["policy"] = fields["policy"] | {"description": words}
    schemas["flowops"] = document_schema([schemas[name] for name in ("project", "flow", "call", "callset", "test")])
    return schemas


def _name_states(ledger_list: Schema, ledger_show: Schema, operation: Schema, status: Schema) -> None:
    """Fill in the states and the events of a call."""
    listed = ledger_list["properties"]["calls"]["items"]["properties"]
    shown = ledger_show["properties"]
    event, counts = shown["events"]["items"]["properties"], status["properties"]["counts"]
    states = [str(state) for state in State]
    listed["state"]["enum"] = shown["state"]["enum"] = states
    step = operation["properties"]["calls"]["items"]["properties"]
    listed["cancelled_from"]["enum"] = shown["cancelled_from"]["enum"] = [*states, None]
    event["state"]["enum"] = step["before"]["enum"] = step["after"]["enum"] = [*states, None]
    event["happening"]["enum"] = [str(event_type) for event_type in EventType]
    counts["required"] = [state.replace("-", "_") for state in states]
    counts["properties"] = {
        name: {"description": f"Calls that are {state.replace('-', ' ')}.", "type": "integer", "minimum": 0}
        for name, state in zip(counts["required"], states, strict=True)
    }


def _name_totals(summary: Schema) -> None:
    """Fill in the totals of calls, in front of how many are held back."""
    number = {"type": "integer", "minimum": 0}
    of_columns = {column.name.replace("-", "_"): {"description": column.about, **number} for column in COLUMNS}
    summary["properties"] = {**of_columns, "held_back": summary["properties"]["held_back"]}
    summary["required"] = list(summary["properties"])


def _name_expected(fields: Schema) -> None:
    """Fill in what a test may expect of a call, and in which states it may give calls."""
    fields["given"]["properties"]["ledger"]["items"]["properties"]["state"]["enum"] = [
        str(state) for state in State if STATES[state].reached_by is not None
    ]
    fields["expect"]["properties"]["action"]["enum"] = [str(action) for action in Action]


def document_schema(schemas: Sequence[Schema]) -> Schema:
    """Return the schema of a document of any kind: by its `kind` one of these."""
    kinds = [schema["properties"]["kind"] for schema in schemas]
    names = [kind["const"] for kind in kinds]
    opening = {
        "apiVersion": schemas[0]["properties"]["apiVersion"],
        "kind": {"enum": names, "description": kinds[0]["description"]},
    }
    rules = [
        {
            "if": {"required": ["kind"], "properties": {"kind": {"const": name}}},
            "then": {key: item for key, item in schema.items() if key not in ("$schema", "$id")},
        }
        for name, schema in zip(names, schemas, strict=True)
    ]
    return {
        **head("flowops", "A document of flowops", "A project, a flow, a call, a call set or a test, by its kind."),
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": opening,
        "allOf": rules,
    }
