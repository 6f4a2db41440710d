"""The tests of a package stand in the folder of its name."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "flowops"


def folders(below: Path, holds: str) -> set[str]:
    """Return the names of the folders that hold such files."""
    return {path.name for path in below.iterdir() if path.is_dir() and any(path.glob(holds))}


def test_every_package_but_the_command_line_has_its_folder_of_tests() -> None:
    # What the command line does is driven from outside: tests/acceptance.
    assert folders(HERE, "test_*.py") == folders(PACKAGE, "__init__.py") - {"cli"}
