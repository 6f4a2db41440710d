"""Other people's validators read the authoring schemas as flowops does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CASES = sorted((ROOT / "tests" / "cases" / "schema").iterdir())
KINDS = {"Call": "call", "CallSet": "callset", "Flow": "flow", "Project": "project", "Test": "test"}


def _kind(case: Path) -> str:
    text = (case / "document.yaml").read_text()
    return KINDS[text.partition("kind: ")[2].split()[0]]


def _check_jsonschema(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "-o", "json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("name", [*KINDS.values(), "flowops"])
def test_check_jsonschema_gives_the_same_verdict(name: str) -> None:
    cases = [case for case in CASES if name in (_kind(case), "flowops")]
    documents = [str(case / "document.yaml") for case in cases]
    done = _check_jsonschema("--schemafile", str(ROOT / "schemas" / f"{name}.schema.json"), *documents)
    report = json.loads(done.stdout)
    refused = {error["filename"] for error in report["errors"]}
    assert report.get("parse_errors", []) == []
    assert refused == {str(case / "document.yaml") for case in cases if (case / "expected.txt").exists()}


def test_check_jsonschema_takes_the_schemas_for_schemas() -> None:
    done = _check_jsonschema("--check-metaschema", *map(str, sorted((ROOT / "schemas").glob("*.schema.json"))))
    assert done.returncode == 0, done.stdout
