"""`flowops plan` of very many rows, against the bare loop that does no more than has to be done.

    .venv/bin/python benchmarks/plan_rows.py [--rows 1000000] [--known 900000] [--runs 3] [--json]

The bare loop reads each row, renders its values with f-strings, holds the body against the schema, hashes its
JSON and looks its reference up, a thousand at a time, in the ledger's own table; it keeps nothing and tells nothing. The
two take turns. Memory is that of all processes together (their proportional shares), looked at every 50 ms.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from hashlib import sha256
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

SCHEMA = Path(__file__).parent.parent / "schemas/request.schema.json"
LOOK = 0.05


class Run(NamedTuple):
    """What one whole process took: seconds of the clock and of the processors, and megabytes at the most."""

    wall: float
    cpu: float
    peak: float


def bare(root: Path) -> None:
    """The loop that nothing can do without."""
    import jsonschema_rs
    import orjson

    valid = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid
    ledger = sqlite3.connect(f"file:{root}/large.db?mode=ro", uri=True)
    query = (
        "SELECT reference_id, state, fingerprint FROM flowops_calls "
        "WHERE environment = 'large' AND reference_id IN (SELECT value FROM json_each(?))"
    )
    with (root / "data/appointments.csv").open(newline="") as file:
        records = csv.reader(file)
        header = next(records)
        while some := list(islice(records, 1_000)):
            references = []
            for record in some:
                row = dict(zip(header, record, strict=True))
                reference = f"reminder-{row['id']}"
                body = {
                    "instruction-id": reference,
                    "callee": row["phone"],
                    "caller": "+442079460000",
                    "max-ringing-timeout": 30,
                    "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
                    "flow-variables": {
                        "patient": row["name"].strip(),
                        "when": row["when"],
                        "place": f"Acme Clinics, {row['street']}",
                        "minutes": int(row["minutes"]),
                    },
                    "voicemail-response": "Stop",
                }
                assert valid(body)
                sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
                references.append(reference)
            found = {row[0]: row for row in ledger.execute(query, (json.dumps(references),))}
            for reference in references:
                found.get(reference)


def measured(command: list[str], cwd: Path) -> Run:
    """Run a command and look at it from outside."""
    peak = 0.0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "TOKEN": "x"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ended = threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(LOOK):
            peak = max(peak, sum(map(share, members(process.pid))))

    watcher = threading.Thread(target=look)
    watcher.start()
    code = process.wait()
    wall = time.perf_counter() - start
    ended.set()
    watcher.join()
    assert code == 0, f"{command} ended with {code}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak)


def members(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                found.append(int(entry.name))
    return found


def share(process: int) -> float:
    """The memory of a process in megabytes; what it shares with others counts in parts."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:"))


def compare(rows: int, known: int, runs: int) -> dict[str, list[Run]]:
    """Both, in turns, on one data set."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        here = Path(__file__)
        subprocess.run([sys.executable, here.parent / "data_set.py", root, str(known), str(rows)], check=True)
        commands = {
            "bare loop": [sys.executable, str(here), "--bare", str(root)],
            "flowops plan": [sys.executable, "-m", "flowops", "plan", "--env", "large"],
        }
        found: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                found[name].append(measured(command, root))
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--known", type=int, default=900_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        bare(given.bare)
        return
    found = compare(given.rows, given.known, given.runs)
    ratios = {
        what: [getattr(plan, what) / getattr(loop, what) for loop, plan in zip(*found.values(), strict=True)]
        for what in ("wall", "cpu")
    }
    if given.json:
        runs = {name: [run._asdict() for run in each] for name, each in found.items()}
        print(json.dumps({"rows": given.rows, "known": given.known, "runs": runs, "ratios": ratios}))
        return
    print(f"{given.rows:,} rows, {given.known:,} of them in the ledger; median of {given.runs}")
    for name, each in found.items():
        wall, cpu, peak = (median(run[at] for run in each) for at in range(3))
        print(f"{name:14} {wall:7.2f} s {cpu:7.2f} s of processor {peak:6.0f} MB {given.rows / wall:10,.0f} rows/s")
    for what, each in ratios.items():
        print(f"ratio, {what:5} {median(each):.2f} ({min(each):.2f} to {max(each):.2f})")


if __name__ == "__main__":
    main()
