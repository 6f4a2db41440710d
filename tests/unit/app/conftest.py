"""A repository with rows, in the current directory: no phone rings in its sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: rows.csv
call:
  reference-id: "r-{{ row.id }}"
  caller: "+442079460900"
  callee: "{{ row.phone }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  flow-variables: {text: "{{ row.text }}"}
"""


def write_rows(root: Path, count: int, text: str = "Hello", first: str | None = None) -> None:
    """Write so many rows, each with another phone; the first may say something else."""
    rows = (
        f"{number},+4420794{number:05},{first if first is not None and number == 0 else text}\n"
        for number in range(count)
    )
    (root / "calls/rows.csv").write_text(f"id,phone,text\n{''.join(rows)}")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "flowops.yaml").write_text("apiVersion: flowops/v1\nkind: Project\n")
    (tmp_path / "calls/all.yaml").write_text(CALLS)
    write_rows(tmp_path, 5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rows() -> object:
    """Writes rows: see `write_rows`."""
    return write_rows
