"""A repository of one's own for each test, and a server that plays the API."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from support.commands import EXAMPLES
from support.server import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A server that accepts every call; tests change how it behaves."""
    with ApiServer() as server:
        yield server


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A copy of the clinic's repository."""
    root = tmp_path / "clinic"
    shutil.copytree(EXAMPLES / "clinic-reminders", root, ignore=shutil.ignore_patterns(".flowops"))
    return root


@pytest.fixture
def real(tmp_path: Path, api: ApiServer) -> Path:
    """A repository of three calls with an environment `production` at the test's server; no ledger yet."""
    root = tmp_path / "real"
    (root / "calls").mkdir(parents=True)
    (root / "flowops.yaml").write_text(
        f"""\
apiVersion: flowops/v1
kind: Project
name: real
defaults: {{caller: "+442079460000", callflow-id: flow-1}}
environments:
  production:
    api: {api.url}
    token: {{env: FLOWOPS_TOKEN}}
    ledger: sqlite:///ledger.db
    rate: none
    timeouts: {{connect: 2, answer: 2}}
"""
    )
    (root / "calls/three.yaml").write_text(
        "---\n".join(
            f'apiVersion: flowops/v1\nkind: Call\nreference-id: call-{number}\ncallee: "+44207946010{number}"\n'
            for number in (1, 2, 3)
        )
    )
    return root
