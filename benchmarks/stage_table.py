"""All stages in one table, each against its own bare limit."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comparison import between
from data_set import data_set
from measuring import Run, measured, spread

if TYPE_CHECKING:
    from size import Size

SCRIPT = Path(__file__).with_name("stages.py")


@dataclass(frozen=True)
class Stages:
    """By stage, the runs of the bare limit (``bare``) and of flowops; each did `count` things."""

    count: int
    runs: dict[str, dict[str, list[Run]]]
    title = "Each stage against its bare limit"
    note = (
        "Microseconds a thing, in one process. The bare limit does by hand, with the fastest library at hand, "
        "what cannot be left out; what it is stands in `benchmarks/stages_*.py` and `bare_ledger.py`."
    )

    def table(self) -> list[list[str]]:
        """A head, then a row a stage."""
        rows = [["", "bare", "flowops", "time, bare = 1"]]
        for name, found in self.runs.items():
            bare, own = (spread(1e6 * run.wall / self.count for run in found[side]).middle for side in found)
            pairs = zip(found["flowops"], found["bare"], strict=True)
            ratio = between(spread(run.wall / base.wall for run, base in pairs), "{:.2f}".format)
            rows.append([name, f"{bare:.2f} µs", f"{own:.2f} µs", ratio])
        return rows

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        runs = {
            name: {side: [run._asdict() for run in each] for side, each in found.items()}
            for name, found in self.runs.items()
        }
        return {"title": self.title, "count": self.count, "runs": runs}


def stages(size: Size, keep: Path | None) -> list[Stages]:
    """All of them, in one process of their own."""
    with data_set(size.items, size.items, keep) as root, tempfile.NamedTemporaryFile("r") as told:
        command: list[str | Path] = [sys.executable, SCRIPT, root, str(size.items), str(max(size.rounds, 3))]
        measured(command, told=Path(told.name))
        found = json.load(told)
    return [
        Stages(
            size.items,
            {name: {side: [Run(*run) for run in each] for side, each in runs.items()} for name, runs in found.items()},
        )
    ]
