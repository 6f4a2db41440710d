"""What was found, as a page of Markdown with its pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from comparison import markdown
from growth import Growth
from machine import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(__file__).with_name("pictures.py")
HEAD = """\
# What was measured

Written by `benchmarks/run.py`. Jobs that do the same took turns; read the ratios, each of two runs of the same round.
Times are middles, with the least and the most in brackets; the memory is the most that all processes of a job had
together. A bare program does only what cannot be left out of a job; the head of each `benchmarks/bare_*.py` says what.
"""


class Report(Protocol):
    """What a benchmark has found."""

    @property
    def title(self) -> str: ...
    @property
    def note(self) -> str: ...
    def table(self) -> list[list[str]]: ...
    def told(self) -> dict[str, Any]: ...


class Results:
    """The reports so far, and the machine that they are of."""

    def __init__(self, machine: Sequence[Sequence[str]]) -> None:
        self._machine = [list(row) for row in machine]
        self._reports: list[Report] = []

    def add(self, report: Report) -> None:
        """Take one more."""
        self._reports.append(report)

    def told(self) -> dict[str, Any]:
        """Everything, for JSON."""
        machine = {name: value for name, value in self._machine if name}
        return {"machine": machine, "reports": [report.told() for report in self._reports]}

    def write(self, folder: Path) -> None:
        """Write RESULTS.md, and draw what grows."""
        parts = [HEAD, markdown([*self._machine, ["ended", moment()]]).replace("---:", "---")]
        for report in self._reports:
            parts += [f"## {report.title}", markdown(report.table()), report.note]
            if isinstance(report, Growth):
                parts += self._drawn(report, folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "RESULTS.md").write_text("\n\n".join(part.strip() for part in parts if part) + "\n")

    def _drawn(self, report: Growth, folder: Path) -> list[str]:
        """The links to its pictures. matplotlib has a process of its own: it is large, and only the extra has it."""
        pictures = folder / "pictures"
        figures = json.dumps(report.told()["runs"])
        drawn = subprocess.run(
            [sys.executable, SCRIPT, pictures], input=figures, text=True, stderr=subprocess.PIPE, check=False
        )
        if "No module named 'matplotlib'" in drawn.stderr:
            print("the pictures are left out: matplotlib is not installed", file=sys.stderr)
            return []
        drawn.check_returncode()
        return [f"![{name} by rows](pictures/{name}.svg)" for name in ("time", "memory")]
