"""The other commands that users wait for: what they take beside `plan`, and `status` and `export` of a full ledger."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from comparison import Comparison
from data_set import BRAND, data_set
from measuring import in_turns, measured
from plan_rows import PLAN

if TYPE_CHECKING:
    from size import Size

FLOWOPS = [sys.executable, "-m", "flowops"]
ENV = ("--env", "large")
GIT = ["git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
CASE = """\
---
apiVersion: flowops/v1
kind: Test
name: row {number}
given:
  document: ../calls/reminders.yaml
  row: {{id: {number}, phone: "+88810000000001", name: Patient, street: High Street, when: Monday, minutes: "5"}}
expect: {{action: place}}
"""
BARE_STATUS = "SELECT state, count(*) FROM flowops_calls GROUP BY state"
BARE_DIFF, BARE_EXPORT = map(Path(__file__).with_name, ("bare_diff.py", "bare_export.py"))
#: What the places of the calls are called when the head of a `diff` was changed.
OTHER = "Acme Hospitals"
DIFF = "diff, every call changed"


def commands(size: Size, keep: Path | None) -> list[Comparison]:
    """All of them: those that read files with a tenth of the rows, those of a ledger with nine tenths."""
    fewer = max(size.rows // 10, 1)
    return [_beside_plan(size, fewer), _cases(size), *_of_a_ledger(size, keep)]


def _beside_plan(size: Size, rows: int) -> Comparison:
    """`validate`, a plan as JSON, and `diff` where every call has changed, each held against the plan of the calls."""
    with data_set(rows, 0, None) as root:
        for command in (["init", "-q"], ["add", "flowops.yaml", "calls", "data"], ["commit", "-q", "-m", "before"]):
            subprocess.run([*GIT, *command], cwd=root, check=True)
        project = root / "flowops.yaml"
        project.write_text(project.read_text().replace(BRAND, OTHER))
        jobs = {
            "plan": partial(measured, PLAN, root),
            "plan, as JSON": partial(measured, [*PLAN, "--format", "json"], root),
            "validate": partial(measured, [*FLOWOPS, "validate"], root),
            DIFF: partial(measured, [*FLOWOPS, "diff", "HEAD", *ENV], root),
            f"{DIFF}: bare program": partial(measured, [sys.executable, BARE_DIFF, root, BRAND, OTHER], root),
        }
        runs = in_turns(jobs, size.rounds)
    title = f"Commands over {rows:,} rows of CSV"
    return Comparison(title, rows, "row", runs, by="processor", bare={DIFF: f"{DIFF}: bare program"})


def _cases(size: Size) -> Comparison:
    """`test` of many cases, against a `plan` of as many rows."""
    cases = max(size.items // 10, 1)
    with data_set(cases, 0, None) as root:
        (root / "tests").mkdir()
        (root / "tests/rows.yaml").write_text("".join(CASE.format(number=number) for number in range(cases)))
        jobs = {"plan": partial(measured, PLAN, root), "test": partial(measured, [*FLOWOPS, "test"], root)}
        runs = in_turns(jobs, size.rounds)
    return Comparison(f"`test` of {cases:,} cases", cases, "case", runs, by="processor")


def _of_a_ledger(size: Size, keep: Path | None) -> list[Comparison]:
    """`status` and `ledger export`, each against a bare program that reads the same table."""
    known = size.rows * 9 // 10
    with data_set(size.rows, known, keep) as root, tempfile.TemporaryDirectory() as folder:
        file, out = root / "large.db", Path(folder) / "told"
        count = f"import sqlite3; sqlite3.connect({str(file)!r}).execute({BARE_STATUS!r}).fetchall()"
        pairs = {
            "status": ([sys.executable, "-c", count], [*FLOWOPS, "status", *ENV]),
            "ledger export": (
                [sys.executable, BARE_EXPORT, file],
                [*FLOWOPS, "ledger", "export", *ENV],
            ),
        }
        found = []
        for name, (bare, own) in pairs.items():
            jobs = {"bare": partial(measured, bare, root, out), f"flowops {name}": partial(measured, own, root, out)}
            runs = in_turns(jobs, size.rounds)
            found.append(Comparison(f"`{name}` of a ledger with {known:,} calls", known, "call", runs))
        with sqlite3.connect(file) as ledger:
            assert ledger.execute("SELECT count(*) FROM flowops_calls").fetchone() == (known,)
    return found
