"""What deploy/ holds: sound by the checkers and schemas of those who run it, and the same processes run here."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import yaml
from jsonschema import Draft202012Validator
from support.commands import ROOT, flowops, start
from support.listening import free_port
from support.server import TOKEN

if TYPE_CHECKING:
    from support.postgres import Server
    from support.server import ApiServer

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.*"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS = [
    each for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())
]
KEDA = next(each for each in MANIFESTS if each["kind"] == "ScaledObject")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_has_nothing_to_say_against_a_unit(unit: Path, tmp_path: Path) -> None:
    for each in UNITS:  # flowops is where this Python is
        (tmp_path / each.name).write_text(each.read_text().replace("/opt/flowops/bin/flowops", sys.executable))
    named = tmp_path / unit.name.replace("@", "@production")
    shutil.copy(tmp_path / unit.name, named)
    ran = subprocess.run(["systemd-analyze", "verify", named], capture_output=True, text=True, check=False)
    told = [line for line in ran.stderr.splitlines() if str(tmp_path) in line or "flowops" in line]
    assert told == []


def test_compose_fits_its_published_schema() -> None:
    checker = Path(sys.executable).parent / "check-jsonschema"
    command = [checker, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_manifest_says_what_kubernetes_and_keda_know(manifest: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/cases/deploy/kubernetes.schema.json").read_text())
    named = schema["$defs"][manifest["kind"][0].lower() + manifest["kind"][1:]]
    errors = Draft202012Validator({**schema, "oneOf": [named]}).iter_errors(manifest)
    assert [error.message for error in errors] == []


def test_every_container_runs_as_a_number_and_writes_nowhere_else() -> None:
    for service in ("init", "worker", "callbacks"):
        found = COMPOSE["services"][service]
        assert (found["user"], found["read_only"], found["cap_drop"]) == ("1000:1000", True, ["ALL"])
    for manifest in MANIFESTS:
        pod = manifest["spec"].get("template", {}).get("spec")
        for container in pod["containers"] if pod else ():
            assert pod["securityContext"]["runAsNonRoot"]
            assert container["securityContext"]["readOnlyRootFilesystem"]


def test_all_ways_start_the_same_processes() -> None:
    services = {name: service["command"] for name, service in COMPOSE["services"].items() if "command" in service}
    pods = {
        container["name"]: container["args"]
        for each in MANIFESTS
        for container in each["spec"].get("template", {}).get("spec", {}).get("containers", ())
    }
    assert services == pods
    commands = [
        shlex.split(line.partition("=")[2])
        for unit in UNITS
        for line in unit.read_text().splitlines()
        if line.startswith("ExecStart=")
    ]
    assert {command[1] for command in commands} == {"apply", "listen", "worker"}
    assert all(command[2:4] == ["--env", "%i"] for command in commands)


def test_the_processes_of_compose_place_a_campaign(tmp_path: Path, api: ApiServer, server: Server) -> None:
    """The same commands, started from the same file of settings, on loopback and with the ledger of the test."""
    with server.database() as url:
        port = free_port()
        filled = {
            "FLOWOPS_LEDGER_URL": url,
            "FLOWOPS_PRODUCT_TOKEN": TOKEN,
            "FLOWOPS_CALLBACK_SECRET": "s" * 40,
            "FLOWOPS_CAMPAIGN_KEY": "c" * 64,
        }
        lines = (DEPLOY / "production.env").read_text().splitlines()
        given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        assert {name for name, value in given.items() if "…" in value} == filled.keys()
        env = {**given, **filled}
        root = tmp_path / "work"
        write_project(root, api.url, port)
        root.chmod(0o500)
        services = {name: service.get("command") for name, service in COMPOSE["services"].items()}
        assert flowops(*services["init"], cwd=root, env=env).code == 0
        running = [
            start(*local(services["worker"], 0), cwd=root, env=env),
            start(*local(services["worker"], 0), cwd=root, env=env),
            start(*local(services["callbacks"], port), cwd=root, env=env),
        ]
        try:
            ran = flowops("apply", "--detach", "--auto-approve", "--name", "spring", cwd=root, env=env)
            assert ran.code == 0, ran.err
            waited = flowops("campaign", "wait", "spring", "--timeout", "60s", cwd=root, env=env)
            assert waited.code == 0, waited.out
            assert until_answered(f"http://127.0.0.1:{port}/healthz") == "ok\n"
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(60) for process in running]
            told = [process.communicate()[1] for process in running]
        assert codes == [143, 143, 143], told
        assert dict(api.received) == {f"call-{number}": 1 for number in range(20)}


def test_keda_counts_the_batches_that_are_due(tmp_path: Path, api: ApiServer, server: Server) -> None:
    query = KEDA["spec"]["triggers"][0]["metadata"]["query"]
    with server.database() as url:
        env = {
            "FLOWOPS_ENV": "production",
            "FLOWOPS_LEDGER_URL": url,
            "FLOWOPS_PRODUCT_TOKEN": TOKEN,
            "FLOWOPS_CALLBACK_SECRET": "s" * 40,
            "FLOWOPS_CAMPAIGN_KEY": "c" * 64,
        }
        write_project(tmp_path / "work", api.url, 9)
        for command in (["ledger", "init"], ["apply", "--detach", "--auto-approve", "--name", "spring"]):
            assert flowops(*command, cwd=tmp_path / "work", env=env).code == 0
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute(query).fetchone() == (1,)
            connection.execute("UPDATE flowops_batches SET due_at = '2999-01-01T00:00:00.000Z'")
            assert connection.execute(query).fetchone() == (0,)
            connection.execute("UPDATE flowops_batches SET due_at = '2020-01-01T00:00:00.000Z'")
            assert flowops("campaign", "pause", "spring", cwd=tmp_path / "work", env=env).code == 0
            assert connection.execute(query).fetchone() == (0,)


def local(command: list[str], port: int) -> list[str]:
    """A command as it is run here: on the loopback, at a port that is free."""
    return [part.replace("0.0.0.0", "127.0.0.1").replace("8080", str(port)) for part in command]


def until_answered(url: str) -> str:
    until = time.monotonic() + 30
    while True:
        try:
            return httpx.get(url).text
        except httpx.TransportError:
            assert time.monotonic() < until
            time.sleep(0.2)


def write_project(root: Path, api: str, port: int) -> None:
    (root / "calls").mkdir(parents=True)
    (root / ".flowops").mkdir(mode=0o700)
    (root / "flowops.yaml").write_text(
        f"""\
apiVersion: flowops/v1
kind: Project
name: acme
defaults: {{caller: "+442079460000", callflow-id: flow-1}}
environments:
  production:
    api: {api}
    token: {{env: FLOWOPS_PRODUCT_TOKEN}}
    ledger: {{env: FLOWOPS_LEDGER_URL}}
    callbacks: {{url: "http://127.0.0.1:{port}/flowops", secret: {{env: FLOWOPS_CALLBACK_SECRET}}}}
    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}
    rate: none
"""
    )
    documents = (
        f'apiVersion: flowops/v1\nkind: Call\nreference-id: call-{number}\ncallee: "+44207946{number:04}"\n'
        for number in range(20)
    )
    (root / "calls/all.yaml").write_text("---\n".join(documents))
