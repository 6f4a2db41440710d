"""Help and the version by the names that other programs have for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", [(), ("plan",), ("ledger",), ("ledger", "copy")])
def test_help_shows_what_the_option_does(command: tuple[str, ...], tmp_path: Path) -> None:
    asked, option = flowops("help", *command, cwd=tmp_path), flowops(*command, "--help", cwd=tmp_path)
    assert (asked.code, asked.out) == (0, option.out)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("plna",), "No such command 'plna'. Did you mean 'plan'?"),
        (("ledger", "cpy"), "Did you mean 'copy'?"),
        (("plan", "x"), "flowops plan has no commands"),
    ],
)
def test_there_is_no_help_of_what_does_not_exist(command: tuple[str, ...], why: str, tmp_path: Path) -> None:
    ran = flowops("help", *command, cwd=tmp_path)
    assert (ran.code, ran.out) == (64, "")
    assert why in ran.err


def test_version_prints_what_the_option_does(tmp_path: Path) -> None:
    asked, option = flowops("version", cwd=tmp_path), flowops("--version", cwd=tmp_path)
    assert (asked.code, asked.out) == (0, option.out)
