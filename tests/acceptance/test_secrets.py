"""The recipes of docs/secrets.md: a secret reaches the API from wherever those who run flowops keep it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import ROOT, environment, flowops
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.server import ApiServer

PRODUCTION = ("--env", "production")
OTHER = "22222222-2222-4333-8444-555555555555"
SOPS = Path(sys.executable).with_name("sops")
PYTHON_OF_FLOWOPS = f"'{sys.executable}' -m flowops"


def docker(folder: Path, name: str, secret: str) -> None:
    """A file for everybody to read, as Compose and Swarm mount it."""
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(secret)
    (folder / name).chmod(0o444)


def kubernetes(folder: Path, name: str, secret: str) -> None:
    """Links to a link to a folder with the time in its name: all files of a Secret change at one moment."""
    number = sum(each.name.startswith("..2026") for each in folder.iterdir())
    version = folder / f"..2026_11_27_09_00_00.{number}"
    version.mkdir()
    for linked in (each for each in folder.iterdir() if not each.name.startswith("..")):
        shutil.copy(linked, version / linked.name)
    (version / name).write_text(secret)
    (folder / "..data_tmp").symlink_to(version.name)
    (folder / "..data_tmp").replace(folder / "..data")
    if not (folder / name).is_symlink():
        (folder / name).symlink_to(f"..data/{name}")


def systemd(folder: Path, name: str, secret: str) -> None:
    """LoadCredential= leaves a folder that only the unit's user may read."""
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(secret)
    (folder / name).chmod(0o400)


def vault(folder: Path, name: str, secret: str) -> None:
    """The template of an agent: written beside it, and moved there, with a line break at its end."""
    (folder / ".new").write_text(f"{secret}\n")
    (folder / ".new").replace(folder / name)


@pytest.mark.parametrize("write", [docker, kubernetes, systemd, vault])
def test_a_secret_is_read_as_it_is_mounted_and_when_it_has_changed(
    write: Callable[[Path, str, str], None], real: Path, api: ApiServer, tmp_path: Path
) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir(mode=0o700)
    project = real / "flowops.yaml"
    text = project.read_text().replace("token: {env: FLOWOPS_TOKEN}", "token: {file: product-token}")
    project.write_text(text.replace("ledger: sqlite:///ledger.db", "ledger: {file: ledger-url}"))
    write(folder, "product-token", "a first one")
    write(folder, "ledger-url", "sqlite:///ledger.db")
    env = {"FLOWOPS_SECRET_DIRS": str(folder)}
    made = flowops("ledger", "init", *PRODUCTION, cwd=real, env=env)
    assert made.code == 0, made.err
    for secret, call in ((OTHER, "call-1"), (TOKEN, "call-2")):
        write(folder, "product-token", secret)
        ran = flowops("apply", *PRODUCTION, "--auto-approve", "--ref", call, cwd=real, env=env)
        assert ran.code == 0, ran.out + ran.err
        assert secret not in ran.out + ran.err
    assert [each["x-cm-producttoken"] for each in api.headers] == [OTHER, TOKEN]
    assert dict(api.received) == {"call-1": 1, "call-2": 1}


def commands_of_sops() -> list[str]:
    """The lines of docs/secrets.md that call SOPS."""
    lines = (ROOT / "docs/secrets.md").read_text().splitlines()
    return [line for line in lines if line.startswith(("sops ", "age-keygen "))]


@pytest.mark.skipif(not SOPS.exists(), reason="sops is not installed")
def test_sops_gives_the_variables_to_one_command_alone(real: Path, api: ApiServer, tmp_path: Path) -> None:
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    given = f"FLOWOPS_TOKEN={TOKEN}\nFLOWOPS_LEDGER_URL=sqlite:///ledger.db\n"
    (real / "production.env").write_text(given)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/flowops").write_text(f'#!/bin/sh\nexec {PYTHON_OF_FLOWOPS} "$@"\n')
    (tmp_path / "bin/flowops").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{SOPS.parent}:{os.environ['PATH']}"
    env = environment(PATH=path, SOPS_AGE_KEY=str(identity), RECIPIENT=str(identity.to_public()))
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("ledger: sqlite:///ledger.db", "ledger: {env: FLOWOPS_LEDGER_URL}"))
    encrypt, execute = commands_of_sops()
    first = execute.replace("apply --env production --auto-approve", "ledger init --env production")
    for command in (encrypt, first, execute):
        ran = subprocess.run(["bash", "-c", command], cwd=real, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert TOKEN not in ran.stdout + ran.stderr
    assert TOKEN not in (real / "production.enc.env").read_text()
    assert dict(api.received) == {"call-1": 1, "call-2": 1, "call-3": 1}
