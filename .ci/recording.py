"""docs/pictures/terminal.svg: what a terminal shows in the first minute, recorded from the commands themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.style import Style

#: What somebody types, in the project that `flowops init` has written.
TYPED = (
    "flowops apply",
    "echo '4,Ada Moss,+442079460019' >> data/customers.csv",
    "flowops plan",
)
COLUMNS = 92
#: What differs from run to run, and what stands for it.
VARIES = (
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:5f0c1d…"),
    (re.compile(r"ledger [0-9a-f]{8}"), "ledger 3e7a1c52"),
    # What takes more than a second, as all does on a busy machine, says how far it is: in a terminal by a passing bar.
    (re.compile(r"^[a-z ]+: [\d,]+ of [\d,]+ \(\d+ %\).*\n", re.MULTILINE), ""),
    (re.compile(r"^[a-z ]+: [\d,]+, [\d,.]+/s\n", re.MULTILINE), ""),
)
#: Pixels: of a character, of a line, around all of it.
WIDE, HIGH, EDGE = 8.4, 19, 16
#: By their numbers in a terminal: red, green, yellow, magenta, cyan.
COLOURS = {1: "#ff7b72", 2: "#3fb950", 3: "#d29922", 5: "#d2a8ff", 6: "#76e3ea"}
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>A terminal: {title}</title>
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3; white-space: pre }}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>
{lines}
</svg>
"""


def text() -> str:
    """Return the picture."""
    console = Console(width=COLUMNS, color_system="standard", force_terminal=True)
    lines = [line for shown in recorded() for line in Text.from_ansi(shown).wrap(console, COLUMNS)]
    return SVG.format(
        width=round(COLUMNS * WIDE + 2 * EDGE),
        height=len(lines) * HIGH + 2 * EDGE,
        title=escape("; ".join(TYPED)),
        lines="\n".join(drawn(line, console, number) for number, line in enumerate(lines)),
    )


def recorded() -> Iterator[str]:
    """Yield each command behind its prompt, and what it prints, with a terminal's colours."""
    with TemporaryDirectory() as folder:
        printed("flowops init .", folder)
        for command in TYPED:
            shown = printed(command, folder)
            for pattern, instead in VARIES:
                shown = pattern.sub(instead, shown)
            yield f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m"
            yield f"{shown}\n" if shown else ""


def printed(command: str, folder: str) -> str:
    """Return what a command prints in a terminal. Raises CalledProcessError where it fails."""
    env = {"HOME": folder, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    env |= {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    shell = ["/bin/sh", "-c", f"{{ {command}; }} 2>&1 </dev/null"]
    ran = subprocess.run(shell, cwd=folder, env=env, check=True, text=True, capture_output=True)  # noqa: S603
    return ran.stdout.rstrip("\n")


def drawn(line: Text, console: Console, number: int) -> str:
    """Return the runs of one style of a line, each where its first character is."""
    parts, column = [], 0
    for run, style, _ in line.render(console):
        if run.strip():
            x, y = EDGE + column * WIDE, EDGE + (number + 0.75) * HIGH
            length = f'textLength="{len(run) * WIDE:.1f}"'
            parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {length}{looks(style)}>{escape(run)}</text>')
        column += len(run)
    return "\n".join(parts)


def looks(style: Style | None) -> str:
    """Return how a style looks, as attributes."""
    if style is None:
        return ""
    colour = COLOURS.get(style.color.number or 0) if style.color is not None else None
    rules = [f"fill:{colour}"] if colour else []
    rules += ["font-weight:bold"] if style.bold else []
    rules += ["opacity:0.6"] if style.dim else []
    return f' style="{";".join(rules)}"' if rules else ""
