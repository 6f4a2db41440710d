"""The schema of a `policy`: of the whole project, or of one environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.schema.engine import Schema

#: The kinds of numbers that libphonenumber tells apart; `flowops.policy.numbers` has the same, and a test says so.
NUMBER_TYPES = (
    "fixed-line",
    "mobile",
    "fixed-line-or-mobile",
    "toll-free",
    "premium-rate",
    "shared-cost",
    "voip",
    "personal-number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
)
_DAYS = "(?:mon|tue|wed|thu|fri|sat|sun)"
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_COUNTRIES: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "string",
        "pattern": "^[A-Z]{2}$",
        "patternErrorMessage": "not a country: write the two capital letters of ISO 3166-1, such as GB",
    },
}


def policy_schema(reference: Schema, where: str) -> Schema:
    """The rules; `reference` is the schema of ``{env: NAME}``."""
    return {
        "type": "object",
        "description": (
            f"Rules for all calls {where}. Each can only hold calls back. When there is a policy at all, numbers that "
            "are not ordinary, and countries other than the caller's own, are blocked unless it says otherwise."
        ),
        "properties": {
            "max-calls": _max_calls(),
            "max-change": {
                **_share(),
                "description": (
                    "A plan may not place more than this share of the calls that the ledger knows. The first one needs "
                    "`apply --override max-change`."
                ),
            },
            "countries": {
                **_COUNTRIES,
                "description": "The countries that may be called. Without it, the country of each call's own caller.",
                "examples": [["GB", "IE"]],
            },
            "number-types": {
                "type": "array",
                "minItems": 1,
                "items": {"enum": list(NUMBER_TYPES)},
                "default": ["fixed-line", "mobile", "fixed-line-or-mobile", "voip"],
                "description": "The kinds of numbers that may be called, as libphonenumber tells them apart.",
            },
            "callers": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"},
                "description": "The numbers that may be called from, in E.164.",
                "examples": [["+442079460000"]],
            },
            "windows": _windows(),
            "do-not-call": _one_or_more(
                _do_not_call(reference), "Numbers that are not called. A list that is missing or too old blocks."
            ),
            "per-callee": _one_or_more(
                _per_callee(), "How often one number may be called, over all references and runs."
            ),
            "consent": _consent(),
            "stop-on": {
                "type": "object",
                "required": ["refused"],
                "description": "End a run when too many of its calls are refused.",
                "properties": {
                    "refused": {**_share(), "description": "The share of answered calls that may be refused."},
                    "after": {
                        "type": "integer",
                        "minimum": 1,
                        "default": 20,
                        "description": "How many calls have to be answered before the share counts.",
                    },
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    }


def _max_calls() -> Schema:
    def most(description: str) -> Schema:
        return {"type": "integer", "minimum": 0, "description": description}

    return {
        "description": "How many calls may be placed. A number counts for each run.",
        "examples": [500, {"per-run": 500, "per-day": 2000}],
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "per-run": most("A plan with more calls to place is blocked as a whole."),
                    "per-document": most("A document with more calls to place is blocked as a whole."),
                    "per-day": most("What is more is deferred to the next day; all runs of the environment count."),
                    "timezone": {
                        "type": "string",
                        "minLength": 1,
                        "default": "UTC",
                        "description": "Where the day of per-day begins.",
                    },
                },
                "additionalProperties": False,
            },
        ],
    }


def _windows() -> Schema:
    hours: Schema = {
        "type": "string",
        "pattern": f"^{_CLOCK}-(?:{_CLOCK}|24:00)$",
        "patternErrorMessage": "not hours of a day: write 08:00-20:00",
    }
    days: Schema = {
        "type": "string",
        "pattern": f"^{_DAYS}(?:-{_DAYS})?$",
        "patternErrorMessage": "not days: write mon, or mon-fri",
    }
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "description": "When calls may ring, on the callee's own clock. Outside of all of them a call is deferred.",
        "items": {
            "type": "object",
            "required": ["hours"],
            "properties": {
                "days": {
                    "description": "Days of the week; without them, every day.",
                    "examples": ["mon-fri", ["sat", "sun"]],
                    "anyOf": [days, {"type": "array", "minItems": 1, "items": days}],
                },
                "hours": {
                    "description": "From, and up to, not included.",
                    "examples": ["08:00-20:00", ["10:00-13:00", "14:00-20:00"]],
                    "anyOf": [hours, {"type": "array", "minItems": 1, "maxItems": 12, "items": hours}],
                },
                "countries": {
                    **_COUNTRIES,
                    "description": "The callees it is for; without it, all that no other window names.",
                },
                "holidays": {
                    "enum": ["open", "national", "any-region"],
                    "default": "open",
                    "description": (
                        "Whether public holidays close it: no; those of the whole country; also those of any region."
                    ),
                },
            },
            "additionalProperties": False,
        },
    }


def _do_not_call(reference: Schema) -> Schema:
    file: Schema = {"type": "string", "minLength": 1}
    return {
        "anyOf": [
            file,
            {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {**file, "description": "A number or a hash a line. The path starts at the project file."},
                    "max-age": _span("How old the list may be, by its own line `# as-of: 2026-11-23`."),
                    "key": {**reference, "description": "The key of the hashes: {env: NAME}."},
                },
                "additionalProperties": False,
            },
        ]
    }


def _per_callee() -> Schema:
    return {
        "type": "object",
        "required": ["calls", "within"],
        "properties": {
            "calls": {"type": "integer", "minimum": 1, "description": "So many calls."},
            "within": _span("In so long a time."),
        },
        "additionalProperties": False,
    }


def _consent() -> Schema:
    keys: Schema = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
    return {
        "description": "What every call has to say under `consent`.",
        "examples": [["basis", "date"]],
        "anyOf": [
            keys,
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "require": {**keys, "default": ["basis", "date"], "description": "The keys that must be there."},
                    "max-age": _span("How long ago `date` may be."),
                },
                "additionalProperties": False,
            },
        ],
    }


def _one_or_more(schema: Schema, description: str) -> Schema:
    branches = schema.get("anyOf", [schema])
    return {"description": description, "anyOf": [*branches, {"type": "array", "minItems": 1, "items": schema}]}


def _share() -> Schema:
    return {
        "type": "string",
        "pattern": r"^(?:100|[0-9]{1,2}(?:\.[0-9]{1,3})?)%$",
        "patternErrorMessage": "not a share: write 20%",
        "examples": ["20%"],
    }


def _span(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": "^[1-9][0-9]{0,4}[smhdw]$",
        "patternErrorMessage": "not a span of time: write a number with s, m, h, d or w, such as 30d",
        "description": description,
        "examples": ["30d"],
    }
