"""The workflows that check and release flowops: their shell is run here, with what they would call outside played."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import ROOT, environment
from support.git import Repository
from support.pipelines.machine import Machine

from flowops import __version__

BIN = Path(sys.executable).parent
CI: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
RELEASE: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


def shell_of(job: str, name: str) -> str:
    """The shell of a step of the release."""
    return str(next(step for step in RELEASE["jobs"][job]["steps"] if step.get("name") == name)["run"])


#: What is called outside, played: it writes down what it is asked.
PLAYED = """#!/bin/sh
echo "$(basename "$0") $*" >> "$ASKED"
case "$*" in *inspect*) echo '{"digest":"sha256:1"}';; esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a `docker` and a `gh` that are played."""
    made = Machine(tmp_path / "machine", NOW)
    for name in ("docker", "gh"):
        made.put(name, PLAYED)
    return made


def given(folder: Path, tag: str = f"v{__version__}", **more: str) -> dict[str, str]:
    where = {"GITHUB_REF_NAME": tag, "GITHUB_REPOSITORY": "flowops/flowops", "GITHUB_ACTOR": "octo"}
    return {**where, "ASKED": str(folder / "asked"), **more}


def test_it_is_checked_on_every_python_that_is_promised() -> None:
    matrix = CI["jobs"]["tests"]["strategy"]["matrix"]["include"]
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    checked = {each["python"] for each in matrix} | {CI["jobs"]["checks"]["steps"][1]["with"]["python-version"]}
    assert sorted(checked) == sorted(classifiers)
    assert {"lowest", "locked", "newest"} == {each["libraries"] for each in matrix}


def test_nothing_is_published_before_everything_has_passed() -> None:
    jobs = RELEASE["jobs"]
    assert jobs["check"]["uses"] == "$/.github/workflows/ci.yml"
    assert jobs["package"]["needs"] == "check"
    assert (jobs["pypi"]["needs"], jobs["image"]["needs"], jobs["manifest"]["needs"]) == ("package", "package", "image")
    assert jobs["github"]["needs"] == ["pypi", "manifest"]
    for name in ("pypi", "image", "manifest", "github"):
        assert jobs[name]["environment"] in ("pypi", "release")
    # No password: PyPI asks GitHub who it is.
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in json.dumps(RELEASE)
    assert {each["architecture"] for each in jobs["image"]["strategy"]["matrix"]["include"]} == {"amd64", "arm64"}


def test_only_the_tag_of_the_version_on_main_is_released(tmp_path: Path, machine: Machine) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write({"flowops/common/version.py": (ROOT / "flowops/common/version.py").read_text()})
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    script = shell_of("package", "The tag is that of the version, and on main")
    assert machine.shell(script, given(tmp_path), repository.root).returncode == 0
    wrong = machine.shell(script, given(tmp_path, "v99.0.0"), repository.root)
    assert (wrong.returncode, wrong.stdout) == (1, f"::error::the tag is v99.0.0, and the version {__version__}\n")
    repository.write({"more.txt": "more"})
    repository.commit()
    aside = machine.shell(script, given(tmp_path), repository.root)
    assert (aside.returncode, aside.stdout) == (1, "::error::the tag is not on main\n")


def test_the_notes_are_the_changelogs_section() -> None:
    section = runpy.run_path(str(ROOT / ".ci/release_notes.py"))["section"]
    newest = "## [Unreleased]\n\n- later\n\n## [1.2.0] - 2026-11-27\n\n### Added\n\n- this\n\n"
    changelog = f"# Changelog\n\n{newest}## [1.1.0]\n\n- that\n"
    assert section("1.2.0", changelog) == "### Added\n\n- this"
    assert section("1.1.0", changelog) == "- that"
    for missing in ("1.3.0", "1x2.0"):
        with pytest.raises(SystemExit, match=r"CHANGELOG\.md says nothing about"):
            section(missing, changelog)


@pytest.mark.skipif(not (BIN / "cyclonedx-py").exists(), reason="cyclonedx-bom is not installed")
def test_a_package_has_its_parts_and_its_hashes(tmp_path: Path) -> None:
    copy = tmp_path / "flowops"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(copy)], check=True, capture_output=True
    )
    for name in (".ci", "pyproject.toml", "flowops"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    env = environment(BIN=str(BIN))
    env.pop("PYTHONWARNINGS", None)
    ran = subprocess.run([".ci/package"], cwd=copy, env=env, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    files = {file.name: file for file in (copy / "dist").iterdir()}
    stem = f"flowops_calls-{__version__}"
    bill_of_materials = f"flowops-{__version__}.sbom.json"
    assert set(files) == {
        f"{stem}-py3-none-any.whl",
        f"{stem}.tar.gz",
        f"flowops-{__version__}.sbom.json",
        "SHA256SUMS",
    }
    told = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").read_text().splitlines())
    assert told == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    bill = json.loads(files[bill_of_materials].read_text())
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / ".ci/run.lock").read_text(), re.MULTILINE)
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(locked)
    assert bill["metadata"]["component"]["name"] == "flowops-calls"


def test_one_image_is_made_of_both_architectures(tmp_path: Path, machine: Machine) -> None:
    for architecture in ("amd64", "arm64"):
        env = given(tmp_path, REGISTRY_TOKEN="t", ARCHITECTURE=architecture)
        pushed = machine.shell(shell_of("image", "Push"), env, tmp_path)
        assert pushed.returncode == 0, pushed.stderr
    outputs = tmp_path / "outputs"
    env = given(tmp_path, REGISTRY_TOKEN="t", GITHUB_OUTPUT=str(outputs))
    joined = machine.shell(shell_of("manifest", "Join"), env, tmp_path)
    assert joined.returncode == 0, joined.stderr
    name = f"ghcr.io/flowops/flowops:{__version__}"
    asked = (tmp_path / "asked").read_text().splitlines()
    pushes = [line for line in asked if line.startswith("docker push")]
    assert pushes == [f"docker push {name}-amd64", f"docker push {name}-arm64"]
    assert f"docker buildx imagetools create --tag {name} {name}-amd64 {name}-arm64" in asked
    assert outputs.read_text() == "digest=sha256:1\n"
    assert not any(" t" in line.split("--password")[0] for line in asked if "login" in line)


def test_a_release_has_all_files_and_no_notes_among_them(tmp_path: Path, machine: Machine) -> None:
    (tmp_path / "dist").mkdir()
    for name in ("a.whl", "a.tar.gz", "a.sbom.json", "SHA256SUMS", "notes.md"):
        (tmp_path / "dist" / name).write_text("x")
    ran = machine.shell(shell_of("github", "Release"), given(tmp_path, GH_TOKEN="t"), tmp_path)
    assert ran.returncode == 0, ran.stderr
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked == (
        f"gh release create v{__version__} dist/SHA256SUMS dist/a.sbom.json dist/a.tar.gz dist/a.whl"
        f" --repo flowops/flowops --verify-tag --title flowops {__version__} --notes-file notes.md"
    )


def test_the_bounds_and_pins_are_kept_new() -> None:
    checker = [BIN / "check-jsonschema", "--builtin-schema", "vendor.renovate", ROOT / ".github/renovate.json"]
    ran = subprocess.run(list(map(str, checker)), check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_the_lowest_bounds_are_the_numbers_in_the_project() -> None:
    lines = runpy.run_path(str(ROOT / ".ci/lowest.py"))["lowest"]()
    assert {"httpx==0.28.1", "psycopg==3.2.10", "orjson==3.11.6"} <= set(lines)
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
