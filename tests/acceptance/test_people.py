"""What the first people met who used flowops, each with its right end."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import ROOT, flowops
from support.git import Repository
from support.server import TOKEN, ApiServer, answer_with, queued, respond

from flowops.common.called import DISTRIBUTION

if TYPE_CHECKING:
    import socket
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
#: Files that people copy, and texts that tell them what to install.
INSTALLING = (".github", ".gitlab", "docs", "examples", "flowops", ".pre-commit-hooks.yaml", "README.md")
FORMATS = ("text", "json", "markdown", "github", "sarif", "junit", "html", "gitlab")


def test_nothing_installs_a_distribution_that_the_project_does_not_own() -> None:
    named = re.compile(r"pip install[^\n`]*?['\" ](flowops(?:-calls)?)\b(?!\.)")
    files = [file for name in INSTALLING for file in (ROOT / name, *(ROOT / name).rglob("*"))]
    found = {
        (str(file.relative_to(ROOT)), each)
        for file in files
        if file.is_file() and file.suffix in (".yml", ".yaml", ".md", ".py", ".toml", "")
        for each in named.findall(file.read_text(errors="replace"))
    }
    assert {each for _, each in found} <= {DISTRIBUTION}, found


@pytest.mark.parametrize("ledger", ["prod.db", "led/prod.sqlite3", "our ledger", "a[b]*.db"])
def test_what_is_added_to_git_holds_no_ledger_and_no_key(real: Path, ledger: str) -> None:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(project.replace("sqlite:///ledger.db", f"'sqlite:///{ledger}'"))
    (real / ledger).parent.mkdir(exist_ok=True)
    repository = Repository(real)
    made = flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV)
    assert made.code == 0, made.err
    assert "Git ignores the ledger and its key from now on" in made.err
    repository.commit()
    assert "flowops.yaml" in repository.git("ls-files")
    assert not [name for name in repository.git("ls-files", "-z").split("\0") if name.startswith(ledger)]
    assert flowops("status", *PRODUCTION, cwd=real, env=ENV).code == 0


def test_a_ledger_that_git_ignores_already_changes_no_file(real: Path) -> None:
    Repository(real)
    (real / ".gitignore").write_text("*.db*\n")
    assert "Git ignores" not in flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).err
    assert (real / ".gitignore").read_text() == "*.db*\n"


@pytest.mark.parametrize(
    "written", ["020 7946 0123", "+44 20 7946 0126", "0044 20 79460126", "12345678901", "0207946O123"]
)
def test_a_number_that_is_wrong_is_in_no_format_of_what_is_wrong(real: Path, written: str) -> None:
    (real / "calls/three.yaml").write_text(
        f"apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: '{written}'\n"
    )
    for format_ in FORMATS:
        ran = flowops("validate", "--format", format_, cwd=real)
        assert ran.code == 3
        shown = ran.out + ran.err
        assert written not in shown, format_
        assert re.sub(r"\D", "", written)[-8:] not in re.sub(r"[ ()-]", "", shown), format_
        if format_ == "text":
            assert "e164('GB')" in shown


def test_one_bad_number_does_not_stop_the_others(real: Path, api: ApiServer) -> None:
    (real / "data.csv").write_text("id,phone\n1,+442079460110\n2,12345\n3,020 7946 0111\n")
    (real / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data.csv\non-invalid: skip\nmax-invalid: 1\n"
        "call: {reference-id: 'r-{{ row.id }}', callee: \"{{ row.phone | e164('GB') }}\"}\n"
    )
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    ran = flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV)
    assert (ran.code, dict(api.received)) == (0, {"r-1": 1, "r-3": 1}), ran.err
    assert "1 of 3 rows" in ran.err
    again = flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV)
    assert (again.code, "/ row 2 of data.csv: callee" in again.out, "Nothing is left" in again.out) == (0, True, False)


def test_one_edited_row_does_not_stop_the_others(real: Path, api: ApiServer) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    apply = ("apply", *PRODUCTION, "--auto-approve")
    assert flowops(*apply, "--ref", "call-1", cwd=real, env=ENV).code == 0
    text = (real / "calls/three.yaml").read_text()
    (real / "calls/three.yaml").write_text(text.replace("call-1\n", "call-1\nmax-ringing-timeout: 20\n"))
    ran = flowops(*apply, cwd=real, env=ENV)
    assert (ran.code, api.received.total()) == (9, 3)
    assert "call-1" in ran.out


def some_refused(connection: socket.socket, request: dict[str, Any], _headers: dict[str, str]) -> None:
    """Take the first callee, and refuse all others."""
    first, *others = request["callees"]
    refused = [{**queued(request, each), "success": False, "error": "No route"} for each in others]
    respond(connection, "200 OK", json.dumps([queued(request, first), *refused]).encode())


def test_a_callee_that_was_refused_is_told_wherever_the_call_is_until_it_is_known(real: Path, api: ApiServer) -> None:
    (real / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: alert\n"
        "callees: ['+442079460101', '+442079460102', '+442079460103']\n"
    )
    api.behave = some_refused
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    apply = ("apply", *PRODUCTION, "--auto-approve")
    assert flowops(*apply, cwd=real, env=ENV).code == 6
    again = flowops(*apply, cwd=real, env=ENV)
    assert (again.code, "Placed in part before" in again.out, "Nothing is left" in again.out) == (6, True, False)
    assert "2 of 3 refused: No route" in flowops("ledger", "list", *PRODUCTION, cwd=real, env=ENV).out
    for asked in (("status",), ("status", "alert"), ("status", "--since", "1h")):
        assert "refused" in flowops(*asked, *PRODUCTION, cwd=real, env=ENV).out, asked
    status = ("status", *PRODUCTION, "--format", "json")
    assert flowops(*status, cwd=real, env=ENV).json["partly_refused"] == ["alert"]
    known = flowops("ledger", "accept", "alert", *PRODUCTION, "--reason", "rang them", "--yes", cwd=real, env=ENV)
    assert known.code == 0, known.err
    assert flowops(*apply, cwd=real, env=ENV).code == 0
    assert flowops(*status, cwd=real, env=ENV).json["partly_refused"] == []


@pytest.mark.parametrize("code", ["401 Unauthorized", "407 Proxy Authentication Required", "403 Forbidden"])
def test_a_job_is_run_again_with_the_same_plan_once_its_token_is_right(real: Path, api: ApiServer, code: str) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    assert flowops("plan", *PRODUCTION, "-o", "plan.json", cwd=real, env=ENV).code == 0
    accepting = api.behave
    api.behave = answer_with(code, b"{}")
    wrong = flowops("apply", "--plan", "plan.json", cwd=real, env=ENV)
    assert wrong.code == 6
    assert code[:3] in wrong.out + wrong.err
    api.behave = accepting
    again = flowops("apply", "--plan", "plan.json", "--format", "json", cwd=real, env=ENV)
    assert (again.code, again.json["summary"]["placed"]) == (0, 3), again.err


def test_a_secret_that_is_mounted_as_a_file_is_read(real: Path, api: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/cm").write_text(f"{TOKEN}\n")
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(project.replace("{env: FLOWOPS_TOKEN}", "{file: cm}"))
    env = {"FLOWOPS_SECRET_DIRS": str(tmp_path / "secrets")}
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=env).code == 0
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=env).code == 0
    (real / "flowops.yaml").write_text(project.replace("{env: FLOWOPS_TOKEN}", "{vault: cm}"))
    refused = flowops("plan", *PRODUCTION, cwd=real, env=env)
    assert refused.code == 3
    assert "hint: it takes env or file" in refused.err


def test_days_are_spoken_in_the_language_of_the_callee(real: Path) -> None:
    (real / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: '+442079460101'\n"
        "flow-variables: {when: \"{{ '01/12/2026' | datetime('%A, %-d. %B', from='%d/%m/%Y', locale='de') }}\"}\n"
    )
    ran = flowops("render", "--format", "json", cwd=real)
    assert ran.code == 0, ran.err
    assert ran.json["calls"][0]["body"]["flow-variables"]["when"] == "Dienstag, 1. Dezember"
