"""How long flowops takes to start, as a ratio to bare Python and to importing click alone.

    .venv/bin/python benchmarks/startup.py [RUNS]

The commands take turns, so that a machine whose speed drifts treats all alike; the median of the
ratios, each to the bare run of the same round, is what counts.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

EXAMPLE = Path(__file__).parent.parent / "examples/quickstart/call.yaml"

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "flowops --version": [sys.executable, "-m", "flowops", "--version"],
    "flowops --help": [sys.executable, "-m", "flowops", "--help"],
    "flowops validate (one file)": [sys.executable, "-m", "flowops", "validate", str(EXAMPLE)],
}


def seconds(command: list[str]) -> float:
    """The wall time of one whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(runs: int) -> None:
    """Print one line a command."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, command in COMMANDS.items():
            duration = seconds(command)
            if number:  # the first round warms the caches
                taken[name].append(duration)
    bare, click = taken["python -c pass"], taken["import click"]
    print(f"{'command':30} {'median ms':>9} {'x bare':>8} {'x click':>8}")
    for name, durations in taken.items():
        by_bare = median(a / b for a, b in zip(durations, bare, strict=True))
        by_click = median(a / b for a, b in zip(durations, click, strict=True))
        print(f"{name:30} {median(durations) * 1000:9.1f} {by_bare:8.2f} {by_click:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
