"""A repository whose calls are to real people, the API that echoes them, and the search of what is left of them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from flowops.report.formats import names
from support.canaries import FORMS, leaked, left_behind, numbers, run, secrets
from support.listening import free_port
from support.server import TOKEN, ApiServer, accept, drop, queued, respond

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "a secret of the callbacks"
ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_SECRET": SECRET, "FLOWOPS_DNC_KEY": "a key of the test, long enough"}
ENV["FLOWOPS_CAMPAIGN_KEY"] = "c" * 64
PRODUCTION = ("--env", "production")
LOUD = ("--log-level", "debug", "--log-format", "json")
#: Countries in the order in which `numbers` makes them.
COUNTRIES = ("GB", "FR", "DE", "US")
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: lives
defaults: {{caller: "+442079460900", voicemail-response: Stop}}
environments:
  production:
    api: {api}
    token: {{env: FLOWOPS_TOKEN}}
    ledger: {ledger}
    callbacks: {{url: "http://127.0.0.1:{port}/hooks", secret: {{env: FLOWOPS_SECRET}}}}
    account: "1"
    rate: none
    timeouts: {{connect: 2, answer: 2}}
"""
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: greet
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: string, x-sensitive: true}
  record: {type: object, x-sensitive: true}
  text: {type: string}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/rows.csv
on-invalid: skip
max-invalid: 100%
call:
  reference-id: "life-{{ row_number }}"
  flow: greet
  callee: "{{ row.phone | e164(row.country) }}"
  flow-variables:
    patient: "{{ row.name }}"
    record: "{{ {'key': [row.name, row.phone]} }}"
    text: "Ring {{ row.phone | e164(row.country) }}."
"""


class Life:
    """A repository, its API, and the search of all that is left of the canaries."""

    def __init__(self, root: Path, api: ApiServer, ledger: str, port: int, count: int, words: int) -> None:
        self.root, self.api = root, api
        self.of, self.words = numbers(count), secrets(words)
        self.temporary = root.parent / "tmp"
        self.temporary.mkdir()
        self.port = port
        self.project = PROJECT.format(api=api.url, ledger=ledger, port=port)
        for folder in ("calls", "data", "flows"):
            (root / folder).mkdir(parents=True)
        (root / "flowops.yaml").write_text(self.project)
        (root / "flows/f.yaml").write_text(FLOW)
        (root / "calls/c.yaml").write_text(CALLS)
        self.rows(0)
        for args in (("init", "-q"), ("add", "."), ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")):
            subprocess.run(["git", *args], cwd=root, check=True, capture_output=True)

    def rows(self, shift: int) -> None:
        """Write the rows, each with somebody's name; another shift gives them others."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("phone", "country", "name"))
        for at, number in enumerate(self.of):
            code = {"+4": "GB", "+3": "FR", "+1": "US"}.get(number.e164[:2], "GB")
            country = "DE" if number.e164.startswith("+49") else code
            writer.writerow((number.written, country, self.words[(at + shift) % len(self.words)]))
        (self.root / "data/rows.csv").write_text(out.getvalue())

    @property
    def env(self) -> dict[str, str]:
        return {**ENV, "TMPDIR": str(self.temporary)}

    def look(self, where: object, text: str) -> None:
        """Hold a text to the law."""
        lines = [line for line in text.splitlines() if leaked(line, self.of, self.words)]
        assert not leaked(text, self.of, self.words), (where, lines[:4])

    def run(self, *args: str, codes: tuple[int, ...] = (0,), stdin: str = "", **env: str) -> str:
        """Run a command at its loudest."""
        log = self.temporary / "command.log"
        ended = run(self.root, *args, *LOUD, "--log-file", str(log), env={**self.env, **env}, stdin=stdin)
        assert ended.code in codes, (args, ended)
        assert "Traceback" not in ended.text
        self.look(args, ended.text)
        return ended.text

    def formats(self, kind: str, *args: str, codes: tuple[int, ...] = (0,)) -> None:
        """Run a command in every format that it has."""
        for name in names(kind):
            summary = {"GITHUB_STEP_SUMMARY": str(self.temporary / "summary")} if name == "github" else {}
            self.run(*args, "--format", name, codes=codes, **summary)

    def search(self) -> None:
        """Look into all files that are no inputs."""
        inputs = {path for path in self.root.rglob("*") if path.suffix in (".yaml", ".csv", ".txt")}
        inputs |= set((self.root / ".git").rglob("*"))
        for path, text in left_behind([self.root, self.temporary], inputs):
            self.look(path, text)


def echo(status: str) -> Any:
    """An API that refuses with all that it was sent in its words, however these are written."""

    def behave(connection: socket.socket, request: dict[str, Any], _: dict[str, str]) -> None:
        callee, variables = request["callee"], request["flow-variables"]
        said = f"no route to {callee}, 0{callee[3:]} or {callee[1:]} for {variables.get('patient')}: {variables}"
        respond(connection, status, json.dumps({"error": said, "message": said}).encode())

    return behave


def mixed(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
    """A good day: most calls are taken, with an id that is the number; some are refused, some lost."""
    which = int(request["instruction-id"].rpartition("-")[2]) % 10
    if which == 1:
        echo("400 Bad Request")(connection, request, headers)
    elif which == 2:
        drop(connection, request, headers)
    elif which == 3:
        said = {**queued(request), "success": False, "error": f"{request['callee'][1:]} does not answer"}
        respond(connection, "200 OK", json.dumps(said).encode())
    elif which == 4:
        respond(connection, "200 OK", json.dumps({**queued(request), "call-id": int(request["callee"][1:])}).encode())
    else:
        accept(connection, {**request, "callee": request["callee"]}, headers)


FEW = pytest.param((len(FORMS) * 2, 8), id="few")
ALL = pytest.param((2_000, 200), id="all", marks=pytest.mark.long)


@contextmanager
def life_in(root: Path, count: int, words: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Give calls of people, in a SQLite ledger, while their API answers."""
    with ApiServer(mixed) as api:
        found = Life(root, api, "sqlite:///ledger.db", free_port(), count, words)
        monkeypatch.setattr(tempfile, "tempdir", str(found.temporary))
        yield found
