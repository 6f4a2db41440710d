"""OpenAPI to JSON Schemas, and values with their schemas to problems.

Nothing heavy is imported before it is needed: jsonschema-rs when something is validated, jsonschema when
something is wrong. What makes the schemas is in `flowops.schema.build`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach
from flowops.schema.check import Checker, check

if TYPE_CHECKING:
    from flowops.schema.bodies import body_predicate
    from flowops.schema.error import SchemaError
    from flowops.schema.flows import check_flow
    from flowops.schema.problems import check_body, check_document, check_documents, check_flows
    from flowops.schema.store import NAMES, description_text, schema_text, stale_schemas, write_schemas
    from flowops.schema.variables import check_variables
else:
    __getattr__ = attach(
        __name__,
        {
            "bodies": "body_predicate",
            "error": "SchemaError",
            "flows": "check_flow",
            "problems": "check_body check_document check_documents check_flows",
            "store": "NAMES description_text schema_text stale_schemas write_schemas",
            "variables": "check_variables",
        },
    )

__all__ = [
    "NAMES",
    "Checker",
    "SchemaError",
    "body_predicate",
    "check",
    "check_body",
    "check_document",
    "check_documents",
    "check_flow",
    "check_flows",
    "check_variables",
    "description_text",
    "schema_text",
    "stale_schemas",
    "write_schemas",
]
