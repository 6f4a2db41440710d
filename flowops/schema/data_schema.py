"""The schema of what a call set is made of: ``for-each``, ``matrix``, ``where`` and ``limit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.schema.branches import TEMPLATE_PATTERN

if TYPE_CHECKING:
    from flowops.schema.engine import Schema

#: Where rows come from: one of these.
ROWS = ["for-each", "matrix"]
#: Python knows each of them by this name.
ENCODINGS = [
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1257",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "iso-8859-9",
    "iso-8859-15",
]
_CHARACTER = r'[^\u0000\r\n "]'
_QUOTE = r"[^\u0000\r\n ]"


def data_fields() -> dict[str, Schema]:
    """The fields of a CallSet beside its call."""
    return {
        "for-each": _for_each(),
        "matrix": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "array", "minItems": 1},
            "description": (
                "Lists of values by name: there is a row for each combination of them, the last name changes first. "
                "Instead of for-each."
            ),
            "examples": [{"region": ["NL", "GB"], "shift": ["morning", "evening"]}],
        },
        "where": {
            "type": "string",
            "pattern": TEMPLATE_PATTERN,
            "patternErrorMessage": "not a template: write a question in double braces, with quotes around all of it",
            "description": "Only rows for which this is true become calls. Rows keep their numbers.",
            "examples": ["{{ row.status == 'open' }}"],
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "description": "Only so many rows, the first ones, become calls; those that where leaves out do not count.",
            "examples": [100],
        },
    }


def _for_each() -> Schema:
    file: Schema = {
        "type": "string",
        "minLength": 1,
        "description": "The file with the rows: .csv, .jsonl or .parquet. The path starts at the folder of this file.",
        "examples": ["../data/appointments.csv"],
    }
    return {
        "description": "The rows: the name of a file (.csv, .jsonl, .parquet), or a mapping with more about it.",
        "examples": ["../data/appointments.csv", {"file": "../data/appointments.csv", "delimiter": ";"}],
        "anyOf": [
            file,
            {
                "type": "object",
                "properties": {
                    "file": file,
                    "encoding": {
                        "enum": ENCODINGS,
                        "default": "utf-8",
                        "description": "How the text of CSV or JSON Lines is kept. utf-16 begins with a mark.",
                    },
                    "delimiter": {
                        "type": "string",
                        "pattern": f"^{_CHARACTER}$",
                        "patternErrorMessage": 'not a delimiter: write one character, such as ";" or "\\t"',
                        "default": ",",
                        "description": "What stands between the fields of CSV.",
                        "examples": [";", "\t"],
                    },
                    "quote": {
                        "type": "string",
                        "pattern": f"^(?:{_QUOTE}|none)$",
                        "patternErrorMessage": "not a quote: write one character, or none",
                        "default": '"',
                        "description": "What stands around fields of CSV with delimiters or lines in them, or none.",
                        "examples": ["'", "none"],
                    },
                    "sql": {
                        "type": "string",
                        "minLength": 1,
                        "description": (
                            "A query over files, which ends with ORDER BY. A file's name stands in quotes, and starts "
                            "at the folder of this file."
                        ),
                        "examples": ["select * from '../data/appointments.parquet' where due order by id"],
                    },
                    "source": {
                        "type": "string",
                        "minLength": 1,
                        "description": (
                            "The database to ask instead of files: a name under sources in the environment. Needs the "
                            "network, so only render, plan and apply read it."
                        ),
                        "examples": ["crm"],
                    },
                },
                "oneOf": [{"required": ["file"]}, {"required": ["sql"]}],
                "dependentRequired": {"source": ["sql"]},
                "additionalProperties": False,
            },
        ],
        "errorMessage": "must be the name of a file, or a mapping with file or sql",
    }
