"""Clients that other people's generators make of the API's description place a typed call in the sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import npm
from support.commands import ROOT, environment, start
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = ROOT / "schemas/flowbuilder.openapi.yaml"
needs_npm = pytest.mark.skipif(npm.MISSING, reason="no npm")
PYTHON = """
import inspect, sys
from client import AuthenticatedClient
from client.api.calls import place_call
from client.models import CallQueued, Instruction, InstructionFlowVariablesType0, InstructionVoicemailResponse

assert inspect.signature(place_call.sync).parameters["body"].annotation in (Instruction, "Instruction")
variables = InstructionFlowVariablesType0.from_dict({"patient": "Ada", "minutes": 15})
body = Instruction(
    caller="+442079460000", callee="+442079460018", callflow_id="7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
    instruction_id="reminder-1042", flow_variables=variables, voicemail_response=InstructionVoicemailResponse.STOP,
)
client = AuthenticatedClient(sys.argv[1], sys.argv[2], prefix="", auth_header_name="X-CM-PRODUCTTOKEN")
queued = place_call.sync(client=client, body=body)
assert isinstance(queued, CallQueued), queued
print(queued.success, queued.instruction_id)
"""
TYPESCRIPT = """
import { placeCall, type Instruction } from "./client";
import { client } from "./client/client.gen";

declare const process: { argv: string[] };
const body: Instruction = {
  caller: "+442079460000", callee: "+442079460018", "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
  "instruction-id": "reminder-1042", "flow-variables": { patient: "Ada", minutes: 15 }, "voicemail-response": "Stop",
};
client.setConfig({ baseUrl: process.argv[2]!, auth: process.argv[3]! });
placeCall({ body, throwOnError: true }).then(({ data }) => {
  const queued = Array.isArray(data) ? data[0]! : data;
  console.log(queued.success, queued["instruction-id"]);
});
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[str]:
    """The address of a sandbox that runs for as long as the test."""
    process = start("sandbox", "--port", "0", "--token", TOKEN, cwd=tmp_path)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+\S*", line)))
    finally:
        process.terminate()
        process.communicate()


def run(*command: object, cwd: Path, code: int = 0) -> str:
    given = list(map(str, command))
    ran = subprocess.run(given, cwd=cwd, env=environment(), text=True, capture_output=True, check=False, timeout=120)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout


def test_a_client_of_python_places_a_typed_call(sandbox: str, tmp_path: Path) -> None:
    generator = Path(sys.executable).with_name("openapi-python-client")
    if not generator.exists():
        pytest.skip("openapi-python-client is not installed")
    (tmp_path / "settings.yaml").write_text("post_hooks: []\n")
    options = ["--meta", "none", "--config", "settings.yaml", "--output-path", "client", "--fail-on-warning"]
    run(generator, "generate", "--path", DESCRIPTION, *options, cwd=tmp_path)
    assert run(sys.executable, "-c", PYTHON, sandbox, TOKEN, cwd=tmp_path) == "True reminder-1042\n"


@needs_npm
def test_a_client_of_typescript_places_a_typed_call(sandbox: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    tools = npm.install(pytestconfig, "@hey-api/openapi-ts@0.99.0", "typescript@5.9.3")
    os.symlink(tools.parent, tmp_path / "node_modules")
    made = ["--output", "client", "--client", "@hey-api/client-fetch"]
    run(tools / "openapi-ts", "--input", DESCRIPTION, *made, cwd=tmp_path)
    # Its own imports have no endings, and without a bundler Node.js takes them so in CommonJS alone.
    strict = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--lib", "es2023,dom,dom.iterable"]
    modules = ["--module", "commonjs", "--moduleResolution", "node10", "--skipLibCheck", "--outDir", "built"]
    (tmp_path / "place.ts").write_text(TYPESCRIPT)
    run(tools / "tsc", *strict, *modules, "place.ts", cwd=tmp_path)
    (tmp_path / "wrong.ts").write_text(TYPESCRIPT.replace('"Stop"', '"Hang up"'))
    assert '"Hang up"' in run(tools / "tsc", *strict, *modules, "--noEmit", "wrong.ts", cwd=tmp_path, code=2)
    assert run("node", "built/place.js", sandbox, TOKEN, cwd=tmp_path) == "true reminder-1042\n"
