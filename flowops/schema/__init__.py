"""Schemas: kept as JSON, derived from the description of the API, and held against documents and bodies.

Nothing heavy is imported before it is needed: jsonschema-rs when something is validated, jsonschema when
something is wrong.
"""
