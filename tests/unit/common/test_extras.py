"""Extras: what is named in a hint is what the distribution would install."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec

import pytest
from support.commands import ROOT

from flowops.common.called import DISTRIBUTION, HOME, LIBRARIES, install_command

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_distribution_has_one_name() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    assert PROJECT["urls"]["Homepage"] == HOME


def test_the_libraries_are_those_of_the_extras() -> None:
    extras = PROJECT["optional-dependencies"]
    assert sorted(LIBRARIES.values()) == sorted(
        [*extras["data"], *extras["notify"], *extras["postgres"], *extras["workers"]]
    )


@pytest.mark.parametrize("has_pip", [True, False])
def test_the_command_installs_for_the_python_that_runs(monkeypatch: pytest.MonkeyPatch, has_pip: bool) -> None:
    # An environment that was made --without-pip has none.
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: has_pip or None)
    for library in LIBRARIES:
        assert find_spec(library), library
        command = shlex.split(install_command(library))
        assert sys.executable in command
        assert (command[0] == sys.executable) is has_pip
        if has_pip and find_spec("pip") is None:
            continue
        ran = subprocess.run([*command, "--dry-run", "--quiet"], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
