"""Prism, a mock server that somebody else wrote, judges what flowops sends by the API's description alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.commands import ROOT, flowops
from support.listening import free_port
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("npx") is None, reason="Prism is a program for Node.js"),
]


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prism that serves the description."""
    port = free_port()
    description = str(ROOT / "schemas/flowbuilder.openapi.yaml")
    command = [
        "npx",
        "--yes",
        "@stoplight/prism-cli",
        "mock",
        description,
        "-p",
        str(port),
        "-h",
        "127.0.0.1",
        "--errors",
    ]
    folder = tmp_path_factory.mktemp("prism")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        deadline = time.monotonic() + 180
        while "listening" not in (folder / "log").read_text() and time.monotonic() < deadline:
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        os.killpg(process.pid, signal.SIGTERM)  # npx leaves the server to itself


def test_every_body_of_the_examples_is_accepted(prism: str, clinic: Path) -> None:
    project = clinic / "flowops.yaml"
    project.write_text(re.sub(r"api: .*", f"api: {prism}", project.read_text()).replace("rate: 5/s", "rate: none"))
    rows = clinic / "data/appointments.csv"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:20]))
    env = {"FLOWOPS_PRODUCT_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": "sqlite:///prism.db"}
    assert flowops("ledger", "init", "--env", "production", cwd=clinic, env=env).code == 0
    ran = flowops("apply", "--env", "production", "--auto-approve", "--format", "json", cwd=clinic, env=env)
    # Prism answers with an example, so about another call: in doubt, and rightly. Refused would be our fault.
    assert ran.code == 7, ran.err
    assert ran.json["summary"]["rejected"] == 0
    assert ran.json["summary"]["in_doubt"] == 19


def test_a_wrong_body_is_refused_so_that_the_judge_can_be_believed(prism: str) -> None:
    headers = {"X-CM-PRODUCTTOKEN": TOKEN}
    body = {"callee": "+442079460018", "caller": "+442079460000", "callflow-id": "x", "max-ringing-timeout": 5}
    assert httpx.post(f"{prism}/FlowBuilder", json=body, headers=headers).status_code in (400, 422)
    assert httpx.post(f"{prism}/FlowBuilder", json={**body, "max-ringing-timeout": 30}).status_code == 401
