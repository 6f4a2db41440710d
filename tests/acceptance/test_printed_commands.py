"""A command that a message recommends is complete, and works as it is printed, in the place where it is printed."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from support.commands import flowops
from support.server import TOKEN, ApiServer, answer_with

if TYPE_CHECKING:
    from pathlib import Path

ENV = {"FLOWOPS_TOKEN": TOKEN}
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


def printed(text: str) -> list[str]:
    """The commands that a text recommends, without what stands behind them in the sentence."""
    found = re.findall(r"flowops ((?:[a-z]+ )?[a-z]+(?: [^`,;\n]*)?)(?=[`,;\n]|$)", text)
    return [command.split(" or ")[0].rstrip(" .") for command in found]


def test_every_printed_command_is_right_usage(real: Path, api: ApiServer) -> None:
    commands: dict[str, str] = {}

    def collect(asked: str) -> None:
        ran = flowops(*shlex.split(asked), cwd=real, env=ENV)
        for command in printed(f"{ran.err}\n{ran.out}"):
            commands.setdefault(command, asked)

    for asked in ORDINARY:
        collect(asked)
    assert flowops("resume", "--env", "production", cwd=real, env=ENV).code == 0
    api.behave = answer_with("502 Bad Gateway", b"")
    for asked in DOUBTFUL:
        collect(asked)
    assert {"ledger init --env production", "apply --plan plan.json", "resume --env production"} <= commands.keys()
    assert any(command.startswith("ledger resolve") for command in commands)
    for command, asked in commands.items():
        for placeholder, value in PLACEHOLDERS.items():
            command = command.replace(placeholder, value)
        ran = flowops(*shlex.split(command), cwd=real, env=ENV)
        asks = "this has to be confirmed" in ran.err  # a person, at a terminal
        assert ran.code != 64 or asks, f"flowops {asked} says: flowops {command}\n{ran.err}"
