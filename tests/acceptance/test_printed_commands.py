"""A command that a message recommends is complete, and works as it is printed, in the place where it is printed."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from support.code import UnknownCommand, parsed, texts
from support.commands import ROOT, environment, flowops
from support.server import TOKEN, ApiServer, answer_with

from flowops.cli.main import root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CAMPAIGN_KEY": "c" * 64}
E = "--env production"
#: What a reader has to fill in.
PLACEHOLDERS = {"…": "x", "REF": "call-1", "VALUE": "x", "GLOB": "call-*"}
#: Commands, in their order, that say what to do next.
ORDINARY = (
    f"plan {E}",
    f"status {E}",
    f"ledger list {E}",
    f"apply {E} --auto-approve",
    f"ledger init {E}",
    f"plan {E} -o plan.json",
    f"stop {E} --reason why",
    f"plan {E}",
    f"apply {E} --auto-approve",
)
DOUBTFUL = (
    f"apply {E} --auto-approve",
    f"plan {E}",
    f"status {E}",
    f"ledger resolve call-1 {E} --not-placed --reason asked --yes",
    "apply --plan plan.json --env sandbox",
    f"apply {E} --digest sha256:0",
    "apply",
)
#: A campaign from its beginning to its end, and then a ledger that moves.
HANDED_OVER = (
    f"ledger init {E}",
    f"apply {E} --detach --auto-approve --name spring",
    f"plan {E}",
    f"doctor {E}",
    f"campaign show {E} spring",
    f"campaign cancel {E} spring --yes",
    f"campaign resume {E} spring",
)
MOVED = (
    f"ledger copy {E} --to sqlite:///new.db --yes",
    f"plan {E}",
    f"ledger copy {E} --undo",
    f"apply {E} --auto-approve",
    f"campaign list {E}",
)
#: What goes on until somebody ends it.
SERVING = ("worker", "listen")


def printed(text: str) -> list[str]:
    """The commands that a text recommends, without what stands behind them in the sentence."""
    found = re.findall(r"flowops ((?:[a-z]+ )?[a-z]+(?: [^`,;\n]*)?)(?=[`,;\n]|$)", text)
    return [command.split(" or ")[0].rstrip(" .") for command in found]


def collected(real: Path, asked: tuple[str, ...]) -> dict[str, str]:
    """What commands recommend, and which of them did first."""
    found: dict[str, str] = {}
    for command in asked:
        ran = flowops(*shlex.split(command), cwd=real, env=ENV)
        for each in printed(f"{ran.err}\n{ran.out}"):
            found.setdefault(each, command)
    return found


def try_out(real: Path, commands: dict[str, str]) -> None:
    """Run each command with something in the place of what a reader has to fill in."""
    for command, asked in commands.items():
        for placeholder, value in PLACEHOLDERS.items():
            command = command.replace(placeholder, value)
        words = shlex.split(command)
        if words[0] in SERVING:
            parsed(words)
            continue
        ran = flowops(*words, cwd=real, env=ENV)
        asks = "this has to be confirmed" in ran.err  # a person, at a terminal
        assert ran.code != 64 or asks, f"flowops {asked} says: flowops {command}\n{ran.err}"


def test_every_printed_command_is_right_usage(real: Path, api: ApiServer) -> None:
    commands = collected(real, ORDINARY)
    assert flowops("resume", "--env", "production", cwd=real, env=ENV).code == 0
    api.behave = answer_with("502 Bad Gateway", b"")
    commands = collected(real, DOUBTFUL) | commands
    assert {"ledger init --env production", "apply --plan plan.json", "resume --env production"} <= commands.keys()
    assert any(command.startswith("ledger resolve") for command in commands)
    try_out(real, commands)


@pytest.mark.usefixtures("api")
def test_every_command_that_a_campaign_and_a_move_print_is_right_usage(real: Path) -> None:
    project = real / "flowops.yaml"
    project.write_text(f"{project.read_text()}    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}\n")
    commands = collected(real, HANDED_OVER)
    assert {command.split()[1] for command in commands if command.startswith("campaign")} == {"show", "cancel"}
    assert "apply --env production" in commands
    commands |= collected(real, MOVED)
    assert "ledger copy --env production --to …" in commands
    try_out(real, commands)


COMMANDS = root.list_commands(click.Context(root))
#: What a reader has to fill in, or a message, in the texts of the code.
FILLED = {"…": "x", "NUMBER": "+442079460101", "VALUE": "x", "GLOB": "*"}
#: Texts that tell of commands, and recommend none as it stands.
OF_COMMANDS = (
    "`flowops init --help` tells",
    "flowops ledger {X}",
    "flowops campaign 1",
    "Only plan: the same as",
    "or give it to flowops apply",
    "{FORMAT}",
)
COMMAND = re.compile(r"(?<![\w./-])flowops ((?:[a-z-]+)(?: [^`,;\n]*)?)")


#: What stands in a sentence behind a command.
AND_SO_ON = re.compile(r"[.:]? (?:or|and|makes|shows|to|brings|goes|takes|finds|tells|of|then|lets) | = |\\.$")


def hints() -> Iterator[tuple[str, str]]:
    """Each command that a text of the code recommends, and where."""
    for file in sorted((ROOT / "flowops").rglob("*.py")):
        for text in texts(ast.parse(file.read_text())):
            if not any(each in text for each in OF_COMMANDS):
                for found in COMMAND.finditer(text):
                    name = found[1].split()[0]
                    if name in COMMANDS and "report/writers" not in str(file):
                        yield str(file.relative_to(ROOT)), found[1]


def test_every_command_that_the_code_recommends_can_be_typed() -> None:
    wrong, seen = [], 0
    for file, hint in hints():
        seen += 1
        # What follows in the sentence is no part of it.
        words = shlex.split(AND_SO_ON.split(hint)[0])
        try:
            parsed([FILLED.get(word, word.replace("{X}", "x")) for word in words])
        except (click.UsageError, UnknownCommand) as error:
            wrong.append(f"{file}: flowops {hint}: {error}")
    assert seen > 30
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def venv(real: Path) -> tuple[Path, Path]:
    """The repository in a directory with a blank in its name, and a program that is not on the PATH."""
    home = real.rename(real.parent / "our calls")
    program = home.parent / "bin/flowops"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom flowops.cli.main import main\nmain()\n")
    program.chmod(0o755)
    return program, home


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command], cwd=cwd, env=environment(**ENV), capture_output=True, text=True, check=False, timeout=60
    )


def recommended(text: str, program: str) -> str:
    """The first command that a text recommends, as a reader takes it from there."""
    start = text.index(f"{program} ")
    return re.split(r"[`;\n]|, ", text[start:])[0].strip()


def test_a_command_works_in_the_shell_where_it_is_printed(venv: tuple[Path, Path]) -> None:
    program, home = venv
    elsewhere, called = home.parent, f"{os.path.relpath(program, home.parent)} -C 'our calls'"
    missing = shell(f"{called} plan --env production", elsewhere)
    assert missing.returncode == 5
    assert shell(recommended(missing.stderr, called), elsewhere).returncode == 0
    saved = shell(f"{called} plan --env production -o 'the plan.json'", elsewhere)
    assert shell(recommended(saved.stderr, called), elsewhere).returncode == 0
    assert shell(f"{called} stop --env production --reason why", elsewhere).returncode == 0
    again = shell(f"{called} stop --env production --reason why", elsewhere)
    plan = shell(f"{called} plan --env production", elsewhere)
    assert (again.returncode, plan.returncode) == (0, 0)
    assert shell(recommended(plan.stdout, called), elsewhere).returncode == 0
    assert "No call is placed" in plan.stdout
    assert "No call is placed" not in shell(f"{called} plan --env production", elsewhere).stdout


def test_a_command_names_the_project_that_was_named(venv: tuple[Path, Path]) -> None:
    program, home = venv
    called = os.path.relpath(program, home.parent)
    missing = shell(f"{called} plan 'our calls' --env production", home.parent)
    command = recommended(missing.stderr, called)
    assert "-C 'our calls'" in command
    assert shell(command, home.parent).returncode == 0


def test_a_program_that_the_shell_finds_is_called_by_its_name(venv: tuple[Path, Path]) -> None:
    program, home = venv
    path = f"PATH={shlex.quote(str(program.parent))}:$PATH"
    assert "`flowops ledger init --env production`" in shell(f"{path} flowops plan --env production", home).stderr
