"""The benchmarks run: as little of each as shows that it works. How fast anything was is nobody's test."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

RUN = ROOT / "benchmarks/run.py"
DOCUMENTS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What each of them compares, or counts, at the least.
FOUND = {
    "startup": [
        *("python -c pass", "import click", "flowops --version", "flowops --help", "flowops validate FILE"),
        *("flowops plan, 200 calls", "flowops status, 200 calls", "flowops --help: bare program"),
    ],
    "files": ["flowops validate", "bare program", "check-jsonschema"],
    "rows": ["bare loop", "flowops plan"],
    "commands": [
        "plan",
        "plan, as JSON",
        "validate",
        "diff, every call changed",
        "diff, every call changed: bare program",
    ],
    "hook": ["request to POST", "request to answer"],
}
LONG = {
    "growth": ["validate", "plan"],
    "sources": ["bare loop", "flowops plan"],
    "callbacks": ["answered alone", "recorded"],
    "rate": ["without a rate", "at 10/s"],
    "apply": ["bare client", "no ledger", "SQLite"],
    "writers": ["one run", "four runs", "one run at 200/s"],
    "peers": [],
    "workers": [],
}


def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, RUN, *options]
    ran = subprocess.run(command, env=environment(), cwd=ROOT, text=True, capture_output=True, check=False, timeout=900)
    assert ran.returncode == 0, ran.stderr
    return ran


def reports(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("--quick", "--json", "--only", name).stdout)["reports"]
    return found


@pytest.mark.parametrize(
    ("name", "jobs"),
    [*FOUND.items(), *(pytest.param(*each, marks=pytest.mark.long) for each in LONG.items())],
)
def test_every_job_has_its_turn(name: str, jobs: list[str]) -> None:
    found = reports(name)
    assert found or not jobs
    assert not found or list(found[0]["runs"])[: len(jobs)] == jobs
    for report in found:
        assert report["title"]
        assert all(len(runs) == len(next(iter(report["runs"].values()))) for runs in report["runs"].values())
        assert report.get("ratios_to_bare", {}).keys() == report.get("bare", {}).keys()


def test_the_slowest_steps_come_first() -> None:
    (report,) = reports("steps")
    each = [runs[0]["seconds"] / runs[0]["steps"] for runs in report["runs"].values()]
    assert each == sorted(each, reverse=True)
    assert len(each) > 1


def test_every_stage_does_as_many_things_as_its_bare_limit() -> None:
    (report,) = reports("stages")
    assert len(report["runs"]) == 8
    assert {side for found in report["runs"].values() for side in found} == {"bare", "flowops"}


def test_a_ledger_keeps_more_of_a_finished_call() -> None:
    (report,) = reports("ledger")
    assert "SQLite" in report["bytes"]
    for kept in report["bytes"].values():
        assert kept["finished"] > kept["placed"] > 0


def test_rows_that_are_kept_are_not_made_again(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    made = []
    for _ in range(2):
        run("--quick", "--only", "rows", "--rows", "50", "--data", kept)
        made.append({root.name: (root / "large.db").stat().st_ino for root in kept.iterdir()})
    special = ("", "-each-3", "-policy", "-written", "-attempts")
    assert made[0].keys() == {"rows-50-known-45", *(f"rows-50-known-0{each}" for each in special)}
    assert made[0] == made[1]


@pytest.mark.long
def test_everything_comes_to_one_page(tmp_path: Path) -> None:
    run("--quick", "--out", tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    for title in ("Start-up", "Each stage against its bare limit", "How time and memory grow with the rows"):
        assert f"\n## {title}\n" in page
    pictures = re.findall(r"!\[.*\]\((.*)\)", page)
    assert len(pictures) == (2 if find_spec("matplotlib") else 0)
    for picture in pictures:
        drawn = (tmp_path / picture).read_text()
        assert "prefers-color-scheme: dark" in drawn
        assert "#123456" not in drawn.replace("var(--ink, #123456)", "")


def test_the_commands_in_documents_are_ones_it_takes() -> None:
    commands = {
        options
        for document in DOCUMENTS
        for options in re.findall(r"benchmarks/run\.py([^`\n]*)", document.read_text())
    }
    assert any("--only" in options for options in commands)
    for options in commands:
        run(*shlex.split(options), "--help")
