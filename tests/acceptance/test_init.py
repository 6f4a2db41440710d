"""`flowops init` writes a repository that works at once, whatever it begins with."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository

from flowops.app.starter import TEMPLATES, pipeline_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_can_be_planned_as_it_is_printed_and_pushed(template: str, tmp_path: Path) -> None:
    written = flowops("init", "calls", "--template", template, "--ci", "github", cwd=tmp_path)
    assert written.code == 0, written.err
    assert "calls/.github/workflows/flowops.yml" in written.out
    command = written.err.partition("flowops ")[2].partition(",")[0]
    planned = flowops(*shlex.split(command), "--format", "json", cwd=tmp_path)
    assert (planned.code, planned.json["summary"]["place"] > 0) == (0, True), planned.err
    tests = flowops("test", cwd=tmp_path / "calls")
    assert (tests.code, ", 0 failed." in tests.out, "0 passed" in tests.out) == (0, True, False), tests.out
    assert flowops("apply", *shlex.split(command)[3:], cwd=tmp_path / "calls").code == 0
    repository = Repository(tmp_path / "calls")
    repository.commit()
    kept = repository.git("ls-files").splitlines()
    assert {"flowops.yaml", ".vscode/settings.json", ".flowops/schemas/call.schema.json"} <= set(kept)
    assert not [name for name in kept if name.endswith((".db", ".key", "plan.json"))]
    assert "production" in (tmp_path / "calls/flowops.yaml").read_text()


def test_the_head_of_a_pipeline_names_the_settings_that_it_needs() -> None:
    """What `init` says: read the head, and set the secrets that it names."""
    text = pipeline_text("github")
    head = text[: text.index("\nname:")]
    assert set(re.findall(r"\${{ (?:secrets|vars)\.(\w+) }}", text)) == set(re.findall(r"FLOWOPS_[A-Z_]+\b(?!=)", head))
    assert set(re.findall(r"^    environment: (\S+)", text, re.MULTILINE)) == set(
        re.findall(r"^#   ([a-z-]+) ", head, re.MULTILINE)
    )
    gitlab = pipeline_text("gitlab")
    head = gitlab[: gitlab.index("\nvariables:")]
    for needed in ("FLOWOPS_PRODUCT_TOKEN", "FLOWOPS_LEDGER_URL", "FLOWOPS_CALLBACK_SECRET", "flowops ledger init"):
        assert needed in head


def test_there_is_no_other_template(tmp_path: Path) -> None:
    ran = flowops("init", "calls", "--template", "remindres", cwd=tmp_path)
    assert (ran.code, list(tmp_path.iterdir())) == (64, [])
