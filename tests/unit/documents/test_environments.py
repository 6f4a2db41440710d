from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowops.documents import BadAddress, find_project, ledger_address, resolve, source_address
from flowops.errors import Invalid
from flowops.model import CallbackSettings, Connection, Environment, LedgerSettings, Reference

HEAD = "apiVersion: flowops/v1\nkind: Project\nname: acme\nenvironments:\n"
ENOUGH = "token: {env: TOKEN}, ledger: {env: LEDGER}"


@pytest.fixture
def environments(tree: Any) -> Any:
    def read(text: str) -> dict[str, Environment]:
        tree.write({"flowops.yaml": HEAD + text})
        return dict(resolve(find_project(tree.reader, tree.root)).environments)

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
    tree.reader._sections.clear()
    assert environments("  sandbox:") == {"sandbox": plain}


def test_the_sandbox_may_be_tuned(environments: Any, tree: Any) -> None:
    found = environments("  sandbox: {vars: {brand: Test}, rate: 5/s, ledger: 'sqlite:///mine.db', concurrency: 3}")
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


P = "  p: {{api: 'https://a.example', token: {{env: T}}, ledger: {{env: L}}, {}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"  p: {{api: 'http://api.example.org', {ENOUGH}}}",
            [
                (
                    "5:12 environment: api: 'http://api.example.org' is not encrypted: "
                    "'http://' is for the loopback only (127.0.0.1, ::1, localhost)"
                )
            ],
        ),
        (
            f"  p: {{api: 'http://127.0.0.1.example.org', {ENOUGH}}}",
            [
                (
                    "5:12 environment: api: 'http://127.0.0.1.example.org' is not encrypted: "
                    "'http://' is for the loopback only (127.0.0.1, ::1, localhost)"
                )
            ],
        ),
        (
            f"  p: {{api: 'https://user:secret@api.example.org', {ENOUGH}}}",
            ["5:12 environment: api: an address must not hold a user name or a password"],
        ),
        (
            f"  p: {{api: 'https://api.example.org/?a=b', {ENOUGH}}}",
            ["5:12 environment: api: 'https://api.example.org/?a=b' must not have a query or a fragment"],
        ),
        (
            f"  p: {{api: 'https://api.example.org/#', {ENOUGH}}}",
            ["5:12 environment: api: 'https://api.example.org/#' must not have a query or a fragment"],
        ),
        (
            f"  p: {{api: 'ftp://api.example.org', {ENOUGH}}}",
            ["5:12 environment: api: 'ftp://api.example.org' has to begin with 'https://'"],
        ),
        (f"  p: {{api: 'https://', {ENOUGH}}}", ["5:12 environment: api: an address has to have a host"]),
        (f"  p: {{api: Sandbox, {ENOUGH}}}", ["5:12 environment: api: an address has to have a host"]),
        (f"  p: {{api: 'https://a:0', {ENOUGH}}}", ["5:12 environment: api: 0 is not a port"]),
        (f"  p: {{api: 'https://a:b', {ENOUGH}}}", ["5:12 environment: api: this is not a valid address"]),
        (
            f'  p: {{api: "https://a\\n.example", {ENOUGH}}}',
            ["5:12 environment: api: an address has to be of printable ASCII characters, without spaces"],
        ),
        (
            f"  p: {{api: 'https://a\\b@c', {ENOUGH}}}",
            ["5:12 environment: api: an address has to be of printable ASCII characters, without spaces"],
        ),
        (f"  p: {{{ENOUGH}}}", ["5:3 environment: p: 'api' is missing: an address, or 'sandbox'"]),
        ("  p:", ["5:3 environment: p: 'api' is missing: an address, or 'sandbox'"]),
        (
            "  p: {api: 'https://a.example'}",
            [
                "5:3 environment: p: 'ledger' is missing, and only the sandbox can do without (ledger: {env: NAME})",
                "5:3 environment: p: 'token' is missing, and only the sandbox can do without (token: {env: NAME})",
            ],
        ),
        (
            f"  sandbox: {{api: 'https://a.example', {ENOUGH}}}",
            [
                (
                    "5:18 environment: api: the environment 'sandbox' is always the embedded API; "
                    "give this one another name"
                ),
            ],
        ),
        (
            P.format("callbacks: {url: 'http://hooks.example', secret: {env: S}}"),
            [
                (
                    "5:85 environment: url: 'http://hooks.example' is not encrypted: "
                    "'http://' is for the loopback only (127.0.0.1, ::1, localhost)"
                )
            ],
        ),
        (
            P.format("proxy: 'http://user:secret@proxy.example'"),
            [
                (
                    "5:75 environment: proxy: an address with a user name or a password is a secret: "
                    "write {env: NAME} instead"
                )
            ],
        ),
        (
            P.format("proxy: 'socks5://proxy.example'"),
            ["5:75 environment: proxy: 'socks5://proxy.example' has to begin with 'http://' or 'https://'"],
        ),
        (
            P.format("proxy: 'http://proxy.example/path'"),
            ["5:75 environment: proxy: 'http://proxy.example/path' has to end behind the host and port"],
        ),
        (P.format("tls: {key: a.pem}"), ["5:74 environment: key: a key goes with a 'certificate'"]),
    ],
)
def test_what_a_schema_cannot_say_is_a_problem(environments: Any, said: Any, text: str, expected: list[str]) -> None:
    with pytest.raises(Invalid) as invalid:
        environments(text)
    assert said(invalid.value.problems) == expected


@pytest.mark.parametrize(
    ("ledger", "message"),
    [
        ("'mysql://db/x'", "ledger: a ledger's address begins with 'sqlite:///' or 'postgresql://'"),
        (
            "'postgres://db/x'",
            "ledger: a ledger's address begins with 'sqlite:///' or 'postgresql://', so write 'postgresql://'",
        ),
        ("ledger.db", "ledger: a ledger's address begins with 'sqlite:///' or 'postgresql://'"),
        (
            "'postgresql://'",
            "ledger: a ledger's address begins with 'sqlite:///' or 'postgresql://', so write 'postgresql://'",
        ),
        ("'sqlite://'", "ledger: a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'"),
        ("'sqlite:///:memory:'", "ledger: a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'"),
        (
            "'sqlite:///a.db?mode=ro'",
            "ledger: a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'",
        ),
        ("{url: 'sqlite:///'}", "url: a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'"),
        (
            "'postgresql://ledger:secret@db/flowops'",
            "ledger: an address with a password is a secret, which has no place in a file",
        ),
        (
            "{url: 'postgresql://db/flowops?user=a&password=secret'}",
            "ledger: an address with a password is a secret, which has no place in a file",
        ),
    ],
)
def test_a_ledger_has_to_have_a_place_and_no_secret(environments: Any, ledger: str, message: str) -> None:
    with pytest.raises(Invalid) as invalid:
        environments(f"  p: {{api: 'https://a.example', token: {{env: T}}, ledger: {ledger}}}")
    assert [problem.message for problem in invalid.value.problems] == [message]
    assert "secret@" not in message


def test_all_problems_of_all_environments_are_told(environments: Any) -> None:
    with pytest.raises(Invalid) as invalid:
        environments("  a: {api: 'http://a.example'}\n  b: {api: sandbox, tls: {key: a.pem}}\n")
    assert len(invalid.value.problems) == 4


def test_a_ledger_from_the_environment_takes_the_same_way() -> None:
    root = Path("/project")
    assert ledger_address("sqlite:///a/../b.db", root) == "sqlite:////project/b.db"
    assert ledger_address("postgresql://u:p@h/d", root) == "postgresql://u:p@h/d"
    with pytest.raises(BadAddress):
        ledger_address("", root)


def test_a_source_is_a_postgresql_database() -> None:
    url = "postgresql://ann:secret@db.example.org/crm?sslmode=verify-full"
    assert source_address(url) == url
    for other in (
        "https://x/secret",
        "http://secret",
        "mysql://secret",
        "sqlite:///secret",
        "secret",
        "postgresql://",
        "",
    ):
        with pytest.raises(BadAddress) as raised:
            source_address(other)
        assert "secret" not in str(raised.value)
