"""What CI installs is pinned, with hashes, and is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.commands import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: What a user installs, with each extra that there is for users.
USERS = [
    *PROJECT["dependencies"],
    *(asked for extra in ("data", "notify", "postgres", "workers") for asked in EXTRAS[extra]),
]
#: Whose classes flowops subclasses, or whose inside it uses: the next change there may break it.
CLOSE = {"dbos", "httpx", "jinja2"}


def pinned(name: str) -> dict[str, tuple[Version, list[str]]]:
    """What a lock pins: name to version, and to the hashes of what may be installed."""
    lines = r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?P<rest>(?:[^\n]*\\\n)*[^\n]*)"
    return {
        canonicalize_name(found["name"]): (
            Version(found["version"]),
            re.findall(r"--hash=sha256:([0-9a-f]{64})\b", found["rest"]),
        )
        for found in re.finditer(lines, (ROOT / ".ci" / name).read_text(), re.MULTILINE)
    }


DEVELOPMENT, RUN = pinned("dev.lock"), pinned("run.lock")


@pytest.mark.parametrize("name", ["dev.lock", "run.lock"])
def test_every_line_of_a_lock_is_a_version_with_hashes(name: str) -> None:
    lines = [
        line for line in (ROOT / ".ci" / name).read_text().splitlines() if line and not line.startswith((" ", "#"))
    ]
    assert len(lines) == len(pinned(name)) > 50
    assert [package for package, (_, hashes) in pinned(name).items() if not hashes] == []


@pytest.mark.parametrize("asked", [*PROJECT["dependencies"], *EXTRAS["test"], *EXTRAS["dev"]])
def test_what_is_asked_for_is_in_the_lock_within_its_bounds(asked: str) -> None:
    requirement = Requirement(asked)
    version, _ = DEVELOPMENT[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("asked", USERS)
def test_action_image_and_templates_install_every_extra(asked: str) -> None:
    requirement = Requirement(asked)
    version, _ = RUN[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_users_run_the_versions_that_are_tested() -> None:
    assert {"httpx", "hatchling"} <= RUN.keys()
    assert {name: DEVELOPMENT[name] for name in RUN} == RUN


def test_pre_commit_installs_the_versions_of_the_lock() -> None:
    pins = dict(line.split(" ")[0].split("==") for line in (ROOT / ".ci/run.pins").read_text().splitlines())
    assert {canonicalize_name(name): Version(version) for name, version in pins.items()} == {
        name: version for name, (version, _) in RUN.items()
    }
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        assert hook["additional_dependencies"] == ["-c", ".ci/run.pins", ".[data]"]


@pytest.mark.parametrize("asked", USERS)
def test_what_a_user_installs_has_a_lower_bound_and_an_upper_one(asked: str) -> None:
    requirement = Requirement(asked)
    operators = {specifier.operator for specifier in requirement.specifier}
    # Time zones are data that has to be new, and cryptography raises its first number at each release.
    assert operators == ({">="} if requirement.name in ("tzdata", "cryptography") else {">=", "<"})


@pytest.mark.parametrize("asked", USERS)
def test_what_may_change_at_any_release_is_bound_below_it(asked: str) -> None:
    """Below 1.0 a second number is what a first one is later; and where flowops reaches inside, it is too."""
    requirement = Requirement(asked)
    version, _ = RUN[canonicalize_name(requirement.name)]
    if version.major == 0 or requirement.name in CLOSE:
        (upper,) = (Version(each.version) for each in requirement.specifier if each.operator == "<")
        assert upper.major == version.major
