"""What `flowops --help` imports."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.commands import EXAMPLES, environment

HEAVY = (
    "httpx",
    "sqlalchemy",
    "alembic",
    "jinja2",
    "jsonschema",
    "yaml",
    "phonenumbers",
    "rich",
    "uvicorn",
    "asyncio",
    "sqlite3",
    "psycopg",
)


@pytest.mark.parametrize(
    ("args", "banned"),
    [
        (["--help"], HEAVY),
        (["--version"], HEAVY),
        (
            ["validate", str(EXAMPLES / "quickstart/call.yaml")],
            ("httpx", "sqlalchemy", "alembic", "uvicorn", "asyncio", "jsonschema"),
        ),
        (
            ["diff", "HEAD", str(EXAMPLES / "quickstart/call.yaml")],
            ("httpx", "sqlalchemy", "alembic", "uvicorn", "asyncio", "sqlite3", "rich"),
        ),
    ],
    ids=["help", "version", "validate", "diff"],
)
def test_a_command_imports_nothing_that_it_does_not_need(args: list[str], banned: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flowops", *args],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    imported = {
        line.rsplit("|", 1)[1].strip() for line in ran.stderr.splitlines() if re.match(r"import time:.*\|.*\|", line)
    }
    assert "flowops.cli.main" in imported
    assert not imported.intersection(banned)
