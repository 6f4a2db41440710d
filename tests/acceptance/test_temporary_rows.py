"""Rows that a query reads lie in files of their own while it runs: private, and gone however it ended."""

from __future__ import annotations

import signal
import stat
import sys
import time
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops, start

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")

ROWS = 60_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for folder in ("calls", "data"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    (root / "flowops.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Project\nname: p\ndefaults: {caller: "+442079460000", callflow-id: f}\n'
    )
    (root / "calls/c.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\n"
        "for-each: {sql: \"select a.* from '../data/d.csv' a join '..//data/d.csv' b on a.id = b.id order by a.id\"}\n"
        'call: {reference-id: "r-{{ row.id }}", callee: "+442079460018"}\n'
    )
    (root / "data/d.csv").write_text("id,name\n" + "".join(f"{n},Ann {n}\n" for n in range(ROWS)))
    return root


def staged(tmp_path: Path) -> list[Path]:
    return sorted(each for each in (tmp_path / "tmp").glob("flowops-rows-*/*") if each.name != ".lock")


def begun(root: Path, tmp_path: Path) -> subprocess.Popen[str]:
    process = start("render", cwd=root, env={"TMPDIR": str(tmp_path / "tmp")})
    deadline = time.monotonic() + 60
    while not any(each.stat().st_size for each in staged(tmp_path)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_no_rows_behind(root: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = begun(root, tmp_path)
    # One file, however often and however it is spelled in the query; nobody else can read it.
    (file,) = staged(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(root: Path, tmp_path: Path) -> None:
    process = begun(root, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert staged(tmp_path)
    # What is not ours by its name, or is still in use, is left alone.
    other = tmp_path / "tmp/flowops-rows-x"
    other.mkdir()
    link = tmp_path / "tmp/flowops-rows-999999999-link"
    link.symlink_to(root / "data")
    (root / "data/d.csv").write_text("id,name\n1,Ann\n")
    ran = flowops("render", cwd=root, env={"TMPDIR": str(tmp_path / "tmp")})
    assert ran.code == 0, ran.err
    assert sorted((tmp_path / "tmp").iterdir()) == [link, other]
    assert (root / "data/d.csv").exists()
