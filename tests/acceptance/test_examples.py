"""Every example does what it says, and fits the authoring schemas of a validator that is not ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from openapi_spec_validator import validate
from support.commands import EXAMPLES, ROOT, flowops

if TYPE_CHECKING:
    from pathlib import Path

SCHEMAS = ROOT / "schemas"
KINDS = {"Project": "project", "Flow": "flow", "Call": "call", "CallSet": "callset"}


def kind_of(path: Path) -> str | None:
    """What the first document of a file is."""
    first: dict[str, str] = next(yaml.safe_load_all(path.read_text()))
    return first.get("kind")


FILES = sorted(path for path in EXAMPLES.rglob("*.yaml") if kind_of(path) in KINDS)


def judged(schema: str, path: Path) -> int:
    """The exit code of check-jsonschema."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--schemafile",
        str(SCHEMAS / f"{schema}.schema.json"),
        str(path),
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_an_example_fits_its_schema_and_no_other_kind(path: Path, tmp_path: Path) -> None:
    kind = yaml.safe_load(path.read_text())["kind"]
    assert judged(KINDS[kind], path) == 0
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(path.read_text() + "\nno-such-field: 1\n")
    assert judged(KINDS[kind], wrong) == 1


@pytest.mark.parametrize(
    ("example", "args", "calls"),
    [
        ("quickstart", ("call.yaml",), 1),
        ("clinic-reminders", (), 200),
        ("incident-alert", ("--var-file", "incident.yaml"), 1),
        ("recalls", (), 5),
        ("on-call-rota", ("--var-file", "incident.yaml"), 1),
    ],
)
def test_an_example_is_placed_once(example: str, args: tuple[str, ...], calls: int, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / example, tmp_path / example, ignore=shutil.ignore_patterns(".flowops"))
    where = tmp_path / example
    assert flowops("validate", *args, cwd=where).code == 0
    first = flowops("apply", *args, "--format", "json", cwd=where)
    assert first.code == 0, first.err
    assert first.json["summary"]["placed"] == calls
    second = flowops("apply", *args, "--format", "json", cwd=where)
    assert second.code == 0
    assert second.json["summary"]["unchanged"] == calls


@pytest.mark.parametrize("example", sorted({path.parent.parent.name for path in EXAMPLES.glob("*/tests/*.yaml")}))
def test_the_tests_of_an_example_pass(example: str) -> None:
    ran = flowops("test", "--format", "json", cwd=EXAMPLES / example)
    assert ran.code == 0, ran.out
    assert ran.json["summary"]["tests"] > 1


def test_an_incident_without_its_variables_is_told() -> None:
    ran = flowops("validate", cwd=EXAMPLES / "incident-alert")
    assert ran.code == 3
    assert "'vars.headline' is not defined" in ran.err
    assert "give it with --var headline=…" in ran.err


def test_the_description_of_the_api_is_openapi() -> None:
    validate(yaml.safe_load((SCHEMAS / "flowbuilder.openapi.yaml").read_text()))


def test_the_committed_schemas_are_fresh(tmp_path: Path) -> None:
    assert flowops("schema", "build", "--check", cwd=ROOT).code == 0
    assert flowops("schema", "build", "--out", tmp_path, cwd=ROOT).code == 0
    stale = tmp_path / "call.schema.json"
    stale.write_text(stale.read_text().replace("apiVersion", "apiVersions", 1))
    assert flowops("schema", "build", "--out", tmp_path, "--check", cwd=ROOT).code == 1


def test_schemas_can_be_derived_from_another_description(tmp_path: Path) -> None:
    text = (SCHEMAS / "flowbuilder.openapi.yaml").read_text()
    assert "maximum: 60" in text
    (tmp_path / "other.yaml").write_text(text.replace("maximum: 60", "maximum: 90"))
    assert flowops("schema", "build", "--openapi", "other.yaml", "--out", "out", cwd=tmp_path).code == 0
    assert '"maximum": 90' in (tmp_path / "out/request.schema.json").read_text()


def test_a_projects_schemas_know_its_flows(clinic: Path) -> None:
    assert flowops("schema", "build", "--project", ".", cwd=clinic).code == 0
    callset = (clinic / ".flowops/schemas/callset.schema.json").read_text()
    assert "appointment-reminder" in callset
    assert "doctor" in callset
