"""What CI installs is pinned, with hashes, and is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.commands import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / ".ci/dev.lock").read_text()
#: Name to version, and to the hashes of what may be installed.
PINNED = {
    canonicalize_name(found["name"]): (found["version"], re.findall(r"--hash=sha256:([0-9a-f]{64})\b", found["rest"]))
    for found in re.finditer(
        r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?P<rest>(?:[^\n]*\\\n)*[^\n]*)", LOCK, re.MULTILINE
    )
}


def test_every_line_of_the_lock_is_a_version_with_hashes() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(PINNED) > 50
    assert [name for name, (_, hashes) in PINNED.items() if not hashes] == []


@pytest.mark.parametrize(
    "asked",
    [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"], *PROJECT["optional-dependencies"]["dev"]],
)
def test_what_is_asked_for_is_in_the_lock_within_its_bounds(asked: str) -> None:
    requirement = Requirement(asked)
    version, _ = PINNED[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("asked", PROJECT["dependencies"])
def test_what_a_user_installs_has_a_lower_bound_and_an_upper_one(asked: str) -> None:
    operators = {specifier.operator for specifier in Requirement(asked).specifier}
    # Time zones are data that has to be new.
    assert operators == ({">="} if asked.startswith("tzdata") else {">=", "<"})
