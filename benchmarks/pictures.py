"""Draws how something grows, as SVG for light and for dark pages. Takes figures as JSON, and a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

#: Stands in the drawing for the colour of text and lines, which the page's reader decides.
INK = "#123456"
STYLE = "<style>svg { --ink: #1f2328 } @media (prefers-color-scheme: dark) { svg { --ink: #e6edf3 } }</style>"
#: Can be told apart on white and on black, and by those who do not see red or green (after Okabe and Ito).
COLOURS = {"validate": "#2e86c8", "plan": "#d55e00"}
PICTURES = {"time": ("wall", "seconds"), "memory": ("peak", "MB at the peak")}


def draw(runs: dict[str, dict[str, list[dict[str, float]]]], folder: Path) -> None:
    """One picture of the time, one of the memory: medians as lines, all runs as dots."""
    import matplotlib as mpl

    mpl.use("svg")
    ink = dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    # Text stays text, in the reader's own font, and the same figures make the same file.
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "flowops", "font.family": "sans-serif", **ink}
    mpl.rcParams.update(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (figure, label) in PICTURES.items():
        file = folder / f"{name}.svg"
        _picture(runs, figure, label).savefig(file, transparent=True, metadata={"Date": None})
        text = file.read_text().replace(INK, f"var(--ink, {INK})")
        file.write_text(text.replace("<defs>", f"{STYLE}\n <defs>", 1))


def _picture(runs: dict[str, dict[str, list[dict[str, float]]]], figure: str, label: str) -> Any:
    from statistics import median

    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator

    drawing = Figure(figsize=(7, 3.6), layout="constrained")
    axes = drawing.subplots()
    for command, by_rows in runs.items():
        rows = [int(each) for each in by_rows]
        values = [[run[figure] for run in each] for each in by_rows.values()]
        axes.plot(rows, list(map(median, values)), color=COLOURS[command], label=f"flowops {command}", linewidth=2)
        for at, each in zip(rows, values, strict=True):
            axes.plot([at] * len(each), each, "o", color=COLOURS[command], markersize=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:,.0f}"))
    axes.set_xlabel("rows")
    axes.set_ylabel(label)
    if figure == "wall":
        axes.set_yscale("log")
        plain = FuncFormatter(lambda at, _: f"{at:g}")
        axes.yaxis.set_major_formatter(plain)
        axes.yaxis.set_minor_formatter(plain)
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    else:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return drawing


if __name__ == "__main__":
    draw(json.load(sys.stdin), Path(sys.argv[1]))
