"""What README.md and docs/ show is what happens: every console block is run, and its output compared."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click
import pytest
from support.code import UnknownCommand, parsed
from support.commands import EXAMPLES, ROOT, environment, flowops

from flowops.cli.main import root
from flowops.common.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
#: Stands in a document for whatever differs from run to run.
ANYTHING = "[…]"


def blocks(document: Path) -> list[tuple[str, str]]:
    """Every command of a document's console blocks, with the output that it shows."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            found.append((command, output))
    return found


def pattern(output: str) -> str:
    """A regular expression for the output as a document shows it."""
    return r"[\s\S]*".join(re.escape(part) for part in output.rstrip("\n").split(ANYTHING))


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if blocks(each)], ids=lambda path: path.name)
def test_what_a_document_shows_is_what_happens(document: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    bin_ = os.path.dirname(sys.executable)
    env = environment(PATH=f"{bin_}:{os.environ['PATH']}")
    for command, output in blocks(document):
        ran = subprocess.run(
            command, shell=True, cwd=tmp_path, env=env, text=True, check=False, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert re.fullmatch(pattern(output), ran.stdout.rstrip("\n")), f"$ {command}\n{ran.stdout}"


#: What a reader has to fill in, or a shell does.
FILLED = {
    "NUMBER": "+442079460101",
    "FORMAT=FILE": "html=x.html",
    "$FLOWOPS_NEW_LEDGER_URL": "sqlite:///x.db",
    "DIR": ".",
    "…": "x",
    "SHELL": "bash",
    "spool-….jsonl": "spool-1.jsonl",
}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
#: A command in a block that is not run here: of a job, a unit, a schedule.
IN_A_BLOCK = re.compile(rf"\bflowops ((?:{'|'.join(root.list_commands(click.Context(root)))})\b.*)")
#: Where a command ends.
END = re.compile(r"[;|&#]| \d?>|'$|' *\n| COMMAND")


def commands_of(document: Path) -> list[str]:
    """Every command of a page that is not in a console block."""
    text = document.read_text(encoding="utf-8")
    spans = re.findall(r"`flowops ([a-z][^`\n]+)`", FENCE.sub("", text))
    fences = "\n".join(block for _, language, block in FENCE.findall(text) if language != "console")
    return [END.split(each)[0] for each in (*spans, *IN_A_BLOCK.findall(fences))]


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each.name != "commands.md"], ids=lambda it: it.name)
def test_every_command_of_a_document_can_be_typed(document: Path) -> None:
    wrong = []
    for command in commands_of(document):
        # What may be left out, or is told elsewhere, is left out.
        plain = re.sub(r"\[[^\]]*\]|(?<!--reason) …| --help", "", command)
        try:
            parsed([FILLED.get(word, word) for word in shlex.split(plain)])
        except click.UsageError as error:
            # Where the option or the command is only named, what it needs is not said.
            if not isinstance(error, click.MissingParameter) and "requires an argument" not in error.message:
                wrong.append(f"flowops {command}: {error.message}")
        except UnknownCommand as error:
            wrong.append(f"flowops {command}: {error}")
    assert wrong == []


def test_what_readme_says_that_its_first_command_prints(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"`(Applied to [^`]*)`", readme)
    shutil.copytree(EXAMPLES / "clinic-reminders", tmp_path / "clinic", ignore=shutil.ignore_patterns(".flowops"))
    assert flowops("apply", "clinic", cwd=tmp_path).out.startswith(said)
    assert readme.count("<!-- command: ") == 2


def test_the_shell_of_readme_is_that_of_whoever_follows_it() -> None:
    """After the first command the program is in the virtual environment, and README writes `flowops`: it says how."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = text.index("<!-- command: main -->")
    first = text.index("$ flowops")
    for way in (
        "`.venv/bin/flowops`",
        "`source .venv/bin/activate`",
        "`pipx install ",
        "`uv tool install ",
        "docker build",
    ):
        assert command < text.index(way) < first, way


def test_relative_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_link_of_readme_is_absolute_and_leads_to_a_file() -> None:
    """A package index shows README without the files around it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    ours = re.findall(
        r"https://(?:github|raw\.githubusercontent)\.com/flowops/flowops/(?:(?:blob|tree)/)?main/([^)\s#]+)", text
    )
    assert len(ours) > 20
    assert [target for target in ours if not (ROOT / target).exists()] == []
    assert re.findall(r"\]\((?!https:)[^)]+\)", text) == []
    definition = r"(?m)^\[([^\]]+)\]: .*$"
    prose = re.sub(r"(?s)```.*?```|`[^`]*`", "", re.sub(definition, "", text))
    assert set(re.findall(r"(?<!!)\[([^\]]+)\](?!\()", prose)) == set(re.findall(definition, text))


def test_the_badges_of_readme_are_true() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shown = {name: unquote(said).replace("_", " ") for name, said in re.findall(r"/badge/(\w+)-([^-]+)-\w+\)", text)}
    released = f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = [each.rpartition(" ")[2] for each in project["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert shown == {
        "version": __version__ if released else f"{__version__} (unreleased)",
        "Python": " | ".join(versions),
        "licence": project["license"],
    }
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{project['license']} License")
    (workflow,) = re.findall(r"!\[CI\]\(https://github.com/flowops/flowops/actions/workflows/([^/]+)/badge.svg\)", text)
    assert (ROOT / ".github/workflows" / workflow).exists()
    tested = re.findall(r'"(3\.\d+)"', (ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8"))
    assert set(versions) <= set(tested)


def test_what_is_generated_is_fresh(tmp_path: Path) -> None:
    script = tmp_path / ".ci/write_docs.py"
    script.parent.mkdir()
    for part in (ROOT / ".ci").glob("*.py"):
        (script.parent / part.name).write_text(part.read_text())
    (tmp_path / "docs").mkdir()
    subprocess.run([sys.executable, script], check=True, env=environment())
    written = [file for file in sorted((tmp_path / "docs").rglob("*")) if file.is_file()]
    assert len(written) > 3
    for made in written:
        committed = ROOT / "docs" / made.relative_to(tmp_path / "docs")
        assert made.read_text() == committed.read_text(), f"run .ci/write_docs.py for {made.name}"
