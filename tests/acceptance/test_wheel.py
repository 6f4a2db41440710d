"""The wheel that is built holds everything that runs, not only the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from support.commands import EXAMPLES, ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path


def test_the_wheel_places_calls_on_its_own(tmp_path: Path) -> None:
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert not [name for name in names if name.startswith(("tests/", "examples/", "schemas/", "docs/"))]
    committed = {path.name for path in (ROOT / "schemas").iterdir()}
    assert committed == {name.rpartition("/")[2] for name in names if name.startswith("flowops/schemas/")}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    sql = {str(path.relative_to(ROOT)) for path in (ROOT / "flowops").rglob("*.sql")}
    assert sql
    assert sql == {name for name in names if name.endswith(".sql")}
    assert {f"flowops/report/writers/page.{kind}" for kind in ("html", "css", "js")} <= set(names)

    shutil.copytree(EXAMPLES / "clinic-reminders", tmp_path / "clinic", ignore=shutil.ignore_patterns(".flowops"))
    env = {**environment(), "PYTHONPATH": str(tmp_path / "site")}
    where = subprocess.run(
        [sys.executable, "-c", "import flowops; print(flowops.__file__)"],
        cwd=tmp_path, env=env, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(tmp_path / "site") + os.sep)
    for command in (["schema", "show", "call"], ["plan", "--format", "html"], ["apply"], ["ledger", "verify"]):
        ran = subprocess.run(
            [sys.executable, "-m", "flowops", *command],
            cwd=tmp_path / "clinic", env=env, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
