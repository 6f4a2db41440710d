"""Runs of several jobs that do the same, held against the first of them; as a table, or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from measuring import spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from measuring import Run, Spread


@dataclass(frozen=True)
class Comparison:
    """What was compared: each run of a job did `count` of a `unit`; the first job is what the others are held against.

    The ratios are those of the times, the times of the processors, or the speeds. `note` is what a reader has to know.
    `bare` names, for jobs of flowops, the job among the others that is a bare program of them (a file ``bare_*.py``):
    it does what cannot be left out, and nothing else. The ratio to it has a column of its own.
    """

    title: str
    count: int
    unit: str
    runs: dict[str, list[Run]]
    by: Literal["time", "processor", "speed"] = "time"
    note: str = ""
    bare: Mapping[str, str] = field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """The job that counts as 1."""
        return next(iter(self.runs))

    def ratios(self, name: str, to: str = "") -> Spread:
        """The time of a job as a ratio to another's, or the baseline's, in the same round; for speeds the inverse."""
        pairs = list(zip(self.runs[name], self.runs[to or self.baseline], strict=True))
        if self.by == "speed":
            return spread(base.wall / run.wall for run, base in pairs)
        if self.by == "processor":
            return spread(run.cpu / base.cpu for run, base in pairs)
        return spread(run.wall / base.wall for run, base in pairs)

    def table(self) -> list[list[str]]:
        """A head, then a row a job; a column that says nothing is left out."""
        ratios = [f"{self.by}, {self.baseline} = 1", f"{self.by}, its bare program = 1"]
        rows = [["", "time", "processor", f"{self.unit}s/s", "peak", *ratios]]
        for name, runs in self.runs.items():
            wall, cpu, peak = (spread(run[at] for run in runs) for at in range(3))
            ratio = "1" if name == self.baseline else between(self.ratios(name), "{:.2f}".format)
            rate = f"{self.count / wall.middle:,.0f}" if self.count > 1 else ""
            memory = f"{peak.most:,.0f} MB" if peak.most else ""
            bare = between(self.ratios(name, self.bare[name]), "{:.2f}".format) if name in self.bare else ""
            rows.append([name, between(wall, duration), duration(cpu.middle), rate, memory, ratio, bare])
        columns = [each for each in zip(*rows, strict=True) if any(each[1:])]
        return [list(row) for row in zip(*columns, strict=True)]

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        found = asdict(self)
        found["runs"] = {name: [run._asdict() for run in runs] for name, runs in self.runs.items()}
        found["ratios"] = {name: self.ratios(name)._asdict() for name in self.runs if name != self.baseline}
        found["ratios_to_bare"] = {name: self.ratios(name, bare)._asdict() for name, bare in self.bare.items()}
        return found


def between(figures: Spread, told: Any) -> str:
    """The middle, and in brackets how far the figures go."""
    return f"{told(figures.middle)} ({told(figures.least)} to {told(figures.most)})"


def duration(seconds: float) -> str:
    """Seconds for a reader."""
    return f"{seconds:.2f} s" if seconds >= 0.9995 else f"{1000 * seconds:.3g} ms"


def markdown(table: list[list[str]]) -> str:
    """A table of Markdown, with figures to the right."""
    head, *rows = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([head, f"| --- |{' ---: |' * (len(table[0]) - 1)}", *rows])


def text(table: list[list[str]]) -> str:
    """A table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for name, *cells in table:
        figures = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{name.ljust(widths[0])}  {figures}")
    return "\n".join(lines)
