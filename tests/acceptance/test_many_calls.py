"""Thousands of calls without a rate: another process writes the ledger, and nothing else is different."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops, start
from support.processes import PROC, child_of, wait_until_left

from flowops.cli.placing import MANY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not PROC.joinpath("self/stat").exists(), reason="looks processes up in /proc")

PROJECT = """\
apiVersion: flowops/v1
kind: Project
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: rows.csv
call:
  reference-id: "r-{{ row.id }}"
  caller: "+442079460900"
  callee: "{{ row.phone }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
"""


def repository(root: Path, count: int) -> Path:
    """A repository of so many calls."""
    (root / "calls").mkdir()
    (root / "flowops.yaml").write_text(PROJECT)
    (root / "calls/all.yaml").write_text(CALLS)
    rows = "".join(f"{number},+44207946{number % 1000:04}\n" for number in range(count))
    (root / "calls/rows.csv").write_text(f"id,phone\n{rows}")
    return root


def interrupted(root: Path) -> list[str]:
    """Start to place, and interrupt once calls are placed; the command of the process that was started meanwhile."""
    run = start("apply", "--format", "json", cwd=root)
    try:
        assert run.stderr is not None
        while "placing: " not in (line := run.stderr.readline()):
            assert line, "it was too fast to be interrupted"
        command = PROC.joinpath(str(child_of(run.pid)), "cmdline").read_text().split("\0")
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 128 + signal.SIGINT, err
    wait_until_left(root)
    return command


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="has only one processor")
def test_an_interrupted_run_has_recorded_what_it_placed_and_the_next_one_places_the_rest(tmp_path: Path) -> None:
    root = repository(tmp_path, 3 * MANY)
    assert interrupted(root)[:4] == [sys.executable, "-P", "-m", "flowops.ledger"]
    states = flowops("status", "--format", "json", cwd=root).json["counts"]
    placed = states.pop("placed")
    assert 0 < placed < 3 * MANY
    assert not any(states.values())
    ran = flowops("apply", "--format", "json", cwd=root)
    assert ran.code == 0
    assert ran.json["summary"] == {**ran.json["summary"], "placed": 3 * MANY - placed, "unchanged": placed}
    assert flowops("ledger", "verify", cwd=root).code == 0
    assert {path.name for path in (root / ".flowops").iterdir()} == {"sandbox.db", "sandbox.db.key"}
