"""Thousands of calls without a rate, interrupted in the middle."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops, start
from support.processes import PROC, wait_until_left

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not PROC.joinpath("self/stat").exists(), reason="looks processes up in /proc")

#: How many calls there are.
MANY = 6_000
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


def interrupt(root: Path) -> None:
    """Start to place, and interrupt once calls are placed."""
    run = start("apply", "--format", "json", cwd=root)
    try:
        assert run.stderr is not None
        while "placing: " not in (line := run.stderr.readline()):
            assert line, "it was too fast to be interrupted"
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 128 + signal.SIGINT, err
    wait_until_left(root)


def test_an_interrupted_run_has_recorded_what_it_placed_and_the_next_one_places_the_rest(tmp_path: Path) -> None:
    root = repository(tmp_path, MANY)
    interrupt(root)
    states = flowops("status", "--format", "json", cwd=root).json["counts"]
    placed = states.pop("placed")
    assert 0 < placed < MANY
    assert not any(states.values())
    ran = flowops("apply", "--format", "json", cwd=root)
    assert ran.code == 0
    assert ran.json["summary"] == {**ran.json["summary"], "placed": MANY - placed, "unchanged": placed}
    assert flowops("ledger", "verify", cwd=root).code == 0
    assert {path.name for path in (root / ".flowops").iterdir()} == {"sandbox.db", "sandbox.db.key"}
