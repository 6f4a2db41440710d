"""How long flowops takes to start, as a ratio to bare Python and to importing click alone.

    .venv/bin/python benchmarks/startup.py [--rounds N] [--json]

The commands take turns, so that a machine whose speed drifts treats all alike; the median of the ratios, each to the
bare run of the same round, is what counts. flowops is run as it is installed: by its script, with compiled modules.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

BIN = Path(sys.executable).parent
EXAMPLE = Path(__file__).parent.parent / "examples/quickstart/call.yaml"
BARE, CLICK = "python -c pass", "import click"

COMMANDS = {
    BARE: [sys.executable, "-c", "pass"],
    CLICK: [sys.executable, "-c", "import click"],
    "flowops --version": [str(BIN / "flowops"), "--version"],
    "flowops --help": [str(BIN / "flowops"), "--help"],
    "flowops validate (one file)": [str(BIN / "flowops"), "validate", str(EXAMPLE)],
}
QUIET = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
#: As installed: compiled modules are kept, whatever the shell of a developer says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(command: list[str]) -> float:
    """The wall time of one whole process, which has to succeed."""
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=QUIET)
    _, status = os.waitpid(child, 0)
    taken = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return taken


def measure(rounds: int) -> dict[str, list[float]]:
    """The seconds of each command, round by round."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            duration = seconds(command)
            if number:  # the first round warms the caches
                taken[name].append(duration)
    return taken


def spread(figures: list[float]) -> dict[str, float]:
    """The least, the middle and the most of some figures."""
    return {"min": round(min(figures), 4), "median": round(median(figures), 4), "max": round(max(figures), 4)}


def main(given: argparse.Namespace) -> None:
    """Print one line a command, or all of it as JSON."""
    taken = measure(given.rounds)
    told = {
        name: {
            "seconds": spread(durations),
            "times_bare": spread([own / bare for own, bare in zip(durations, taken[BARE], strict=True)]),
            "times_click": spread([own / click for own, click in zip(durations, taken[CLICK], strict=True)]),
        }
        for name, durations in taken.items()
    }
    if given.json:
        print(json.dumps({"rounds": given.rounds, "commands": told}, indent=2))
        return
    print(f"{given.rounds} rounds")
    print(f"{'command':30} {'min ms':>8} {'median':>8} {'max':>8} {'x bare':>8} {'(min':>7} {'max)':>7} {'x click':>8}")
    for name, figures in told.items():
        low, middle, high = (1000 * each for each in figures["seconds"].values())
        least, bare, most = figures["times_bare"].values()
        click = figures["times_click"]["median"]
        print(f"{name:30} {low:8.1f} {middle:8.1f} {high:8.1f} {bare:8.2f} {least:7.2f} {most:7.2f} {click:8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The start-up of flowops, against bare Python.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    main(parser.parse_args())
