"""`flowops doctor`: what an environment lacks is told with its remedy, and nothing is written, placed or shown."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from support.certificates import make
from support.commands import Ran, flowops

from flowops.ledger.open import init_ledger
from flowops.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN, SECRET = "11111111-2222-3333-4444-555555555555", "a secret of more than 16 characters"
ENV = {
    "FLOWOPS_TOKEN": TOKEN,
    "FLOWOPS_LEDGER": "sqlite:///ledger.db",
    "FLOWOPS_ACCOUNT": "account-1",
    "FLOWOPS_SECRET": SECRET,
}
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: real
defaults: {{caller: "+442079460000", callflow-id: flow-1}}
environments:
  production:
    api: {api}/voiceapi/v2
    token: {{env: FLOWOPS_TOKEN}}
    ledger: {{env: FLOWOPS_LEDGER}}
    account: {{env: FLOWOPS_ACCOUNT}}
    callbacks: {{url: "{api}/hook", secret: {{env: FLOWOPS_SECRET}}}}
"""
CALL = "apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: '+442079460018'\n"


class Api:
    """Answers every request with a status and a time, and keeps what it was asked."""

    def __init__(self, status: int = 200, ahead: timedelta | None = timedelta()) -> None:
        self.status = status
        self.ahead = ahead
        self.asked: list[tuple[str, str, str | None]] = []

    @contextmanager
    def serve(self, context: ssl.SSLContext | None = None) -> Iterator[str]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append((self.command, self.path, self.headers.get("X-CM-PRODUCTTOKEN")))
                self.send_response_only(api.status)
                if api.ahead is not None:
                    self.send_header("Date", format_datetime(datetime.now(UTC) + api.ahead, usegmt=True))
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"[]")

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/a.yaml").write_text(CALL)
    init_ledger("sqlite:///ledger.db", "production", project="real", api="127.0.0.1", root=tmp_path)
    return tmp_path


def examine(root: Path, api: str, env: dict[str, str] | None = None, project: str = PROJECT) -> Ran:
    (root / "flowops.yaml").write_text(project.format(api=api))
    ran = flowops("doctor", "--env", "production", "--format", "json", cwd=root, env=ENV if env is None else env)
    assert check("doctor", ran.json) == []
    assert ran.json["exit_code"] == ran.code
    assert TOKEN not in ran.out + ran.err
    assert SECRET not in ran.out + ran.err
    return ran


def told(ran: Ran, name: str) -> dict[str, Any]:
    [found] = [each for each in ran.json["checks"] if each["name"] == name]
    return found


def failed(ran: Ran) -> list[str]:
    return [each["name"] for each in ran.json["checks"] if each["status"] == "failed"]


def test_all_is_well(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    api = Api()
    with api.serve() as address:
        ran = examine(root, address)
    assert (ran.code, failed(ran)) == (0, [])
    assert told(ran, "token")["message"] == "{env: FLOWOPS_TOKEN} is set"
    assert told(ran, "token-accepted")["status"] == "ok"
    assert told(ran, "clock")["message"] == "the same time as at the API"
    assert told(ran, "ledger")["status"] == "warning"
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert {**after, root / "flowops.yaml": b""} == {**before, root / "flowops.yaml": b""}
    methods = {method for method, _, _ in api.asked}
    assert methods == {"GET"}
    assert [path.partition("?")[0] for _, path, token in api.asked if token] == ["/cdrapi/v1/account-1/conversations"]


def test_the_text_has_a_line_for_each_check_and_its_remedy(root: Path) -> None:
    with Api(401).serve() as address:
        (root / "flowops.yaml").write_text(PROJECT.format(api=address))
        ran = flowops("doctor", "--env", "production", cwd=root, env=ENV)
    assert ran.code == 6
    assert "x token-accepted" in ran.out
    assert "    remedy: export FLOWOPS_TOKEN=…\n" in ran.out
    assert ran.out.splitlines()[-1].startswith("production: ")
    assert ran.out.splitlines()[-1].endswith(" 1 failed.")


def test_what_is_not_set_is_named_and_how_to_set_it(root: Path) -> None:
    with Api().serve() as address:
        for name, check_name, code in (
            ("FLOWOPS_TOKEN", "token", 6),
            ("FLOWOPS_LEDGER", "ledger.url", 5),
            ("FLOWOPS_SECRET", "callbacks.secret", 64),
        ):
            ran = examine(root, address, {key: value for key, value in ENV.items() if key != name})
            assert (ran.code, failed(ran)) == (code, [check_name])
            found = told(ran, check_name)
            assert found["message"] == f"the environment variable {name} is not set"
            assert found["remedy"] == f"export {name}=…"
        ran = examine(root, address, {key: value for key, value in ENV.items() if key != "FLOWOPS_ACCOUNT"})
    assert (ran.code, told(ran, "account")["status"], told(ran, "token-accepted")["status"]) == (
        0,
        "warning",
        "warning",
    )


def test_a_host_that_the_token_is_not_sent_to_is_told(root: Path) -> None:
    with Api().serve() as address:
        # Nobody is there, and nobody is asked.
        ran = examine(root, address, project=PROJECT.replace("{api}/voiceapi/v2", "https://192.0.2.1/voiceapi/v2"))
    assert (ran.code, failed(ran)[0], failed(ran)[-1]) == (3, "token", "api")
    assert told(ran, "api")["message"].startswith("not asked: ")
    assert "FLOWOPS_ALLOW_HOSTS=192.0.2.1" in told(ran, "token")["remedy"]


def test_a_missing_ledger_is_told_first_of_all_that_fails(root: Path) -> None:
    (root / "ledger.db").unlink()
    with Api(401).serve() as address:
        ran = examine(root, address)
    assert (ran.code, failed(ran)) == (5, ["ledger", "token-accepted"])
    assert "flowops ledger init --env production" in told(ran, "ledger")["remedy"]
    assert not (root / "ledger.db").exists()


def test_a_ledger_that_is_pinned_has_to_be_that_one(root: Path) -> None:
    with Api().serve() as address:
        found = told(examine(root, address), "ledger")
        ledger_id = found["remedy"].partition("id: ")[2].rstrip("}")
        pinned = PROJECT.replace("ledger: {{env: FLOWOPS_LEDGER}}", "ledger: {{url: {{env: FLOWOPS_LEDGER}}, id: ID}}")
        ran = examine(root, address, project=pinned.replace("ID", ledger_id))
        assert told(ran, "ledger")["message"].endswith("the one that is pinned")
        other = "00000000-0000-4000-8000-000000000000"
        ran = examine(root, address, project=pinned.replace("ID", other))
    assert (ran.code, failed(ran)) == (5, ["ledger"])
    assert other in told(ran, "ledger")["message"]


def test_a_stopped_environment_is_told(root: Path) -> None:
    with Api().serve() as address:
        examine(root, address)
        assert flowops("stop", "--env", "production", "--reason", "wrong text", cwd=root, env=ENV).code == 0
        ran = examine(root, address)
    assert (ran.code, failed(ran)) == (4, ["stop"])
    assert told(ran, "stop")["remedy"] == "flowops resume --env production"


def test_a_closed_port_is_told(root: Path) -> None:
    with Api().serve() as address:
        pass
    ran = examine(root, address)
    assert (ran.code, failed(ran)) == (6, ["api"])
    assert "refused" in told(ran, "api")["message"].lower()
    assert told(ran, "callbacks")["status"] == "warning"
    assert "flowops listen --env production" in told(ran, "callbacks")["remedy"]


@pytest.mark.parametrize(
    ("status", "expected"), [(401, "failed"), (403, "failed"), (429, "ok"), (404, "warning"), (500, "warning")]
)
def test_whether_the_token_is_taken_is_told_by_the_answer(status: int, expected: str, root: Path) -> None:
    with Api(status).serve() as address:
        ran = examine(root, address)
    assert told(ran, "token-accepted")["status"] == expected
    assert ran.code == (6 if expected == "failed" else 0)


@pytest.mark.parametrize(("ahead", "word"), [(timedelta(hours=-1), "ahead of"), (timedelta(hours=1), "behind")])
def test_a_clock_that_is_wrong_is_a_warning(ahead: timedelta, word: str, root: Path) -> None:
    with Api(ahead=ahead).serve() as address:
        ran = examine(root, address)
    found = told(ran, "clock")
    assert (ran.code, found["status"]) == (0, "warning")
    assert word in found["message"]
    assert found["remedy"] == "sudo timedatectl set-ntp true"


def test_certificates_of_an_authority_of_ones_own_are_trusted_where_it_is_named(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = make(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    with Api().serve(context) as address:
        ran = examine(root, address)
        assert (ran.code, failed(ran)) == (6, ["api"])
        assert "the certificate is not trusted" in told(ran, "api")["message"]
        assert told(ran, "api")["remedy"].startswith("export SSL_CERT_FILE=")
        ran = examine(root, address, {**ENV, "SSL_CERT_FILE": str(folder / "ca.pem")})
    assert (ran.code, failed(ran)) == (0, [])
    assert told(ran, "api")["message"].endswith("answers over TLS")


def test_what_is_wrong_in_the_files_is_told(root: Path) -> None:
    (root / "calls/b.yaml").write_text("kind: [")
    with Api().serve() as address:
        ran = examine(root, address)
    assert (ran.code, failed(ran)) == (3, ["files"])
    assert told(ran, "files")["remedy"] == "flowops validate --env production"


def test_a_list_without_its_key_is_a_guard(root: Path) -> None:
    project = PROJECT + "policy: {{do-not-call: {{file: numbers.txt, key: {{env: FLOWOPS_LIST_KEY}}}}}}\n"
    (root / "numbers.txt").write_text("# as-of: 2026-12-01\n")
    with Api().serve() as address:
        ran = examine(root, address, project=project)
    assert (ran.code, failed(ran)) == (4, ["do-not-call"])
    assert told(ran, "do-not-call")["remedy"] == "export FLOWOPS_LIST_KEY=…"


def test_it_counts_the_documents_that_validate_counts(tmp_path: Path) -> None:
    assert flowops("init", ".", cwd=tmp_path).code == 0
    documents = flowops("validate", "--format", "json", cwd=tmp_path).json["summary"]["documents"]
    assert f" {documents} documents of the project " in flowops("doctor", cwd=tmp_path).out


def test_the_sandbox_needs_nothing(root: Path) -> None:
    (root / "flowops.yaml").write_text(PROJECT.format(api="https://api.cm.com"))
    ran = flowops("doctor", cwd=root)
    assert (ran.code, ran.err) == (0, "")
    assert "no phone rings" in ran.out
    assert not (root / ".flowops").exists()


def test_an_unknown_environment_is_wrong_usage(root: Path) -> None:
    (root / "flowops.yaml").write_text(PROJECT.format(api="https://api.cm.com"))
    assert flowops("doctor", "--env", "produktion", cwd=root).code == 64
