"""`validate` of many spec files, as a ratio to check-jsonschema on the same files with the same schema.

    .venv/bin/python benchmarks/spec_files.py [--files N] [--rounds N] [--json]

The files are calls of 1 KB, all of one project. The two take turns, so that a machine whose speed drifts treats both
alike; the ratio of each round is what counts. flowops keeps the place of every value, looks at phone numbers and
reference-ids, and renders each body; check-jsonschema holds the files against the schema of a call, and no more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

BIN = Path(sys.executable).parent
SCHEMA = Path(__file__).parent.parent / "schemas/call.schema.json"
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: spec-files
"""
CALL = """\
# yaml-language-server: $schema=https://example.org/flowops/schemas/call.schema.json
# The reminder of one appointment; the desk of the clinic keeps these files.
apiVersion: flowops/v1
kind: Call
reference-id: reminder-{number:06}
callee: "+442079460{short:03}"
caller: "+442079460000"
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
max-ringing-timeout: 30
voicemail-response: Stop
flow-variables:
  patient: Patient {number}
  title: Ms
  clinic: Acme Clinics, Baker Street
  department: Orthopaedics
  practitioner: Dr. A. Example
  day: Tuesday 24 November
  when: "09:30"
  room: B{short}
  minutes: 15
  language: en-GB
  greeting: >-
    Good morning. This is Acme Clinics with a reminder
    of an appointment that you have with us.
  question: Press 1 to confirm, 2 to move the appointment, or 3 to speak with somebody at the desk.
  confirmed: Thank you. We look forward to seeing you.
  moved: Thank you. Somebody will call you back today to find another time.
  opening-hours: Monday to Friday, from 08:00 to 17:30
  notes: Please bring your letter.
"""


class Ran(NamedTuple):
    """One whole process: its wall time in seconds, and its peak memory in MB."""

    seconds: float
    peak: float


def run(command: list[str], directory: Path) -> Ran:
    """Run a command to its end; it has to succeed."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    # As installed: compiled modules are kept, whatever the shell of a developer says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    here = Path.cwd()
    os.chdir(directory)
    try:
        start = time.perf_counter()
        child = os.posix_spawn(command[0], command, environment, file_actions=quiet)
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - start
    finally:
        os.chdir(here)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{Path(command[0]).name} failed")
    return Ran(seconds, usage.ru_maxrss / 1024)


def write_files(directory: Path, files: int) -> list[str]:
    """The project and its calls; the names of those."""
    (directory / "calls").mkdir()
    (directory / "flowops.yaml").write_text(PROJECT)
    names = []
    for number in range(files):
        names.append(f"calls/{number:06}.yaml")
        (directory / names[-1]).write_text(CALL.format(number=number, short=number % 1000))
    return names


def measure(files: int, rounds: int) -> dict[str, list[Ran]]:
    """So many runs of each command on the same files."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder).resolve()
        names = write_files(directory, files)
        commands = {
            "flowops validate": [str(BIN / "flowops"), "validate"],
            "check-jsonschema": [str(BIN / "check-jsonschema"), "--schemafile", str(SCHEMA), *names],
        }
        run([str(BIN / "flowops"), "validate"], directory)  # warms the caches of files and modules
        ran: dict[str, list[Ran]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                ran[name].append(run(command, directory))
    return ran


def main(given: argparse.Namespace) -> None:
    """Print what each took, and how many times faster flowops was."""
    ran = measure(given.files, given.rounds)
    pairs = zip(ran["check-jsonschema"], ran["flowops validate"], strict=True)
    ratios = sorted(peer.seconds / own.seconds for peer, own in pairs)
    told = {
        "files": given.files,
        "rounds": given.rounds,
        "commands": {
            name: {
                "seconds": spread([each.seconds for each in runs]),
                "peak_megabytes": round(max(each.peak for each in runs), 1),
            }
            for name, runs in ran.items()
        },
        "times_faster": spread(ratios),
    }
    if given.json:
        print(json.dumps(told, indent=2))
        return
    print(f"{given.files:,} files of {len(CALL)} bytes, {given.rounds} rounds")
    print(f"{'command':20} {'min s':>8} {'median':>8} {'max':>8} {'peak MB':>8}")
    for name, figures in told["commands"].items():
        low, middle, high = figures["seconds"].values()
        print(f"{name:20} {low:8.2f} {middle:8.2f} {high:8.2f} {figures['peak_megabytes']:8.0f}")
    low, middle, high = told["times_faster"].values()
    print(f"times faster: {middle:.1f} ({low:.1f} to {high:.1f})")


def spread(figures: list[float]) -> dict[str, float]:
    """The least, the middle and the most of some figures."""
    return {"min": round(min(figures), 4), "median": round(median(figures), 4), "max": round(max(figures), 4)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="validate of many spec files, against check-jsonschema.")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    main(parser.parse_args())
