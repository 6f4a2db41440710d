"""How time and memory of `validate` and `plan` grow with the rows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from comparison import duration
from data_set import data_set
from measuring import Run, in_turns, measured, spread

if TYPE_CHECKING:
    from pathlib import Path

    from size import Size

COMMANDS = {"validate": (), "plan": ("--env", "large")}


@dataclass(frozen=True)
class Growth:
    """Runs by command, then by the number of rows, the fewest first."""

    runs: dict[str, dict[int, list[Run]]]
    title = "How time and memory grow with the rows"

    @property
    def note(self) -> str:
        """What each row more takes."""
        few, many = self.ends()
        told = []
        for command in self.runs:
            wall, cpu, peak = (
                (self.middle(command, many, at) - self.middle(command, few, at)) / (many - few) for at in range(3)
            )
            told.append(
                f"{1e6 * wall:.2f} µs, {1e6 * cpu:.2f} µs of processor and {peak * 2**20:.0f} bytes with `{command}`"
            )
        return f"From {few:,} to {many:,} rows each row more takes {', '.join(told)}."

    def ends(self) -> tuple[int, int]:
        """A tenth of the rows, as nearly as there is one, and all of them: below, starting up is most of it."""
        rows = list(next(iter(self.runs.values())))
        return min(rows[:-1], key=lambda each: abs(each - rows[-1] // 10)), rows[-1]

    def middle(self, command: str, rows: int, at: int) -> float:
        """The middle of the runs: of their wall time (0), processor time (1) or peak memory (2)."""
        return spread(run[at] for run in self.runs[command][rows]).middle

    def table(self) -> list[list[str]]:
        """A head, then a row a number of rows."""
        head = [f"`{command}`, {what}" for command in self.runs for what in ("time", "processor", "peak")]
        table = [["rows", *head]]
        for rows in next(iter(self.runs.values())):
            cells = []
            for command in self.runs:
                wall, cpu, peak = (self.middle(command, rows, at) for at in range(3))
                cells += [duration(wall), duration(cpu), f"{peak:,.0f} MB"]
            table.append([f"{rows:,}", *cells])
        return table

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        runs = {
            command: {rows: [run._asdict() for run in each] for rows, each in by_rows.items()}
            for command, by_rows in self.runs.items()
        }
        return {"title": self.title, "runs": runs}


def growth(size: Size, keep: Path | None) -> list[Growth]:
    """Both commands, on one data set after the other."""
    found: dict[str, dict[int, list[Run]]] = {command: {} for command in COMMANDS}
    for rows in size.steps:
        with data_set(rows, rows * 9 // 10, keep) as root:
            jobs = {
                command: partial(measured, [sys.executable, "-m", "flowops", command, *options], root)
                for command, options in COMMANDS.items()
            }
            for command, runs in in_turns(jobs, size.rounds).items():
                found[command][rows] = runs
    return [Growth(found)]
