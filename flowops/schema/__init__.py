"""OpenAPI to JSON Schemas, and values with their schemas to problems.

Nothing heavy is imported before it is needed: jsonschema-rs when something is validated, jsonschema when
something is wrong, phonenumbers when a number is looked at. What makes the schemas is in `flowops.schema.build`.
"""

from flowops.schema.bodies import bodies_of
from flowops.schema.check import Checker, check
from flowops.schema.error import SchemaError
from flowops.schema.flows import check_flow
from flowops.schema.number_plan import check_number
from flowops.schema.problems import check_body, check_document, check_documents, check_flows
from flowops.schema.store import NAMES, description_text, schema_text, stale_schemas, write_schemas
from flowops.schema.variables import check_variables

__all__ = [
    "NAMES",
    "Checker",
    "SchemaError",
    "bodies_of",
    "check",
    "check_body",
    "check_document",
    "check_documents",
    "check_flow",
    "check_flows",
    "check_number",
    "check_variables",
    "description_text",
    "schema_text",
    "stale_schemas",
    "write_schemas",
]
