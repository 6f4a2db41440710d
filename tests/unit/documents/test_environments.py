from __future__ import annotations

from typing import Any

import pytest

from flowops.documents.project import find_project, resolve
from flowops.model.project import CallbackSettings, Connection, Environment, LedgerSettings, Reference
from flowops.schema.check import check_documents

HEAD = "apiVersion: flowops/v1\nkind: Project\nname: acme\nenvironments:\n"
ENOUGH = "token: {env: TOKEN}, ledger: {env: LEDGER}"


@pytest.fixture
def environments(tree: Any) -> Any:
    def read(text: str) -> dict[str, Environment]:
        tree.write({"flowops.yaml": HEAD + text})
        found = find_project(tree.reader, tree.root)
        assert found.document is not None
        assert check_documents([found.document]) == []
        return dict(resolve(found).environments)

    return read


def test_an_environment_says_everything(environments: Any, tree: Any) -> None:
    found = environments(
        """
  production:
    api: https://api.cm.com/voiceapi/v2/
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: {url: {env: FLOWOPS_LEDGER_URL}, id: 0b7e, key: {env: FLOWOPS_LEDGER_KEY}}
    account: {env: FLOWOPS_VOICE_ACCOUNT}
    callbacks: {url: "https://hooks.example.org/flowops", secret: {env: FLOWOPS_CALLBACK_SECRET}}
    vars: {brand: Acme Clinics}
    rate: 120/m
    concurrency: 20
    tls: {ca: tls/ca.pem, certificate: /etc/tls/client.pem, key: tls/../tls/client.key}
    proxy: http://proxy.example.org:3128/
    timeouts: {connect: 5s, answer: 60.5}
    sources: {crm: {url: {env: CRM_URL}}, erp: {url: {env: ERP_URL}}}
"""
    )["production"]
    assert found == Environment(
        name="production",
        api="https://api.cm.com/voiceapi/v2",
        token=Reference("FLOWOPS_PRODUCT_TOKEN"),
        ledger=LedgerSettings(Reference("FLOWOPS_LEDGER_URL"), "0b7e", Reference("FLOWOPS_LEDGER_KEY")),
        account=Reference("FLOWOPS_VOICE_ACCOUNT"),
        callbacks=CallbackSettings("https://hooks.example.org/flowops", Reference("FLOWOPS_CALLBACK_SECRET")),
        vars={"brand": "Acme Clinics"},
        rate=2.0,
        concurrency=20,
        connection=Connection(
            ca=f"{tree.root}/tls/ca.pem",
            certificate="/etc/tls/client.pem",
            key=f"{tree.root}/tls/client.key",
            proxy="http://proxy.example.org:3128",
            connect_timeout=5,
            answer_timeout=60.5,
        ),
        sources={"crm": Reference("CRM_URL"), "erp": Reference("ERP_URL")},
    )


def test_an_environment_says_the_least(environments: Any) -> None:
    found = environments(f"  production: {{api: 'https://api.example.org', {ENOUGH}}}")
    assert found["production"] == Environment(
        "production", "https://api.example.org", Reference("TOKEN"), LedgerSettings(Reference("LEDGER"))
    )
    assert found["production"].rate == 10.0
    assert found["production"].concurrency == 10


def test_the_sandbox_exists_always(environments: Any, tree: Any) -> None:
    ledger = LedgerSettings(f"sqlite:///{tree.root}/.flowops/sandbox.db")
    plain = Environment("sandbox", "sandbox", ledger=ledger, rate=None)
    assert environments("  {}") == {"sandbox": plain}
    tree.reader._sections.clear()
    assert environments("  sandbox: {api: sandbox}") == {"sandbox": plain}


def test_the_sandbox_may_be_tuned(environments: Any, tree: Any) -> None:
    found = environments(
        "  sandbox: {api: sandbox, vars: {brand: Test}, rate: 5/s, ledger: 'sqlite:///mine.db', concurrency: 3}"
    )
    sandbox = found["sandbox"]
    assert (sandbox.vars, sandbox.rate, sandbox.concurrency) == ({"brand": "Test"}, 5.0, 3)
    assert sandbox.ledger == LedgerSettings(f"sqlite:///{tree.root}/mine.db")


def test_another_environment_may_use_the_embedded_api(environments: Any, tree: Any) -> None:
    found = environments("  staging: {api: sandbox}")
    assert found["staging"].sandboxed
    assert found["staging"].rate is None
    assert found["staging"].ledger == LedgerSettings(f"sqlite:///{tree.root}/.flowops/sandbox.db")


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("'sqlite:///state/ledger.db'", "sqlite:///{root}/state/ledger.db"),
        ("'sqlite:////var/lib/flowops.db'", "sqlite:////var/lib/flowops.db"),
        ("'postgresql://ledger@db.example.org/flowops'", "postgresql://ledger@db.example.org/flowops"),
        ("{url: 'sqlite:///a.db'}", "sqlite:///{root}/a.db"),
        ("{url: 'postgresql:///flowops?host=/run/postgresql'}", "postgresql:///flowops?host=/run/postgresql"),
    ],
)
def test_a_ledger_has_several_forms(environments: Any, tree: Any, written: str, url: str) -> None:
    found = environments(f"  p: {{api: 'https://api.example.org', token: {{env: T}}, ledger: {written}}}")
    assert found["p"].ledger == LedgerSettings(url.format(root=tree.root))


@pytest.mark.parametrize(
    "address",
    ["https://api.example.org", "http://localhost:8080", "http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]:80/a"],
)
def test_an_address_may_be(environments: Any, address: str) -> None:
    assert environments(f"  p: {{api: '{address}', {ENOUGH}}}")["p"].api == address
