"""`flowops completion`: a shell completes commands, options, and the names that a project has."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import environment, flowops

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: names
defaults: {caller: "+442079460000", callflow-id: flow-1}
environments:
  production: {api: sandbox}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
labels: {campaign: reminders}
for-each: ../rows.csv
call:
  reference-id: "call-{{ row.id }}"
  callee: "{{ row.phone }}"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    (tmp_path / "calls/all.yaml").write_text(CALLS)
    (tmp_path / "rows.csv").write_text("id,phone\n1,+442079460018\n2,+442079460019\n$(touch x),+442079460020\n")
    return tmp_path


def completed(words: str, cwd: Path) -> list[str]:
    """What bash offers at the end of a command line, with the script that flowops prints."""
    line = shlex.split(words) + ([""] if words.endswith(" ") else [])
    script = (
        'eval "$(flowops completion bash)"; '
        f"COMP_WORDS=({shlex.join(line)}); COMP_CWORD={len(line) - 1}; COMPREPLY=(); "
        "_flowops_completion flowops 2>&1; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", script], cwd=cwd, env=environment(PATH=path), capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return ran.stdout.split()


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@needs_bash
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("flowops explai", ["explain"]),
        ("flowops ledger verif", ["verify"]),
        ("flowops plan --fo", ["--format"]),
        ("flowops apply --env ", ["sandbox", "production"]),
        ("flowops test --format j", ["json", "junit"]),
        ("flowops ledger show ", ["call-1", "call-2"]),
        ("flowops plan --ref call-2", ["call-2"]),
        ("flowops plan -l ", ["campaign=reminders"]),
        ("flowops schema show saved", ["saved-plan"]),
        ("flowops explain project.environments.ra", ["project.environments.rate"]),
    ],
)
def test_bash_completes(words: str, offered: list[str], root: Path) -> None:
    assert completed(words, root) == offered


@needs_bash
def test_names_are_those_of_the_directory_that_is_named(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert completed(f"flowops -C {root} plan --env pro", elsewhere) == ["production"]
    assert completed("flowops ledger show ", elsewhere) == []


@needs_bash
def test_what_is_wrong_in_the_files_prints_nothing(root: Path) -> None:
    (root / "flowops.yaml").write_text("apiVersion: flowops/v1\nkind: [")
    assert completed("flowops plan --env ", root) == []


@pytest.mark.parametrize(
    ("shell", "variables", "offered"),
    [
        (
            "zsh",
            {"COMP_WORDS": "flowops plan --env ", "COMP_CWORD": "3"},
            ["plain", "sandbox", "_", "plain", "production", "_"],
        ),
        ("fish", {"COMP_WORDS": "flowops plan --env", "COMP_CWORD": "pro"}, ["plain,production"]),
    ],
)
def test_other_shells_are_answered_in_their_own_way(
    shell: str, variables: dict[str, str], offered: list[str], root: Path
) -> None:
    assert "_FLOWOPS_COMPLETE" in flowops("completion", shell, cwd=root).out
    ran = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "flowops")],
        cwd=root,
        env=environment(_FLOWOPS_COMPLETE=f"{shell}_complete", **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout.split() == offered


def test_another_shell_is_wrong_usage(root: Path) -> None:
    ran = flowops("completion", "tcsh", cwd=root)
    assert ran.code == 64
    assert "'bash', 'zsh', 'fish'" in ran.err
