"""Tools and files of other people that come from npm, kept where pytest keeps things between runs."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

#: Whether there is npm to ask.
MISSING = shutil.which("npm") is None


def install(config: pytest.Config, *packages: str) -> Path:
    """The folder of programs of packages with all that they need; ``name@version``."""
    name = " ".join(packages)
    return _once(config, name, lambda folder: _npm("install", "--no-audit", "--prefix", folder, *packages)) / (
        "node_modules/.bin"
    )


def content(config: pytest.Config, package: str) -> Path:
    """The files of a package alone; nothing of it is run."""

    def fetch(folder: str) -> None:
        name = _npm("pack", "--pack-destination", folder, package).strip()
        with tarfile.open(Path(folder) / name) as archive:
            archive.extractall(folder, filter="data")

    return _once(config, package, fetch) / "package"


def _once(config: pytest.Config, package: str, make: Callable[[str], object]) -> Path:
    """Make a folder whole or not at all; other tests may do so at the same time, and the first one counts."""
    kept = config.cache.mkdir("npm") / package.replace("/", "+").replace(" ", ",")
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as place:
            made = Path(place) / "made"
            made.mkdir()
            make(str(made))
            with suppress(OSError):  # a folder that is not empty is never replaced
                made.rename(kept)
    return kept


def _npm(command: str, *args: str) -> str:
    asked = ["npm", command, "--silent", *args]
    ran = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    return ran.stdout
