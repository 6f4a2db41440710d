"""docs/troubleshooting.md speaks of what there is: the exit codes of the code, and messages that it has."""

from __future__ import annotations

import ast
import re

import pytest
from support.code import texts
from support.commands import ROOT

from flowops.common.exit_codes import ExitCode

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


def messages() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", PAGE[PAGE.index("## Messages") : PAGE.index(SHOWN)], re.MULTILINE)


def test_there_are_messages() -> None:
    assert len(messages()) > 25


@pytest.mark.parametrize("message", messages())
def test_a_message_that_is_explained_is_one_that_is_printed(message: str) -> None:
    fixed = [re.escape(part.strip()) for part in message.split("…")]
    assert any(re.search(".{0,80}".join(fixed), text) for text in SEEN), message
