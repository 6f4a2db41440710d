"""What flowops prints for machines fits the schemas that it publishes, and shows no phone number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from markdown_it import MarkdownIt
from support.commands import ROOT, flowops

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "plan": ("plan", "--format", "json"),
    "result": ("apply", "--format", "json"),
    "render": ("render", "--format", "json"),
    "validate": ("validate", "--format", "json"),
    "ledger-list": ("ledger", "list", "--format", "json"),
    "ledger-runs": ("ledger", "runs", "--format", "json"),
    "status": ("status", "--format", "json"),
    "ledger-show": ("ledger", "show", "reminder-A1001-2026-12-01", "--format", "json"),
}


def schema(name: str) -> object:
    return json.loads((ROOT / f"schemas/{name}.schema.json").read_text())


def test_everything_printed_as_json_fits_its_schema(clinic: Path) -> None:
    assert flowops("plan", "-o", "saved.json", cwd=clinic).code == 0
    for name, args in COMMANDS.items():
        ran = flowops(*args, cwd=clinic)
        assert ran.code == 0, ran.err
        jsonschema.validate(ran.json, schema(name))
    jsonschema.validate(json.loads((clinic / "saved.json").read_text()), schema("saved-plan"))


def test_no_number_and_no_sensitive_value_is_printed_kept_or_saved(clinic: Path) -> None:
    rows = (clinic / "data/appointments.csv").read_text().splitlines()[1:]
    canaries = {cell for row in rows for cell in row.split(",")[1:3]} | {"+442079460000"}
    outputs = [
        flowops("plan", "-o", "saved.json", "--full", cwd=clinic),
        flowops("plan", "--format", "markdown", cwd=clinic),
        flowops("show", "saved.json", cwd=clinic),
        flowops("apply", "--full", cwd=clinic),
        flowops("plan", "--format", "json", cwd=clinic),
        flowops("ledger", "list", cwd=clinic),
        flowops("ledger", "export", cwd=clinic),
        flowops("ledger", "export", "--format", "csv", cwd=clinic),
        flowops("ledger", "show", "reminder-A1001-2026-12-01", cwd=clinic),
        flowops("status", "reminder-A1001-2026-12-01", cwd=clinic),
    ]
    data = clinic / "data/appointments.csv"
    data.write_text(data.read_text().replace("Klara", "Clara").replace("+4930901820024", "+4930901820099"))
    outputs += [flowops("plan", cwd=clinic), flowops("apply", "--format", "markdown", cwd=clinic)]
    assert outputs[-1].code == 9
    left = "".join(ran.out + ran.err for ran in outputs)
    left += (clinic / "saved.json").read_text()
    for path in (clinic / ".flowops").iterdir():
        left += path.read_bytes().decode("latin-1")
    # A reference-id is what commands take: it is never masked, and here it holds no number.
    found = sorted(canary for canary in canaries if canary in left)
    assert found == []


def test_show_pii_is_for_text_only(clinic: Path) -> None:
    assert "+4930901820024" in flowops("plan", "--show-pii", "--full", cwd=clinic).out
    assert flowops("plan", "--show-pii", "--format", "json", cwd=clinic).code == 64


def test_a_plan_as_markdown_fits_one_comment(clinic: Path) -> None:
    text = flowops("plan", "--format", "markdown", "--full", cwd=clinic).out
    assert len(text) < 65_536
    assert "<!-- flowops:" in text
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<table>" in html


@pytest.mark.parametrize("name", ["NO_COLOR", "FORCE_COLOR"])
def test_colours_are_asked_for_or_not(clinic: Path, name: str) -> None:
    text = flowops("plan", cwd=clinic, env={name: "1"}).out
    assert ("\x1b[" in text) is (name == "FORCE_COLOR")


def test_the_ledger_and_the_bodies_are_printed_as_markdown_too(clinic: Path) -> None:
    assert flowops("apply", cwd=clinic).code == 0
    reading = MarkdownIt("commonmark").enable("table")
    for args in (["status"], ["ledger", "list", "reminder-A100*"], ["ledger", "show", "reminder-A1001-2026-12-01"]):
        ran = flowops(*args, "--format", "markdown", cwd=clinic)
        assert ran.code == 0, ran.err
        assert "<table>" in reading.render(ran.out)
        assert "+4930901820024" not in ran.out
    bodies = flowops("render", "--format", "markdown", cwd=clinic)
    assert reading.render(bodies.out).count("<pre>") == 200
