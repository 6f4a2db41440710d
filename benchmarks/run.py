"""Every benchmark, by one command; without --only it writes RESULTS.md and its pictures.

    .venv/bin/python benchmarks/run.py [--quick] [--only NAME]… [--data DIR] [--out DIR] [--json]

Jobs that do the same take turns, so that a machine whose speed drifts treats all alike: read the ratios, each of two
runs of the same round. Peers and databases that are not installed are left out; the extra `benchmarks` has all but
Terraform.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from apply_speed import apply_speed
from callbacks import callbacks
from commands import commands
from comparison import text
from growth import growth
from hook_latency import hook_latency
from ledger_size import ledger_size
from machine import machine
from many_writers import many_writers
from peers import peers
from plan_rows import plan_rows, sources
from results import Results
from size import MEANING, QUICK, Size
from spec_files import spec_files
from stage_table import stages
from startup import startup
from steady_rate import steady_rate
from step_costs import step_costs
from workers import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from results import Report

BENCHMARKS: dict[str, Callable[[Size, Path | None], Sequence[Report]]] = {
    "startup": startup,
    "stages": stages,
    "files": spec_files,
    "rows": plan_rows,
    "sources": sources,
    "commands": commands,
    "apply": apply_speed,
    "writers": many_writers,
    "rate": steady_rate,
    "hook": hook_latency,
    "callbacks": callbacks,
    "peers": peers,
    "growth": growth,
    "ledger": ledger_size,
    "steps": step_costs,
    "workers": workers,
}


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, default=[], help="one of them; may be repeated")
    parser.add_argument("--quick", action="store_true", help="as little as shows that they work")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where rows and ledgers are kept for the next time")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where RESULTS.md goes; beside this file, without --only"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    for name, meaning in MEANING.items():
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{meaning} [{getattr(Size(), name):,}]")
    return parser.parse_args()


def main(given: argparse.Namespace) -> None:
    """Run them; what has been found so far is written after each one."""
    asked = {name: getattr(given, name) for name in MEANING if getattr(given, name) is not None}
    size = (QUICK if given.quick else Size())._replace(**asked)
    out = given.out or (None if given.only else Path(__file__).parent)
    if given.data is not None:
        given.data.mkdir(parents=True, exist_ok=True)
    results = Results(machine())
    for name in given.only or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        for report in BENCHMARKS[name](size, given.data):
            results.add(report)
            if not given.json:
                print("\n".join(filter(None, [report.title, text(report.table()), report.note, ""])))
        if out is not None:
            results.write(out)
    if given.json:
        print(json.dumps(results.told(), indent=2))


if __name__ == "__main__":
    main(arguments())
