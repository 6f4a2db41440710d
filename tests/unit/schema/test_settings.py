"""What the schema says about a setting is all that is said: an editor and `validate` accept the same."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.project import read_environments
from flowops.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = {"api": "https://api.example.org", "token": {"env": "FLOWOPS_TOKEN"}, "ledger": {"env": "FLOWOPS_LEDGER"}}
SECRET = {"env": "FLOWOPS_SECRET"}


def _project(**settings: Any) -> dict[str, Any]:
    environment = {key: value for key, value in {**PLAIN, **settings}.items() if value is not ...}
    return {"apiVersion": "flowops/v1", "kind": "Project", "environments": {"production": environment}}


def _told(project: dict[str, Any]) -> list[str]:
    return [error.message.removeprefix("environments.production.") for error in check("project", project)]


def _reads(project: dict[str, Any]) -> None:
    document: Any = SimpleNamespace(value=project)
    read_environments(document, Path("/project"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ledger": "mysql://h/db"}, "ledger: what is written here is not the address of a ledger"),
        ({"ledger": "postgresql://h/db"}, "ledger: which database is opened, the operator says"),
        (
            {"ledger": {"url": "postgresql:///d?host=/run/pg"}},
            "ledger.url: which database is opened, the operator says",
        ),
        (
            {"ledger": "sqlite:////var/lib/ledger.db"},
            "ledger: a ledger outside of the project is the operator's to name",
        ),
        ({"ledger": "sqlite:///../ledger.db"}, "ledger: a ledger outside of the project is the operator's to name"),
        ({"ledger": "sqlite:///a.db?mode=ro"}, "ledger: what is written here is not the address of a ledger"),
        ({"ledger": "sqlite:///:memory:"}, "ledger: a SQLite ledger is a file"),
        ({"ledger": {"url": "sqlite:///file:a"}}, "ledger.url: a SQLite ledger is a file"),
        ({"proxy": "http://proxy.example.org:3128"}, "proxy: the proxy is the operator's"),
        ({"proxy": {"env": "FLOWOPS_PROXY"}}, "proxy: the proxy is the operator's"),
        ({"tls": {"ca": "ca.pem"}}, "tls: what certificates are used is the operator's"),
        ({"token": {}}, "token: is an empty mapping"),
        ({"token": {"env": "FLOWOPS_T", "file": "t"}}, "token: must have at most 1 entry, not 2"),
        ({"rate": "0.0000000001/s"}, "rate: '•.••••••••01/s' is not a rate"),
        ({"rate": "12345678901/s"}, "rate: '•••••••••01/s' is not a rate"),
        ({"rate": "0/s"}, "rate: '0/s' is not a rate"),
        ({"api": "http://api.example.org"}, "api: 'http://api.example.org' is not an address of the API"),
        ({"api": "https://a:0"}, "api: 'https://a:0' is not an address of the API"),
        ({"api": "https://[::::]"}, "api: 'https://[::::]' is not an address of the API"),
        (
            {"callbacks": {"url": "http://h", "secret": SECRET}},
            "callbacks.url: 'http://h' is not an address for callbacks",
        ),
        ({"timeouts": {"connect": "2h"}}, "timeouts.connect: '2h' is not a span of time up to an hour"),
        ({"timeouts": {"answer": "0s"}}, "timeouts.answer: '0s' is not a span of time up to an hour"),
        ({"timeouts": {"answer": 3601}}, "timeouts.answer: must be above 0 and at most 3600, not 3601"),
        ({"token": ...}, "token: is missing, and only the sandbox can do without"),
        ({"ledger": ...}, "ledger: is missing, and only the sandbox can do without"),
        ({"api": ...}, "api: is missing"),
    ],
)
def test_what_is_wrong_with_a_setting_is_told_once(settings: dict[str, Any], told: str) -> None:
    assert _told(_project(**settings)) == [told]


@pytest.mark.parametrize(
    "settings",
    [
        {"api": "sandbox", "token": ..., "ledger": ...},
        {"api": "http://127.0.0.1:4010/voiceapi/v2", "rate": "0.000000001/h"},
        {"ledger": "sqlite:///state/ledger.db", "rate": "none", "timeouts": {"connect": "500ms", "answer": 0.5}},
        {"ledger": {"url": {"file": "ledger-url"}, "key": {"file": "/run/secrets/key"}}, "token": {"file": "token"}},
        {"callbacks": {"url": "http://localhost:8080/a", "secret": SECRET}, "sources": {"a": {"url": {"file": "a"}}}},
    ],
)
def test_what_the_schema_accepts_is_read(settings: dict[str, Any]) -> None:
    assert _told(_project(**settings)) == []
    _reads(_project(**settings))


def test_the_sandbox_is_always_the_embedded_api() -> None:
    project = {"apiVersion": "flowops/v1", "kind": "Project", "environments": {"sandbox": PLAIN}}
    [error] = check("project", project)
    assert error.message == "environments.sandbox.api: the environment sandbox is always the embedded API"
    assert error.hint == "give this one another name"


PROJECT = json.loads((Path(__file__).parents[3] / "schemas/project.schema.json").read_text(encoding="utf-8"))
FIELDS = PROJECT["properties"]["environments"]["additionalProperties"]["properties"]
TEXTS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "api": (FIELDS["api"]["pattern"], lambda text: {"api": text}),
    "rate": (FIELDS["rate"]["pattern"], lambda text: {"rate": text}),
    "ledger": (FIELDS["ledger"]["anyOf"][0]["pattern"], lambda text: {"ledger": text}),
    "timeouts": (
        FIELDS["timeouts"]["properties"]["connect"]["anyOf"][1]["pattern"],
        lambda text: {"timeouts": {"connect": text}},
    ),
}


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
def test_no_setting_that_the_schema_accepts_is_refused_when_it_is_read(name: str, data: st.DataObject) -> None:
    pattern, setting = TEXTS[name]
    text = data.draw(st.from_regex(pattern))
    project = _project(**setting(text))
    if not check("project", project):
        _reads(project)
