"""How long an alert takes from the request to a hook until the API is asked to ring, and until it is answered."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from api_server import api_server
from comparison import Comparison
from listening import listening
from measuring import ENVIRONMENT, Run

if TYPE_CHECKING:
    from size import Size

SECRET = "a-secret-of-many-characters"
ENV = {**ENVIRONMENT, "FLOWOPS_HOOK_SECRET": SECRET}
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: pager
defaults: {{caller: "+442079460000", callflow-id: alert}}
hooks:
  oncall:
    document: calls/oncall.yaml
    secret: {{env: FLOWOPS_HOOK_SECRET}}
    limit: 99999/h
    vars: {{incident: /groupKey, summary: /alerts/0/annotations/summary}}
environments:
  measured: {{api: "{api}", token: {{env: FLOWOPS_TOKEN}}, ledger: "sqlite:///ledger.db", rate: none}}
"""
CALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: "alert-{{ vars.incident }}"
callee: "+442079460101"
flow-variables: {text: "{{ vars.summary }}"}
"""


def hook_latency(size: Size, _keep: Path | None) -> list[Comparison]:
    """So many alerts, one after the other, to a hook that is served already; each is a call of its own."""
    sent, answered = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as made:
        root, log = Path(made), Path(made) / "log"
        (root / "calls").mkdir()
        (root / "calls/oncall.yaml").write_text(CALL)
        with api_server(0, log) as api:
            (root / "flowops.yaml").write_text(PROJECT.format(api=api))
            command = [sys.executable, "-m", "flowops", "ledger", "init", "--env", "measured"]
            subprocess.run(command, cwd=root, env=ENV, check=True, capture_output=True)
            with listening(root, ENV, "--env", "measured", "--hook", "oncall") as (address, _):
                while _status(address, "/readyz") != 200:
                    time.sleep(0.02)
                for number in range(size.starts):
                    body = {"groupKey": str(number), "alerts": [{"annotations": {"summary": "the disk is full"}}]}
                    connection = http.client.HTTPConnection(address, timeout=30)
                    sent.append(time.monotonic())
                    connection.request("POST", "/hooks/oncall", json.dumps(body), {"Authorization": f"Bearer {SECRET}"})
                    answer = connection.getresponse()
                    answer.read()
                    answered.append(time.monotonic())
                    assert answer.status == 200, answer.status
        posted = [float(line) for line in log.read_text().splitlines()]
    runs = {
        "request to POST": [Run(at - begin, 0.0, 0.0) for at, begin in zip(posted, sent, strict=True)],
        "request to answer": [Run(at - begin, 0.0, 0.0) for at, begin in zip(answered, sent, strict=True)],
    }
    return [Comparison("An alert to a hook", 1, "alert", runs, note="SQLite; the API answers at once.")]


def _status(address: str, path: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", path)
    return connection.getresponse().status
