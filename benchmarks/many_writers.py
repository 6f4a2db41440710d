"""What a call costs the processor when several runs share a ledger, and under a rate.

One run places all calls; four runs beside each other place a quarter each, over as many connections each, as all runs
of an environment have; one run places them at 200 a second. What is held against the first is the processor's time of
the placing, of all runs together.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from api_server import api_server
from apply_speed import SCRIPT
from comparison import Comparison
from ledgers import ledgers
from measuring import ENVIRONMENT, Run, in_turns

if TYPE_CHECKING:
    from size import Size

RUNS, RATE, CONNECTIONS = 4, 200, 25
#: At the rate, that many take a quarter of a minute.
MOST = 3_000
DELAY = 0.05


def beside(runs: int, calls: int, address: str, url: str, rate: int | None = None) -> Run:
    """So many runs at once, which share the calls: the time of the last, the processor's time of all."""
    words = ["ledger", calls // runs, CONNECTIONS, address, url, *([] if rate is None else [rate])]
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    started = [subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) for _ in range(runs)]
    told = [json.loads(process.communicate()[0]) for process in started]
    return Run(max(each["wall"] for each in told), sum(each["cpu"] for each in told), 0.0)


def many_writers(size: Size, keep: Path | None) -> list[Comparison]:
    """On each kind of database."""
    calls = min(size.calls, MOST)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=keep))).resolve()
        urls = stack.enter_context(ledgers(root))
        address = stack.enter_context(api_server(DELAY))
        found = []
        for kind, url in urls.items():
            jobs = {
                "one run": partial(beside, 1, calls, address, url),
                "four runs": partial(beside, RUNS, calls, address, url),
                f"one run at {RATE}/s": partial(beside, 1, calls, address, url, RATE),
            }
            title = f"{calls:,} calls of several runs on one ledger in {kind}, and at a rate"
            found.append(Comparison(title, calls, "call", in_turns(jobs, size.rounds), by="processor"))
    return found
