"""Every schema, made from a description of the API: values in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.schema import outputs
from flowops.schema.authoring import ProjectFacts, call_schema, callset_schema
from flowops.schema.flow_schema import flow_schema
from flowops.schema.openapi import instruction, load_description
from flowops.schema.project_schema import project_schema
from flowops.schema.request import request_schema

if TYPE_CHECKING:
    from flowops.model import Value
    from flowops.schema.engine import Schema

__all__ = ["ProjectFacts", "build", "load_description"]


def build(description: dict[str, Value], project: ProjectFacts | None = None) -> dict[str, Schema]:
    """All schemas by name, in the order of `NAMES`; with a project, those of calls know its flows.

    Raises FlowopsError when the description lacks what flowops cannot do without.
    """
    api = instruction(description)
    return {
        "request": request_schema(api),
        "call": call_schema(api, project),
        "callset": callset_schema(api, project),
        "flow": flow_schema(),
        "project": project_schema(api),
        "plan": outputs.plan_schema(),
        "saved-plan": outputs.saved_plan_schema(),
        "result": outputs.result_schema(),
        "render": outputs.render_schema(api),
        "diff": outputs.diff_schema(),
        "ledger-list": outputs.ledger_list_schema(),
        "ledger-show": outputs.ledger_show_schema(),
        "status": outputs.status_schema(),
        "validate": outputs.validate_schema(),
    }
