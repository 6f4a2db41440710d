"""docs/troubleshooting.md speaks of what there is: the exit codes of the code, and messages that it has."""

from __future__ import annotations

import ast
import re

import pytest
from support.code import texts
from support.commands import ROOT
from support.kinds import kinds

from flowops.common.exit_codes import ExitCode
from flowops.report.kinds import KINDS

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
#: A run that a signal ended has 128 and its number: SIGINT, SIGTERM.
SIGNALS = {130, 143}
#: Not a message: what a plan shows.
SHOWN = "## What people ask"
SEEN = [text for file in sorted((ROOT / "flowops").rglob("*.py")) for text in texts(ast.parse(file.read_text()))]
SEEN += [(ROOT / "schemas" / f"{name}.schema.json").read_text() for name in ("project", "callset", "flow")]


def test_every_exit_code_has_its_line_and_there_is_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert [int(code) for code in rows] == [*sorted(ExitCode), *sorted(SIGNALS)]


ROWS = [
    re.split(r" (?<!\\)\| ", line[2:-2])
    for line in PAGE[PAGE.index("## Messages") : PAGE.index(SHOWN)].splitlines()
    if line.startswith("| `")
]


def messages() -> list[str]:
    """The messages that are explained: of rows of a kind in the second column, else in the first."""
    cells = [row[1] if len(row) == 3 else row[0] for row in ROWS]
    return [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]


def test_there_are_messages() -> None:
    assert len(messages()) > 75


def test_every_kind_of_problem_is_explained() -> None:
    """What the code can report, what SARIF says of it, and what the page has a line for, are the same kinds."""
    explained = [kind for row in ROWS if len(row) == 3 for kind in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(explained) == sorted(KINDS)
    assert kinds() | {"secret"} == set(KINDS)
    assert all(row[-1].strip() for row in ROWS)


@pytest.mark.parametrize("message", messages())
def test_a_message_that_is_explained_is_one_that_is_printed(message: str) -> None:
    fixed = [re.escape(part.strip()) for part in message.split("…")]
    assert any(re.search(".{0,80}".join(fixed), text) for text in SEEN), message
