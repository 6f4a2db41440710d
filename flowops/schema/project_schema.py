"""The schema of ``kind: Project``: environments, defaults and variables (``flowops.yaml``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.schema.authoring import defaults_schema, opening
from flowops.schema.policy_schema import policy_schema
from flowops.schema.request import head

if TYPE_CHECKING:
    from flowops.schema.engine import Schema

_HOST = r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])"
_HERE = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])"
_REST = r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?"
_API = rf"^(?:sandbox|https://{_HOST}{_REST}|http://{_HERE}{_REST})$"
_WEB = rf"^https?://{_HOST}{_REST}$"
_RATE = r"^(?:none|(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*)/[smh])$"
_LEDGER = r"^(?:sqlite:///|postgres(?:ql)?(?:\+psycopg)?://)"
_PROXY = r"^(?:https?|socks5h?)://"
#: A name and a password in an address: ``//name:password@host``.
_WITH_LOGIN = r"//[^/?#]*:[^/?#]*@"


def project_schema(api: Schema) -> Schema:
    """``kind: Project``."""
    return {
        **head("project", "A flowops project", "The file flowops.yaml: environments, defaults and variables."),
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            **opening("Project"),
            "name": {
                "type": "string",
                "minLength": 1,
                "description": "What the project is called in plans and reports.",
                "examples": ["acme-clinics"],
            },
            "include": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": ["calls/**/*.yaml", "flows/**/*.yaml"],
                "description": "The files of the project, as patterns from its folder. Every file that matches counts.",
            },
            "defaults": defaults_schema(api),
            "vars": _vars("Values that templates see by their names. An environment may replace them."),
            "environments": {
                "type": "object",
                "description": (
                    "The places that calls are placed in, by name. The environment sandbox always exists and is the "
                    "default: no phone rings there."
                ),
                "propertyNames": {"minLength": 1},
                "additionalProperties": _environment(),
            },
            "policy": policy_schema(_REFERENCE, "of the project"),
        },
        "additionalProperties": False,
    }


def _vars(description: str) -> Schema:
    return {"type": "object", "description": description, "examples": [{"brand": "Acme"}]}


_REFERENCE: Schema = {
    "type": "object",
    "required": ["env"],
    "properties": {
        "env": {
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            "patternErrorMessage": "not the name of an environment variable: write letters, digits and _",
            "description": "The name of the environment variable that holds the value.",
        }
    },
    "additionalProperties": False,
    "x-secret": True,
}


def _secret(description: str, field: str, example: str) -> Schema:
    """A value that is kept in an environment variable, and nowhere else: ``{env: NAME}``."""
    return {
        "description": description,
        "examples": [{"env": example}],
        **_REFERENCE,
        "errorMessage": (
            "a secret is never written into a file: put it into an environment variable, and write "
            f"{field}: {{env: {example}}}"
        ),
    }


def _address(pattern: str, pattern_error: str, field: str, example: str) -> Schema:
    """An address that may need a password, which then has to come from an environment variable."""
    remedy = f"put the whole address into an environment variable, and write {field}: {{env: {example}}}"
    return {
        "type": "string",
        "pattern": pattern,
        "patternErrorMessage": pattern_error,
        "allOf": [_no_login(remedy)],
        "x-secret": True,
    }


def _no_login(remedy: str) -> Schema:
    return {
        "not": {"pattern": _WITH_LOGIN},
        "errorMessage": f"a password is never written into a file: {remedy}",
        "x-secret": True,
    }


def _environment() -> Schema:
    return {
        "type": "object",
        "required": ["api"],
        "properties": {
            "api": {
                "type": "string",
                "pattern": _API,
                "patternErrorMessage": (
                    "not an address of the API: write sandbox, or an https:// address (http:// only on this machine)"
                ),
                "allOf": [_no_login("the product token is all that the API asks for")],
                "description": (
                    "Where calls are posted: <api>/FlowBuilder. The value sandbox stands for the embedded API, which "
                    "rings nobody."
                ),
                "examples": ["https://api.cm.com/voiceapi/v2", "sandbox"],
            },
            "token": _secret("The product token.", "token", "FLOWOPS_PRODUCT_TOKEN"),
            "ledger": _ledger(),
            "account": {
                "description": "The id of the voice account, a GUID. Only `flowops reconcile` needs it.",
                "examples": [{"env": "FLOWOPS_VOICE_ACCOUNT"}],
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    _REFERENCE,
                ],
            },
            "callbacks": {
                "type": "object",
                "description": "Where the API reports finished calls to: the public address of `flowops listen`.",
                "required": ["url", "secret"],
                "properties": {
                    "url": {
                        "type": "string",
                        "pattern": _WEB,
                        "patternErrorMessage": "not a web address: write https:// and a host, nothing behind a ? or #",
                        "allOf": [_no_login("callbacks are recognized by the secret")],
                        "description": "The address that `flowops listen` can be reached at from outside.",
                        "examples": ["https://hooks.example.org/flowops"],
                    },
                    "secret": _secret(
                        "What the addresses of callbacks are signed with.", "secret", "FLOWOPS_CALLBACK_SECRET"
                    ),
                },
                "additionalProperties": False,
            },
            "vars": _vars("Values for templates in this environment; they replace the project's of the same names."),
            "rate": {
                "type": "string",
                "pattern": _RATE,
                "patternErrorMessage": "not a rate: write 10/s, 100/m or 1000/h, or none for no limit",
                "default": "10/s",
                "description": (
                    "How many requests may be sent: per second (s), minute (m) or hour (h). The sandbox has no limit."
                ),
                "examples": ["10/s", "100/m", "none"],
            },
            "concurrency": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "default": 10,
                "description": "How many requests may be under way at once.",
            },
            "policy": policy_schema(_REFERENCE, "of this environment, beside the project's: they can only be stricter"),
            "tls": _tls(),
            "sources": {
                "type": "object",
                "propertyNames": {"minLength": 1},
                "additionalProperties": {
                    "type": "object",
                    "required": ["url"],
                    "properties": {
                        "url": _secret(
                            "The address of a PostgreSQL database: postgresql://…, with its sslmode.", "url", "CRM_URL"
                        )
                    },
                    "additionalProperties": False,
                },
                "description": (
                    "Databases that call sets may ask for their rows in this environment, by name. They are only "
                    "read, by render, plan and apply."
                ),
                "examples": [{"crm": {"url": {"env": "CRM_URL"}}}],
            },
            "proxy": {
                "description": "The proxy that the API is reached through. With a password, by reference only.",
                "examples": ["http://proxy.example.org:3128"],
                "anyOf": [
                    _address(_PROXY, "not the address of a proxy: write http:// and a host", "proxy", "FLOWOPS_PROXY"),
                    _REFERENCE,
                ],
            },
            "timeouts": {
                "type": "object",
                "description": "How long to wait for the API, in seconds.",
                "properties": {
                    "connect": _seconds("For a connection.", 10),
                    "answer": _seconds("For the whole answer. What is not answered in time is in doubt.", 30),
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    }


def _ledger() -> Schema:
    example = "FLOWOPS_LEDGER_URL"
    wrong = "not the address of a ledger: write sqlite:///PATH or postgresql://…"
    written = _address(_LEDGER, wrong, "ledger", example)
    inner = _address(_LEDGER, wrong, "url", example)
    return {
        "description": (
            "The ledger that remembers what was placed. sqlite:///PATH is a file (the path starts at the project "
            "file), postgresql://… is shared. Make it once with `flowops ledger init`."
        ),
        "examples": [{"env": example}, "sqlite:///ledger.db"],
        "anyOf": [
            written,
            _REFERENCE,
            {
                "type": "object",
                "required": ["url"],
                "properties": {
                    "url": {"description": "The ledger's address.", "anyOf": [inner, _REFERENCE]},
                    "id": {
                        "type": "string",
                        "minLength": 1,
                        "description": "The id that the ledger has to have: any other one is refused.",
                    },
                    "key": _secret("What personal data is hashed with.", "key", "FLOWOPS_LEDGER_KEY"),
                },
                "additionalProperties": False,
            },
        ],
        "errorMessage": "must be an address, a reference, or a mapping with url, id and key",
    }


def _tls() -> Schema:
    def file(description: str) -> Schema:
        return {"type": "string", "minLength": 1, "description": f"{description} The path starts at the project file."}

    return {
        "type": "object",
        "description": "Certificates for reaching the API, as PEM files.",
        "properties": {
            "ca": file("The authorities to trust instead of the system's."),
            "certificate": file("The client's certificate."),
            "key": file("The key of the client's certificate."),
        },
        "additionalProperties": False,
        "dependentRequired": {"key": ["certificate"]},
    }


def _seconds(description: str, default: int) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": 3600, "default": default, "description": description}
